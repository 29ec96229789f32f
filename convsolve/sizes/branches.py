"""Branches: what a recorded program does at other sizes. It is recorded again for each branch that they take.

Every axis is explored by itself first, the others being as they were recorded. Where the program asks the same of
each axis whatever the sizes of the others, its branches go together freely: a number of combinations are recorded to
confirm that, not all of them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from math import prod

from ..dims.boxes import Boxes
from ..dims.sizeset import SizeSet
from ..errors import UndecidedError, UnreadableError
from ..problem import Problem
from ..rules import AS_RECORDED
from ..solver.clock import Clock, OutOfTime
from ..support.caller_errors import limited
from .analysis import Analysis, analyse

__all__ = ["analyse_all", "least_point"]

_MOST_BRANCHES = 48
"""How many times a program is recorded again, to see what it does for other sizes."""

_MOST_ALONG = 64
"""How many times it is recorded along one axis."""

_FEW_COMBINATIONS = 24
_CONFIRMED = 12
"""So many combinations of branches are recorded all, and of more than that so many."""

_FARTHEST_RECORDED = 1 << 13
_MOST_TRIED = 256
_MOST_BOXES = 128
_MOST_POINTS = 4


def analyse_all(problem: Problem, clock: Clock | None = None) -> list[Analysis]:
    """Read a problem in closed form; a recorded program once more for every branch that other sizes take.

    When time runs out, what is known by then is returned.
    """
    clock = Clock() if clock is None else clock
    first = analyse(problem, clock)
    record = problem.network.record
    if record is None or any(r.rule is AS_RECORDED for r in first.trace.requirements):
        return [first]  # what an opaque operator does is known for one size at a time
    exploration = _Exploration(problem, first, clock)
    with contextlib.suppress(OutOfTime):
        exploration.run()
    return exploration.found


def least_point(
    sure: tuple[int, ...] | None, unclear: Boxes, holds: Callable[[tuple[int, ...]], bool | None], clock: Clock
) -> tuple[int, ...] | None:
    """Return the smallest point of some kind: ``sure``, or a smaller one of those that are not clear, which are tried.

    Raises:
        UndecidedError: the time ran out, there are too many to try, or it is not known of one.
    """
    for _ in range(_MOST_TRIED):
        point = unclear.smallest()
        if point is None or (sure is not None and (sum(sure), sure) < (sum(point), point)):
            return sure
        try:
            clock.check()
        except OutOfTime:
            break
        found = holds(point)
        if found is None:
            break
        if found:
            return point
        unclear -= _box(unclear, [SizeSet.between(n, n) for n in point])
    larger = "" if sure is None else f"; {'x'.join(map(str, sure))} is one, but a smaller one may be, too"
    raise UndecidedError(f"nothing is known of {'x'.join(map(str, unclear.smallest() or ()))}{larger}")


class _Exploration:
    """A program that is recorded again and again, until all is known."""

    def __init__(self, problem: Problem, first: Analysis, clock: Clock) -> None:
        self.problem = problem
        self.clock = clock
        self.first = first
        self.found = [first]
        self.points: list[tuple[int, ...]] = [first.opened.stated_point or ()]
        self.left = first.opened.domains() - first.known

    def run(self) -> None:
        """Explore along each axis, then what is left."""
        axes = range(len(self.left.axes))
        if len(axes) > 1 and self.points[0] in self.first.known:
            for k in axes:
                line = tuple(
                    SizeSet.everything() if i == k else SizeSet.between(n, n) for i, n in enumerate(self.points[0])
                )
                self._visit_all(Boxes(self.left.axes, (line,)), _MOST_ALONG)
            self._combine()
        self._visit_all(self.left, _MOST_BRANCHES)

    def _visit_all(self, where: Boxes, most: int) -> None:
        points = 0
        for _ in range(most):
            point = (self.left & where).smallest()
            if point is None or max(point) > _FARTHEST_RECORDED:
                return  # a program that loops as its input grows takes another branch for ever
            visited = self._visit(point)
            if visited is not None:
                points += all(self._single(k, visited) for k in range(len(self.left.axes)))
            if visited is not None and (visited.blind or points > _MOST_POINTS or len(self.left.parts) > _MOST_BOXES):
                return  # sizes would become known one by one

    def _visit(self, point: tuple[int, ...]) -> Analysis | None:
        """Record the program at a point; return what is known there, or None if nothing is."""
        self.clock.check()
        self.left -= _box(self.left, [SizeSet.between(n, n) for n in point])
        record = self.problem.network.record
        assert record is not None
        try:
            with limited(self.clock.left):
                again = record(*self.first.opened.shapes(point))
        except UnreadableError:
            return None  # the program itself refuses this size
        other = analyse(dataclasses.replace(self.problem, network=again), self.clock)
        if other.known.axes != self.left.axes or point not in other.known:
            return None
        self.found.append(other)
        self.points.append(point)
        self.left = (self.left - other.known).merged()
        return other

    def _combine(self) -> None:
        """Take branches of several axes together, where each axis has its own and samples confirm that."""
        classes = [self._classes(k) for k in range(len(self.left.axes))]
        count = prod(map(len, classes))
        if count > _FEW_COMBINATIONS:  # a guard that names one size tells nothing of others
            classes = [[i for i in own if not self._single(k, self.found[i])] for k, own in enumerate(classes)]
            count = prod(map(len, classes))
        if not self.left or count <= 1 + sum(len(own) - 1 for own in classes):
            return
        combinations = list(_some_of(list(map(range, map(len, classes))), count))
        for combination in combinations:
            chosen = [classes[k][c] for k, c in enumerate(combination)]
            point = tuple(self.points[i][k] for k, i in enumerate(chosen))
            if point not in self.left:
                continue
            other = self._visit(point)
            expected = [_box(self.left, [getattr(self.found[i], what).axis(k) for k, i in enumerate(chosen)])
                        for what in ("taken", "region")]  # fmt: skip
            if other is None or other.unresolved or [other.taken, other.region] != expected:
                return
        if count <= _FEW_COMBINATIONS:
            return
        known, region = (_box(self.left, [self._union(what, k, own) for k, own in enumerate(classes)])
                         for what in ("taken", "region"))  # fmt: skip
        self.found.append(
            dataclasses.replace(
                self.first, known=known & self.first.opened.domains(), region=region, never=(), causes=(), combined=True
            )
        )
        self.left = (self.left - known).merged()

    def _single(self, k: int, analysis: Analysis) -> bool:
        """Return whether a recording tells of one size of an axis alone."""
        assert analysis.taken is not None
        sizes = analysis.taken.axis(k)
        return sizes.minimum is None or sizes == SizeSet.between(sizes.minimum, sizes.minimum)

    def _classes(self, k: int) -> list[int]:
        """Return which recordings differ from the first in nothing but what they say of one axis."""

        def others(boxes: Boxes | None) -> list[SizeSet]:
            assert boxes is not None
            (part,) = boxes.parts
            return [s for i, s in enumerate(part) if i != k]

        def simple(a: Analysis) -> bool:
            return a.taken is not None and len(a.taken.parts) == 1 and len(a.region.parts) <= 1 and not a.unresolved

        first = self.first
        if not simple(first) or not first.region:
            return [0]
        return [0, *(
            i for i, a in enumerate(self.found[1:], start=1)
            if simple(a) and others(a.taken) == others(first.taken)
            and (not a.region or others(a.region) == others(first.region)))]  # fmt: skip

    def _union(self, what: str, k: int, own: Sequence[int]) -> SizeSet:
        found = SizeSet.nothing()
        for i in own:
            found = found | getattr(self.found[i], what).axis(k)
        return found


def _box(like: Boxes, sets: Sequence[SizeSet]) -> Boxes:
    return Boxes(like.axes, (tuple(sets),))


def _some_of(choices: Sequence[range], count: int) -> Iterator[tuple[int, ...]]:
    """Yield combinations: all of few, of more some, none of which has the first of all axes but one."""
    if count <= _FEW_COMBINATIONS:
        yield from itertools.product(*choices)
        return
    draw = random.Random(count)  # the same ones for the same question
    open_ones = [own for own in choices if len(own) > 1]
    for i in range(_CONFIRMED):
        yield tuple(
            0 if len(own) == 1 else 1 + (draw.randrange(len(own) - 1) if i or len(open_ones) > 2 else 0)
            for own in choices
        )
