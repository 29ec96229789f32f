"""Expressions over several sizes, read as functions of one size each: the same value everywhere."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given, settings

from convsolve.dims import Domain, Var, eq, evaluate, maximum, variables
from convsolve.dims.separate import ClosedFormReader, Of, Sum, Unread
from tests.expressions import language

A, B = Var("a", Domain.range(1, None)), Var("b", Domain.range(1, None))
dims, conditions = language(A, B)
POINTS = list(itertools.product((1, 2, 3, 4, 7, 12, 31), (1, 2, 5, 8, 33)))


def value_at(reading, value, point):
    if isinstance(value, Of):
        return value.function.at(point[value.unknown])
    if isinstance(value, Sum):
        total = 0
        for factors, coefficient in value.terms.items():
            for factor in factors:
                coefficient *= factor.function.at(point[factor.unknown])
            total += coefficient
        return total
    leaves = {v.name: value_at(reading, reading.leaves[v.name], point) for v in variables(value)}
    return evaluate(value, leaves)


def agrees(x):
    reading = ClosedFormReader(("a", "b"))
    try:
        value = reading.of(x)
    except Unread:
        return
    for a, b in POINTS:
        point = {"a": a, "b": b}
        assert value_at(reading, value, point) == evaluate(x, point), (x, point)


@settings(max_examples=300)
@given(dims)
@example((A // 2) * (B // 3) * 4 - A * B)
@example(maximum(A * B, 1) + (6 * A * B) // (2 * A))
def test_dimensions(x):
    agrees(x)


@settings(max_examples=200)
@given(conditions)
@example(eq(A // 2 * (B // 2), 12))
def test_conditions(x):
    agrees(x)


def read(x):
    return ClosedFormReader(("a", "b")).of(x)


def test_products_are_simplified():
    padded = A + (7 - A % 7) % 7
    windows = (padded // 7) * 7 * (B // 7) * 7
    assert read(eq(padded * (B // 7 * 7) * 4, 4 * windows)) is True
    assert read((12 * A * B) // (3 * A)) == read(4 * B) and read((12 * A * B) % (4 * B)) == 0
    assert isinstance(read(A * B + A), Sum) and isinstance(read(A * B - B * A + 2 * A), Of)
    assert read(A * B - B * A) == 0 and read(maximum(A * B, 1)) == read(A * B) and read(1 <= A * B) is True


def test_what_has_no_closed_form_says_so():
    with pytest.raises(Unread):
        read((A * A) // maximum(A // 3, 1))
