"""Ranges of whole numbers, as sorted lists: what sets of sizes are made of."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

__all__ = ["gaps", "inside_many", "inside_ranges", "meet", "merged", "runs"]


def inside_ranges(ranges: Sequence[range], n: int) -> bool:
    """Return whether a number is in one of some ascending ranges."""
    i = bisect.bisect_right(ranges, n, key=lambda r: r.start) - 1
    return i >= 0 and n in ranges[i]


def inside_many(ranges: Sequence[range], numbers: np.ndarray) -> np.ndarray:
    """Return for many numbers whether each is in one of some ascending ranges."""
    import numpy as np

    if not ranges:
        return np.zeros(numbers.shape, dtype=bool)
    starts, stops = (np.array([getattr(r, end) for r in ranges]) for end in ("start", "stop"))
    i = np.searchsorted(starts, numbers, side="right") - 1
    return np.asarray((i >= 0) & (numbers < stops[i]))


def runs(flags: Any) -> list[tuple[int, int]]:
    """Return where an array is not zero, as pairs of a start and an end that is not included."""
    import numpy as np

    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(flags) != 0, [0]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def merged(pieces: Iterable[range]) -> tuple[range, ...]:
    """Return ranges in ascending order, those that touch as one."""
    found: list[range] = []
    for piece in sorted((p for p in pieces if p), key=lambda r: r.start):
        if found and found[-1].stop >= piece.start:
            found[-1] = range(found[-1].start, max(found[-1].stop, piece.stop))
        else:
            found.append(piece)
    return tuple(found)


def gaps(ranges: Sequence[range], start: int, stop: int) -> list[range]:
    """Return what lies between ranges."""
    ends = [start, *(r.stop for r in ranges)]
    starts = [*(r.start for r in ranges), stop]
    return [range(a, b) for a, b in zip(ends, starts, strict=True) if a < b]


def meet(one: Sequence[range], two: Sequence[range]) -> list[range]:
    """Return the intersection of ascending ranges."""
    found, i, j = [], 0, 0
    while i < len(one) and j < len(two):
        a, b = one[i], two[j]
        if max(a.start, b.start) < min(a.stop, b.stop):
            found.append(range(max(a.start, b.start), min(a.stop, b.stop)))
        i, j = (i + 1, j) if a.stop <= b.stop else (i, j + 1)
    return found
