"""Value sets against Python's sets."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from convsolve.dims import Domain
from convsolve.solver.values import EMPTY, MOST_VALUES, Values

numbers = st.frozensets(st.integers(-30, 30), max_size=12)
ends = st.one_of(st.none(), st.integers(-40, 40))


def of(values):
    return Values.of(np.array(sorted(values), dtype=np.int64))


def listed(values):
    return set() if values.empty else set(values.array.tolist())


def inside(n, low, high):
    return (low is None or low <= n) and (high is None or n <= high)


@given(numbers, ends, ends)
def test_the_part_between_two_bounds(values, low, high):
    assert listed(of(values).within(low, high)) == {n for n in values if inside(n, low, high)}


@given(numbers, numbers)
def test_the_part_in_another_set(values, other):
    array = np.array(sorted(other), dtype=np.int64)
    assert listed(of(values).meet(array)) == values & other
    assert listed(Values(None, None).meet(array)) == other
    assert listed(Values(-5, None).meet(array)) == {n for n in other if n >= -5}
    assert listed(Values(None, 5).meet(array)) == {n for n in other if n <= 5}


@given(numbers, st.lists(st.integers(-40, 40)))
def test_membership(values, asked):
    array = np.array(asked, dtype=np.int64)
    assert of(values).holds(array).tolist() == [n in values for n in asked]
    assert Values(-5, None).holds(array).tolist() == [n >= -5 for n in asked]
    assert Values(None, 5).holds(array).tolist() == [n <= 5 for n in asked]


def test_what_does_not_change_is_the_same_object():
    for values in (of({1, 2, 5}), Values(1, None), Values(None, None)):
        assert values.within(None, None) is values
    assert of({1, 2}).size == 2 and (five := of({5})).within(5, 5) is five and five.fixed == 5


def test_bounds_that_cross_leave_nothing():
    assert Values.between(3, 2) is EMPTY and EMPTY.size == 0
    assert Values(10, None).within(None, 9) is EMPTY


def test_many_values_are_an_interval():
    many = Values.of_domain(Domain.range(1, MOST_VALUES + 1))
    assert many.array is None and many.interval == (1, MOST_VALUES + 1) and many.size == MOST_VALUES + 1
    assert Values.between(1, MOST_VALUES).array is not None
    open_above = Values.of_domain(Domain.range(4, None))
    assert open_above.interval == (4, None) and open_above.size is None and open_above.fixed is None
