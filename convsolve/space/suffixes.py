"""What is worth having of the last layers of a graph, known once for all questions that decide only first ones.

Architectures are mostly decided from the input on. Then few ways lead to where nothing is decided yet, and each needs
only be held against what the rest can cost: bounds from several weighings, which show that nothing is left, and labels,
the rest's paths, of which one that fits shows that something is. Where labels are too many, some are kept, those that
cost least of their neighbours; then what fits none of them is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..solver.clock import Clock
from .bounded_graph import BoundedGraph
from .frontiers import MOST_WITNESSES, Undecided, fitting, unbeaten
from .paths import edges_of_each

__all__ = ["Suffixes"]

_MOST_LABELS = 1 << 12
"""Paths to the end that are kept for a layer."""

_MOST_FIRST = 1 << 6
"""Ways to where nothing is decided: with more, other methods are quicker."""

_MOST_TRIED = 16
"""Ways that are held against what follows one by one."""

_MOST_GROWN = 1 << 12
"""Ways that are followed farther."""

_MOST_WEIGHINGS = 40
_FEW = 5
"""Weighings by which paths to the end are left out."""


@dataclass(frozen=True)
class _Rest:
    """Paths from the states before a layer to the end, sorted by state; those of state ``s`` start at ``first[s]``."""

    state: np.ndarray
    first: np.ndarray
    costs: np.ndarray
    edges: np.ndarray
    after: np.ndarray
    """Which path of the next layer each goes on as."""
    whole: bool
    """Whether every other path from the same state costs as much as one of these or more, by each bound."""


@dataclass(frozen=True)
class _Front:
    """Ways from the start to the states after a layer, with their costs by each bound."""

    state: np.ndarray
    costs: np.ndarray
    before: np.ndarray
    edges: np.ndarray


class Suffixes:
    """What the last layers of a graph can cost; and the ways through its first ones that were followed last."""

    def __init__(self, graph: BoundedGraph, clock: Clock, error: float) -> None:
        """Go through the graph from its end.

        Args:
            graph: the graph.
            clock: the deadline.
            error: the part of the largest costs that weighed sums may be wrong by.
        """
        self._graph = graph
        self._bounds = len(graph.limits)
        self._weighings = weighings = _weighings(self._bounds) / graph.slack
        self._rows = np.concatenate([graph.costs, weighings @ graph.costs])
        margins = error * len(graph.stages) * (weighings @ graph.far)
        self._limits = np.r_[graph.limits, weighings @ graph.limits + margins][:, None]
        self._to_go = [least for least, _ in graph.to_go(self._rows)]
        self._first = [np.array(stage.first) for stage in graph.stages]
        self._costs = [graph.costs[:, stage.place] for stage in graph.stages]
        self._rests = self._from_the_end(clock)
        self._fronts = [_Front(np.zeros(1, np.int64), np.zeros((self._bounds, 1)), *np.zeros((2, 1), np.int64))]
        """The ways of the last question, layer by layer, and which edges were left to it (``_followed``)."""
        self._followed: list[np.ndarray | None] = []

    def find(self, left: Mapping[int, np.ndarray], clock: Clock) -> np.ndarray | None:
        """Return the edges of a few solutions, a row each; None if there is none.

        Args:
            left: for some layers, which edges are left.
            clock: the deadline.

        Raises:
            Undecided: it is not known.
            OutOfTime: the deadline passed.
        """
        clock.check("searching")
        decided = max(left, default=-1) + 1
        ways = self._ways(left, decided)
        if not len(ways[-1].state):
            return None
        found = self._together(ways, decided)
        if found is None and not self._rests[decided].whole:
            return self._grown(ways, decided, clock)
        return found

    def _grown(self, ways: list[_Front], decided: int, clock: Clock) -> np.ndarray | None:
        """Return what ``find`` does, from ways that are followed to where all that is worth having is known."""
        ways = list(ways)
        while len(ways[-1].state) and not self._rests[decided].whole:
            clock.check("searching")
            ways.append(self._moved(ways[-1], decided, None))
            decided += 1
            if len(ways[-1].state) > _MOST_GROWN:
                raise Undecided
        return self._together(ways, decided)

    def _together(self, ways: list[_Front], decided: int) -> np.ndarray | None:
        """Return the edges of solutions that are a way through the first layers and then a path that is kept.

        Raises:
            Undecided: what keeps the bounds is no solution, and something else may be.
        """
        front, rest = ways[-1], self._rests[decided]
        if len(front.state) > _MOST_TRIED:
            pairs = fitting(front.state, front.costs, rest.state, rest.costs, self._limits[: self._bounds])
        else:
            pairs = self._pairs(front, rest)
        if not len(pairs):
            return None
        paths = self._graph.solutions(self._paths(ways, pairs, decided))
        if not len(paths):
            raise Undecided
        return paths

    def _pairs(self, front: _Front, rest: _Rest) -> np.ndarray:
        """Return pairs of a way and of a path to the end that make a solution: some, if there are any."""
        found = []
        room = self._limits[: self._bounds] - front.costs
        for label, state in enumerate(front.state.tolist()):
            own = slice(rest.first[state], rest.first[state + 1])
            fits = (rest.costs[:, own] <= room[:, label, None]).all(axis=0).nonzero()[0]
            if len(fits):
                fits = fits[:: -(-len(fits) * len(front.state) // MOST_WITNESSES)] + own.start
                found.append(np.stack([np.full(len(fits), label), fits], axis=1))
        return np.concatenate(found) if found else np.zeros((0, 2), dtype=np.int64)

    def _ways(self, left: Mapping[int, np.ndarray], decided: int) -> list[_Front]:
        """Return the ways through the first layers, layer by layer, as far as they are the last question's from memory.

        Raises:
            Undecided: there are too many.
        """
        same = 0
        for layer, own in zip(range(decided), self._followed, strict=False):
            if not _alike(own, left.get(layer)):
                break
            same += 1
        del self._followed[same:], self._fronts[same + 1 :]
        for layer in range(same, decided):
            front = self._moved(self._fronts[-1], layer, left.get(layer))
            if len(front.state) > _MOST_FIRST:
                raise Undecided
            self._followed.append(left.get(layer))
            self._fronts.append(front)
        return self._fronts

    def _moved(self, front: _Front, layer: int, left: np.ndarray | None) -> _Front:
        stage = self._graph.stages[layer]
        if left is not None:
            edge = left.nonzero()[0]
            label, place = (front.state[:, None] == stage.source[edge]).nonzero()
            edge = edge[place]
        else:
            first = self._first[layer]
            degree = first[front.state + 1] - first[front.state]
            label, edge = np.repeat(np.arange(len(degree)), degree), edges_of_each(first[front.state], degree)
        reached = stage.target[edge]
        costs = front.costs[:, label] + self._costs[layer][:, edge]
        reach = np.concatenate([costs, self._weighings @ costs]) + self._to_go[layer + 1][:, reached]
        kept = (reach <= self._limits).all(axis=0).nonzero()[0]
        if len(kept) > _MOST_FIRST:
            kept = kept[unbeaten(reached[kept], costs[:, kept])]
        return _Front(reached[kept], costs[:, kept], label[kept], edge[kept])

    def _paths(self, ways: list[_Front], pairs: np.ndarray, decided: int) -> np.ndarray:
        """Return the edges of ways through the first layers, each with a path to the end."""
        labels, rests = pairs.T
        paths = np.zeros((len(labels), len(self._graph.stages)), dtype=np.int64)
        for layer in reversed(range(decided)):
            front = ways[layer + 1]
            paths[:, layer] = front.edges[labels]
            labels = front.before[labels]
        for layer in range(decided, len(self._graph.stages)):
            rest = self._rests[layer]
            paths[:, layer] = rest.edges[rests]
            rests = rest.after[rests]
        return paths

    def _from_the_end(self, clock: Clock) -> list[_Rest]:
        graph, bounds = self._graph, self._bounds
        few = np.r_[:bounds, np.linspace(bounds, len(self._rows) - 1, _FEW).astype(np.int64)]
        come, weigh = graph.come(self._rows[few]), self._weighings[few[bounds:] - bounds]
        count = graph.last
        last = np.zeros(count, dtype=np.int64)
        found = [_Rest(np.arange(count), np.arange(count + 1), np.zeros((bounds, count)), last, last, whole=True)]
        weighed = self._rows[bounds:].mean(axis=0)
        ahead = np.zeros(count)
        for layer, stage in reversed(list(enumerate(graph.stages))):
            clock.check("searching")
            rest = found[-1]
            degree = np.diff(rest.first)[stage.target]
            edge = np.repeat(np.arange(len(degree)), degree)
            after = edges_of_each(rest.first[stage.target], degree)
            costs = graph.costs[:, stage.place][:, edge] + rest.costs[:, after]
            total = weighed[stage.place][edge] + ahead[after]
            state = stage.source[edge]
            reach = np.concatenate([costs, weigh @ costs]) + come[layer][:, state]
            kept = np.flatnonzero((reach <= self._limits[few]).all(axis=0))
            if len(kept):
                kept = kept[unbeaten(state[kept], costs[:, kept])]
            kept = kept[np.lexsort((costs[0, kept], state[kept]))]
            whole = rest.whole
            if len(kept) > _MOST_LABELS:
                kept, whole = _thinned(kept, total[kept]), False
            first = np.searchsorted(state[kept], np.arange(stage.sources + 1))
            found.append(_Rest(state[kept], first, costs[:, kept], edge[kept], after[kept], whole))
            ahead = total[kept]
        return found[::-1]


def _alike(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is other or (one is not None and other is not None and bool((one == other).all()))


def _thinned(labels: np.ndarray, weighed: np.ndarray) -> np.ndarray:
    """Return as many labels as are kept: of each few neighbours the one that costs least, bounds weighed together."""
    starts = np.linspace(0, len(labels), _MOST_LABELS, endpoint=False).astype(np.int64)
    group = np.searchsorted(starts, np.arange(len(labels)), side="right")
    order = np.lexsort((weighed, group))
    found: np.ndarray = labels[order[starts]]
    return found


def _weighings(bounds: int) -> np.ndarray:
    """Return ways to weigh bounds, a row each, evenly apart, whose weights are 1 together.

    >>> _weighings(1).tolist()
    [[1.0]]
    """
    parts = 1
    rows = np.eye(bounds)
    while True:
        places = np.array(list(combinations(range(parts + bounds - 1), bounds - 1)), dtype=np.int64)
        if len(places) > _MOST_WEIGHINGS or parts > _MOST_WEIGHINGS:
            return rows
        edges = np.c_[np.full(len(places), -1), places, np.full(len(places), parts + bounds - 1)]
        rows, parts = (np.diff(edges, axis=1) - 1) / parts, parts + 1
