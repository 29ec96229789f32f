"""A path that keeps several bounds, where only some edges are left: found, or shown not to be there.

Cheapest paths for bounds that are weighed together either keep them all, or show that none does, or say how to weigh
anew: such that of the paths met so far, the one that passes the bounds least passes them most (the cutting planes of
Lagrangian relaxation). What lies in the gap between the two is decided by halves (:mod:`convsolve.space.frontiers`),
or, where these are too many, sought among the most promising labels. Where much is asked of one graph, what its last
layers can cost is known (:mod:`convsolve.space.suffixes`), which decides most of it at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import combinations

import numpy as np

from ..solver.clock import Clock
from .bounded_graph import BoundedGraph
from .frontiers import MOST_WITNESSES, Halves, Undecided, unbeaten
from .paths import edges_of_each
from .suffixes import Suffixes

__all__ = ["PathSearch"]

_ROUNDS = 12
"""How often bounds are weighed anew."""

_REMEMBERED = 8
"""Paths, the last ones, by which they are."""

_MOST_MOVED = 1 << 15
_MOST_LABELS = 1 << 11
"""Labels of one layer, where there are too many for all."""

_OFTEN = 8
"""Searches after which it pays to know what the last layers can cost."""

_ERROR = 1e-12
"""Part of the largest costs that weighed sums may be wrong by."""


class PathSearch:
    """Searches a graph again and again; each search begins with the weights that served the last."""

    def __init__(self, graph: BoundedGraph) -> None:
        self.graph = graph
        self._weights = graph.weights
        self._halves: Halves | None = None
        self._suffixes: Suffixes | None = None
        self._asked = 0

    def find(self, left: Mapping[int, np.ndarray], clock: Clock) -> np.ndarray | None:
        """Return the edges of one solution or of a few, a row each; None if there is none.

        Args:
            left: for some layers, which edges are left.
            clock: the deadline.

        Raises:
            Undecided: it is not known.
            OutOfTime: the deadline passed.
        """
        self._asked += 1
        if self._asked > _OFTEN and len(self.graph.limits):
            if self._suffixes is None:
                self._suffixes = Suffixes(self.graph, clock, _ERROR)
            with suppress(Undecided):
                return self._suffixes.find(left, clock)
        return self._weighed(left, clock)

    def _weighed(self, left: Mapping[int, np.ndarray], clock: Clock) -> np.ndarray | None:
        graph = self.graph
        gone = np.zeros(len(graph.targets))
        for i, own in left.items():
            gone[graph.stages[i].place][~own] = np.inf
        weights = self._weights
        tried: list[list[int]] = []
        excess: list[np.ndarray] = []
        for _ in range(_ROUNDS):
            found = graph.path(weights @ graph.costs + gone)
            if found is None or found[0] - weights @ graph.limits > _margin(graph, weights):
                return None
            path = found[1]
            sums = graph.running(path)[:, -1]
            if graph.holds(sums, graph.end(path)):
                self._weights = weights
                return np.array([path])
            for other in tried[-2:]:
                crossed = self._crossed(path, other)
                if crossed is not None:
                    self._weights = weights
                    return np.array([crossed])
            over = graph.signs @ sums - graph.limits
            if path in tried or not (over > 0).any():  # nothing new; or it is no bound that is missed
                break
            tried.append(path)
            excess.append(over / graph.slack)
            weights = _worst(np.array(excess[-_REMEMBERED:])) / graph.slack
        if not graph.bounds_only or not len(graph.limits):
            raise Undecided
        self._weights = weights
        if self._halves is None:
            self._halves = Halves(graph, weights, _margin(graph, weights))
        try:
            return self._halves.find(left, clock)
        except Undecided:
            return _by_labels(graph, gone, weights, clock)

    def _crossed(self, one: Sequence[int], other: Sequence[int]) -> list[int] | None:
        """Return a solution that goes along one path and then along another, if they meet."""
        graph = self.graph
        ends = graph.targets[graph.offsets + np.array([one, other])]
        sums = [graph.running(path) for path in (one, other)]
        for first, second in ((0, 1), (1, 0)):
            joined = sums[first] + sums[second][:, -1:] - sums[second]
            fits = (joined >= graph.low[:, None]) & (joined <= graph.high[:, None])
            for i in np.flatnonzero(fits.all(axis=0) & (ends[0] == ends[1])).tolist():
                if graph.holds(joined[:, i], graph.end((one, other)[second])):
                    return [*(one, other)[first][: i + 1], *(one, other)[second][i + 1 :]]
        return None


def _margin(graph: BoundedGraph, weights: np.ndarray) -> float:
    return _ERROR * len(graph.stages) * float(np.abs(weights) @ graph.far)


def _worst(excess: np.ndarray) -> np.ndarray:
    """Return weights, together 1, with which the least weighed excess of a row is as large as it can be.

    That is a linear programme in few unknowns, whose corners are gone through: in each, as many rows are equally good,
    or weights are nothing, as there are bounds.
    """
    count = excess.shape[1]
    rows = np.concatenate([np.c_[excess, -np.ones(len(excess))], np.eye(count, count + 1)])
    chosen = np.array(list(combinations(range(len(rows)), count)))
    whole = np.broadcast_to(np.r_[np.ones(count), 0.0], (len(chosen), 1, count + 1))
    systems = np.concatenate([rows[chosen], whole], axis=1)
    regular = np.abs(np.linalg.det(systems)) > 1e-9
    right = np.zeros((int(regular.sum()), count + 1, 1))
    right[:, -1] = 1
    corners = np.linalg.solve(systems[regular], right)[:, :, 0]
    inside = corners[(corners @ rows.T >= -1e-9).all(axis=1)]
    if not len(inside):
        return np.full(count, 1 / count)
    weights: np.ndarray = np.maximum(inside[inside[:, -1].argmax(), :-1], 0)
    return weights


def _by_labels(graph: BoundedGraph, gone: np.ndarray, weights: np.ndarray, clock: Clock) -> np.ndarray | None:
    """Return paths that keep all bounds, a row each; None if there is none.

    Where labels are too many, the most promising are kept, those that can end the farthest from passing the bounds,
    weighed together. If none of them comes to the end, nothing is known.

    Args:
        graph: the graph.
        gone: infinite for edges that are not left, else nothing.
        weights: how bounds are weighed together.
        clock: the deadline.

    Raises:
        Undecided: nothing is known.
        OutOfTime: the deadline passed.
    """
    rows = np.concatenate([graph.costs, (weights @ graph.costs)[None]]) + gone
    limits = np.r_[graph.limits, weights @ graph.limits + _margin(graph, weights)][:, None]
    to_go = [least for least, _ in graph.to_go(rows)]
    state, spent = np.zeros(1, dtype=np.int64), np.zeros((len(rows), 1))
    back: list[tuple[np.ndarray, np.ndarray]] = []
    whole = True
    for stage, here, least in zip(graph.stages, to_go, to_go[1:], strict=False):
        clock.check("searching")
        starts = np.array(stage.first)
        label = np.arange(len(state))
        degree = starts[state + 1] - starts[state]
        if degree.sum() > _MOST_MOVED:
            order = np.argsort(spent[-1] + here[-1, state], kind="stable")
            label, whole = order[: max(1, int(np.searchsorted(np.cumsum(degree[order]), _MOST_MOVED)))], False
        first, degree = starts[state[label]], degree[label]
        label = np.repeat(label, degree)
        edge = edges_of_each(first, degree)
        reached = stage.target[edge]
        moved = spent[:, label] + rows[:, stage.place][:, edge]
        reach = moved + least[:, reached]
        kept = np.flatnonzero((reach <= limits).all(axis=0))
        if len(kept) > 1:
            kept = kept[unbeaten(reached[kept], moved[:-1, kept])]
        if len(kept) > _MOST_LABELS:
            kept, whole = kept[np.argpartition(reach[-1, kept], _MOST_LABELS)[:_MOST_LABELS]], False
        if not len(kept):
            if whole:
                return None
            raise Undecided
        back.append((label[kept], edge[kept]))
        state, spent = reached[kept], moved[:, kept]
    ends = np.argsort(spent[-1], kind="stable")[:MOST_WITNESSES]
    paths = np.zeros((len(ends), len(back)), dtype=np.int64)
    for i, (labels, edges) in reversed(list(enumerate(back))):
        paths[:, i] = edges[ends]
        ends = labels[ends]
    return paths
