"""Every reader of the expression language gives the same answer."""

from __future__ import annotations

import numpy as np
import pytest
import z3
from hypothesis import given

from convsolve.dims import OPERATIONS, Domain, Var, bounds, evaluate, evaluate_arrays, render, variables
from convsolve.dims.bounds import INTERVALS
from convsolve.dims.evaluate import ARRAYS, INTEGERS
from convsolve.dims.grammar import parse_expression
from convsolve.dims.quasi_reader import QUASI
from convsolve.dims.render import TEXT
from convsolve.dims.rewrite import REWRITE, rewrite
from convsolve.dims.separate import SEPARATE
from convsolve.errors import DimensionError
from convsolve.pictures.program import JAVASCRIPT
from convsolve.solver.propagate import NARROW, Contradiction, narrow
from convsolve.solver.values import ValueSet
from convsolve.solver.z3_terms import LOWER, Lowering
from tests.expressions import DOMAINS, UNKNOWNS, assignments, conditions, dims

READERS = {
    "intervals": INTERVALS, "integers": INTEGERS, "arrays": ARRAYS, "text": TEXT, "rewriting": REWRITE,
    "narrowing": NARROW, "z3": LOWER, "quasi-polynomials": QUASI,
    "separation": SEPARATE, "javascript": JAVASCRIPT,
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_every_reader_reads_every_operation(name):
    assert READERS[name].keys() == OPERATIONS


def test_the_language_is_small():
    assert len(OPERATIONS) <= 15


@given(dims, assignments)
def test_arrays_agree_with_integers(x, values):
    columns = {name: np.array([value, value]) for name, value in values.items()}
    expected = evaluate(x, values)
    assert np.broadcast_to(evaluate_arrays(x, columns), (2,)).tolist() == [expected, expected]


@given(conditions, assignments)
def test_arrays_agree_with_integers_on_conditions(x, values):
    columns = {name: np.array([value]) for name, value in values.items()}
    assert bool(np.broadcast_to(evaluate_arrays(x, columns), (1,))[0]) is bool(evaluate(x, values))


def test_arrays_do_not_overflow():
    n = UNKNOWNS["a"]
    x = n * n * n * n
    huge = 10**15
    assert evaluate_arrays(x, {"a": np.array([huge])}).tolist() == [huge**4]


def test_arrays_do_not_overflow_in_partial_sums():
    x = UNKNOWNS["a"] + 2**62 - 2**62
    assert evaluate_arrays(x, {"a": np.array([2**62])}).tolist() == [2**62]


def test_a_value_that_is_missing_is_named():
    x = UNKNOWNS["a"] + UNKNOWNS["b"]
    for read in (evaluate, evaluate_arrays):
        with pytest.raises(DimensionError, match="no value is given for `b`"):
            read(x, {"a": 1})


def test_no_candidates_have_no_values():
    assert evaluate_arrays(UNKNOWNS["a"] * 2 + 1, {"a": np.array([], dtype=np.int64)}).tolist() == []


@given(dims, assignments)
def test_values_lie_within_bounds(x, values):
    low, high = bounds(x)
    value = evaluate(x, values)
    assert (low is None or low <= value) and (high is None or value <= high)


@given(conditions, assignments)
def test_conditions_lie_within_bounds(x, values):
    low, high = bounds(x)
    assert low <= int(evaluate(x, values)) <= high


@given(dims, assignments)
def test_text_reads_back_as_the_same_value(x, values):
    text = render(x)
    if "where" in text:  # a choice has no syntax of its own in files
        return
    again = parse_expression(text, lambda name, column: UNKNOWNS[name])
    assert evaluate(again, values) == evaluate(x, values)


@given(dims, assignments)
def test_text_with_numbers_has_the_value(x, values):
    text = render(x, values)
    if "where" in text:
        return
    assert parse_expression(text, None) == evaluate(x, values)


@given(dims, assignments)
def test_rewriting_to_numbers_is_evaluation(x, values):
    assert rewrite(x, values) == evaluate(x, values)


@given(dims, assignments)
def test_rewriting_part_by_part(x, values):
    half = rewrite(x, {"a": values["a"]})
    assert not any(v.name == "a" for v in variables(half))
    assert evaluate(half, values) == evaluate(x, values)


@given(dims, assignments)
def test_narrowing_keeps_what_gives_the_result(x, values):
    known = {name: (domain.lower, domain.upper) for name, domain in DOMAINS.items()}
    value = evaluate(x, values)
    _, found = narrow(x, (value, value), known)
    for name, (low, high) in found.items():
        assert (low is None or low <= values[name]) and (high is None or values[name] <= high)


@given(conditions, assignments)
def test_narrowing_a_condition_that_holds(x, values):
    known = {name: (domain.lower, domain.upper) for name, domain in DOMAINS.items()}
    if not isinstance(x, bool) and evaluate(x, values):
        _, found = narrow(x, (1, 1), known)
        for name, (low, high) in found.items():
            assert (low is None or low <= values[name]) and (high is None or values[name] <= high)


def test_narrowing_notices_a_contradiction():
    with pytest.raises(Contradiction):
        narrow(UNKNOWNS["a"] + 3, (100, 100), {"a": (0, 5)})


def _z3_value(x, values, domains):
    lowering = Lowering(domains)
    term = lowering.read(x)[0]
    solver = z3.Solver(ctx=lowering.context)
    for name, value in values.items():
        solver.add(lowering.unknown(name) == value)
    solver.add(lowering.assertions)
    assert solver.check() == z3.sat
    return solver.model().eval(term, model_completion=True)


@given(dims, assignments)
def test_z3_agrees_with_integers(x, values):
    domains = {name: ValueSet.of_domain(domain) for name, domain in DOMAINS.items()}
    assert _z3_value(x, values, domains).as_long() == evaluate(x, values)


@given(conditions, assignments)
def test_z3_agrees_with_integers_on_conditions(x, values):
    domains = {name: ValueSet.of_domain(domain) for name, domain in DOMAINS.items()}
    assert z3.is_true(_z3_value(x, values, domains)) is bool(evaluate(x, values))


@pytest.mark.parametrize("value", [-700, -1, 0, 5, 699])
def test_z3_divides_by_one_of_many_values(value):
    n, divisor = Var("n", Domain.range(-700, 700)), Var("d", Domain.range(1, 1000))
    values = {"n": value, "d": 7}
    domains = {v.name: ValueSet.of_domain(v.domain) for v in (n, divisor)}
    for x in (n // divisor, n % divisor):
        assert _z3_value(x, values, domains).as_long() == evaluate(x, values)
