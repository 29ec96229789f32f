"""Arithmetic of the numbers that an ONNX graph computes from shapes: as onnxruntime computes them, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np

from ...dims import Cond, Condition, Dim, Expr, all_of, bounds, eq, maximum, minimum, ne, where
from .values import NotReadError

__all__ = [
    "SizeQuotient",
    "add",
    "ceiling",
    "crossed",
    "divide",
    "floor",
    "larger",
    "modulo",
    "multiply",
    "nearest",
    "negative",
    "sign",
    "smaller",
    "subtract",
    "to_bool",
    "to_float",
    "to_int",
    "zero",
]

_EXACT = 1 << 10
"""Up to this numerator and denominator, a factor keeps every product with a size exact in single precision."""


@dataclass(frozen=True)
class SizeQuotient:
    """A floating-point number ``size / divisor`` with an unknown size.

    Rounding of one division by a whole number never reaches the next whole number; that of anything more
    may, so that an inexact ratio can only be rounded.
    """

    size: Dim
    divisor: int = 1
    exact: bool = True


def to_float(x: Any) -> Any:
    """Return a number as floating point."""
    x = _counted(x)
    if isinstance(x, (Fraction, SizeQuotient)):
        return x
    return SizeQuotient(x) if isinstance(x, Expr) else Fraction(int(x))


def to_int(x: Any) -> Any:
    """Return a number as a whole one, rounded toward zero."""
    if isinstance(x, SizeQuotient):
        return _toward_zero(x.size, x.divisor)
    return int(x) if isinstance(x, Fraction) else _counted(x)


def to_bool(x: Any) -> Any:
    """Return whether a number is not 0."""
    if isinstance(x, (bool, Condition)):
        return x
    size, _ = crossed(x, 0)
    return ne(size, 0)


def _counted(x: Any) -> Any:
    """Return a truth value as 0 or 1, and anything else as it is."""
    return where(x, 1, 0) if isinstance(x, (bool, Condition)) else x


def crossed(a: Any, b: Any) -> tuple[Dim, Dim]:
    """Return whole numbers that compare as two numbers do.

    >>> crossed(Fraction(7, 2), Fraction(4))
    (7, 8)
    """
    parts = [_counted(x) for x in (a, b)]
    ratios = [
        SizeQuotient(x.numerator, x.denominator)
        if isinstance(x, Fraction)
        else x
        if isinstance(x, SizeQuotient)
        else SizeQuotient(x)
        for x in parts
    ]
    if not all(x.exact for x in ratios):
        raise NotReadError("it compares rounded numbers")
    return ratios[0].size * ratios[1].divisor, ratios[1].size * ratios[0].divisor


def floor(x: Any) -> Any:
    """Return a floating-point number rounded down."""
    return SizeQuotient(x.size // x.divisor) if isinstance(x, SizeQuotient) else Fraction(x.numerator // x.denominator)


def ceiling(x: Any) -> Any:
    """Return a floating-point number rounded up.

    >>> ceiling(Fraction(7, 2))
    Fraction(4, 1)
    """
    if isinstance(x, SizeQuotient):
        return SizeQuotient((x.size + (x.divisor - 1)) // x.divisor)
    return Fraction(-(-x.numerator // x.denominator))


def nearest(x: Any) -> Any:
    """Return a floating-point number rounded to the nearest whole one, and to the even one of two.

    >>> nearest(Fraction(7, 2)), nearest(Fraction(5, 2))
    (Fraction(4, 1), Fraction(2, 1))
    """
    if isinstance(x, Fraction):
        return Fraction(round(x))
    twice, divisor = 2 * x.size + x.divisor, 2 * x.divisor
    up = twice // divisor
    return x if x.divisor == 1 else SizeQuotient(where(all_of(eq(twice % divisor, 0), eq(up % 2, 1)), up - 1, up))


def negative(x: Any) -> Any:
    """Return ``-x``."""
    return subtract(zero(x), x) if not isinstance(x, SizeQuotient) else SizeQuotient(-x.size, x.divisor, x.exact)


def sign(x: Any) -> Any:
    """Return -1, 0 or 1.

    >>> sign(-7), sign(Fraction(1, 2))
    (-1, Fraction(1, 1))
    """
    size = x.size if isinstance(x, SizeQuotient) else x
    if isinstance(size, Fraction):
        return Fraction((size > 0) - (size < 0))
    found = where(size > 0, 1, where(size < 0, -1, 0))
    return SizeQuotient(found) if isinstance(x, SizeQuotient) else found


def larger(a: Any, b: Any) -> Any:
    """Return the larger of two numbers."""
    return _extreme(maximum, max, a, b)


def smaller(a: Any, b: Any) -> Any:
    """Return the smaller of two numbers."""
    return _extreme(minimum, min, a, b)


def _extreme(pick: Callable[..., Dim], known: Callable[..., Any], a: Any, b: Any) -> Any:
    if not _floating(a, b):
        return pick(a, b)
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return known(a, b)
    a, b = (x if isinstance(x, SizeQuotient) else SizeQuotient(x.numerator, x.denominator) for x in (a, b))
    common = lcm(a.divisor, b.divisor)  # rounding keeps the order of numbers, so that it is one of the two
    return SizeQuotient(
        pick(a.size * (common // a.divisor), b.size * (common // b.divisor)), common, a.exact and b.exact
    )


def add(a: Any, b: Any) -> Any:
    """Return ``a + b``."""
    return _sum(a, b, 1) if _floating(a, b) else a + b


def subtract(a: Any, b: Any) -> Any:
    """Return ``a - b``."""
    return _sum(a, b, -1) if _floating(a, b) else a - b


def multiply(a: Any, b: Any) -> Any:
    """Return ``a * b``."""
    if not _floating(a, b):
        return a * b
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return _rounded(np.float32(float(a)) * np.float32(float(b)))
    if isinstance(a, Fraction):
        a, b = b, a
    if isinstance(b, SizeQuotient):
        if a.divisor == b.divisor == 1 and a.exact and b.exact:
            return SizeQuotient(a.size * b.size)
        raise NotReadError("it multiplies two fractions of unknown sizes")
    _demand_exact(a, b)
    return SizeQuotient(a.size * b.numerator, a.divisor * b.denominator)


def divide(a: Any, b: Any) -> Any:
    """Return ``a / b`` of floating-point numbers, or that of whole numbers, rounded toward zero.

    >>> divide(-7, 2), divide(Fraction(7), Fraction(2))
    (-3, Fraction(7, 2))
    """
    if not _floating(a, b):
        return _toward_zero(a, b)
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        if b == 0:
            raise NotReadError("it divides by zero")
        return _rounded(np.float32(float(a)) / np.float32(float(b)))
    if isinstance(b, SizeQuotient):
        if isinstance(a, SizeQuotient) and a == b:
            return Fraction(1)
        raise NotReadError("it divides by an unknown size")
    if b > 0 and b.numerator & (b.numerator - 1) == 0:
        return multiply(a, 1 / b)
    if b > 0 and b.denominator == 1 and a.exact and a.divisor == 1 and b < _EXACT:
        return SizeQuotient(a.size, int(b), exact=False)
    raise NotReadError(f"what dividing by {float(b)} is rounded to is not known")


def modulo(a: Any, b: Any) -> Any:
    """Return ``a % b`` of whole numbers, with the sign of ``b``, as Python does."""
    if _floating(a, b):
        raise NotReadError("it takes a remainder of floating-point numbers")
    return a % _divisor(b)


def _floating(*numbers: Any) -> bool:
    return any(isinstance(x, (Fraction, SizeQuotient)) for x in numbers)


def _rounded(x: Any) -> Fraction:
    if not np.isfinite(x):
        raise NotReadError("a number is not finite")
    return Fraction(float(x))


def _demand_exact(a: SizeQuotient, b: Fraction) -> None:
    dyadic = b.denominator & (b.denominator - 1) == 0 and a.divisor & (a.divisor - 1) == 0
    if not (a.exact and dyadic and abs(b.numerator) <= _EXACT and a.divisor * b.denominator <= _EXACT):
        raise NotReadError(f"what multiplying by {float(b)} is rounded to is not known")


def _sum(a: Any, b: Any, sign: int) -> Any:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return _rounded(np.float32(float(a)) + sign * np.float32(float(b)))
    a, b = (x if isinstance(x, SizeQuotient) else SizeQuotient(x.numerator, x.denominator) for x in (a, b))
    if not (a.exact and b.exact):
        raise NotReadError("it goes on computing with a rounded number")
    for x in (a, b):
        if x.divisor > _EXACT or x.divisor & (x.divisor - 1):
            raise NotReadError("a sum of fractions is rounded")
    common = max(a.divisor, b.divisor)  # both are powers of two
    return SizeQuotient(a.size * (common // a.divisor) + sign * (b.size * (common // b.divisor)), common)


def _divisor(b: Dim) -> Dim:
    if isinstance(b, int):
        if b < 1:
            raise NotReadError(f"it divides by {b}")
        return b
    low = bounds(b)[0]
    return b if low is not None and low >= 1 else maximum(b, 1)  # a size below 1 is a failure by itself


def _toward_zero(a: Dim, b: Dim) -> Dim:
    divisor = _divisor(b)
    low = bounds(a)[0]
    if low is not None and low >= 0:
        return a // divisor
    negative: Cond = all_of(a < 0)
    return where(negative, -(-a // divisor), a // divisor)


def zero(like: Any) -> Any:
    """Return 0 as a number of the same kind."""
    return Fraction(0) if _floating(like) else 0
