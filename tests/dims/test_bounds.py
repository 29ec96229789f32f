"""Intervals of single operations against all numbers between their ends: sound, and exact but for wide remainders."""

from __future__ import annotations

from itertools import product

import pytest

from convsolve.dims.bounds import INTERVALS

ENDS = [(a, b) for a in range(-2, 4) for b in range(a, 4)]
TRUTHS = [(0, 0), (0, 1), (1, 1)]
FAR = 60

PLAIN = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "min": min, "max": max,
    "eq": lambda a, b: int(a == b), "lt": lambda a, b: int(a < b), "le": lambda a, b: int(a <= b),
}  # fmt: skip
LOGIC = {"and": lambda a, b: int(a and b), "or": lambda a, b: int(a or b)}


def numbers(interval):
    low, high = interval
    return range(-FAR if low is None else low, (FAR if high is None else high) + 1)


def hull(function, *intervals):
    values = [function(*args) for args in product(*map(numbers, intervals))]
    return min(values), max(values)


@pytest.mark.parametrize("op", PLAIN)
def test_two_numbers(op):
    for a, b in product(ENDS, ENDS):
        assert INTERVALS[op]([a, b]) == hull(PLAIN[op], a, b), (op, a, b)


@pytest.mark.parametrize("op", LOGIC)
def test_conditions(op):
    for a, b in product(TRUTHS, TRUTHS):
        assert INTERVALS[op]([a, b]) == hull(LOGIC[op], a, b)
    assert [INTERVALS["not"]([a]) for a in TRUTHS] == [(1, 1), (0, 1), (0, 0)]


@pytest.mark.parametrize("chosen", TRUTHS)
def test_a_choice(chosen):
    for a, b in product(ENDS, ENDS):
        assert INTERVALS["where"]([chosen, a, b]) == hull(lambda c, x, y: x if c else y, chosen, a, b)


def test_division_and_remainders_by_positive_numbers():
    for a in [(x, y) for x in range(-7, 8) for y in range(x, 8)]:
        for b in [(x, y) for x in range(1, 4) for y in range(x, 4)]:
            assert INTERVALS["floordiv"]([a, b]) == hull(lambda n, d: n // d, a, b), (a, b)
            low, high = hull(lambda n, d: n % d, a, b)
            least, most = INTERVALS["mod"]([a, b])
            assert least <= low and high <= most <= b[1] - 1, (a, b)
            if b[0] == b[1] and a[0] // b[0] == a[1] // b[0]:
                assert (least, most) == (low, high), (a, b)
            if a[0] >= 0:
                assert most <= a[1], (a, b)


@pytest.mark.parametrize("op", ["add", "sub", "mul", "min", "max", "eq", "lt", "le"])
def test_open_ends_are_those_of_numbers_far_away(op):
    some = [(0, 2), (-2, 1), (1, 1), (0, 0), (-3, -1)]
    for a in [(None, 2), (-1, None), (None, None), (0, None), (None, 0), (1, None), (None, -1)]:
        for b in some:
            for first, second in ((a, b), (b, a)):
                low, high = hull(PLAIN[op], first, second)
                found = INTERVALS[op]([first, second])
                assert found == (None if low < -FAR // 2 else low, None if high > FAR // 2 else high), (
                    op,
                    first,
                    second,
                )


def test_division_of_what_has_no_end():
    assert INTERVALS["floordiv"]([(5, 9), (2, None)]) == (0, 4)
    assert INTERVALS["floordiv"]([(-5, 9), (2, None)]) == (-3, 4)
    assert INTERVALS["floordiv"]([(0, 0), (2, None)]) == (0, 0)
    assert INTERVALS["floordiv"]([(None, 9), (2, 3)]) == (None, 4)
    assert INTERVALS["floordiv"]([(-4, None), (2, 3)]) == (-2, None)
    assert INTERVALS["mod"]([(0, None), (3, 3)]) == (0, 2) and INTERVALS["mod"]([(0, 5), (3, None)]) == (0, 5)
    assert INTERVALS["mod"]([(-4, 5), (3, None)]) == (0, None) and INTERVALS["mod"]([(0, 1), (9, 9)]) == (0, 1)
