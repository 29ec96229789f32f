"""What sizes and quotients of sizes share: an expression, and comparisons that are kept as guards."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from math import lcm
from typing import Any

from ....dims import Cond, Var, bounds, eq, ne
from ....dims.normal import Polynomial
from .guards import Tape

__all__ = ["Followed", "after_the_end", "compared", "expressed", "form_of", "unfollowed"]

_EXACT = 1 << 20
"""Fractions with a power of two up to this one below are exact in floating point, and stay so."""

_POSITIVE = Var("size", interval=(1, None))


class Followed:
    """A number that carries an expression, ``form``, over the dimensions of the recorded tensors.

    ``number`` is its value. Code of C reads its digits instead, which are others where it is tried out who does.
    """

    number: Any
    form: Polynomial
    tape: Tape

    def freeze(self) -> None:
        """Keep that the number must stay what it is."""
        raise NotImplementedError


def form_of(number: Any) -> Polynomial | None:
    """Return the expression of a size, a whole number, or a fraction that floating point holds exactly."""
    if isinstance(number, Followed) and not number.tape.ended:
        return number.tape.canonical(number.form)
    if isinstance(number, int):
        return Polynomial.of(int(number))
    if isinstance(number, float) and math.isfinite(number):
        exact = Fraction(number)
        return Polynomial.of(exact) if exact.denominator <= _EXACT else None
    return None


def unfollowed(number: Any) -> Any:
    """Return the plain number; nothing is kept of it."""
    return number.number if isinstance(number, Followed) else number


def after_the_end(number: Followed, other: Any, name: str) -> Any:
    """Return what an operation gives with a number of a recording that is over: it is a plain one."""
    plain, base = unfollowed(number), name.strip("_")
    if hasattr(operator, base):
        return getattr(operator, base)(plain, other)
    return getattr(operator, base.removeprefix("r"))(other, plain)


def expressed(number: Any) -> Any:
    """Return what stands in an operator's parameter for a size: its expression, or the plain number."""
    if not isinstance(number, Followed) or number.tape.ended:
        return unfollowed(number)
    if isinstance(number, int):
        return number.tape.canonical(number.form).dim()
    number.freeze()
    return unfollowed(number)


_CONDITIONS: dict[str, Callable[[Any, Any], Cond]] = {
    "__lt__": lambda a, b: a < b,
    "__le__": lambda a, b: a <= b,
    "__gt__": lambda a, b: b < a,
    "__ge__": lambda a, b: b <= a,
    "__eq__": eq,
    "__ne__": ne,
}


def compared(name: str) -> Callable[[Any, Any], Any]:
    plain_int, plain_float = getattr(int, name), getattr(float, name)

    def compare(self: Any, other: Any) -> Any:
        if self.tape.ended:
            return getattr(operator, name)(unfollowed(self), other)
        outcome = plain_int(unfollowed(self), unfollowed(other)) if isinstance(self, int) else NotImplemented
        if outcome is NotImplemented:
            outcome = plain_float(float(unfollowed(self)), unfollowed(other))
        if outcome is NotImplemented or self.tape.trying:
            return outcome
        other_form = form_of(other)
        if other_form is None:
            self.freeze()
            return outcome
        if isinstance(other_form.constant, int) and self.form in self.tape.positive:
            if bounds(_CONDITIONS[name](_POSITIVE, other_form.dim())) != (0, 1):
                return outcome
        scale = lcm(self.form.denominator, other_form.denominator)
        x, y = self.form.scaled(scale).dim(), other_form.scaled(scale).dim()
        condition = _CONDITIONS[name](x, y)
        return self.tape.compares(condition, bool(outcome))

    return compare
