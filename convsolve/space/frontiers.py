"""Solutions by halves: what is worth having of the first half of a graph, and of the last, and what fits together.

Of the ways from the start to a state in the middle, and from there to the end, those are kept that no other is as good
as by all bounds; each half is remembered with the edges that were left in it. Where much is asked of one graph, one
half is mostly known, and the other one nearly decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import UndecidedError
from ..solver.clock import Clock
from ..solver.transitions import best_of_each
from .bounded_graph import BoundedGraph
from .paths import edges_of_each

__all__ = ["MOST_WITNESSES", "Halves", "Undecided", "fitting", "unbeaten"]

MOST_WITNESSES = 64
"""Solutions that are kept, where more than one is found."""

_MOST_LABELS = 1 << 15
_MOST_MOVED = 1 << 17
_SORTS = 4
"""About how often as long as counting them it takes to compare labels."""

_MOST_PAIRS = 1 << 21
_REMEMBERED = 32


class Undecided(UndecidedError):
    """There are too many labels, or more is asked than bounds."""


def unbeaten(state: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Return which labels no other of their state is as good as in all costs, whole numbers; one of equals."""
    whole = costs.astype(np.int64)
    others = list(whole[1:]) or [np.zeros(len(state), dtype=np.int64)]
    return best_of_each(state, int(state.max(initial=0)) + 1, (whole[0],), others)


@dataclass(frozen=True)
class _Step:
    """The edges of a layer, sorted by the state that they are entered from, in the direction of a half."""

    layer: int
    edges: np.ndarray
    first: np.ndarray
    reached: np.ndarray
    costs: np.ndarray
    """By each bound, and by all weighed together."""
    beyond: np.ndarray
    """For each state that is reached the least that the rest of a path costs, outside of the half, too."""


@dataclass(frozen=True)
class _Half:
    """Labels in the middle: their states, their costs by each bound, and a row of edges for each, layer by layer."""

    state: np.ndarray
    costs: np.ndarray
    trail: Sequence[tuple[int, np.ndarray, np.ndarray]]

    def edges(self, labels: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Yield each layer with the edges that labels have there."""
        for layer, before, edges in reversed(self.trail):
            yield layer, edges[labels]
            labels = before[labels]


class Halves:
    """The two halves of a graph whose paths are solutions where they keep the bounds."""

    def __init__(self, graph: BoundedGraph, weights: np.ndarray, margin: float) -> None:
        self._graph = graph
        rows = np.concatenate([graph.costs, (weights @ graph.costs)[None]])
        self._limits = np.r_[graph.limits, weights @ graph.limits + margin][:, None]
        to_go = [least for least, _ in graph.to_go(rows)]
        come = graph.come(rows)
        ways = np.log(np.maximum([stage.target.size / max(1, stage.sources) for stage in graph.stages], 1))
        middle = int(np.searchsorted(np.cumsum(ways), ways.sum() / 2)) + 1
        self._first = [self._step(i, rows, to_go[i + 1]) for i in range(middle)]
        last = [self._step(i, rows, come[i], back=True) for i in range(middle, len(graph.stages))]
        self._last = last[::-1]
        self._ends = graph.last
        self._known: dict[tuple[bytes | None, ...], _Half | None] = {}
        """By the edges that are left; None where there are too many labels."""

    def _step(self, layer: int, rows: np.ndarray, beyond: np.ndarray, *, back: bool = False) -> _Step:
        stage = self._graph.stages[layer]
        entered, reached = (stage.target, stage.source) if back else (stage.source, stage.target)
        order = np.argsort(entered, kind="stable")
        count = self._graph.states(layer + 1) if back else stage.sources
        first = np.searchsorted(entered[order], np.arange(count + 1))
        return _Step(layer, order, first, reached[order], rows[:, stage.place][:, order], beyond)

    def find(self, left: Mapping[int, np.ndarray], clock: Clock) -> np.ndarray | None:
        """Return the edges of a few solutions, a row each; None if there is none.

        Args:
            left: for some layers, which edges are left.
            clock: the deadline.

        Raises:
            Undecided: there are too many labels.
            OutOfTime: the deadline passed.
        """
        first = self._half(self._first, np.zeros(1, dtype=np.int64), left, clock)
        last = self._half(self._last, np.arange(self._ends), left, clock)
        pairs = fitting(first.state, first.costs, last.state, last.costs, self._limits[:-1])
        if not len(pairs):
            return None
        paths = np.zeros((len(pairs), len(self._graph.stages)), dtype=np.int64)
        for half, labels in ((first, pairs[:, 0]), (last, pairs[:, 1])):
            for layer, edges in half.edges(labels):
                paths[:, layer] = edges
        return paths

    def _half(self, steps: Sequence[_Step], start: np.ndarray, left: Mapping[int, np.ndarray], clock: Clock) -> _Half:
        key = (
            None,
            *(left[s.layer].tobytes() if s.layer in left else None for s in steps),
            bytes([steps is self._last]),
        )
        if key in self._known:
            self._known[key] = self._known.pop(key)
        else:
            self._known[key] = self._grown(steps, start, left, clock)
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]
        found = self._known[key]
        if found is None:
            raise Undecided
        return found

    def _grown(
        self, steps: Sequence[_Step], start: np.ndarray, left: Mapping[int, np.ndarray], clock: Clock
    ) -> _Half | None:
        state, spent = start, np.zeros((len(self._limits), len(start)))
        trail: list[tuple[int, np.ndarray, np.ndarray]] = []
        for step in steps:
            first = step.first[state]
            degree = step.first[state + 1] - first
            total = int(degree.sum())
            if total > _MOST_MOVED:
                return None
            clock.check("searching")
            clock.afford(total * len(self._limits) * _SORTS)
            label = np.repeat(np.arange(len(state)), degree)
            place = edges_of_each(first, degree)
            if step.layer in left:
                here = left[step.layer][step.edges[place]]
                label, place = label[here], place[here]
            reached = step.reached[place]
            moved = spent[:, label] + step.costs[:, place]
            kept = np.flatnonzero((moved + step.beyond[:, reached] <= self._limits).all(axis=0))
            kept = kept[unbeaten(reached[kept], moved[:-1, kept])] if len(kept) > 1 else kept
            if len(kept) > _MOST_LABELS:
                return None
            trail.append((step.layer, label[kept], step.edges[place[kept]]))
            state, spent = reached[kept], moved[:, kept]
        return _Half(state, spent[:-1], trail)


def fitting(
    first: np.ndarray, first_costs: np.ndarray, last: np.ndarray, last_costs: np.ndarray, limits: np.ndarray
) -> np.ndarray:
    """Return pairs of labels, of a first part and of a last, that make a solution: some, if there are any.

    Args:
        first: the state in which each label of the first part ends.
        first_costs: what each costs, a row for each bound.
        last: the state from which each label of the last part goes on.
        last_costs: what each costs.
        limits: what both may cost together, a row for each bound.

    Raises:
        Undecided: there are too many pairs.
    """
    found: list[np.ndarray] = []
    for state in np.intersect1d(first, last):
        ours, theirs = np.flatnonzero(first == state), np.flatnonzero(last == state)
        one, other = first_costs[:, ours], last_costs[:, theirs]
        if len(limits) == 2:  # the more by one bound, the less by the other
            order = np.argsort(other[0], kind="stable")
            place = np.searchsorted(other[0][order], limits[0] - one[0], side="right") - 1
            near = order[np.maximum(place, 0)]
            fits = np.flatnonzero((place >= 0) & (one[1] + other[1][near] <= limits[1]))
            pairs = np.stack([ours[fits], theirs[near[fits]]], axis=1)
        else:
            if len(ours) * len(theirs) > _MOST_PAIRS:
                raise Undecided
            whole = np.ones((len(ours), len(theirs)), dtype=bool)
            for a, b, limit in zip(one, other, limits[:, 0], strict=True):
                whole &= a[:, None] + b <= limit
            rows, columns = np.nonzero(whole)
            pairs = np.stack([ours[rows], theirs[columns]], axis=1)
        found.append(pairs[:: max(1, len(pairs) // MOST_WITNESSES)])
    return np.concatenate(found)[:MOST_WITNESSES] if found else np.zeros((0, 2), dtype=np.int64)
