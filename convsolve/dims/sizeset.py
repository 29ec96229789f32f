"""Sets of sizes in closed form: finitely many exceptions, then residues modulo a period from a threshold on."""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from ..support.arguments import checked
from .domain import Domain
from .expr import Cond, Dim, Expr, all_of, any_of, eq
from .quasi import NoClosedForm, Quasi, primes
from .ranges import gaps, inside_many, inside_ranges, meet, merged, runs

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Progression", "SizeSet", "inside"]

_SPLIT = 1 << 18
"""Residues of periods up to this are split into progressions; those of longer ones are given as ranges."""

_MOST_SHOWN = 12
_MOST_RANGES = 1 << 18


@dataclass(frozen=True)
class Progression:
    """The numbers whose residue modulo ``modulus`` lies in one of the ranges."""

    modulus: int
    residues: tuple[range, ...]

    def __str__(self) -> str:
        if len(self.residues) == 1 and len(self.residues[0]) == 1:
            return f"mod {self.modulus} = {self.residues[0].start}"
        return f"mod {self.modulus} in {_shown(self.residues)}"


@dataclass(frozen=True)
class SizeSet:
    """A set of sizes, which are whole numbers from 1 on.

    ``below`` are the members below ``start``; from there on a size is a member when its residue modulo ``period``
    lies in ``classes``. All are ranges, in ascending order; ``start`` and ``period`` are as small as can be, so equal
    sets are equal values. ``proved`` says that z3 has proven, for all sizes, that they are just those for which the
    network's requirements hold; ``axis`` is the name in the set's text.

    >>> sizes = SizeSet.between(32, None, 32) | SizeSet.between(31, None, 32)
    >>> 63 in sizes, sizes.minimum, sizes.period, sizes.residues, sizes.threshold, sizes.exceptions
    (True, 31, 32, (0, 31), 31, ())
    """

    below: tuple[range, ...]
    start: int
    period: int
    classes: tuple[range, ...]
    axis: str = field(default="n", compare=False)
    proved: bool = field(default=False, compare=False)

    # -- what it is

    def __contains__(self, size: object) -> bool:
        if not isinstance(size, int) or size < 1:
            return False
        if size >= self.start:
            return inside_ranges(self.classes, size % self.period)
        return inside_ranges(self.below, size)

    def contains(self, sizes: np.ndarray) -> np.ndarray:
        """Return for many sizes, each at least 1, whether they belong to the set."""
        import numpy as np

        recurs = inside_many(self.classes, sizes % self.period)
        return np.where(sizes >= self.start, recurs, inside_many(self.below, sizes))

    def __bool__(self) -> bool:
        return bool(self.below or self.classes)

    @property
    def finite(self) -> bool:
        """Whether the set has an end."""
        return not self.classes

    @property
    def threshold(self) -> int:
        """The first size from which on the residues alone decide; in a finite set, that after the last member."""
        if self.finite:
            return self.below[-1].stop if self.below else 1
        return self._recurring(self.start)

    @property
    def residues(self) -> tuple[int, ...]:
        """The residues modulo the period, in ascending order."""
        return tuple(itertools.chain.from_iterable(self.classes))

    @property
    def exceptions(self) -> tuple[int, ...]:
        """The members below the threshold, in ascending order."""
        return tuple(itertools.chain.from_iterable(self.below))

    @property
    def minimum(self) -> int | None:
        """The smallest member; None if there is none."""
        return self.at_least(1)

    @cached_property
    def progressions(self) -> tuple[Progression, ...]:
        """The residues as a union of progressions, those with the smallest modulus first."""
        import numpy as np

        period = self.period
        if period > _SPLIT or len(self.classes) < 2:
            return (Progression(period, self.classes),) if self.classes else ()
        member = np.zeros(period, dtype=bool)
        for piece in self.classes:
            member[piece.start : piece.stop] = True
        rest, found = member.copy(), []
        for modulus in (d for d in range(1, period + 1) if period % d == 0):
            blocks, left = member.reshape(-1, modulus), rest.reshape(-1, modulus)
            whole = blocks.all(axis=0) & left.any(axis=0)
            if whole.any():
                found.append(Progression(modulus, tuple(range(a, b) for a, b in runs(whole))))
                left[:, whole] = False
        plain = Progression(period, self.classes)
        return tuple(found) if sum(len(p.residues) for p in found) < len(plain.residues) else (plain,)

    # -- looking for members

    def _recurring(self, n: int) -> int:
        """Return the first member from ``n`` on, judged by residues alone."""
        around, residue = divmod(n, self.period)
        i = bisect.bisect_right([piece.start for piece in self.classes], residue) - 1
        if i >= 0 and residue in self.classes[i]:
            return n
        if i + 1 < len(self.classes):
            return around * self.period + self.classes[i + 1].start
        return (around + 1) * self.period + self.classes[0].start

    def _run_of(self, n: int) -> range:
        """Return the longest range around a recurring ``n`` within one period."""
        around, residue = divmod(n, self.period)
        i = bisect.bisect_right(self.classes, residue, key=lambda r: r.start) - 1
        return range(around * self.period + self.classes[i].start, around * self.period + self.classes[i].stop)

    def _gap_of(self, n: int) -> int:
        """Return the first number of those around ``n`` that do not recur, within one period."""
        around, residue = divmod(n, self.period)
        i = bisect.bisect_right(self.classes, residue, key=lambda r: r.start) - 1
        return around * self.period + (self.classes[i].stop if i >= 0 else 0)

    @checked
    def at_least(self, n: int) -> int | None:
        """Return the smallest member that is not below ``n``; None if there is none."""
        for piece in self.below:
            if n < piece.stop:
                return max(n, piece.start)
        return None if self.finite else self._recurring(max(n, self.start))

    @checked
    def at_most(self, n: int) -> int | None:
        """Return the largest member that is not above ``n``; None if there is none."""
        if not self.finite and n >= self.start:
            around, residue = divmod(n, self.period)
            for turn in (around, around - 1):
                for piece in reversed(self.classes):
                    found = turn * self.period + min(piece.stop - 1, residue if turn == around else self.period)
                    if found % self.period in piece and found >= self.start:
                        return found
        for piece in reversed(self.below):
            if piece.start <= n:
                return min(n, piece.stop - 1)
        return None

    @checked
    def nearest(self, n: int) -> tuple[int, ...]:
        """Return the members next to ``n``: itself, or the one below and the one above, as far as there are any.

        >>> SizeSet.between(32, None, 32).nearest(300), SizeSet.between(75, None).nearest(20)
        ((288, 320), (75,))
        """
        around = (self.at_most(n), self.at_least(n))
        return tuple(dict.fromkeys(size for size in around if size is not None))

    def __iter__(self) -> Iterator[int]:
        size = self.at_least(1)
        while size is not None:
            yield size
            size = self.at_least(size + 1)

    @checked
    def first(self, count: int) -> tuple[int, ...]:
        """Return the smallest members, as many as there are up to ``count``."""
        return tuple(itertools.islice(self, count))

    @checked
    def count(self, limit: int) -> int:
        """Return how many members do not exceed ``limit``."""
        found = sum(len(range(piece.start, min(piece.stop, limit + 1))) for piece in self.below)
        return found if self.finite else found + max(0, self._residues_to(limit) - self._residues_to(self.start - 1))

    def _residues_to(self, n: int) -> int:
        """Return how many numbers from 0 to ``n`` have a residue of the set."""
        around, residue = divmod(n, self.period)
        own = sum(map(len, self.classes))
        return around * own + sum(len(range(piece.start, min(piece.stop, residue + 1))) for piece in self.classes)

    @checked
    def nth(self, i: int) -> int:
        """Return the ``i``-th smallest member, counted from 0.

        Raises:
            IndexError: there are not so many.

        >>> [SizeSet.between(32, None, 32).nth(i) for i in (0, 1, 10)]
        [32, 64, 352]
        """
        for piece in self.below:
            if i < len(piece):
                return piece[i]
            i -= len(piece)
        if i < 0 or self.finite:
            raise IndexError("the set has fewer members")
        around, i = divmod(i + self._residues_to(self.start - 1), sum(map(len, self.classes)))
        for piece in self.classes:
            if i < len(piece):
                break
            i -= len(piece)
        return around * self.period + piece[i]

    # -- making sets

    @classmethod
    @checked
    def everything(cls, axis: str = "n") -> SizeSet:
        """Return the set of all sizes."""
        return cls((), 1, 1, (range(1),), axis)

    @classmethod
    def nothing(cls, axis: str = "n") -> SizeSet:
        """Return the empty set."""
        return cls((), 1, 1, (), axis)

    @classmethod
    @checked
    def between(cls, start: int, stop: int | None, step: int = 1, axis: str = "n") -> SizeSet:
        """Return the sizes ``start, start + step, ...`` up to ``stop``, which is included; without end if None."""
        return cls.of_domain(Domain.range(start, stop, step), axis)

    @classmethod
    @checked
    def of_domain(cls, domain: Domain, axis: str = "n") -> SizeSet:
        """Return the values of a domain that are sizes, that is, at least 1."""
        found = cls.nothing(axis)
        for span in domain.spans:
            low, step = span.start, span.step
            if low < 1:
                low += -(-(1 - low) // step) * step
            if span.stop is None:
                residue = low % step
                found |= _normal((), low, step, [range(residue, residue + 1)], axis)
            elif low <= span.stop:
                pieces = (
                    [range(low, span.stop + 1)]
                    if step == 1
                    else [range(n, n + 1) for n in range(low, span.stop + 1, step)]
                )
                found |= _normal(pieces, span.stop + 1, 1, [], axis)
        return found

    @classmethod
    def of(cls, function: Quasi | bool, axis: str = "n") -> SizeSet:
        """Return the sizes for which a condition, read as a function, holds."""
        if not isinstance(function, Quasi):
            return cls.everything(axis) if function else cls.nothing(axis)
        f = function
        below = [range(f.from_m(f.first + a), f.from_m(f.first + b)) for a, b in runs(f.head)]
        start = f.from_m(f.threshold)
        if f.period == 1:
            return _normal(below, start, 1, [range(1)] if f.tail[0, 0] else [], axis)
        period, first = f.divisor * f.period, f.threshold * f.divisor - f.offset
        classes = [range((first + a * f.divisor) % period, (first + a * f.divisor) % period + (b - a) * f.divisor)
                   for a, b in runs(f.tail[0])]  # fmt: skip
        return _normal(below, start, period, classes, axis)

    @classmethod
    def of_members(cls, members: np.ndarray, axis: str = "n") -> SizeSet:
        """Return the finite set with these truth values for the sizes 1, 2, ..."""
        return _normal([range(a + 1, b + 1) for a, b in runs(members)], len(members) + 1, 1, [], axis)

    @checked
    def shifted(self, by: int) -> SizeSet:
        """Return the set of all members plus a number that is not negative.

        >>> print(SizeSet.between(3, None, 4).shifted(2))
        n mod 4 = 1, n >= 5
        """
        below = [range(piece.start + by, piece.stop + by) for piece in self.below]
        first = [(piece.start + by) % self.period for piece in self.classes]
        classes = [range(a, a + len(piece)) for a, piece in zip(first, self.classes, strict=True)]
        found = _normal(below, self.start + by, self.period, classes, self.axis)
        return dataclasses.replace(found, proved=self.proved)

    def __and__(self, other: SizeSet) -> SizeSet:
        if self.finite and other.finite:
            return _normal(meet(self.below, other.below), 1, 1, (), self.axis)
        start, period = max(self.start, other.start), math.lcm(self.period, other.period)
        below = meet(self.below, other.below)
        for one, two in ((self, other), (other, self)):  # what recurs in one, below the start of the other
            for piece in two.below:
                below += one._recurring_in(range(max(piece.start, one.start), piece.stop))
        classes = meet(self._classes_of(period), other._classes_of(period))
        both = _normal(below, start, period, classes, self.axis)
        return dataclasses.replace(both, proved=self.proved and other.proved)

    def __or__(self, other: SizeSet) -> SizeSet:
        return ~(~self & ~other)

    def __sub__(self, other: SizeSet) -> SizeSet:
        return self & ~other

    def __invert__(self) -> SizeSet:
        below = gaps(self.below, 1, self.start)
        found = _normal(below, self.start, self.period, gaps(self.classes, 0, self.period), self.axis)
        return dataclasses.replace(found, proved=self.proved)

    def _classes_of(self, period: int) -> list[range]:
        """Return the residues modulo a multiple of the period."""
        times = period // self.period
        if len(self.classes) == 1 and len(self.classes[0]) == self.period:
            return [range(period)]
        _few(times * len(self.classes))
        return [range(c.start + t * self.period, c.stop + t * self.period) for t in range(times) for c in self.classes]

    def _recurring_in(self, piece: range) -> list[range]:
        """Return the part of a range whose residues belong to the set."""
        if not piece or not self.classes:
            return []
        if self.period == 1:
            return [piece]
        first, last = piece.start // self.period, (piece.stop - 1) // self.period
        _few((last - first + 1) * len(self.classes))
        whole = [range(c.start + t * self.period, c.stop + t * self.period)
                 for t in range(first, last + 1) for c in self.classes]  # fmt: skip
        return meet(whole, [piece])

    def condition(self, n: Dim) -> Cond:
        """Return the condition that ``n``, which must be at least 1, belongs to the set."""
        recurs = any_of(*(any_of(*(_between(n % p.modulus, r) for r in p.residues)) for p in self.progressions))
        return any_of(*(_between(n, r) for r in self.below), all_of(n >= self.start, recurs))

    # -- its text

    def __str__(self) -> str:
        """Return the set as a person would write it.

        >>> print(SizeSet.between(75, None, axis="height"))
        height >= 75
        >>> print(SizeSet.between(32, None, 32, axis="height"))
        height mod 32 = 0, height >= 32
        >>> print(SizeSet.between(3, 9, axis="height") | SizeSet.between(20, 20))
        height in {3..9, 20}
        """
        if not self:
            return f"no {self.axis}"
        if self.finite:
            return f"{self.axis} {_members(self.below)}"
        if self.period == 1:
            ends = [*(r.start for r in self.below), self.start][1:]
            missing = [range(piece.stop, end) for piece, end in zip(self.below, ends, strict=True)]
            if sum(map(len, missing)) <= sum(map(len, self.below)):
                return f"{self.axis} >= {self.minimum}" + (f" except {_shown(missing).strip('{}')}" if missing else "")
            recurring = f"{self.axis} >= {self.threshold}"
        else:
            residues = " or ".join(f"{self.axis} {p}" for p in self.progressions)
            recurring = f"{residues}, {self.axis} >= {self.threshold}"
        return f"{recurring}; also {self.axis} {_members(self.below)}" if self.below else recurring


def _normal(below: Iterable[range], start: int, period: int, classes: Iterable[range], axis: str) -> SizeSet:
    """Return a set in its shortest form: least period, least start, ranges that do not touch."""
    wrapped = [r for c in classes for r in (range(c.start, min(c.stop, period)), range(c.stop - period)) if r]
    recurring = _least_period(merged(wrapped), period)
    own, length = recurring
    members = merged(below)
    if not own:
        return SizeSet(members, members[-1].stop if members else 1, 1, (), axis)
    probe = SizeSet((), 1, length, own)
    while start > 1:  # from the start down, as far as the members below are those that would recur
        n = start - 1
        inside = bool(members) and n in members[-1]
        if inside != inside_ranges(own, n % length):
            break
        if inside:
            low = max(members[-1].start, probe._run_of(n).start)
            members = (*members[:-1], range(members[-1].start, low)) if low > members[-1].start else members[:-1]
            start = low
        else:
            start = max(members[-1].stop if members else 1, probe._gap_of(n))
    return SizeSet(members, start, length, own, axis)


def _least_period(classes: tuple[range, ...], period: int) -> tuple[tuple[range, ...], int]:
    if not classes:
        return (), 1
    if len(classes) == 1 and len(classes[0]) == period:
        return (range(1),), 1
    for p in primes(math.gcd(period, sum(map(len, classes)))):
        while period % p == 0:
            short = period // p
            first = [range(c.start, min(c.stop, short)) for c in classes if c.start < short]
            again = [range(c.start + t * short, c.stop + t * short) for t in range(p) for c in first]
            if merged(again) != classes:
                break
            classes, period = merged(first), short
    return classes, period


def _few(count: int) -> None:
    if count > _MOST_RANGES:
        raise NoClosedForm(f"a set of more than {_MOST_RANGES} separate ranges of sizes")


def _shown(ranges: Sequence[range]) -> str:
    """Return ranges as the text of a set, the middle of a long one left out."""
    texts = [str(r.start) if len(r) == 1 else f"{r.start}{', ' if len(r) == 2 else '..'}{r.stop - 1}" for r in ranges]
    if len(texts) <= _MOST_SHOWN:
        return f"{{{', '.join(texts)}}}"
    return f"{{{', '.join(texts[:4])}, ..., {texts[-1]}}} ({sum(map(len, ranges))} in all)"


def _members(ranges: Sequence[range]) -> str:
    if len(ranges) == 1 and len(ranges[0]) == 1:
        return f"= {ranges[0].start}"
    return f"in {_shown(ranges)}"


def _between(x: Dim, piece: range) -> Cond:
    if len(piece) == 1:
        return eq(x, piece.start)
    return all_of(piece.start <= x, x < piece.stop)


def inside(n: Expr, domain: Domain) -> Cond:
    """Return the condition that ``n`` is in a domain."""
    spans = []
    for span in domain.spans:
        ends = all_of(n >= span.start, True if span.stop is None else n <= span.stop)
        spans.append(all_of(ends, eq((n - span.start) % span.step, 0)))
    return any_of(*spans)
