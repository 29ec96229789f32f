"""Sets of points with several sizes each, as unions of boxes: products of sets of sizes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .expr import Cond, Dim, all_of, any_of
from .sizeset import SizeSet

__all__ = ["Boxes"]

_TRIED = 64
_MOST_REFINED = 48


@dataclass(frozen=True)
class Boxes:
    """A set of points, one size for each axis: a union of boxes, no two of which overlap.

    >>> small, large = SizeSet.between(1, 3), SizeSet.between(4, None)
    >>> either = Boxes(("height", "width"), ((small, large), (large, small)))
    >>> (2, 9) in either, (2, 2) in either, either.smallest()
    (True, False, (1, 4))
    >>> print(Boxes.all(("height", "width")) - either)
    height in {1..3} with width in {1..3}; or height >= 4 with width >= 4
    """

    axes: tuple[str, ...]
    parts: tuple[tuple[SizeSet, ...], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(p for p in self.parts if all(p)))

    @classmethod
    def all(cls, axes: Sequence[str]) -> Boxes:
        """Return the set of all points."""
        return cls(tuple(axes), (tuple(map(SizeSet.everything, axes)),))

    def __bool__(self) -> bool:
        return bool(self.parts)

    def __contains__(self, point: object) -> bool:
        if not isinstance(point, tuple) or len(point) != len(self.axes):
            return False
        return any(all(n in s for n, s in zip(point, part, strict=True)) for part in self.parts)

    def __and__(self, other: Boxes) -> Boxes:
        return Boxes(self.axes, tuple(_meet(a, b) for a in self.parts for b in other.parts))

    def __or__(self, other: Boxes) -> Boxes:
        return Boxes(self.axes, (*self.parts, *(other - self).parts))

    def __sub__(self, other: Boxes) -> Boxes:
        left = list(self.parts)
        for box in other.parts:
            left = [piece for part in left for piece in _without(part, box)]
        return Boxes(self.axes, tuple(left))

    def __invert__(self) -> Boxes:
        return Boxes.all(self.axes) - self

    def merged(self) -> Boxes:
        """Return the same set with boxes put together that differ along one axis alone."""
        parts, before = self.parts, len(self.parts) + 1
        while 1 < len(parts) < before:
            before = len(parts)
            for i in range(len(self.axes)):
                parts = _joined(parts, i)
        return Boxes(self.axes, parts)

    def fewest(self) -> Boxes:
        """Return the same set in few boxes: sizes of one axis that go with the same sizes of the others are in one.

        >>> all_, odd = SizeSet.between(1, None), SizeSet.between(1, None, 2)
        >>> low, high = SizeSet.between(1, 8), SizeSet.between(9, None)
        >>> print(Boxes(("height", "width"), ((low, odd), (low & odd, ~odd), (high, all_), (low - odd, ~odd))).fewest())
        height >= 1 with width >= 1
        """
        merged = self.merged()
        order = range(len(self.axes))
        if not 1 < len(merged.parts) <= _MOST_REFINED or len(order) < 2:
            return merged
        ways = (_rows(merged.parts, (*order[i:], *order[:i])) for i in order)
        return Boxes(self.axes, min((merged.parts, *ways), key=len))

    def axis(self, i: int) -> SizeSet:
        """Return the sizes that one axis takes in some point."""
        found = SizeSet.nothing(self.axes[i])
        for part in self.parts:
            found = found | part[i]
        return replace(found, proved=False)

    def condition(self, sizes: Sequence[Dim]) -> Cond:
        """Return the condition that sizes, each at least 1, are a point of the set."""
        return any_of(*(all_of(*(s.condition(n) for s, n in zip(part, sizes, strict=True))) for part in self.parts))

    def smallest(self) -> tuple[int, ...] | None:
        """Return the point with the least sum, of several the one with the least first size; None if there is none."""
        lows = [tuple(s.minimum or 1 for s in part) for part in self.parts]
        return min(lows, key=lambda p: (sum(p), p), default=None)

    def nearest(self, point: Sequence[int]) -> tuple[int, ...] | None:
        """Return the point of the set with the least sum of distances, among equals the larger one."""
        found = []
        for part in self.parts:
            choices = [s.nearest(n) for n, s in zip(point, part, strict=True)]
            found += list(itertools.islice(itertools.product(*choices), _TRIED))

        def distance(p: tuple[int, ...]) -> tuple[int, ...]:
            return (sum(abs(a - b) for a, b in zip(p, point, strict=True)), *(-n for n in p))

        return min(found, key=distance, default=None)

    def __str__(self) -> str:
        parts = sorted(self.parts, key=lambda part: [s.minimum or 0 for s in part])
        boxes = (zip(self.axes, part, strict=True) for part in parts)
        return "; or ".join(" with ".join(str(replace(s, axis=axis)) for axis, s in box) for box in boxes) or "none"


_Part = tuple[SizeSet, ...]


def _joined(parts: tuple[_Part, ...], i: int) -> tuple[_Part, ...]:
    """Return boxes put together that differ along one axis alone."""
    groups: dict[_Part, SizeSet] = {}
    for part in parts:
        others = (*part[:i], *part[i + 1 :])
        groups[others] = groups[others] | part[i] if others in groups else part[i]
    return tuple((*others[:i], own, *others[i:]) for others, own in groups.items())


def _rows(parts: tuple[_Part, ...], order: Sequence[int]) -> tuple[_Part, ...]:
    """Return boxes with, for the first axis in an order, the sizes together that go with the same of the others."""
    if not order:
        return parts[:1]
    i, *rest = order
    atoms: list[tuple[SizeSet, tuple[_Part, ...]]] = [(SizeSet.everything(), ())]
    for part in parts:
        others = (*part[:i], SizeSet.everything(), *part[i + 1 :])
        finer = [(own & part[i], (*with_, others)) for own, with_ in atoms]
        atoms = [(own, with_) for own, with_ in (*finer, *((own - part[i], with_) for own, with_ in atoms)) if own]
    groups: dict[frozenset[_Part], SizeSet] = {}
    for own, with_ in atoms:
        if with_:
            key = frozenset(_rows(_joined(with_, rest[0]) if rest else with_, rest))
            groups[key] = groups[key] | own if key in groups else own
    return tuple((*other[:i], own, *other[i + 1 :]) for key, own in groups.items() for other in key)


def _meet(a: Sequence[SizeSet], b: Sequence[SizeSet]) -> tuple[SizeSet, ...]:
    """Return the intersection of two boxes; an empty one ends with the first axis on which they do not meet."""
    found: list[SizeSet] = []
    for x, y in zip(a, b, strict=True):
        found.append(x if x == y else x & y)
        if not found[-1]:
            break
    return tuple(found)


def _without(part: tuple[SizeSet, ...], box: tuple[SizeSet, ...]) -> list[tuple[SizeSet, ...]]:
    """Return a box without another one, as boxes that do not overlap."""
    meet = _meet(part, box)
    if not all(meet):
        return [part]
    return [(*meet[:i], part[i] - box[i], *part[i + 1 :]) for i in range(len(part)) if part[i] - box[i]]
