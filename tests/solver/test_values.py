"""Value sets against Python's sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsolve.dims import Domain, Span
from convsolve.solver import values as values_module
from convsolve.solver.values import EMPTY, MOST_VALUES, ValueSet, runs_of

numbers = st.frozensets(st.integers(-30, 30), max_size=12)
ends = st.one_of(st.none(), st.integers(-40, 40))


def of(values):
    return ValueSet.of(np.array(sorted(values), dtype=np.int64))


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
    assert listed(ValueSet(None, None).meet(array)) == other
    assert listed(ValueSet(-5, None).meet(array)) == {n for n in other if n >= -5}
    assert listed(ValueSet(None, 5).meet(array)) == {n for n in other if n <= 5}


@given(numbers, st.lists(st.integers(-40, 40)))
def test_membership(values, asked):
    array = np.array(asked, dtype=np.int64)
    assert of(values).holds(array).tolist() == [n in values for n in asked]
    assert ValueSet(-5, None).holds(array).tolist() == [n >= -5 for n in asked]
    assert ValueSet(None, 5).holds(array).tolist() == [n <= 5 for n in asked]


def test_what_does_not_change_is_the_same_object():
    for values in (of({1, 2, 5}), ValueSet(1, None), ValueSet(None, None)):
        assert values.within(None, None) is values
    assert of({1, 2}).size == 2 and (five := of({5})).within(5, 5) is five and five.fixed == 5


def test_bounds_that_cross_leave_nothing():
    assert ValueSet.between(3, 2) is EMPTY and EMPTY.size == 0
    assert ValueSet(10, None).within(None, 9) is EMPTY


def test_many_values_are_an_interval():
    many = ValueSet.of_domain(Domain.range(1, MOST_VALUES + 1))
    assert many.array is None and many.interval == (1, MOST_VALUES + 1) and many.size == MOST_VALUES + 1
    assert ValueSet.between(1, MOST_VALUES).array is not None
    open_above = ValueSet.of_domain(Domain.range(4, None))
    assert open_above.interval == (4, None) and open_above.size is None and open_above.fixed is None


def test_many_values_keep_their_steps():
    many = ValueSet.of_domain(Domain.range(1000, 1_600_000, 10))
    assert many.array is None and many.size == 159_901
    part = many.within(1003, 5_008)
    assert part.interval == (1010, 5000) and part.array.tolist() == list(range(1010, 5001, 10))
    assert many.within(1001, 1009) is EMPTY
    assert many.meet(np.array([1, 1005, 1010, 1_599_999])).fixed == 1010
    endless = ValueSet.of_domain(Domain((Span(7, 7), Span(10, None, 4))))
    assert endless.within(8, None).interval == (10, None) and endless.within(11, None).low == 14
    assert endless.within(None, 9).array.tolist() == [7]


spans = st.lists(st.builds(lambda a, n, step: Span(a, a + n, step), st.integers(-20, 20), st.integers(0, 40),
                           st.integers(1, 7)), min_size=1, max_size=4)  # fmt: skip


@given(spans, ends, ends, st.integers(0, 50))
def test_a_domain_of_steps_keeps_every_gap(spans, low, high, most):
    domain = Domain(tuple(spans))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values_module, "MOST_VALUES", most)
        values = ValueSet.of_domain(domain)
        asked = np.arange(-60, 70)
        assert values.holds(asked).tolist() == [n in domain for n in asked.tolist()]
        part = values.within(low, high)
        expected = [n for n in asked.tolist() if n in domain and inside(n, low, high)]
        assert asked[part.holds(asked)].tolist() == expected if expected else part.empty
        assert part.empty or part.interval == (expected[0], expected[-1])


@given(numbers)
def test_runs_hold_just_the_values(values):
    runs = runs_of(np.array(sorted(values), dtype=np.int64))
    assert sorted(n for run in runs for n in range(run.start, run.stop + 1, run.step)) == sorted(values)
