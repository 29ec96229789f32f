"""The invariants of the expression language."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from convsolve.dims import (
    Condition,
    Domain,
    Expr,
    Var,
    add,
    all_of,
    any_of,
    bounds,
    eq,
    evaluate,
    hole,
    isin,
    maximum,
    minimum,
    ne,
    negation,
    product,
    total,
    variables,
    where,
)
from convsolve.dims.evaluate import INTEGERS, evaluate_arrays
from convsolve.dims.expr import fold, nodes
from convsolve.dims.render import render
from convsolve.dims.rewrite import rewrite
from convsolve.errors import DimensionError

k, s = hole("k", 3, 5, 7), hole("s", 1, 2)
n = Var("n", Domain.range(1, None))


def test_numbers_stay_numbers():
    assert (add(2, 3), minimum(4, 2), maximum(4, 2), where(True, 1, 2), total([1, 2, 3]), product([2, 3])) == (
        5, 2, 4, 1, 6, 6)  # fmt: skip
    assert eq(2, 2) is True and ne(2, 2) is False


def test_the_truth_of_an_expression_raises_with_advice():
    with pytest.raises(DimensionError, match="where"):
        bool(n)
    with pytest.raises(DimensionError, match="all_of"):
        bool(n <= 3)


@pytest.mark.parametrize("use", [int, float, range, list, lambda x: [1, 2, 3][x]])
def test_an_unknown_is_not_a_number(use):
    with pytest.raises((DimensionError, TypeError)):
        use(n)


def test_equality_compares_structure():
    assert (n + 1 == n + 1) is True
    assert (n + 1 == n + 2) is False
    with pytest.raises(DimensionError, match=r"eq\(n, 3\)"):
        assert n == 3
    assert len({n + 1, n + 1, k}) == 2
    assert isinstance(eq(n, 3), Condition) and eq(n, n) is True


@pytest.mark.parametrize("divisor", [0, -2, hole("z", 0, 1), hole("m", -1, 2), s - 1, Var("free")])
def test_a_divisor_must_be_positive(divisor):
    with pytest.raises(DimensionError, match="positive"):
        n // divisor
    with pytest.raises(DimensionError, match="positive"):
        n % divisor


def test_division_rounds_down_as_python_does():
    x = hole("x", -7, 7)
    assert evaluate(x // 2, {"x": -7}) == -7 // 2 == -4
    assert evaluate(x % 2, {"x": -7}) == -7 % 2 == 1


def test_true_division_and_floats_are_refused():
    with pytest.raises(DimensionError, match="//"):
        n / 2
    with pytest.raises(DimensionError):
        n + 1.5
    with pytest.raises(DimensionError):
        n + True


def test_small_simplifications_keep_formulas_readable():
    assert n + 0 is n and n * 1 is n and n // 1 is n and n * 0 == 0 and n - n == 0 and n % 1 == 0
    assert repr(n - (-3)) == "n + 3"
    assert repr((n + 2 - k) // s + 1) == "(n + 2 - k)//s + 1"
    assert repr(negation(n < 3)) == "3 <= n"
    assert repr(n - (k - 1)) == "n - (k - 1)" and repr(-n) == "0 - n"


def test_conditions_combine():
    assert all_of() is True and any_of() is False
    assert all_of(True, n < 3) == (n < 3)
    assert any_of(True, n < 3) is True
    assert negation(negation(eq(n, 3))) == eq(n, 3)
    assert repr((n < 3) & (k < 5)) == "n < 3 and k < 5"
    assert repr(~((n < 3) | (k < 5))) == "not (n < 3 or k < 5)"
    with pytest.raises(DimensionError):
        all_of(n, True)
    assert isin(n, []) is False


def doubled(depth: int) -> Expr:
    """Return an expression that written out is 2^depth long."""
    x: Expr = n
    for _ in range(depth):
        x = maximum(x, x - 1)
    return x


def test_equal_expressions_are_one():
    assert (n + 1) // 2 is (n + 1) // 2
    assert doubled(50) is doubled(50)
    assert pickle.loads(pickle.dumps(doubled(50))) is doubled(50)
    assert copy.deepcopy(n < k) is (n < k)


def test_unknowns_with_other_bounds_are_equal_and_keep_their_bounds():
    one, other = Var("m", interval=(1, 8)), Var("m", interval=(1, None))
    assert (one.interval, other.interval) == ((1, 8), (1, None))
    assert ((one + 1).interval, (other + 1).interval) == ((2, 9), (2, None)) and one + 1 == other + 1
    assert (bounds(one < 9), bounds(other < 9)) == ((1, 1), (0, 1))
    assert one == other and hash(one) == hash(other) and Var("m", Domain.of(1, 2)) != one

    def doubled(x):
        for _ in range(60):
            x = minimum(x + 1, x * 2)
        return x

    assert doubled(one) == doubled(other) and doubled(one) != doubled(other) + 1
    assert [v.name for v in variables(one, other)] == ["m"]


def test_readers_neither_recurse_nor_read_a_part_twice():
    x = doubled(10_000)
    read = []

    def counted(op):
        return lambda args: (read.append(op), INTEGERS[op](args))[1]

    assert fold(x, {op: counted(op) for op in INTEGERS}, lambda a: 5 if a is n else a) == 5
    assert len(read) == 20_000 == len(nodes(x)) - 1
    assert len(list(variables(x))) == 1
    assert evaluate(x, {"n": 7}) == 7 and evaluate_arrays(x, {"n": np.array([2, 9])}).tolist() == [2, 9]
    assert rewrite(x, {"n": 4}) == 4
    assert len(render(x)) < 100_000


def test_a_long_sum_is_flat():
    x = total([n] * 100_000)
    assert evaluate(x, {"n": 2}) == 200_000


def test_variables_come_in_order_of_appearance():
    assert [v.name for v in variables(s + k * s, n)] == ["s", "k", "n"]


def test_bounds_of_open_unknowns():
    assert bounds(n) == (1, None)
    assert bounds(n * -1) == (None, -1)
    assert bounds(n // 3) == (0, None)
    assert bounds(3 // n) == (0, 3)
    assert bounds(n * 0) == (0, 0)
    assert bounds(n % 5) == (0, 4)
    assert bounds((n - 100) % hole("d", 4, 8)) == (0, 7)


@pytest.mark.parametrize("extreme", [minimum, maximum])
def test_nothing_has_no_extreme(extreme):
    with pytest.raises(DimensionError, match="at least one"):
        extreme()


def test_what_is_shared_has_its_own_bounds():
    wide, narrow = Var("n", interval=(1, None)), Var("n", interval=(76, 76))
    kept = 2 * narrow + 1
    assert bounds(kept) == (153, 153) and bounds(2 * wide + 1) == (3, None)
    assert 2 * wide + 1 is 2 * wide + 1
