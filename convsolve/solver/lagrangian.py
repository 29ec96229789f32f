"""Lagrangian relaxation of budgets over the layered graph: how good can a label still become, budgets and all?

A limit on sums is given up, and breaking it costs a multiplier for each unit instead. What is left is a shortest
path, and its length is a bound, whatever the multipliers are. Good ones are found limit by limit, each between a
path that breaks it and one that does not (Handler and Zang, "A Dual Algorithm for the Constrained Shortest Path
Problem", Networks 10, 1980). All is counted in integers: multipliers are fractions of one scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dims import Var
from ..dims.expr import Symbolic
from .clock import Clock
from .layered_graph import NEVER, LayeredGraph
from .plan import Part

__all__ = ["Limit", "Path", "LagrangianBound", "limits_of", "relax"]

_SCALE = 1 << 12
_MOST_STEPS = 12
_MOST_MULTIPLIER = _SCALE << 24
_ROUNDS = 2


@dataclass(frozen=True)
class Limit:
    """The sums, times their weights, are together at most ``most``."""

    weights: tuple[int, ...]
    most: int

    def excess(self, sums: Sequence[int]) -> int:
        """Return by how much sums break the limit."""
        return sum(w * s for w, s in zip(self.weights, sums, strict=True)) - self.most


@dataclass(frozen=True)
class Path:
    """A path through the graph: what it adds up to, the state it ends in, and the edge of each layer."""

    sums: tuple[int, ...]
    state: int
    edges: tuple[int, ...]


@dataclass(frozen=True)
class LagrangianBound:
    """A bound for every label: ``weights`` of its sums, plus the ``potential`` of its state, less ``constant``."""

    weights: np.ndarray
    constant: int
    potential: list[np.ndarray]

    def reach(self, sums: np.ndarray, state: np.ndarray, number: int) -> np.ndarray:
        """Return what the objective, to be small, is at least in the end, for labels after a block."""
        total = self.weights @ sums + self.potential[number][state] - self.constant
        result: np.ndarray = -(-total // _SCALE)
        return result

    @property
    def least(self) -> int:
        """What the objective is at least, all in all."""
        return -(-(int(self.potential[0][0]) - self.constant) // _SCALE)


def limits_of(part: Part, graph: LayeredGraph) -> list[Limit]:
    """Return the limits of a part's sums that are linear and can be broken."""
    places = {accumulator.name: i for i, accumulator in enumerate(part.accumulators)}
    count = len(places)
    found: list[Limit] = []
    for a in range(count):
        own = tuple(int(i == a) for i in range(count))
        found.append(Limit(own, int(graph.high[a])))
        found.append(Limit(tuple(-w for w in own), -int(graph.low[a])))
    for demand in part.final:
        if demand.condition.op in ("le", "lt", "eq"):
            left, right = (_linear(arg, places) for arg in demand.condition.args)
            if left is not None and right is not None:
                weights = tuple(left[0].get(i, 0) - right[0].get(i, 0) for i in range(count))
                most = right[1] - left[1]
                found.append(Limit(weights, most - (demand.condition.op == "lt")))
                if demand.condition.op == "eq":
                    found.append(Limit(tuple(-w for w in weights), -most))
    reach = [(int(lo[0]), int(hi[0])) for lo, hi in zip(graph.least[0], graph.most[0], strict=True)]

    def greatest(limit: Limit) -> int:
        return sum(w * (hi if w > 0 else lo) for w, (lo, hi) in zip(limit.weights, reach, strict=True))

    return [limit for limit in dict.fromkeys(found) if any(limit.weights) and greatest(limit) > limit.most]


def _linear(x: Any, places: Mapping[str, int]) -> tuple[dict[int, int], int] | None:
    """Return weights of sums, and a constant, that an expression is; None if it is no such thing."""
    if isinstance(x, int):
        return {}, x
    if isinstance(x, Var):
        return ({places[x.name]: 1}, 0) if x.name in places else None
    if not isinstance(x, Symbolic) or x.op not in ("add", "sub", "mul"):
        return None
    parts = [_linear(arg, places) for arg in x.args]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    signs = [1] * len(known)
    if x.op == "sub":
        signs = [1, -1]
    if x.op == "mul":
        number = next((part[1] for part in known if not part[0]), None)
        if number is None:
            return None
        known = [part for part in known if part[0]] or [({}, 1)]
        signs = [number]
    weights: dict[int, int] = {}
    for sign, (own, _) in zip(signs, known, strict=True):
        for place, weight in own.items():
            weights[place] = weights.get(place, 0) + sign * weight
    return weights, sum(sign * constant for sign, (_, constant) in zip(signs, known, strict=True))


def relax(
    graph: LayeredGraph, goal: int, sense: int, limits: Sequence[Limit], clock: Clock
) -> tuple[LagrangianBound | None, list[Path]]:
    """Return the best relaxation that is found for an objective, and paths met on the way that keep all limits.

    Args:
        graph: the graph, measured.
        goal: which sum is the objective.
        sense: 1 if it is to be small, -1 if large.
        limits: what may be given up.
        clock: the deadline.
    """
    return _MultiplierSearch(graph, goal, sense, limits, clock).run()


class _MultiplierSearch:
    def __init__(self, graph: LayeredGraph, goal: int, sense: int, limits: Sequence[Limit], clock: Clock) -> None:
        self.graph, self.limits, self.clock = graph, limits, clock
        self.goal, self.sense = goal, sense
        self.far = [max(abs(int(lo[0])), abs(int(hi[0]))) for lo, hi in zip(graph.least[0], graph.most[0], strict=True)]
        self.heads = [layer.heads for layer in graph.layers]
        self.multipliers = [0] * len(limits)
        self.best: LagrangianBound | None = None
        self.kept: list[Path] = []

    def run(self) -> tuple[LagrangianBound | None, list[Path]]:
        path = self._evaluate()
        if path is not None and any(limit.excess(path.sums) > 0 for limit in self.limits):
            for _ in range(_ROUNDS if len(self.limits) > 1 else 1):
                before = self.best.least if self.best else None
                for k in range(len(self.limits)):
                    self._adjust(k)
                if self.best is None or self.best.least == before:
                    break
        return self.best, self.kept

    def _evaluate(self) -> Path | None:
        """Find the shortest path with the present multipliers; None where numbers do not fit a word."""
        weights = [_SCALE * self.sense * (a == self.goal) for a in range(len(self.far))]
        for multiplier, limit in zip(self.multipliers, self.limits, strict=True):
            weights = [w + multiplier * own for w, own in zip(weights, limit.weights, strict=True)]
        constant = sum(m * limit.most for m, limit in zip(self.multipliers, self.limits, strict=True))
        if sum(abs(w) * far for w, far in zip(weights, self.far, strict=True)) + abs(constant) >= int(NEVER) // 4:
            return None
        vector = np.array(weights, dtype=np.int64)
        potential = [np.zeros(self.graph.layers[-1].targets, dtype=np.int64)]
        for layer, heads in zip(reversed(self.graph.layers), reversed(self.heads), strict=True):
            self.clock.check("searching")
            total = np.minimum(vector @ layer.added + potential[0][layer.target], NEVER)
            nearest = np.full(layer.sources, NEVER)
            nearest[layer.source[heads]] = np.minimum.reduceat(total, heads)
            potential.insert(0, nearest)
        found = LagrangianBound(vector, constant, potential)
        if self.best is None or found.least > self.best.least:
            self.best = found
        path = self._path(found)
        if all(limit.excess(path.sums) <= 0 for limit in self.limits):
            self.kept.append(path)
        return path

    def _path(self, relaxation: LagrangianBound) -> Path:
        """Return a shortest path."""
        state, edges = 0, []
        sums = [0] * len(self.far)
        for layer, potential in zip(self.graph.layers, relaxation.potential[1:], strict=True):
            begin, end = np.searchsorted(layer.source, [state, state + 1])
            total = relaxation.weights @ layer.added[:, begin:end] + potential[layer.target[begin:end]]
            edge = int(begin + np.argmin(total))
            sums = [s + int(x) for s, x in zip(sums, layer.added[:, edge], strict=True)]
            state = int(layer.target[edge])
            edges.append(edge)
        return Path(tuple(sums), state, tuple(edges))

    def _adjust(self, k: int) -> None:
        """Find the best multiplier of one limit, the others as they are."""
        limit = self.limits[k]
        start = self.multipliers[k]
        tried: dict[int, Path] = {}

        def at(multiplier: int) -> Path | None:
            self.multipliers[k] = multiplier
            if multiplier not in tried:
                path = self._evaluate()
                if path is None:
                    return None
                tried[multiplier] = path
            return tried[multiplier]

        def length(path: Path) -> int:
            """Return a path's length without the limit."""
            pairs = zip(self.multipliers, self.limits, strict=True)
            others = sum(m * own.excess(path.sums) for i, (m, own) in enumerate(pairs) if i != k)
            return _SCALE * self.sense * path.sums[self.goal] + others

        breaking = at(0)
        if breaking is None or limit.excess(breaking.sums) <= 0:
            self.multipliers[k] = 0
            return
        multiplier = max(start, _SCALE >> 6)
        while (keeping := at(multiplier)) is not None and limit.excess(keeping.sums) > 0:
            breaking = keeping
            multiplier *= 8
            if multiplier > _MOST_MULTIPLIER:
                break
        if keeping is None or limit.excess(keeping.sums) > 0:
            self.multipliers[k] = start
            return
        for _ in range(_MOST_STEPS):
            gain = limit.excess(breaking.sums) - limit.excess(keeping.sums)
            multiplier = max(0, (length(keeping) - length(breaking)) // gain)
            path = at(multiplier)
            if path is None or path.sums in (breaking.sums, keeping.sums):
                break
            if limit.excess(path.sums) > 0:
                breaking = path
            else:
                keeping = path
        self.multipliers[k] = multiplier
