"""Quotients of sizes: floating-point numbers that carry an exact expression as far as rounding allows."""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from typing import Any

from ....dims import eq
from ....dims.normal import Polynomial
from .guards import Tape
from .symbolic_sizes import Size
from .symbolic_values import Followed, after_the_end, compared, form_of, unfollowed

__all__ = ["SymbolicFloat"]


class SymbolicFloat(float, Followed):
    """A quotient of sizes with its expression, a polynomial with fractions.

    ``rounded`` says that the floating-point number may be off the exact one by a last digit: what is done with
    it after that is followed only as long as rounding to a whole number cannot come out otherwise.
    """

    number: float
    exact: Fraction
    rounded: bool

    @classmethod
    def of(cls, number: Any, tape: Tape | None = None) -> SymbolicFloat:
        """Return a size, or a plain number, as a ratio."""
        if isinstance(number, SymbolicFloat):
            return number
        form = form_of(number)
        if isinstance(number, Size):
            return cls._made(float(number.number), number.form, Fraction(number.number), number.tape, False)
        assert tape is not None
        if form is None:
            return cls._made(number, Polynomial.of(Fraction(number)), Fraction(number), tape, True)
        return cls._made(float(number), form, Fraction(number), tape, False)

    @classmethod
    def _made(cls, value: float, form: Polynomial, exact: Fraction, tape: Tape, rounded: bool) -> SymbolicFloat:
        ratio = float.__new__(cls, tape.shown(form, value, exact))
        ratio.number = value
        ratio.form, ratio.exact, ratio.tape, ratio.rounded = form, exact, tape, rounded
        return ratio

    def freeze(self) -> None:
        """Keep that the quotient must stay what it is."""
        self.tape.freeze(self.form, self.exact)

    def _plain(self) -> float:
        self.freeze()
        return self.number

    def _other(self, other: Any) -> SymbolicFloat | None:
        if not isinstance(other, (int, float)) or (not isinstance(other, SymbolicFloat) and form_of(other) is None):
            return None
        return SymbolicFloat.of(other, self.tape)

    def _linear(self, other: Any, name: str, sign: int, mine: int) -> Any:
        if self.tape.ended:
            return after_the_end(self, other, name)
        known = self._other(other)
        if known is None or (known.rounded and self.rounded):
            return _plain_of(self, other, name)
        value = getattr(float, name)(self.number, known.number)
        form = self.form.scaled(mine) + known.form.scaled(sign)
        if (self.rounded or known.rounded) and not _same_grid(self, known, form):
            return _plain_of(self, other, name)
        exact = self.exact * mine + known.exact * sign
        return SymbolicFloat._made(value, form, exact, self.tape, self.rounded or known.rounded)

    def __add__(self, other: Any) -> Any:
        return self._linear(other, "__add__", 1, 1)

    def __radd__(self, other: Any) -> Any:
        return self._linear(other, "__radd__", 1, 1)

    def __sub__(self, other: Any) -> Any:
        return self._linear(other, "__sub__", -1, 1)

    def __rsub__(self, other: Any) -> Any:
        return self._linear(other, "__rsub__", 1, -1)

    def __neg__(self) -> Any:
        return SymbolicFloat._made(-self.number, self.form.scaled(-1), -self.exact, self.tape, self.rounded)

    def __mul__(self, other: Any) -> Any:
        if self.tape.ended:
            return after_the_end(self, other, "__mul__")
        known = self._other(other)
        if known is None or known.rounded or (self.rounded and not _power_of_2(known)):
            return _plain_of(self, other, "__mul__")
        value = self.number * known.number
        return SymbolicFloat._made(value, self.form * known.form, self.exact * known.exact, self.tape, self.rounded)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        if self.tape.ended:
            return after_the_end(self, other, "__truediv__")
        known = self._other(other)
        if known is None or known.rounded or known.exact == 0 or (self.rounded and not _power_of_2(known)):
            return _plain_of(self, other, "__truediv__")
        form = self.form.quotient(known.form)
        if form is None:
            return _plain_of(self, other, "__truediv__")
        rounded = self.rounded or form.denominator & (form.denominator - 1) != 0
        value = self.number / known.number
        return SymbolicFloat._made(value, form, self.exact / known.exact, self.tape, rounded)

    def __rtruediv__(self, other: Any) -> Any:
        if self.tape.ended:
            return after_the_end(self, other, "__rtruediv__")
        known = self._other(other)
        return _plain_of(self, other, "__rtruediv__") if known is None else known / self

    def __floordiv__(self, other: Any) -> Any:
        return _plain_of(self, other, "__floordiv__")

    def __mod__(self, other: Any) -> Any:
        return _plain_of(self, other, "__mod__")

    def __pow__(self, other: Any, modulo: None = None) -> Any:
        return self._plain() ** other

    def __floor__(self) -> Any:
        return Size.made(math.floor(self.number), self.form.floordiv(Polynomial.of(1)), self.tape)

    def __ceil__(self) -> Any:
        form = self.form.scaled(-1).floordiv(Polynomial.of(1)).scaled(-1)
        return Size.made(math.ceil(self.number), form, self.tape)

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

    __lt__, __le__, __gt__, __ge__ = (compared(f"__{name}__") for name in ("lt", "le", "gt", "ge"))
    __eq__, __ne__ = compared("__eq__"), compared("__ne__")

    def __deepcopy__(self, memo: Any) -> SymbolicFloat:
        return self

    def __reduce__(self) -> Any:
        return (float, (float.__repr__(self.number),))


def _plain_of(ratio: SymbolicFloat, other: Any, name: str) -> Any:
    """Compute with plain numbers, and freeze the sizes that they come from."""
    if isinstance(other, Followed):
        other.freeze()
    return getattr(float, name)(ratio._plain(), unfollowed(other))


def _power_of_2(ratio: SymbolicFloat) -> bool:
    constant = ratio.form.constant
    exact = None if constant is None else abs(Fraction(constant))
    if exact is None or exact == 0:
        return False
    return exact.numerator & (exact.numerator - 1) == 0 and exact.denominator & (exact.denominator - 1) == 0


def _same_grid(a: SymbolicFloat, b: SymbolicFloat, result: Polynomial) -> bool:
    """Return whether a sum keeps away from whole numbers at least as far as its rounded part did.

    The exact sum is a multiple of 1/denominator; where it can be whole although the rounded part was not,
    the floating-point sum may fall short of it.
    """
    rounded, other = (a, b) if a.rounded else (b, a)
    whole = other.form.denominator == 1
    return whole and result.denominator == rounded.form.denominator and result.constant is None
