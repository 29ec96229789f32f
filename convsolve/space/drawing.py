"""Drawing: architectures by their numbers, weighed or not, and those of a few more numbers that are valid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from math import prod
from typing import Any, Protocol

import numpy as np

from ..dims import Domain
from ..errors import NetworkError, UndecidedError
from .draws import distinct, uniform, whole
from .parts import Parts
from .paths import Stage
from .tally import Tally, tally

__all__ = ["Columns", "Drawing", "Numbered", "Weight", "Weights", "draw"]

Columns = dict[str, np.ndarray]
Weight = Mapping[str, Mapping[int, Any]]
"""By hole and value, how much likelier an architecture is for having it."""

_MOST_TRIES = 2_000
"""Candidates for each sample that is wanted, before it is said that too many of them are not valid."""


class Numbered(Protocol):
    """Candidates that have numbers, from 0 to ``total`` - 1; all of them are solutions where it is ``exact``.

    Where they are ``weighed``, a candidate has as many numbers as its weight, and otherwise one.
    """

    @property
    def total(self) -> int: ...
    @property
    def exact(self) -> bool: ...
    @property
    def weighed(self) -> bool: ...
    def found(self, numbers: np.ndarray) -> tuple[Columns, np.ndarray]:
        """Return the holes' values of the candidates with these numbers, and which are solutions."""


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

    def of_edges(self, stage: Stage) -> np.ndarray | None:
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

    def __init__(
        self, parts: Parts, valid: Callable[[Columns], np.ndarray], weights: Weights | None = None
    ) -> None:
        self.parts = parts
        self._valid = valid
        self._weights = weights

    @cached_property
    def _tallies(self) -> tuple[Tally, ...]:
        if self._weights is None:
            return tuple(tally(part) for part in self.parts.parts)
        return tuple(tally(part, weigh=self._weights.of_edges) for part in self.parts.parts)

    @property
    def total(self) -> int:
        """How many numbers there are."""
        return prod(t.total for t in self._tallies)

    @cached_property
    def sure(self) -> int:
        """How many paths are solutions for certain, each counted once."""
        return prod(tally(part, certain=True).total for part in self.parts.parts)

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
        for own in self._tallies:
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
            int(own[edge[0]]) for t, edges in zip(self._tallies, first, strict=True)
            for own, edge in zip(t.weights, edges, strict=True) if own is not None
        )  # fmt: skip
        return self.total * self._weights.of(shown(values)) // numbers


def draw(source: Numbered, n: int, seed: int, *, replace: bool) -> tuple[Columns, int]:
    """Return the columns of ``n`` solutions, and how many candidates were tried for them.

    Raises:
        UndecidedError: too few of what is tried can be used.
    """
    generator = np.random.default_rng(seed)
    if source.exact and (replace or not source.weighed):
        return source.found((uniform if replace else distinct)(generator, source.total, n))[0], n
    kept: list[Columns] = []
    seen: set[tuple[int, ...]] = set()
    found = tried = 0
    while found < n:
        size = min(max(2 * (n - found), 256), 1 << 16)
        columns, valid = source.found(uniform(generator, source.total, size))
        rows = np.flatnonzero(valid)
        if not replace:
            rows = _fresh(columns, rows, seen, n - found)
        rows = rows[: n - found]
        kept.append({name: column[rows] for name, column in columns.items()})
        found += len(rows)
        tried += size if found < n else int(rows[-1]) + 1
        if found < n and tried > _MOST_TRIES * (n + 256):
            raise UndecidedError(
                f"only {found:,} of {tried:,} candidates could be used: the budgets are too fine to be gone "
                f"through, or the weights too uneven for drawing without replacement")
    return {name: np.concatenate([k[name] for k in kept]) for name in (kept[0] if kept else ())}, tried


def _fresh(columns: Columns, rows: np.ndarray, seen: set[tuple[int, ...]], wanted: int) -> np.ndarray:
    """Return the first rows that have not been seen, and see them."""
    table = np.stack(list(columns.values()), axis=1)[rows].tolist() if columns else [[] for _ in rows]
    fresh: list[int] = []
    for row, values in zip(rows.tolist(), map(tuple, table), strict=True):
        if values not in seen and len(fresh) < wanted:
            seen.add(values)
            fresh.append(row)
    return np.array(fresh, dtype=np.int64)
