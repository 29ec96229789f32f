"""Sets of sizes: membership, neighbours, algebra and text, against plain enumeration."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convsolve.dims import Domain, Var, evaluate
from convsolve.dims.quasi import NoClosedForm, unknown_size
from convsolve.dims.quasi_reader import QuasiReader
from convsolve.dims.sizeset import SizeSet
from tests.dims.test_quasi import N, conditions

LAST = 400


def of(condition, axis="h"):
    return SizeSet.of(QuasiReader().of(condition, {"n": unknown_size()}), axis)


def members(condition):
    return [n for n in range(1, LAST) if evaluate(condition, {"n": n})]


@settings(max_examples=300, deadline=None)
@given(conditions)
def test_a_set_is_its_members(condition):
    try:
        s = of(condition)
    except NoClosedForm:
        return
    expected = members(condition)
    assert [n for n in range(1, LAST) if n in s] == expected
    far = s.threshold + 3 * s.period
    if far < LAST:
        by_parts = [n for n in range(1, LAST) if n in s.exceptions or (n >= s.threshold and n % s.period in s.residues)]
        assert by_parts == expected
        assert all(e < s.threshold for e in s.exceptions)
        if not s.finite:
            assert s.threshold in s  # where the recurring ones begin
    if expected:
        assert s.minimum == expected[0] and s.first(5)[: len(expected)] == tuple(expected[:5])
        assert [s.nth(i) for i in range(min(len(expected), 40))] == expected[:40]
    assert s.count(LAST - 1) == len(expected) and s.count(37) == len([n for n in expected if n <= 37])
    again = of(s.condition(N))
    assert again == s and hash(again) == hash(s)


@settings(max_examples=150, deadline=None)
@given(conditions, st.integers(1, 300))
def test_neighbours(condition, n):
    try:
        s = of(condition)
    except NoClosedForm:
        return
    below = [m for m in range(1, n + 1) if evaluate(condition, {"n": m})]
    assert s.at_most(n) == (below[-1] if below else None)
    above = s.at_least(n)
    assert above is None or (above in s and not any(m in s for m in range(n, above)))
    if above is None:
        assert not any(m in s for m in range(n, LAST))
    assert set(s.nearest(n)) == {s.at_most(n), above} - {None}


@settings(max_examples=100, deadline=None)
@given(conditions, conditions)
def test_algebra(a, b):
    try:
        s, t = of(a), of(b)
    except NoClosedForm:
        return
    for n in range(1, 200):
        x, y = evaluate(a, {"n": n}), evaluate(b, {"n": n})
        assert [n in s & t, n in s | t, n in s - t, n in ~s] == [x and y, x or y, x and not y, not x]


@pytest.mark.parametrize(("condition", "text"), [
    (N >= 75, "h >= 75"),
    (N >= 1, "h >= 1"),
    (N < 1, "no h"),
    (N % 32 <= 0, "h mod 32 = 0, h >= 32"),
    ((N + 1) % 32 <= 1, "h mod 32 in {0, 31}, h >= 31"),
    ((N <= 224) & (N >= 224), "h = 224"),
    ((N >= 70) & ((N < 74) | (N > 74)), "h >= 70 except 74"),
    ((N >= 75) | (N * 1 <= 2), "h >= 75; also h in {1, 2}"),
    ((N >= 31) & ((N < 33) | (N % 16 < 1)), "h mod 16 = 0, h >= 32; also h = 31"),
    ((N % 32 < 1) | ((N - 5) % 12 < 1), "h mod 12 = 5 or h mod 32 = 0, h >= 5"),
    ((N % 1024 < 16) & (N > 3), "h mod 1024 in {0..15}, h >= 4"),
    ((N % 7 < 1) & (N < 200), "h in {7, 14, 21, 28, ..., 196} (28 in all)"),
])  # fmt: skip
def test_text(condition, text):
    assert str(of(condition)) == text


def test_long_periods_are_ranges():
    x = N // 2**30 % 3
    s = of(x < 1)
    assert s.period == 3 * 2**30 and len(s.classes) == 1 and str(s) == "h mod 3221225472 in {0..1073741823}, h >= 1"
    assert s.at_least(2**30) == 3 * 2**30 and s.at_most(3 * 2**30 - 1) == 2**30 - 1


def test_domains():
    s = SizeSet.of_domain(Domain.range(64, None, 32))
    assert s.first(3) == (64, 96, 128) and 65 not in s and 0 not in s and "64" not in s
    assert SizeSet.between(5, 7).exceptions == (5, 6, 7) and SizeSet.between(5, 7).finite
    assert SizeSet.of_domain(Domain.of(3, 1, 8)).exceptions == (1, 3, 8)
    assert Var("x").interval == (None, None)
