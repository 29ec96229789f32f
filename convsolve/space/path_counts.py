"""How many paths there are, exactly, which one has a given number, and what that draws: weighed, or a few too many.

Paths are counted from the end backwards, with numpy's integers where the total fits and Python's where it does not.
The number of a path, read from the start as in a mixed radix, leads to its edges: so what is drawn by number is drawn
uniformly, whatever the total, and different numbers are different paths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from ..dims import Domain
from ..errors import NetworkError
from .assignments import Columns
from .components import Parts
from .paths import Paths, StageEdges
from .random_integers import uniform, whole

__all__ = ["Drawing", "PathCounts", "Weight", "Weights", "count_paths"]

Weight = Mapping[str, Mapping[int, Any]]
"""By hole and value, how much likelier an architecture is for having it."""

_WORD = 2.0**61


@dataclass(frozen=True)
class PathCounts:
    """For each stage the running sum of paths over its edges, beginning with 0, and each edge's own weight."""

    paths: Paths
    total: int
    running: tuple[np.ndarray, ...]
    weights: tuple[np.ndarray | None, ...]

    def edges(self, numbers: np.ndarray) -> list[np.ndarray]:
        """Return the edges, stage by stage, of the paths with these numbers, from 0 to ``total`` - 1."""
        rest = numbers if self.total >= _WORD else numbers.astype(np.int64)
        node = np.zeros(len(numbers), dtype=np.int64)
        found = []
        for stage, running, weights in zip(self.paths.stages, self.running, self.weights, strict=True):
            goal = running[stage.starts[node]] + rest
            edge = np.searchsorted(running, goal, side="right") - 1
            rest = goal - running[edge]
            if weights is not None:
                rest = rest // weights[edge]
            node = stage.target[edge]
            found.append(edge)
        return found


def count_paths(
    paths: Paths, *, certain: bool = False, weigh: Callable[[StageEdges], np.ndarray | None] = lambda stage: None
) -> PathCounts:
    """Count the paths.

    Args:
        paths: the paths.
        certain: count only those that are solutions for certain.
        weigh: returns a positive whole number for each edge of a stage, or None; a path counts their product.
    """
    weights = tuple(weigh(stage) for stage in paths.stages)
    end = paths.certain if certain else np.ones(len(paths.certain), dtype=bool)
    rough = _count(paths, end.astype(float), weights)
    small = all(float(running[-1]) < _WORD for running in rough)
    exact = _count(paths, end.astype(np.int64 if small else object), weights)
    return PathCounts(paths, int(exact[0][-1]) if exact else 1, tuple(exact), weights)


def _count(paths: Paths, end: np.ndarray, weights: tuple[np.ndarray | None, ...]) -> list[np.ndarray]:
    ways = end
    found: list[np.ndarray] = []
    for stage, own in zip(reversed(paths.stages), reversed(weights), strict=True):
        each = ways[stage.target]
        if own is not None:
            each = each * own.astype(end.dtype)
        running = np.zeros(len(each) + 1, dtype=end.dtype)
        np.cumsum(each, out=running[1:])
        ways = running[stage.starts[1:]] - running[stage.starts[:-1]]
        found.append(running)
    return found[::-1]


class Weights:
    """Reads weights; whole numbers all, on one scale."""

    def __init__(self, domains: Mapping[str, Domain], weight: Weight) -> None:
        self._scaled: dict[str, tuple[dict[int, int], int]] = {}
        for name, given in weight.items():
            domain = domains[name]
            values = list(domain)
            scaled = whole([*(given.get(value, 1) for value in values), 1])
            if scaled is None or not set(given) <= set(values):
                raise NetworkError(f"weight of {name}: wanted positive weights for values in {domain}, found {given}")
            self._scaled[name] = dict(zip(values, scaled, strict=False)), scaled[-1]

    def of(self, assignment: Mapping[str, int]) -> int:
        """Return what an architecture weighs; a hole that it does not have weighs 1, scaled as the others are."""
        return prod(own[assignment[n]] if n in assignment else unit for n, (own, unit) in self._scaled.items())

    def of_edges(self, stage: StageEdges) -> np.ndarray | None:
        """Return what the edges of a stage weigh: along a path, the same as its architecture but for one factor."""
        factor: np.ndarray | None = None
        for name, options in stage.options.items():
            if name in self._scaled:
                table = np.array([self._scaled[name][0][int(v)] for v in options], dtype=object)
                own = table[stage.places[name]]
                factor = own if factor is None else factor * own
        for name, absent in stage.absent.items():
            if name in self._scaled:
                weights, unit = self._scaled[name]
                own = np.where(absent, unit, next(iter(weights.values()))).astype(object)
                factor = own if factor is None else factor * own
        return factor


class Drawing:
    """The paths of a space by number. ``valid`` says of columns which of their rows are solutions."""

    def __init__(self, parts: Parts, valid: Callable[[Columns], np.ndarray], weights: Weights | None = None) -> None:
        self.parts = parts
        self._valid = valid
        self._weights = weights

    @cached_property
    def _counts(self) -> tuple[PathCounts, ...]:
        if self._weights is None:
            return tuple(count_paths(part) for part in self.parts.parts)
        return tuple(count_paths(part, weigh=self._weights.of_edges) for part in self.parts.parts)

    @property
    def total(self) -> int:
        """How many numbers there are."""
        return prod(t.total for t in self._counts)

    @cached_property
    def sure(self) -> int:
        """How many paths are solutions for certain, each counted once."""
        return prod(count_paths(part, certain=True).total for part in self.parts.parts)

    @property
    def exact(self) -> bool:
        """Whether every path is a solution."""
        return self.parts.exact

    @property
    def weighed(self) -> bool:
        """Whether a path has as many numbers as it weighs."""
        return self._weights is not None

    def _edges(self, numbers: np.ndarray) -> list[list[np.ndarray]]:
        edges = []
        for own in self._counts:
            edges.append(own.edges(numbers % own.total))
            numbers = numbers // own.total
        return edges

    def found(self, numbers: np.ndarray) -> tuple[Columns, np.ndarray]:
        """Return the holes' values on the paths with these numbers, and which are solutions."""
        columns = self.parts.columns(self._edges(numbers), len(numbers))
        return columns, np.ones(len(numbers), dtype=bool) if self.exact else self._valid(columns)

    def hits(self, count: int) -> int:
        """Return how many of some random numbers are those of solutions."""
        return int(self.found(uniform(np.random.default_rng(0), self.total, count))[1].sum())

    def weight(self, shown: Callable[[Mapping[str, int]], Mapping[str, int]]) -> int:
        """Return what all paths weigh, on the scale that they have in common with those of other spaces.

        Args:
            shown: returns of the holes' values those that the network has.
        """
        if self._weights is None:
            return self.total
        first = self._edges(np.zeros(1, dtype=np.int64))
        values = {name: int(column[0]) for name, column in self.parts.columns(first, 1).items()}
        numbers = prod(
            int(own[edge[0]]) for t, edges in zip(self._counts, first, strict=True)
            for own, edge in zip(t.weights, edges, strict=True) if own is not None
        )  # fmt: skip
        return self.total * self._weights.of(shown(values)) // numbers
