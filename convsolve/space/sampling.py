"""Sampling: candidates of a space by number, cube after cube, looked up anywhere; and drawing those that are solutions.

A space that can be gone through as a whole is one cube: what its paths have in common is found once, not cube by cube.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Protocol

import numpy as np

from ..errors import UndecidedError
from .assignments import Columns
from .components import in_words
from .cubes import Decided, Job, run
from .path_counts import Weight
from .random_integers import distinct, uniform
from .subspace import Subspace

__all__ = ["Cube", "Numbered", "Numbers", "draw", "measure"]

_AT_ONCE = 1 << 13
"""Candidates that a worker looks up at once."""

_MOST_TRIES = 2_000
"""Candidates for each sample that is wanted, before it is said that too many of them are not valid."""


@dataclass(frozen=True)
class Cube:
    """A cube whose candidates have numbers below ``total``; of the whole space's, it has as many as its ``weight``.

    Every candidate is a solution where it is ``exact``; where nothing is weighed, ``sure`` of them are for certain.
    """

    decided: Decided
    total: int
    weight: int
    sure: int
    exact: bool


def measure(
    subspaces: Sequence[Subspace], executor: Executor | None = None, weight: Weight | None = None
) -> list[tuple[Cube, ...]]:
    """Return the cubes of each space, as few as it can be gone through in, those without candidates left out.

    Raises:
        UndecidedError: even cubes have too many states to be gone through, or the time ran out.
    """
    found: dict[int, list[Cube]] = {id(subspace): [] for subspace in subspaces}
    jobs = (Job(subspace, partial(_measured, weight=weight)) for subspace in subspaces)
    with in_words():
        for job, entries in run(jobs, executor, clock=subspaces[0].clock):
            if entries is not None:
                found[id(job.subspace)].append(Cube(job.decided, *entries))
    return [tuple(found[id(subspace)]) for subspace in subspaces]


def _measured(subspace: Subspace, depth: int, *, weight: Weight | None) -> tuple[int, int, int, bool] | None:
    if subspace.parts is None:
        return None
    drawing = subspace.drawing(weight)
    return drawing.total, drawing.weight(subspace.assignments.shown), drawing.sure, drawing.exact


class Numbers:
    """The candidates of a space that has been measured, in the order of its cubes."""

    def __init__(
        self, subspace: Subspace, cubes: Sequence[Cube], executor: Executor | None = None, weight: Weight | None = None
    ) -> None:
        self._subspace, self._executor, self._weight = subspace, executor, weight
        self._cubes = cubes
        self.total = sum(cube.weight for cube in cubes)
        self.exact = all(cube.exact for cube in cubes)
        self.weighed = bool(weight)

    def found(self, numbers: np.ndarray) -> tuple[Columns, np.ndarray]:
        """Return the holes' values of the candidates with these numbers, and which are solutions."""
        order: list[np.ndarray] = []
        found = [answer for _, answer in run(self._jobs(numbers, order), self._executor)]
        back = np.argsort(np.concatenate(order), kind="stable")
        columns = {name: np.concatenate([c[name] for c, _ in found])[back] for name in found[0][0]}
        return columns, np.concatenate([valid for _, valid in found])[back]

    def _jobs(self, numbers: np.ndarray, order: list[np.ndarray]) -> Iterator[Job]:
        """Yield a job for some numbers of one cube each; tell which ones they are."""
        ends = list(accumulate(cube.weight for cube in self._cubes))
        step = _AT_ONCE if self._executor is not None else max(len(numbers), 1)
        limits = np.array(ends, dtype=numbers.dtype)
        own = np.searchsorted(limits, numbers, side="right")
        for i, cube in enumerate(self._cubes):
            rows = np.flatnonzero(own == i)
            for start in range(0, max(len(rows), len(numbers) == 0), step):
                some = rows[start : start + step]
                order.append(some)
                within = numbers[some] - (ends[i] - cube.weight)
                if cube.weight != cube.total:
                    within = within.astype(object) * cube.total // cube.weight
                yield Job(self._subspace, partial(_found, numbers=within, weight=self._weight), decided=cube.decided)


def _found(subspace: Subspace, depth: int, *, numbers: np.ndarray, weight: Weight | None) -> tuple[Columns, np.ndarray]:
    return subspace.drawing(weight).found(numbers)


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
                f"through, or the weights too uneven for drawing without replacement"
            )
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
