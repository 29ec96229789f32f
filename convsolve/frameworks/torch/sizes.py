"""Sizes that know where they come from: integers (and quotients) that carry an expression.

A program that runs under the recorder gets a :class:`Size` wherever it asks for a tensor's shape. It *is* an
integer, so that everything goes on working, and its arithmetic carries the expression on. Where a comparison
decides a branch, the :class:`Tape` keeps it as a guard; where the expression cannot be carried on (a size that
is turned into a plain number), the size is frozen: a guard says that it must stay what it was.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from fractions import Fraction
from math import lcm
from typing import Any

from ...dims import Cond, eq, ne
from ...dims.normal import Polynomial
from .tape import Tape

__all__ = ["Ratio", "Size", "expressed", "form_of"]

_EXACT = 1 << 20
"""Fractions with a power of two up to this one below are exact in floating point, and stay so."""


def form_of(number: Any) -> Polynomial | None:
    """Return the expression of a size, a whole number, or a fraction that floating point holds exactly."""
    if isinstance(number, (Size, Ratio)):
        return number.tape.canonical(number.form)
    if isinstance(number, int):
        return Polynomial.of(int(number))
    if isinstance(number, float) and math.isfinite(number):
        exact = Fraction(number)
        return Polynomial.of(exact) if exact.denominator <= _EXACT else None
    return None


def expressed(number: Any) -> Any:
    """Return what stands in an operator's parameter for a size: its expression, or the plain number."""
    if isinstance(number, Size):
        return number.tape.canonical(number.form).dim()
    if isinstance(number, Ratio):
        number.freeze()
        return float.__float__(number)
    return number


_CONDITIONS: dict[str, Callable[[Any, Any], Cond]] = {
    "__lt__": lambda a, b: a < b,
    "__le__": lambda a, b: a <= b,
    "__gt__": lambda a, b: b < a,
    "__ge__": lambda a, b: b <= a,
    "__eq__": eq,
    "__ne__": ne,
}


def _compared(name: str) -> Callable[[Any, Any], Any]:
    plain_int, plain_float = getattr(int, name), getattr(float, name)

    def compare(self: Any, other: Any) -> Any:
        outcome = plain_int(self, other) if isinstance(self, Size) else NotImplemented
        if outcome is NotImplemented:
            outcome = plain_float(float.__float__(self) if isinstance(self, Ratio) else float(int.__int__(self)), other)
        if outcome is NotImplemented:
            return outcome
        other_form = form_of(other)
        if other_form is None:
            self.freeze()
            return outcome
        scale = lcm(self.form.denominator, other_form.denominator)
        x, y = self.form.scaled(scale).dim(), other_form.scaled(scale).dim()
        condition = _CONDITIONS[name](x, y)
        return self.tape.holds(condition, bool(outcome))

    return compare


class Size(int):
    """A whole number with its expression, ``form``, over the dimensions of the recorded tensors."""

    form: Polynomial
    tape: Tape

    @classmethod
    def made(cls, value: int, form: Polynomial, tape: Tape) -> int:
        """Return a number as a size, or as it is where its expression is a number, too."""
        form = tape.canonical(form)
        if form.constant is not None:
            return value
        size = int.__new__(cls, value)
        size.form, size.tape = form, tape
        return size

    def freeze(self) -> None:
        """Keep that the size must stay what it is."""
        self.tape.freeze(self.form, int.__int__(self))

    def _with(self, other: Any, name: str, combine: Callable[[Polynomial, Polynomial], Polynomial]) -> Any:
        if isinstance(other, int):
            value = getattr(int, name)(self, other)
            other_form = form_of(other)
            assert other_form is not None
            return Size.made(value, combine(self.tape.canonical(self.form), other_form), self.tape)
        return getattr(Ratio.of(self), name)(other) if isinstance(other, float) else NotImplemented

    def __add__(self, other: Any) -> Any:
        return self._with(other, "__add__", lambda a, b: a + b)

    def __radd__(self, other: Any) -> Any:
        return self._with(other, "__radd__", lambda a, b: b + a)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, "__sub__", lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, "__rsub__", lambda a, b: b - a)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, "__mul__", lambda a, b: a * b)

    def __rmul__(self, other: Any) -> Any:
        return self._with(other, "__rmul__", lambda a, b: b * a)

    def __floordiv__(self, other: Any) -> Any:
        return self._divided(other, "__floordiv__", lambda a, b: a.floordiv(b))

    def __rfloordiv__(self, other: Any) -> Any:
        return self._divided(other, "__rfloordiv__", lambda a, b: b.floordiv(a))

    def __mod__(self, other: Any) -> Any:
        return self._divided(other, "__mod__", lambda a, b: a.modulo(b))

    def __rmod__(self, other: Any) -> Any:
        return self._divided(other, "__rmod__", lambda a, b: b.modulo(a))

    def __divmod__(self, other: Any) -> Any:
        return (self // other, self % other)

    def __rdivmod__(self, other: Any) -> Any:
        return (other // self, other % self)

    def _divided(self, other: Any, name: str, combine: Callable[[Polynomial, Polynomial], Polynomial]) -> Any:
        if isinstance(other, int):
            divisor = self if name.startswith("__r") else other
            if not int.__gt__(divisor, 0):  # the language divides by positive numbers only
                self.freeze()
                if isinstance(other, Size):
                    other.freeze()
                return getattr(int, name)(int.__int__(self), int.__int__(other))
            if isinstance(divisor, Size):
                self.tape.holds(divisor.form.dim() >= 1, True)  # type: ignore[operator]
        return self._with(other, name, combine)

    def __truediv__(self, other: Any) -> Any:
        return Ratio.of(self) / other if isinstance(other, (int, float)) else NotImplemented

    def __rtruediv__(self, other: Any) -> Any:
        return Ratio.of(other, self.tape) / self if isinstance(other, (int, float)) else NotImplemented

    def __pow__(self, other: Any, modulo: None = None) -> Any:
        if isinstance(other, int) and not isinstance(other, Size) and 0 < other <= 8:
            result: Any = self
            for _ in range(other - 1):
                result = result * self
            return result
        self.freeze()
        return int.__int__(self) ** other

    def __rpow__(self, other: Any, modulo: None = None) -> Any:
        self.freeze()
        return other ** int.__int__(self)

    def __lshift__(self, other: Any) -> Any:
        return self * (1 << other)

    def __rshift__(self, other: Any) -> Any:
        return self // (1 << other)

    def __neg__(self) -> Any:
        return Size.made(int.__neg__(self), self.form.scaled(-1), self.tape)

    def __abs__(self) -> Any:
        return -self if self < 0 else self

    def __pos__(self) -> Size:
        return self

    __ceil__ = __floor__ = __trunc__ = __pos__

    def __round__(self, digits: Any = None) -> Size:
        return self

    def _plain(self) -> int:
        self.freeze()
        return int.__int__(self)

    def __and__(self, other: Any) -> Any:
        return self._plain() & other

    def __or__(self, other: Any) -> Any:
        return self._plain() | other

    def __xor__(self, other: Any) -> Any:
        return self._plain() ^ other

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __invert__(self) -> Any:
        return -self - 1

    def __int__(self) -> int:
        self.tape.leak(sys._getframe(1))
        return self._plain()

    def __float__(self) -> float:
        return float(self._plain())

    def __hash__(self) -> int:
        return hash(self._plain())

    def __bool__(self) -> bool:
        return bool(self != 0)

    __lt__, __le__, __gt__, __ge__ = (_compared(f"__{name}__") for name in ("lt", "le", "gt", "ge"))
    __eq__, __ne__ = _compared("__eq__"), _compared("__ne__")

    def __repr__(self) -> str:
        return int.__repr__(self)

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return int.__format__(self, spec)

    def __deepcopy__(self, memo: Any) -> Size:
        return self

    def __reduce__(self) -> Any:
        return (int, (int.__repr__(self),))


class Ratio(float):
    """A quotient of sizes with its expression, a polynomial with fractions.

    ``rounded`` says that the floating-point number may be off the exact one by a last digit: what is done with
    it after that is followed only as long as rounding to a whole number cannot come out otherwise.
    """

    form: Polynomial
    exact: Fraction
    tape: Tape
    rounded: bool

    @classmethod
    def of(cls, number: Any, tape: Tape | None = None) -> Ratio:
        """Return a size, or a plain number, as a ratio."""
        if isinstance(number, Ratio):
            return number
        form = form_of(number)
        if isinstance(number, Size):
            return cls._made(float(int.__int__(number)), number.form, Fraction(int.__int__(number)), number.tape, False)
        assert tape is not None
        if form is None:
            return cls._made(number, Polynomial.of(Fraction(number)), Fraction(number), tape, True)
        return cls._made(float(number), form, Fraction(number), tape, False)

    @classmethod
    def _made(cls, value: float, form: Polynomial, exact: Fraction, tape: Tape, rounded: bool) -> Ratio:
        ratio = float.__new__(cls, value)
        ratio.form, ratio.exact, ratio.tape, ratio.rounded = form, exact, tape, rounded
        return ratio

    def freeze(self) -> None:
        """Keep that the quotient must stay what it is."""
        self.tape.freeze(self.form, self.exact)

    def _plain(self) -> float:
        self.freeze()
        return float.__float__(self)

    def _other(self, other: Any) -> Ratio | None:
        if not isinstance(other, (int, float)) or (not isinstance(other, Ratio) and form_of(other) is None):
            return None
        return Ratio.of(other, self.tape)

    def _linear(self, other: Any, name: str, sign: int, mine: int) -> Any:
        known = self._other(other)
        if known is None or (known.rounded and self.rounded):
            return _plain_of(self, other, name)
        value = getattr(float, name)(float.__float__(self), float.__float__(known))
        form = self.form.scaled(mine) + known.form.scaled(sign)
        if (self.rounded or known.rounded) and not _same_grid(self, known, form):
            return _plain_of(self, other, name)
        exact = self.exact * mine + known.exact * sign
        return Ratio._made(value, form, exact, self.tape, self.rounded or known.rounded)

    def __add__(self, other: Any) -> Any:
        return self._linear(other, "__add__", 1, 1)

    def __radd__(self, other: Any) -> Any:
        return self._linear(other, "__radd__", 1, 1)

    def __sub__(self, other: Any) -> Any:
        return self._linear(other, "__sub__", -1, 1)

    def __rsub__(self, other: Any) -> Any:
        return self._linear(other, "__rsub__", 1, -1)

    def __neg__(self) -> Any:
        return Ratio._made(float.__neg__(self), self.form.scaled(-1), -self.exact, self.tape, self.rounded)

    def __mul__(self, other: Any) -> Any:
        known = self._other(other)
        if known is None or known.rounded or (self.rounded and not _power_of_2(known)):
            return _plain_of(self, other, "__mul__")
        value = float.__mul__(self, float.__float__(known))
        return Ratio._made(value, self.form * known.form, self.exact * known.exact, self.tape, self.rounded)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        known = self._other(other)
        if known is None or known.rounded or known.exact == 0 or (self.rounded and not _power_of_2(known)):
            return _plain_of(self, other, "__truediv__")
        form = self.form.quotient(known.form)
        if form is None:
            return _plain_of(self, other, "__truediv__")
        rounded = self.rounded or form.denominator & (form.denominator - 1) != 0
        value = float.__truediv__(self, float.__float__(known))
        return Ratio._made(value, form, self.exact / known.exact, self.tape, rounded)

    def __rtruediv__(self, other: Any) -> Any:
        known = self._other(other)
        return _plain_of(self, other, "__rtruediv__") if known is None else known / self

    def __floordiv__(self, other: Any) -> Any:
        return _plain_of(self, other, "__floordiv__")

    def __mod__(self, other: Any) -> Any:
        return _plain_of(self, other, "__mod__")

    def __pow__(self, other: Any, modulo: None = None) -> Any:
        return self._plain() ** other

    def __floor__(self) -> Any:
        return Size.made(math.floor(float.__float__(self)), self.form.floordiv(Polynomial.of(1)), self.tape)

    def __ceil__(self) -> Any:
        form = self.form.scaled(-1).floordiv(Polynomial.of(1)).scaled(-1)
        return Size.made(math.ceil(float.__float__(self)), form, self.tape)

    def __trunc__(self) -> Any:
        return math.floor(self) if self >= 0 else math.ceil(self)

    def __round__(self, digits: Any = None) -> Any:
        return round(self._plain(), digits)

    def __int__(self) -> int:
        self.tape.leak(sys._getframe(1))
        return int(self._plain())

    def __float__(self) -> float:
        return self._plain()

    def __hash__(self) -> int:
        return hash(self._plain())

    def __abs__(self) -> Any:
        return -self if self < 0 else self

    def __bool__(self) -> bool:
        return bool(self != 0)

    def is_integer(self) -> bool:
        """Return whether it is whole, and keep what makes it so."""
        scale = self.form.denominator
        rest = self.form.scaled(scale).modulo(Polynomial.of(scale)).dim()
        return self.tape.holds(eq(rest, 0), self.exact.denominator == 1)

    __lt__, __le__, __gt__, __ge__ = (_compared(f"__{name}__") for name in ("lt", "le", "gt", "ge"))
    __eq__, __ne__ = _compared("__eq__"), _compared("__ne__")

    def __deepcopy__(self, memo: Any) -> Ratio:
        return self

    def __reduce__(self) -> Any:
        return (float, (float.__repr__(self),))


def _plain_of(ratio: Ratio, other: Any, name: str) -> Any:
    """Compute with plain numbers, and freeze the sizes that they come from."""
    if isinstance(other, (Size, Ratio)):
        other.freeze()
    value = other
    if isinstance(other, Size):
        value = int.__int__(other)
    elif isinstance(other, Ratio):
        value = float.__float__(other)
    return getattr(float, name)(ratio._plain(), value)


def _power_of_2(ratio: Ratio) -> bool:
    constant = ratio.form.constant
    exact = None if constant is None else abs(Fraction(constant))
    if exact is None or exact == 0:
        return False
    return exact.numerator & (exact.numerator - 1) == 0 and exact.denominator & (exact.denominator - 1) == 0


def _same_grid(a: Ratio, b: Ratio, result: Polynomial) -> bool:
    """Return whether a sum keeps away from whole numbers at least as far as its rounded part did.

    The exact sum is a multiple of 1/denominator; where it can be whole although the rounded part was not,
    the floating-point sum may fall short of it.
    """
    rounded, other = (a, b) if a.rounded else (b, a)
    whole = other.form.denominator == 1
    return whole and result.denominator == rounded.form.denominator and result.constant is None
