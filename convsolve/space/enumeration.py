"""Listing: all architectures of a space in the order of their numbers, as columns or as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from ..solver.clock import Clock
from .assignments import Columns
from .cubes import Job, run
from .sampling import Cube
from .subspace import Subspace

__all__ = ["Lines", "at_most", "lines", "rows"]

_AT_ONCE = 1 << 13
"""Candidates of one piece."""


@dataclass(frozen=True)
class Lines:
    """Architectures that follow each other, one JSON object a line; the next number is ``next`` of the cube ``cube``.

    ``share`` is how much of the whole listing is done with them.
    """

    text: bytes
    size: int
    cube: int
    next: int
    share: float


def rows(subspace: Subspace, cubes: Sequence[Cube], executor: Executor | None = None) -> Iterator[dict[str, int]]:
    """Yield all architectures."""
    for _, (columns, size) in _pieces(_columns, subspace, cubes, executor, (0, 0)):
        yield from subspace.samples(columns, size)


def at_most(subspace: Subspace, cubes: Sequence[Cube], n: int, executor: Executor | None = None) -> int:
    """Return how many architectures there are, but no more than ``n``."""
    if all(cube.exact for cube in cubes) or sum(cube.sure for cube in cubes) >= n:
        return min(n, sum(cube.total for cube in cubes))
    return sum(1 for _ in islice(rows(subspace, cubes, executor), n))


def lines(
    subspace: Subspace,
    cubes: Sequence[Cube],
    executor: Executor | None = None,
    *,
    begin: tuple[int, int] = (0, 0),
    limit: int | None = None,
    clock: Clock | None = None,
) -> Iterator[Lines]:
    """Yield all architectures as lines, from a cube and a number on, no more than a limit, and as long as a clock goes.

    Raises:
        OutOfTime: its deadline passed.
    """
    before = [sum(cube.total for cube in cubes[:i]) for i in range(len(cubes) + 1)]
    found = 0
    for (cube, stop), (text, size) in _pieces(_lines, subspace, cubes, executor, begin, clock):
        if limit is not None and found + size >= limit:
            left = limit - found
            yield Lines(b"".join(text.splitlines(keepends=True)[:left]), left, cube, stop, 1.0)
            return
        found += size
        share = (before[cube] + stop) / before[-1]
        yield Lines(text, size, cube, stop, share if limit is None else max(share, found / limit))


def _pieces(
    task: Callable[..., Any],
    subspace: Subspace,
    cubes: Sequence[Cube],
    executor: Executor | None,
    begin: tuple[int, int],
    clock: Clock | None = None,
) -> Iterator[tuple[tuple[int, int], Any]]:
    """Yield what a task makes of the numbers from ``begin`` on, piece by piece, with where each piece ends."""

    def jobs() -> Iterator[Job]:
        for cube in range(begin[0], len(cubes)):
            own = cubes[cube]
            for start in range(begin[1] if cube == begin[0] else 0, own.total, _AT_ONCE):
                stop = min(start + _AT_ONCE, own.total)
                ends.append((cube, stop))
                yield Job(subspace, partial(task, start=start, stop=stop), decided=own.decided)

    ends: list[tuple[int, int]] = []
    for _, answer in run(jobs(), executor, clock=clock):
        yield ends.pop(0), answer


def _columns(subspace: Subspace, depth: int, *, start: int, stop: int) -> tuple[Columns, int]:
    """Return the holes' values of the architectures with some numbers, and how many there are."""
    numbers = np.arange(stop - start) + (start if stop < 1 << 61 else np.array(start, dtype=object))
    found, valid = subspace.drawing().found(numbers)
    size = int(valid.sum())
    return found if size == len(valid) else {name: column[valid] for name, column in found.items()}, size


def _lines(subspace: Subspace, depth: int, *, start: int, stop: int) -> tuple[bytes, int]:
    """Return them as lines."""
    columns, size = _columns(subspace, depth, start=start, stop=stop)
    return "".join(f"{json.dumps(row)}\n" for row in subspace.samples(columns, size)).encode(), size
