"""Sets of sizes in closed form: finitely many exceptions, then residues modulo a period from a threshold on."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .domain import Domain
from .expr import Cond, Dim, Expr, Var, all_of, any_of, eq
from .quasi import Quasi, normal, unknown_size
from .quasi_reader import QuasiReader

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Progression", "SizeSet"]

_SPLIT = 1 << 18
"""Residues of periods up to this are split into progressions; those of longer ones are given as ranges."""

_MOST_SHOWN = 12


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

    ``function`` tells by 1 and 0 which sizes belong to it; ``proved`` says that z3 has proven, for all sizes,
    that they are just those for which the network's requirements hold; ``axis`` is the name in its text.

    >>> sizes = SizeSet.between(32, None, 32) | SizeSet.between(31, None, 32)
    >>> 63 in sizes, sizes.minimum, sizes.period, sizes.residues, sizes.threshold, sizes.exceptions
    (True, 31, 32, (0, 31), 31, ())
    """

    function: Any
    axis: str = "n"
    proved: bool = False

    # -- what it is

    def __contains__(self, size: object) -> bool:
        if not isinstance(size, int) or size < 1:
            return False
        return bool(self.function.at(size)) if isinstance(self.function, Quasi) else bool(self.function)

    def __bool__(self) -> bool:
        return self.function is not False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SizeSet) and self.function == other.function

    def __hash__(self) -> int:
        return hash(self.function)

    @cached_property
    def _start(self) -> int:
        """From which size on membership is periodic."""
        f = self.function
        return f.from_m(f.threshold) if isinstance(f, Quasi) else 1

    @cached_property
    def below(self) -> tuple[range, ...]:
        """The members before those that recur, as ranges."""
        f = self.function
        if not isinstance(f, Quasi):
            return ()
        return tuple(range(f.from_m(f.first + a), f.from_m(f.first + b)) for a, b in _runs(f.head))

    @cached_property
    def classes(self) -> tuple[range, ...]:
        """The residues modulo the period, as ranges in ascending order."""
        f = self.function
        if not isinstance(f, Quasi):
            return (range(1),) if f else ()
        first = f.threshold * f.divisor - f.offset
        pieces = []
        for a, b in _runs(f.tail[0]):
            start = (first + a * f.divisor) % self.period
            stop = start + (b - a) * f.divisor
            pieces += [range(start, min(stop, self.period))]
            if stop > self.period:
                pieces.append(range(stop - self.period))
        return _merged(pieces)

    @property
    def period(self) -> int:
        """The period; 1 where no residue, or every one, belongs to the set in the end."""
        f = self.function
        return f.divisor * f.period if isinstance(f, Quasi) and f.period > 1 else 1

    @property
    def finite(self) -> bool:
        """Whether the set has an end."""
        return not self.classes

    @property
    def threshold(self) -> int:
        """The first size from which on the residues alone decide; in a finite set, that after the last member."""
        if self.finite:
            return self.below[-1].stop if self.below else 1
        return self._recurring(self._start)

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
                found.append(Progression(modulus, tuple(range(a, b) for a, b in _runs(whole))))
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

    def at_least(self, n: int) -> int | None:
        """Return the smallest member that is not below ``n``; None if there is none."""
        for piece in self.below:
            if n < piece.stop:
                return max(n, piece.start)
        return None if self.finite else self._recurring(max(n, self._start))

    def at_most(self, n: int) -> int | None:
        """Return the largest member that is not above ``n``; None if there is none."""
        if not self.finite and n >= self._start:
            around, residue = divmod(n, self.period)
            for turn in (around, around - 1):
                for piece in reversed(self.classes):
                    found = turn * self.period + min(piece.stop - 1, residue if turn == around else self.period)
                    if found % self.period in piece and found >= self._start:
                        return found
        for piece in reversed(self.below):
            if piece.start <= n:
                return min(n, piece.stop - 1)
        return None

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

    def first(self, count: int) -> tuple[int, ...]:
        """Return the smallest members, as many as there are up to ``count``."""
        return tuple(itertools.islice(self, count))

    # -- making sets

    @classmethod
    def between(cls, start: int, stop: int | None, step: int = 1, axis: str = "n") -> SizeSet:
        """Return the sizes ``start, start + step, ...`` up to ``stop``, which is included; without end if None."""
        return cls.of_domain(Domain.range(start, stop, step), axis)

    @classmethod
    def of_domain(cls, domain: Domain, axis: str = "n") -> SizeSet:
        """Return the values of a domain that are sizes, that is, at least 1."""
        n = Var("n", interval=(1, None))
        return cls(QuasiReader().of(_inside(n, domain), {"n": unknown_size()}), axis)

    @classmethod
    def of_members(cls, members: np.ndarray, beyond: bool, axis: str = "n") -> SizeSet:
        """Return the set with these truth values for the sizes 1, 2, ..., and one for all beyond."""
        import numpy as np

        function = normal((0, 1), np.asarray(members, dtype=np.int64), np.array([[int(beyond)]]))
        return cls(function if isinstance(function, Quasi) else bool(function), axis)

    def __and__(self, other: SizeSet) -> SizeSet:
        return self._with("and", other)

    def __or__(self, other: SizeSet) -> SizeSet:
        return self._with("or", other)

    def __sub__(self, other: SizeSet) -> SizeSet:
        return self & ~other

    def __invert__(self) -> SizeSet:
        return SizeSet(QuasiReader().read("not", [self.function]), self.axis, self.proved)

    def _with(self, op: str, other: SizeSet) -> SizeSet:
        both = self.proved and other.proved
        return SizeSet(QuasiReader().read(op, [self.function, other.function]), self.axis, both)

    def condition(self, n: Dim) -> Cond:
        """Return the condition that ``n``, which must be at least 1, belongs to the set."""
        recurs = any_of(*(any_of(*(_between(n % p.modulus, r) for r in p.residues)) for p in self.progressions))
        return any_of(*(_between(n, r) for r in self.below), all_of(n >= self._start, recurs))

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
            ends = [*(r.start for r in self.below), self._start][1:]
            gaps = [range(piece.stop, end) for piece, end in zip(self.below, ends, strict=True)]
            if sum(map(len, gaps)) <= sum(map(len, self.below)):
                return f"{self.axis} >= {self.minimum}" + (f" except {_shown(gaps).strip('{}')}" if gaps else "")
            recurring = f"{self.axis} >= {self.threshold}"
        else:
            residues = " or ".join(f"{self.axis} {p}" for p in self.progressions)
            recurring = f"{residues}, {self.axis} >= {self.threshold}"
        return f"{recurring}; and {self.axis} {_members(self.below)}" if self.below else recurring


def _runs(flags: Any) -> list[tuple[int, int]]:
    """Return where an array is not zero, as pairs of a start and an end that is not included."""
    import numpy as np

    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(flags) != 0, [0]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _merged(pieces: Iterable[range]) -> tuple[range, ...]:
    """Return ranges in ascending order, those that touch as one."""
    found: list[range] = []
    for piece in sorted(pieces, key=lambda r: r.start):
        if found and found[-1].stop >= piece.start:
            found[-1] = range(found[-1].start, max(found[-1].stop, piece.stop))
        else:
            found.append(piece)
    return tuple(found)


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


def _inside(n: Expr, domain: Domain) -> Cond:
    """Return the condition that ``n`` is in a domain."""
    spans = []
    for span in domain.spans:
        ends = all_of(n >= span.start, True if span.stop is None else n <= span.stop)
        spans.append(all_of(ends, eq((n - span.start) % span.step, 0)))
    return any_of(*spans)
