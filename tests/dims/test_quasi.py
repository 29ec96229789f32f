"""Quasi-polynomials: closed forms that are the same function, everywhere."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings

from convsolve.dims import Domain, Var, evaluate, maximum, where
from convsolve.dims.quasi import NoClosedForm, Quasi, unknown_size
from convsolve.dims.quasi_reader import QuasiReader
from tests.expressions import language

N = Var("n", Domain.range(1, None))
dims, conditions = language(N)

FAR = [*range(1, 130), 255, 256, 257, 1000, 1023, 1024, 99_991, 2**31 + 7]


def closed(x):
    return QuasiReader().of(x, {"n": unknown_size()})


def at(f, n):
    return f.at(n) if isinstance(f, Quasi) else f


def agrees(x):
    try:
        f = closed(x)
    except NoClosedForm:
        return
    for n in FAR:
        assert at(f, n) == evaluate(x, {"n": n}), (x, n)


@settings(max_examples=400)
@given(dims)
@example((N // 3 * 2 + N % 5) // 4)
@example((N * N + N) // 6)
@example((N // 2) * ((N + 1) // 2) - N * N // 4)
@example(where(N < 40, N * 3, N // 7) % 6)
@example((5 * N + 3) // maximum(N - 7, 1))
@example(7 * (N // 7) // maximum(N // 7, 1))
def test_a_closed_form_is_the_same_function(x):
    agrees(x)


@settings(max_examples=200)
@given(conditions)
@example((N // 32 * 32 < N) | (N < 75))
def test_a_closed_condition_is_the_same_condition(x):
    agrees(x)


def test_a_chain_of_strides_stays_short():
    x, size = N, 1
    for _ in range(60):
        x, size = (x + 2 - 3) // 2 + 1, 2 * size
    f = closed(x)
    assert f.period == 1 and f.divisor == size and not len(f.head)
    for n in (1, size - 1, size, size + 1, 10 * size + 3):
        assert at(f, n) == evaluate(x, {"n": n})
    x = N
    for _ in range(40):
        x = (x - 3) // 2 + 1
    fits = closed(x >= 1)
    assert fits.threshold - fits.first <= 2 and fits.period == 1
    assert [fits.at(n) for n in (2**41 - 2, 2**41 - 1, 2**50)] == [0, 1, 1]


def test_equal_functions_are_equal_values():
    reader = QuasiReader()
    n = {"n": unknown_size()}
    assert reader.of((N + 1) // 2 + N // 2, n) == reader.of(N + 0, n)
    assert reader.of(N // 4 // 8 * 32 + N % 32, n) is reader.of(N % 64 + N // 64 * 64, n)
    assert reader.of((N + 2 - 3) // 1 + 1, n) == unknown_size()
    assert reader.of(N - N // 2 - (N + 1) // 2, n) == 0
    assert reader.of((N // 2) * 2 <= N, n) is True


def test_large_numbers_stay_exact():
    x = N * N * (10**12) // 7 - (N * 10**13) // 11
    f = closed(x)
    for n in (1, 77, 10**6, 10**9):
        assert f.at(n) == evaluate(x, {"n": n})


def test_what_is_not_quasi_polynomial_says_so():
    with pytest.raises(NoClosedForm):
        closed((N * N) // maximum(N // 3, 1))
    with pytest.raises(NoClosedForm):
        closed(N < 10**12)  # ten to the twelve entries


def test_bounds_hold():
    reader = QuasiReader()
    for x in (N // 3, 5 - N, N % 7, where(N < 9, 100, N % 4)):
        low, high = reader.of(x, {"n": unknown_size()}).bounds
        values = [evaluate(x, {"n": n}) for n in range(1, 200)]
        assert (low is None or low == min(values)) and (high is None or high == max(values))
