"""Regions of conditions over two sizes: just the points at which the conditions hold, or left out and said so."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from convsolve.dims import Domain, Var, all_of, any_of, eq, evaluate_arrays, maximum, minimum, negation, where
from convsolve.dims.separate import ClosedFormReader, Unread
from convsolve.sizes import regions
from convsolve.sizes.regions import region
from tests.expressions import language

A, B = Var("a", Domain.range(1, None)), Var("b", Domain.range(1, None))
_, conditions = language(A, B)
GRID = np.arange(1, 41)
POINTS = dict(zip("ab", (g.ravel() for g in np.meshgrid(GRID, GRID, indexing="ij")), strict=True))


def solved(*conditions):
    """Return the region of conditions, which of them are left out, where all hold, and where all others do."""
    reading = ClosedFormReader(("a", "b"))
    values = []
    for condition in conditions:
        try:
            values.append(reading.of(condition))
        except Unread as error:
            values.append(error)
    boxes, left = region(reading, values)
    every, others = np.ones((2, GRID.size**2), dtype=bool)
    for i, condition in enumerate(conditions):
        holds = np.broadcast_to(evaluate_arrays(condition, POINTS).astype(bool), every.shape)
        every &= holds
        others &= holds | (i in left)
    return boxes, left, every, others


def agrees(*conditions):
    boxes, left, every, others = solved(*conditions)
    said = np.zeros(GRID.size**2, dtype=int)
    for part in boxes.parts:
        said += part[0].contains(POINTS["a"]) & part[1].contains(POINTS["b"])
    assert said.max(initial=0) <= 1, "boxes overlap"
    wrong = np.flatnonzero((every > said) | (said > others))
    assert not len(wrong), (conditions, [int(POINTS[n][wrong[0]]) for n in "ab"], left)
    return boxes, left


@settings(max_examples=150, deadline=None)
@given(st.lists(conditions, min_size=1, max_size=3))
def test_random_conditions(given):
    agrees(*given)


def side(n, draw):
    """Return a size made of another: rounded down or up to a multiple, shifted, halved, or cut."""
    step = draw(st.integers(1, 5))
    shift = draw(st.integers(-3, 3))
    kind = draw(st.sampled_from(["down", "up", "shift", "half", "cut"]))
    return {"down": (n + shift) // step * step, "up": (n + step - 1) // step * step, "shift": n + shift,
            "half": (n + shift) // 2, "cut": minimum(n, 3 * step)}[kind]  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_products_of_sizes(data):
    one = side(A, data.draw) * side(B, data.draw) * data.draw(st.integers(1, 3))
    other = side(A, data.draw) * side(B, data.draw) * data.draw(st.integers(1, 3))
    kind = data.draw(st.sampled_from(["eq", "le", "lt", "mod"]))
    condition = {"eq": eq(one, other), "le": one <= other, "lt": one < other,
                 "mod": eq(one % maximum(other, 1), 0)}[kind]  # fmt: skip
    agrees(condition, data.draw(st.sampled_from([True, 4 <= A, eq(B % 2, 0), any_of(A < 9, B < 5)])))


@settings(max_examples=120, deadline=None)
@given(st.data())
@example(None)
def test_minima_and_choices(data):
    if data is None:
        boxes, left = agrees(7 < minimum(A, B), any_of(A < 30, minimum(A // 2, B) <= 20))
        assert not left and len(boxes.parts) <= 3
        return
    parts = [side(n, data.draw) for n in (A, B)]
    small = data.draw(st.sampled_from([minimum, maximum]))(*parts)
    chosen = where(data.draw(st.sampled_from([A < 9, eq(B % 3, 0), minimum(A, B) < 6])), parts[0], small)
    value = (data.draw(st.sampled_from([small, chosen])) + data.draw(st.integers(-2, 2))) // data.draw(
        st.integers(1, 3)
    )
    number = data.draw(st.integers(0, 12))
    compared = data.draw(st.sampled_from([value < number, number <= value, eq(value, number)]))
    _, left = agrees(negation(compared) if data.draw(st.booleans()) else compared)
    assert not left


@pytest.mark.parametrize(("condition", "text"), [
    (eq(A * B, A // 4 * 4 * (B // 3 * 3)), "a mod 4 = 0, a >= 4 with b mod 3 = 0, b >= 3"),
    (eq(A * B, (A // 7) * (B // 7) * 49), "a mod 7 = 0, a >= 7 with b mod 7 = 0, b >= 7"),
    (eq((A + 3) // 4 * 4 * ((B + 1) // 2 * 2), A * B), "a mod 4 = 0, a >= 4 with b mod 2 = 0, b >= 2"),
    (eq(A * B, (A // 2) * (B // 2) * 4),
     "a mod 2 = 0, a >= 2 with b mod 2 = 0, b >= 2"),
    (minimum(A, B) <= 7, "a in {1..7} with b >= 1; or a >= 8 with b in {1..7}"),
    (all_of(7 < minimum(A, B), maximum(A, B) < 20), "a in {8..19} with b in {8..19}"),
])  # fmt: skip
def test_one_line_of_truth_is_one_line_of_text(condition, text):
    boxes, left = agrees(condition)
    assert not left and str(boxes.fewest()) == text


def chain(n):
    """Return the conditions of a mixer with n blocks: each adds what is 16 tokens long to what it is given."""
    tokens, found = A // 16 * (B // 16), []
    for _ in range(n):
        found.append(any_of(eq(tokens, 16), eq(tokens, 1)))
        tokens = where(eq(tokens, 1), 16, tokens)
        found.append(any_of(eq(tokens, 16), negation(eq(tokens, 16 + n))))
    return [*found, eq(tokens, 16)]


def test_work_grows_with_the_number_of_distinct_parts(monkeypatch):
    counts = []
    original = ClosedFormReader.read
    fold_all = regions.fold_all

    def read(self, op, args):
        counts[-1] += 1
        return original(self, op, args)

    def folded(expressions, table, leaf):
        counts[-1] += len(expressions)
        return fold_all(expressions, {op: counted(f) for op, f in table.items()}, leaf)

    def counted(f):
        def apply(args):
            counts[-1] += 1
            return f(args)

        return apply

    monkeypatch.setattr(ClosedFormReader, "read", read)
    monkeypatch.setattr(regions, "fold_all", folded)
    for n in (25, 50, 100, 200):
        counts.append(0)
        boxes, left, *_ = solved(*chain(n))
        assert not left and len(boxes.parts) == 5
    growth = [b / a for a, b in itertools.pairwise(counts)]
    assert max(growth) < 2.3, counts
