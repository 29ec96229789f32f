"""Sizes that know where they come from: integers (and quotients) that carry an expression.

A program that runs under the recorder gets a :class:`Size` wherever it asks for a tensor's shape. It *is* an
integer, so that everything goes on working, and its arithmetic carries the expression on. Where a comparison
decides a branch, the :class:`Tape` keeps it as a guard; where the expression cannot be carried on (a size that
is turned into a plain number), the size is frozen: a guard says that it must stay what it was.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from ....dims.normal import Polynomial
from .guards import Tape
from .source_locations import is_message
from .symbolic_values import Followed, after_the_end, compared, form_of, unfollowed

__all__ = ["Size"]


def _ratio(number: Any, tape: Tape | None = None) -> Any:
    from .symbolic_floats import SymbolicFloat

    return SymbolicFloat.of(number, tape)


class Size(int, Followed):
    """A whole number with its expression, ``form``, over the dimensions of the recorded tensors."""

    number: int

    @classmethod
    def made(cls, value: int, form: Polynomial, tape: Tape) -> int:
        """Return a number as a size, or as it is where its expression is a number, too."""
        form = tape.canonical(form)
        if form.constant is not None:
            return value
        size = int.__new__(cls, tape.shown(form, value, value))
        size.number, size.form, size.tape = value, form, tape
        return size

    def freeze(self) -> None:
        """Keep that the size must stay what it is."""
        self.tape.freeze(self.form, self.number)

    def _with(self, other: Any, name: str, combine: Callable[[Polynomial, Polynomial], Polynomial]) -> Any:
        if self.tape.ended:
            return after_the_end(self, other, name)
        if isinstance(other, int):
            value = getattr(int, name)(self.number, unfollowed(other))
            other_form = form_of(other)
            assert other_form is not None
            return Size.made(value, combine(self.tape.canonical(self.form), other_form), self.tape)
        return getattr(_ratio(self), name)(other) if isinstance(other, float) else NotImplemented

    def __add__(self, other: Any) -> Any:
        return self._with(other, "__add__", lambda a, b: a + b)

    def __radd__(self, other: Any) -> Any:
        return self._with(other, "__radd__", lambda a, b: b + a)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, "__sub__", lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, "__rsub__", lambda a, b: b - a)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, (list, tuple, str, bytes)):
            return other * self._plain()
        return self._with(other, "__mul__", lambda a, b: a * b)

    def __rmul__(self, other: Any) -> Any:
        if isinstance(other, (list, tuple, str, bytes)):
            return other * self._plain()
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
        if isinstance(other, int) and not self.tape.ended:
            divisor = self if name.startswith("__r") else other
            if unfollowed(divisor) <= 0:  # the language divides by positive numbers only
                self.freeze()
                if isinstance(other, Size):
                    other.freeze()
                return getattr(int, name)(self.number, unfollowed(other))
            if isinstance(divisor, Size):
                self.tape.holds(divisor.form.dim() >= 1, True)
        return self._with(other, name, combine)

    def __truediv__(self, other: Any) -> Any:
        if self.tape.ended:
            return after_the_end(self, other, "__truediv__")
        return _ratio(self) / other if isinstance(other, (int, float)) else NotImplemented

    def __rtruediv__(self, other: Any) -> Any:
        if self.tape.ended:
            return after_the_end(self, other, "__rtruediv__")
        return _ratio(other, self.tape) / self if isinstance(other, (int, float)) else NotImplemented

    def __pow__(self, other: Any, modulo: None = None) -> Any:  # type: ignore[override]
        if modulo is None and isinstance(other, int) and not isinstance(other, Size) and 0 < other <= 8:
            result: Any = self
            for _ in range(other - 1):
                result = result * self
            return result
        self.freeze()
        return pow(self.number, other, modulo)

    def __rpow__(self, other: Any, modulo: None = None) -> Any:  # type: ignore[override]
        self.freeze()
        return other**self.number

    def __lshift__(self, other: Any) -> Any:
        return self * (1 << other)

    def __rlshift__(self, other: Any) -> Any:
        return other << self._plain()

    def __rrshift__(self, other: Any) -> Any:
        return other >> self._plain()

    def __rshift__(self, other: Any) -> Any:
        return self // (1 << other)

    def __neg__(self) -> Any:
        if self.tape.ended:
            return -self.number
        return Size.made(-self.number, self.form.scaled(-1), self.tape)

    def __abs__(self) -> Any:
        return -self if self < 0 else self

    def __pos__(self) -> Size:
        return self

    __ceil__ = __floor__ = __trunc__ = __pos__

    def __round__(self, digits: Any = None) -> Size:
        return self

    def _plain(self) -> int:
        self.freeze()
        return self.number

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

    __lt__, __le__, __gt__, __ge__ = (compared(f"__{name}__") for name in ("lt", "le", "gt", "ge"))
    __eq__, __ne__ = compared("__eq__"), compared("__ne__")

    def __repr__(self) -> str:
        self._told(sys._getframe(1))
        return int.__repr__(self.number)

    def __str__(self) -> str:
        self._told(sys._getframe(1))
        return int.__repr__(self.number)

    def __format__(self, spec: str) -> str:
        self._told(sys._getframe(1))
        return int.__format__(self.number, spec)

    def _told(self, frame: FrameType) -> None:
        """Freeze a size that becomes text, but for a message."""
        if not self.tape.ended and not is_message(frame):
            self.freeze()

    def bit_length(self) -> int:
        """Return the number of binary digits, and keep between which powers of 2 the size is."""
        count = self.number.bit_length()
        form = self.tape.canonical(self.form).dim()
        self.tape.holds(form >= (1 << count) // 2, True)
        self.tape.holds(form < 1 << count, True)
        return count

    def bit_count(self) -> int:
        """Return how many binary digits are 1."""
        return self._plain().bit_count()

    def to_bytes(self, *args: Any, **kwargs: Any) -> bytes:
        """Return the number as bytes."""
        return self._plain().to_bytes(*args, **kwargs)

    def conjugate(self) -> Any:
        """Return the number itself."""
        return self

    def as_integer_ratio(self) -> Any:
        """Return the number as a quotient."""
        return self, 1

    numerator = real = property(conjugate)

    def __deepcopy__(self, memo: Any) -> Size:
        return self

    def __reduce__(self) -> Any:
        return (int, (int.__repr__(self.number),))
