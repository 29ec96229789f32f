"""Numbers: the candidates of a space by number, cube after cube, looked up anywhere.

A space that can be gone through as a whole is one cube: what its paths have in common is found once, not cube by cube.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

import numpy as np

from .cubes import Decided, Job, run
from .drawing import Columns, Weight
from .ground import Ground
from .parts import in_words

__all__ = ["Cube", "Numbers", "measure"]

_AT_ONCE = 1 << 13
"""Candidates that a worker looks up at once."""


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
    grounds: Sequence[Ground], executor: Executor | None = None, weight: Weight | None = None
) -> list[tuple[Cube, ...]]:
    """Return the cubes of each space, as few as it can be gone through in, those without candidates left out.

    Raises:
        UndecidedError: even cubes have too many states to be gone through, or the time ran out.
    """
    found: dict[int, list[Cube]] = {id(ground): [] for ground in grounds}
    jobs = (Job(ground, partial(_measured, weight=weight)) for ground in grounds)
    with in_words():
        for job, entries in run(jobs, executor, clock=grounds[0].clock):
            if entries is not None:
                found[id(job.ground)].append(Cube(job.decided, *entries))
    return [tuple(found[id(ground)]) for ground in grounds]


def _measured(ground: Ground, depth: int, *, weight: Weight | None) -> tuple[int, int, int, bool] | None:
    if ground.parts is None:
        return None
    drawing = ground.drawing(weight)
    return drawing.total, drawing.weight(ground.assignments.shown), drawing.sure, drawing.exact


class Numbers:
    """The candidates of a space that has been measured, in the order of its cubes."""

    def __init__(
        self, ground: Ground, cubes: Sequence[Cube], executor: Executor | None = None, weight: Weight | None = None
    ) -> None:
        self._ground, self._executor, self._weight = ground, executor, weight
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
                yield Job(self._ground, partial(_found, numbers=within, weight=self._weight), decided=cube.decided)


def _found(ground: Ground, depth: int, *, numbers: np.ndarray, weight: Weight | None) -> tuple[Columns, np.ndarray]:
    return ground.drawing(weight).found(numbers)
