"""Drawing: architectures by their numbers, weighed or not, and those of a few more numbers that are valid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from math import lcm, prod
from typing import Any

import numpy as np

from ..dims import Domain
from ..errors import NetworkError, UndecidedError
from .draws import distinct, uniform
from .parts import Parts
from .paths import Stage
from .tally import Tally, tally

__all__ = ["Columns", "Drawing", "Weigh", "weigher"]

Columns = dict[str, np.ndarray]
Weigh = Callable[[Stage], "np.ndarray | None"]

_MOST_TRIES = 2_000
"""Candidates for each sample that is wanted, before it is said that too many of them are not valid."""

_AT_ONCE = 4096


class Drawing:
    """The solutions of a problem by number. ``valid`` says of columns which of their rows are solutions."""

    def __init__(self, parts: Parts, valid: Callable[[Columns], np.ndarray], weigh: Weigh | None = None) -> None:
        self.parts = parts
        self._valid = valid
        self._weigh = weigh

    @cached_property
    def _tallies(self) -> tuple[Tally, ...]:
        if self._weigh is None:
            return tuple(tally(part) for part in self.parts.parts)
        return tuple(tally(part, weigh=self._weigh) for part in self.parts.parts)

    @property
    def total(self) -> int:
        """How many numbers there are: as many as solutions, if the parts are exact and nothing is weighed."""
        return prod(t.total for t in self._tallies)

    def columns(self, numbers: np.ndarray) -> Columns:
        """Return the holes' values of the architectures with these numbers."""
        edges: list[Sequence[np.ndarray]] = []
        for own in self._tallies:
            edges.append(own.edges(numbers % own.total))
            numbers = numbers // own.total
        return self.parts.columns(edges, len(numbers))

    def hits(self, count: int) -> int:
        """Return how many of some random numbers are those of solutions."""
        return int(self._valid(self.columns(uniform(np.random.default_rng(0), self.total, count))).sum())

    def draw(self, n: int, seed: int, *, replace: bool) -> tuple[Columns, int]:
        """Return the columns of ``n`` solutions, and how many were tried for them.

        Raises:
            UndecidedError: too few of what is tried can be used.
        """
        generator = np.random.default_rng(seed)
        if self.parts.exact and (replace or self._weigh is None):
            return self.columns((uniform if replace else distinct)(generator, self.total, n)), n
        kept: list[Columns] = []
        seen: set[tuple[int, ...]] = set()
        found = tried = 0
        while found < n:
            size = min(max(2 * (n - found), 256), 1 << 16)
            columns = self.columns(uniform(generator, self.total, size))
            rows = np.arange(size) if self.parts.exact else np.flatnonzero(self._valid(columns))
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

    def all(self) -> Iterator[Columns]:
        """Yield the columns of all solutions, in the order of their numbers, some at a time."""
        for start in range(0, self.total, _AT_ONCE):
            size = min(_AT_ONCE, self.total - start)
            columns = self.columns(np.arange(size) + (start if self.total < 1 << 61 else np.array(start, dtype=object)))
            if not self.parts.exact:
                good = self._valid(columns)
                columns = {name: column[good] for name, column in columns.items()}
            yield columns


def _fresh(columns: Columns, rows: np.ndarray, seen: set[tuple[int, ...]], wanted: int) -> np.ndarray:
    """Return the first rows that have not been seen, and see them."""
    table = np.stack(list(columns.values()), axis=1)[rows].tolist() if columns else [[] for _ in rows]
    fresh: list[int] = []
    for row, values in zip(rows.tolist(), map(tuple, table), strict=True):
        if values not in seen and len(fresh) < wanted:
            seen.add(values)
            fresh.append(row)
    return np.array(fresh, dtype=np.int64)


def weigher(domains: Mapping[str, Domain], weight: Mapping[str, Mapping[int, Any]]) -> Weigh:
    """Return the whole number that an edge's values weigh; absent holes weigh 1, scaled as the others are."""
    scaled: dict[str, tuple[dict[int, int], int]] = {}
    for name, given in weight.items():
        domain = domains[name]
        exact = {value: Fraction(str(given.get(value, 1))) for value in domain}
        if any(w <= 0 for w in exact.values()) or not set(given) <= set(exact):
            raise NetworkError(f"weight of {name}: wanted positive weights for values in {domain}, found {given}")
        unit = lcm(*(w.denominator for w in exact.values()))
        scaled[name] = {value: int(w * unit) for value, w in exact.items()}, unit

    def weigh(stage: Stage) -> np.ndarray | None:
        factor: np.ndarray | None = None
        for name, options in stage.options.items():
            if name in scaled:
                table = np.array([scaled[name][0][int(v)] for v in options], dtype=object)
                own = table[stage.places[name]]
                factor = own if factor is None else factor * own
        for name, absent in stage.absent.items():
            if name in scaled:
                weights, unit = scaled[name]
                own = np.where(absent, unit, next(iter(weights.values()))).astype(object)
                factor = own if factor is None else factor * own
        return factor

    return weigh
