"""Lists of ranges against sets of numbers."""

from __future__ import annotations

import random

import numpy as np

from convsolve.dims.ranges import gaps, inside_many, inside_ranges, meet, merged, runs


def drawn(r):
    """Return ascending ranges that do not touch, and the numbers that they hold."""
    flags = [r.random() < 0.5 for _ in range(12)]
    return [range(a, b) for a, b in runs(flags)], {i for i, flag in enumerate(flags) if flag}


def numbers(ranges):
    return [n for piece in ranges for n in piece]


def test_ranges_hold_what_their_sets_hold():
    r = random.Random(0)
    for _ in range(200):
        (one, first), (two, second) = drawn(r), drawn(r)
        assert numbers(one) == sorted(first)
        assert numbers(meet(one, two)) == sorted(first & second)
        assert numbers(merged([*one, *two])) == sorted(first | second)
        assert all(a.stop < b.start for a, b in zip(merged([*one, *two]), merged([*one, *two])[1:], strict=False))
        assert all(len(piece) for piece in [*meet(one, two), *gaps(one, 0, 12)])
        assert numbers(gaps(one, 0, 12)) == sorted(set(range(12)) - first)
        assert [n for n in range(-2, 15) if inside_ranges(one, n)] == sorted(first)
        assert list(np.flatnonzero(inside_many(one, np.arange(15)))) == sorted(first)
    assert merged([range(3, 3), range(1, 2), range(2, 4)]) == (range(1, 4),)
    assert not inside_many([], np.arange(3)).any()
