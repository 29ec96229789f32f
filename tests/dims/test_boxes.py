"""Unions of boxes: membership and algebra, against plain enumeration."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from convsolve.dims.boxes import Boxes
from convsolve.dims.sizeset import SizeSet

AXES = ("height", "width")
GRID = list(itertools.product(range(1, 16), repeat=2))

spans = st.builds(
    lambda start, length, step: SizeSet.between(start, None if length is None else start + length, step),
    st.integers(1, 9), st.none() | st.integers(0, 6), st.integers(1, 4))  # fmt: skip
boxes = st.lists(st.tuples(spans, spans), max_size=3).map(
    lambda parts: _union([Boxes(AXES, (part,)) for part in parts])
)


def _union(found):
    whole = Boxes(AXES, ())
    for box in found:
        whole = whole | box
    return whole


def members(b):
    return {p for p in GRID if p in b}


@given(boxes, boxes)
def test_algebra(a, b):
    one, two = members(a), members(b)
    assert members(a | b) == one | two and members(a & b) == one & two and members(a - b) == one - two
    assert members(~a) == set(GRID) - one and members(a.merged()) == one and len(a.merged().parts) <= len(a.parts)


@given(boxes)
def test_no_two_boxes_overlap(a):
    for one, two in itertools.combinations(a.parts, 2):
        assert not Boxes(AXES, (one,)) & Boxes(AXES, (two,))


@given(boxes)
def test_smallest_and_axes(a):
    found = members(a)
    assert a.smallest() == min(found, key=lambda p: (sum(p), p), default=None)
    for i in (0, 1):
        assert [n for n in range(1, 16) if n in a.axis(i)] == sorted({p[i] for p in found} | {
            n for n in range(1, 16) for part in a.parts if n in part[i]})  # fmt: skip


@given(boxes, st.sampled_from(GRID))
def test_nearest(a, point):
    near = a.nearest(point)
    found = members(a)
    if not a:
        assert near is None
    else:
        assert near in a
        best = min((sum(abs(x - y) for x, y in zip(p, point, strict=True)) for p in found), default=None)
        if best is not None:
            assert sum(abs(x - y) for x, y in zip(near, point, strict=True)) <= best


def test_text():
    a = Boxes(AXES, ((SizeSet.between(4, None), SizeSet.between(1, 2)), (SizeSet.between(1, 1), SizeSet.between(9, 9))))
    assert str(a) == "height = 1 with width = 9; or height >= 4 with width in {1, 2}"
    assert str(Boxes(AXES, ())) == "none" and (1, 9) in a and (1,) not in a and "x" not in a
