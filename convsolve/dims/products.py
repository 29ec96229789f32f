"""Products of sizes, compared axis by axis: ``(h//4)*4*(w//3)*3 == h*w`` holds just where both factors agree.

Where no factor of one product is larger than its partner in the other, the products are equal only if all partners are.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

from .boxes import Boxes
from .quasi import NoClosedForm, Quasi
from .separate import ClosedFormReader, Of, Sum, Unread
from .sizeset import SizeSet

__all__ = ["Decided", "compared", "divides"]

Decided = tuple[Boxes, Boxes]
"""Where a condition surely holds, and where that is not clear; elsewhere it does not hold."""

_FARTHEST = 1 << 10


@dataclass(frozen=True)
class _Pair:
    """Two functions of one unknown (or numbers), a factor of each product, that in the long run grow alike."""

    unknown: str
    one: Any
    other: Any


def compared(reading: ClosedFormReader, op: str, difference: Sum) -> Decided | None:
    """Decide ``difference op 0`` (eq, lt or le), for the difference of two products; None for another one."""
    terms = sorted(difference.terms.items(), key=lambda term: -term[1])
    if len(terms) != 2 or not terms[0][1] > 0 > terms[1][1]:
        return None
    (one, c), (other, d) = terms
    try:
        pairs, ratio = _pairs(reading, one, other)
        ratio *= Fraction(c, -d)
        yes, unclear = Boxes(reading.unknowns, ()), Boxes.all(reading.unknowns)
        for i, pair in enumerate(pairs):  # what is left of the ratio may go to any of the pairs
            scaled = _Pair(pair.unknown, *_scaled(reading, pair, ratio.numerator, ratio.denominator))
            zero, negative, open_ = _signs(reading, [*pairs[:i], scaled, *pairs[i + 1 :]])
            yes = (yes | {"eq": zero, "lt": negative, "le": zero | negative}[op]).merged()
            unclear = (unclear & open_).merged()
            if ratio == 1 or not unclear:
                break
    except NoClosedForm:
        return None
    return yes, unclear


def divides(reading: ClosedFormReader, a: Any, b: Any) -> Decided | None:
    """Decide whether ``a % b == 0`` for two products; None for others.

    Where ``a`` is nearly a multiple of ``b``, it is one only if it is that one.
    """
    try:
        ((one, c),), ((other, d),) = (reading.terms(x).items() for x in (a, b))
        pairs, ratio = _pairs(reading, one, other)
        ratio *= Fraction(c, d)  # a/b is the ratio times the quotients of the pairs
        if ratio.denominator != 1 or ratio < 1:
            return None
        far = _near(reading, pairs, Fraction(1, ratio))
        if far is None:
            return None
        zero, _, unclear = _signs(reading, pairs)
    except (NoClosedForm, Unread, ValueError):
        return None
    return zero.merged(), ((unclear | ~far) - zero).merged()


def _pairs(reading: ClosedFormReader, one: Sequence[Of], other: Sequence[Of]) -> tuple[list[_Pair], Fraction]:
    """Return the factors of two products by unknown, scaled to grow alike, and what that makes of their ratio."""
    left: Mapping[str, Any] = {f.unknown: f.function for f in one}
    right: Mapping[str, Any] = {f.unknown: f.function for f in other}
    pairs, ratio = [], Fraction(1)
    for unknown in dict.fromkeys((*left, *right)):
        pair = _Pair(unknown, left.get(unknown, 1), right.get(unknown, 1))
        grown = _growth(pair.one) / _growth(pair.other) if _degree(pair.one) == _degree(pair.other) else Fraction(1)
        if grown <= 0:
            raise NoClosedForm("a product of sizes that fall")
        ratio *= grown
        pairs.append(_Pair(unknown, *_scaled(reading, pair, grown.denominator, grown.numerator)))
    return pairs, ratio


def _scaled(reading: ClosedFormReader, pair: _Pair, p: int, q: int) -> tuple[Any, Any]:
    return reading.quasi.read("mul", [pair.one, p]), reading.quasi.read("mul", [pair.other, q])


def _degree(f: Any) -> int:
    return f.degree if isinstance(f, Quasi) else 0


def _growth(f: Any) -> Fraction:
    """Return how fast a function grows: the factor of its highest power; 1 for one that does not grow."""
    degree = _degree(f)
    if not degree:
        return Fraction(1)
    return Fraction(sum(map(int, f.tail[degree].tolist())), f.period * (f.period * f.divisor) ** degree)


def _members(reading: ClosedFormReader, op: str, one: Any, other: Any) -> SizeSet:
    return SizeSet.of(reading.quasi.read(op, [one, other]))


def _signs(reading: ClosedFormReader, pairs: Sequence[_Pair]) -> tuple[Boxes, Boxes, Boxes]:
    """Return where the difference of two products is 0, where it is negative, and where its sign is not clear."""
    unknowns = reading.unknowns
    kinds: list[dict[str, SizeSet]] = []
    for pair in pairs:
        one, other = pair.one, pair.other
        inside = _members(reading, "le", 0, one) & _members(reading, "le", 0, other)
        equal = inside & _members(reading, "eq", one, other)
        none = equal & _members(reading, "eq", one, 0)
        less, more = (inside & _members(reading, "lt", *both) for both in ((one, other), (other, one)))
        kinds.append({"0": none, "=": equal - none, "<": less, ">": more, "?": ~inside})
    found: dict[str, list[Any]] = {"zero": [], "negative": [], "positive": [], "unclear": []}
    for signs in itertools.product("0=<>?", repeat=len(pairs)):
        box = dict.fromkeys(unknowns, SizeSet.everything())
        box.update({pair.unknown: kind[sign] for pair, kind, sign in zip(pairs, kinds, signs, strict=True)})
        if not all(box.values()):
            continue
        moved = set(signs) - {"="}
        where = (
            "unclear"
            if "?" in moved or moved == {"<", ">"}
            else "zero"
            if not moved or "0" in moved
            else ("negative" if moved == {"<"} else "positive")
        )
        found[where].append(tuple(box.values()))
    return (*(Boxes(unknowns, tuple(found[name])) for name in ("zero", "negative", "unclear")),)  # type: ignore[return-value]


def _near(reading: ClosedFormReader, pairs: Sequence[_Pair], closer: Fraction) -> Boxes | None:
    """Return from where on the quotient of two products differs from 1 by less than a number; None if that is far."""
    apart = []
    for pair in pairs:
        gap = reading.quasi.read("sub", [pair.one, pair.other])
        low, high = gap.bounds if isinstance(gap, Quasi) else (gap, gap)
        if low is None or high is None:
            return None
        apart.append(max(abs(low), abs(high)))
    far = 1
    while far <= _FARTHEST:
        least = [p.other.bounds_from(far)[0] if isinstance(p.other, Quasi) else p.other for p in pairs]
        if all(n is not None and n >= 1 for n in least):
            most = prod(1 + Fraction(gap, n) for gap, n in zip(apart, least, strict=True))
            fewest = prod(max(Fraction(0), 1 - Fraction(gap, n)) for gap, n in zip(apart, least, strict=True))
            if most - 1 < closer and 1 - fewest < closer:
                owners = {p.unknown for p in pairs}
                sets = (SizeSet.between(far if name in owners else 1, None) for name in reading.unknowns)
                return Boxes(reading.unknowns, (tuple(sets),))
        far *= 2
    return None
