"""The normal form reader: what an expression is when everything that cancels has been cancelled.

A :class:`Polynomial` is a sum of products of atoms, where an atom is an unknown or an operation that is not a
sum or a product of others (a rounded quotient, a minimum ...). Two expressions with one normal form are equal
for all values; the reverse is not promised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm
from typing import Any

from .expr import (
    Cond,
    Dim,
    Expr,
    all_of,
    any_of,
    bounds,
    eq,
    fold,
    maximum,
    minimum,
    negation,
    product,
    total,
    where,
)

__all__ = ["NORMAL", "Polynomial", "normal"]

_Monomial = tuple[Expr, ...]
_Number = int | Fraction


@lru_cache(maxsize=65536)
def _order(atom: Expr) -> str:
    return repr(atom)


def _whole(number: _Number) -> _Number:
    return int(number) if isinstance(number, Fraction) and number.denominator == 1 else number


@dataclass(frozen=True)
class Polynomial:
    """A sum of products: ``terms`` pairs each product of atoms, in order, with its factor; none is 0.

    Factors are whole numbers, or fractions while a quotient has not been rounded yet.

    >>> from convsolve.dims import hole
    >>> n = Polynomial.of(hole("n", 28))
    >>> (n + Polynomial.of(2) - Polynomial.of(3)) .floordiv(Polynomial.of(2)) + Polynomial.of(1)
    Polynomial((n + 1)//2)
    """

    terms: tuple[tuple[_Monomial, _Number], ...]

    @classmethod
    def _made(cls, terms: Mapping[_Monomial, _Number]) -> Polynomial:
        kept = [(m, _whole(c)) for m, c in terms.items() if c != 0]
        if len(kept) > 1:
            kept.sort(key=lambda term: (-len(term[0]), [_order(a) for a in term[0]]))
        return cls(tuple(kept))

    @classmethod
    def of(cls, x: Dim | Fraction) -> Polynomial:
        """Return the normal form of an expression or a number."""
        if isinstance(x, (int, Fraction)):
            return cls(((((), x)),) if x else ())
        result: Polynomial = fold(x, NORMAL, _leaf)
        return result

    @classmethod
    def atom(cls, x: Dim) -> Polynomial:
        """Return an expression that is not to be looked into as a polynomial."""
        return cls.of(x) if isinstance(x, int) else cls((((x,), 1),))

    def __repr__(self) -> str:
        return f"Polynomial({self.dim() if self.is_whole else self.terms})"

    @property
    def constant(self) -> _Number | None:
        """The number that it is, or None where it depends on something."""
        if not self.terms:
            return 0
        return self.terms[0][1] if len(self.terms) == 1 and not self.terms[0][0] else None

    @property
    def is_whole(self) -> bool:
        """Whether all factors are whole numbers."""
        return all(isinstance(c, int) for _, c in self.terms)

    @property
    def denominator(self) -> int:
        """The least number that makes all factors whole."""
        return lcm(*(c.denominator for _, c in self.terms))

    def atoms(self) -> Iterable[Expr]:
        """Return the atoms, as often as they stand there."""
        return (atom for monomial, _ in self.terms for atom in monomial)

    def dim(self) -> Dim:
        """Return the expression; all factors must be whole numbers."""
        plus = [product((c, *m)) for m, c in self.terms if c > 0]  # type: ignore[arg-type]
        minus = [product((-c, *m)) for m, c in self.terms if c < 0]  # type: ignore[arg-type]
        result = total(plus)
        for term in minus:
            result = result - term
        return result

    def __add__(self, other: Polynomial) -> Polynomial:
        terms = dict(self.terms)
        for monomial, factor in other.terms:
            terms[monomial] = terms.get(monomial, 0) + factor
        return self._made(terms)

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + other.scaled(-1)

    def __mul__(self, other: Polynomial) -> Polynomial:
        terms: dict[_Monomial, _Number] = {}
        for m, c in self.terms:
            for n, d in other.terms:
                both = tuple(sorted((*m, *n), key=_order)) if m and n else m or n
                terms[both] = terms.get(both, 0) + c * d
        return self._made(terms)

    def scaled(self, factor: _Number) -> Polynomial:
        """Return it times a number."""
        return self._made({m: c * factor for m, c in self.terms})

    def quotient(self, divisor: Polynomial) -> Polynomial | None:
        """Return the polynomial that times ``divisor`` is this one, perhaps with fractions; None if none is found.

        >>> from convsolve.dims import hole
        >>> h, w = (Polynomial.of(hole(name, 8)) for name in "hw")
        >>> (h * w + h).quotient(h)
        Polynomial(w + 1)
        """
        if len(divisor.terms) == 1:
            ((by, factor),) = divisor.terms
            terms: dict[_Monomial, _Number] = {}
            for monomial, c in self.terms:
                without = _without(monomial, by)
                if without is None:
                    return None
                terms[without] = Fraction(c) / factor
            return self._made(terms)
        rest, found = self, Polynomial(())
        while rest.terms and divisor.terms and len(found.terms) < 16:
            lead = Polynomial((rest.terms[0],)).quotient(Polynomial((divisor.terms[0],)))
            if lead is None:
                return None
            found, rest = found + lead, rest - lead * divisor
        return found if divisor.terms and not rest.terms else None

    def floordiv(self, divisor: Polynomial) -> Polynomial:
        """Return the quotient rounded down; the divisor must be positive, as every size is."""
        if self.denominator != 1 or divisor.denominator != 1:
            common = lcm(self.denominator, divisor.denominator)
            return self.scaled(common).floordiv(divisor.scaled(common))
        exact = self.quotient(divisor)
        if exact is not None and exact.is_whole:
            return exact
        by = divisor.constant
        if by is None:
            return self.atom(self.dim() // _positive(divisor))
        assert isinstance(by, int)
        if by < 0:
            return self.scaled(-1).floordiv(divisor.scaled(-1))
        outside: dict[_Monomial, _Number] = {}
        inside: dict[_Monomial, _Number] = {}
        for monomial, c in self.terms:
            times, left = divmod(int(c), by)
            if left and monomial:
                inside[monomial] = c
            else:
                outside[monomial], inside[monomial] = times, left
        rest = self._made(inside)
        if rest.terms and rest.terms[0][0] and rest.terms[0][1] < 0:  # floor(-x) is -ceil(x)
            up = (Polynomial.of(by - 1) - rest).floordiv(divisor)
            return self._made(outside) - up
        common = gcd(by, *(int(c) for m, c in rest.terms if m))
        if not any(m for m, _ in rest.terms):
            return self._made(outside)
        shrunk = self._made({m: int(c) // common for m, c in rest.terms})
        return self._made(outside) + self.atom(shrunk.dim() // (by // common))

    def modulo(self, divisor: Polynomial) -> Polynomial:
        """Return the remainder; the divisor must be positive."""
        exact = self.quotient(divisor)
        if exact is not None and exact.is_whole:
            return Polynomial(())
        by = divisor.constant
        if by is None or not self.is_whole or not isinstance(by, int) or by < 0:
            return self.atom(self.dim() % _positive(divisor))
        rest = self._made({m: int(c) % by for m, c in self.terms})
        return rest if rest.constant is not None else self.atom(rest.dim() % by)


def _without(monomial: _Monomial, by: _Monomial) -> _Monomial | None:
    rest = list(monomial)
    for atom in by:
        if atom not in rest:
            return None
        rest.remove(atom)
    return tuple(rest)


def _positive(divisor: Polynomial) -> Dim:
    x = divisor.dim()
    low = bounds(x)[0]
    return x if low is not None and low >= 1 else maximum(x, 1)


def _leaf(x: Any) -> Any:
    return x if isinstance(x, bool) else Polynomial.atom(x)


def _extreme(pick: Callable[..., Dim], sign: int) -> Callable[[list[Any]], Polynomial]:
    def read(args: list[Any]) -> Polynomial:
        kept: list[Polynomial] = []
        for one in args:
            for i, other in enumerate(kept):
                gap = (one - other).scaled(sign).constant
                if gap is not None:  # they always differ by as much
                    kept[i] = one if gap > 0 else other
                    break
                low, high = bounds((one - other).scaled(sign).dim())
                if low is not None and low >= 0:
                    kept[i] = one
                    break
                if high is not None and high <= 0:
                    break
            else:
                kept.append(one)
        return kept[0] if len(kept) == 1 else Polynomial.atom(pick(*(p.dim() for p in kept)))

    return read


def _where(args: list[Any]) -> Polynomial:
    condition, a, b = args
    if isinstance(condition, bool):
        return a if condition else b  # type: ignore[no-any-return]
    return a if a == b else Polynomial.atom(where(condition, a.dim(), b.dim()))


def _compared(compare: Callable[[Dim, Dim], Cond]) -> Callable[[list[Any]], Cond]:
    def read(args: list[Any]) -> Cond:
        a, b = args
        gap = (a - b).constant
        condition = compare(a.dim(), b.dim()) if gap is None else compare(int(gap), 0)
        low, high = bounds(condition)
        return bool(low) if low == high else condition

    return read


def _sum(args: list[Any]) -> Polynomial:
    result = Polynomial(())
    for a in args:
        result = result + a
    return result


NORMAL: dict[str, Callable[[list[Any]], Any]] = {
    "add": _sum,
    "sub": lambda a: a[0] - a[1],
    "mul": lambda a: a[0] * a[1],
    "floordiv": lambda a: a[0].floordiv(a[1]),
    "mod": lambda a: a[0].modulo(a[1]),
    "min": _extreme(minimum, -1),
    "max": _extreme(maximum, 1),
    "where": _where,
    "eq": _compared(eq),
    "lt": _compared(lambda a, b: a < b),
    "le": _compared(lambda a, b: a <= b),
    "and": lambda a: all_of(*a),
    "or": lambda a: any_of(*a),
    "not": lambda a: negation(a[0]),
}


def normal(condition: Cond) -> Cond:
    """Return a condition with its sizes in normal form: a bool where it holds always or never.

    >>> from convsolve.dims import hole
    >>> n = hole("n", 28)
    >>> normal(n + 2 < n - 1), normal(2 * n + 4 <= n)
    (False, False)
    """
    return condition if isinstance(condition, bool) else fold(condition, NORMAL, _leaf)
