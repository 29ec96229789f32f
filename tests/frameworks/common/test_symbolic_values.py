"""Sizes that carry expressions: whatever is computed with them, the expression gives the same number."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convsolve.dims import Var, evaluate, hole, maximum, minimum, where
from convsolve.dims.bounds import INTERVALS
from convsolve.dims.normal import NORMAL, Polynomial
from convsolve.frameworks.common.recording.guards import Tape
from convsolve.frameworks.common.recording.symbolic_sizes import Size
from convsolve.frameworks.common.recording.symbolic_values import Followed, unfollowed
from convsolve.frameworks.torch.lent_builtins import EXTREMES, _Int

H, W = Var("h", interval=(1, None)), Var("w", interval=(1, None))
_MAX, _MIN = EXTREMES["max"], EXTREMES["min"]

STEPS = [
    lambda a, b, k: a + b, lambda a, b, k: a - b, lambda a, b, k: a * b, lambda a, b, k: a // k, lambda a, b, k: a % k,
    lambda a, b, k: k - a, lambda a, b, k: -a, lambda a, b, k: abs(a - b), lambda a, b, k: _MAX(a, b),
    lambda a, b, k: _MIN(a, k), lambda a, b, k: math.ceil(a / k), lambda a, b, k: _Int(a / k), lambda a, b, k: a // b if b > 0 else a,
    lambda a, b, k: _Int(a * 0.5), lambda a, b, k: math.floor(a * 1.5 + k), lambda a, b, k: round(a), lambda a, b, k: a**2 if a < 50 else a,
    lambda a, b, k: _Int((a + b) / 2), lambda a, b, k: divmod(a, k)[1], lambda a, b, k: -(-a // k), lambda a, b, k: a if a > b else b,
    lambda a, b, k: int(a) + b, lambda a, b, k: a >> 1, lambda a, b, k: _Int(a / k * 2), lambda a, b, k: _Int(a * 0.1),
    lambda a, b, k: _Int(a / k + 0.5), lambda a, b, k: math.ceil(a * 0.7), lambda a, b, k: _Int(math.sqrt(abs(a))) + a,
]  # fmt: skip


def program(seed):
    """Return a random program over two sizes."""
    choose = random.Random(seed)
    steps = [(choose.choice(STEPS), choose.randint(0, 9), choose.randint(0, 9), choose.randint(1, 5)) for _ in range(5)]

    def run(h, w):
        known = [h, w]
        for step, i, j, k in steps:
            known.append(step(known[i % len(known)], known[j % len(known)], k))
        return known

    return run


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_expressions_tell_what_the_program_computes(seed, h, w, other_h, other_w):
    run = program(seed)
    tape = Tape(lambda frame: "")
    known = run(Size.made(h, Polynomial.of(H), tape), Size.made(w, Polynomial.of(W), tape))
    assert [unfollowed(n) for n in known] == run(h, w)
    values = {"h": other_h, "w": other_w}
    assert all(evaluate(condition, {"h": h, "w": w}) for condition in tape.conditions)
    if all(evaluate(condition, values) for condition in tape.conditions):  # the same branches are taken
        found = [evaluate(n.form.dim(), values) if isinstance(n, Followed) else n for n in known]
        assert found == run(other_h, other_w)


def expressions():
    leaves = st.one_of(st.sampled_from([H, W]), st.integers(-4, 9))

    def grown(inner):
        positive = st.integers(1, 6)
        return st.one_of(
            st.builds(lambda a, b: a + b, inner, inner), st.builds(lambda a, b: a - b, inner, inner),
            st.builds(lambda a, b: a * b, inner, inner), st.builds(lambda a, b: a // b, inner, positive),
            st.builds(lambda a, b: a % b, inner, positive), st.builds(minimum, inner, inner),
            st.builds(maximum, inner, inner), st.builds(lambda a, b: a // maximum(b, 1), inner, inner),
            st.builds(lambda a, b: where(a < b, a, b), inner, inner))  # fmt: skip

    return st.recursive(leaves, grown, max_leaves=8)


@settings(max_examples=400, deadline=None)
@given(expressions(), st.integers(1, 30), st.integers(1, 30))
def test_a_normal_form_has_the_value_of_the_expression(expression, h, w):
    values = {"h": h, "w": w}
    assert evaluate(Polynomial.of(expression).dim(), values) == evaluate(expression, values)


def test_normal_forms_reads_every_operation():
    assert NORMAL.keys() == INTERVALS.keys()


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((H + 2 - 3) // 1 + 1, H),
        ((H - 1) // 2 + 1, (H + 1) // 2),
        (0 - (0 - H) // 2, (H + 1) // 2),
        ((H * W * 4) // (W * 2), 2 * H),
        (maximum(H + 1, H), H + 1),
        ((2 * H + 3) // 4, (H + 1) // 2),
        (maximum(H, 1), H),
    ],
)
def test_equal_expressions_have_one_normal_form(a, b):
    assert Polynomial.of(a) == Polynomial.of(b)


def test_holes_are_atoms_too():
    assert Polynomial.of(hole("k", 1, 3) * 2).dim() == 2 * hole("k", 1, 3)
