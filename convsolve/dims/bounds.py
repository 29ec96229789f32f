"""The interval reader: between which two integers does an expression lie?

An interval is a pair ``(lower, upper)``; ``None`` on a side means unbounded there. A condition reads
as an interval within ``(0, 1)``: ``(1, 1)`` certainly holds, ``(0, 0)`` certainly does not.

Every function here is sound (the true value is never outside), and exact for a single operation on
independent arguments, except ``mod`` of a wide range, which is only bounded by its divisor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["INTERVALS", "Interval"]

Interval = tuple["int | None", "int | None"]

_INFINITY = float("inf")  # only ever compared, never computed with: see _product


def _add(args: Sequence[Interval]) -> Interval:
    low: int | None = 0
    high: int | None = 0
    for a, b in args:
        low = None if low is None or a is None else low + a
        high = None if high is None or b is None else high + b
    return (low, high)


def _negate(x: Interval) -> Interval:
    low, high = x
    return (None if high is None else -high, None if low is None else -low)


def _sub(args: Sequence[Interval]) -> Interval:
    return _add((args[0], _negate(args[1])))


def _ends(x: Interval) -> tuple[int | float, int | float]:
    return (-_INFINITY if x[0] is None else x[0], _INFINITY if x[1] is None else x[1])


def _product(a: int | float, b: int | float) -> int | float:
    if a == 0 or b == 0:  # zero times anything, also times an open end, is zero
        return 0
    if isinstance(a, float) or isinstance(b, float):
        return _INFINITY if (a > 0) == (b > 0) else -_INFINITY
    return a * b


def _interval(low: int | float, high: int | float) -> Interval:
    return (None if isinstance(low, float) else low, None if isinstance(high, float) else high)


def _hull(values: Sequence[int | float]) -> Interval:
    return _interval(min(values), max(values))


def _mul(args: Sequence[Interval]) -> Interval:
    (a, b), (c, d) = args
    if a is not None and c is not None and a >= 0 and c >= 0 and b is not None and d is not None:
        return (a * c, b * d)
    return _hull([_product(a, b) for a in _ends(args[0]) for b in _ends(args[1])])


def _quotient(a: int | float, b: int | float) -> int | float:
    if isinstance(b, float):  # a positive divisor without limit: the quotient tends to 0 or to -1
        return (0 if a >= 0 else -1) if not isinstance(a, float) else a
    return a if isinstance(a, float) else a // b


def _floordiv(args: Sequence[Interval]) -> Interval:
    return _hull([_quotient(a, max(b, 1)) for a in _ends(args[0]) for b in _ends(args[1])])


def _mod(args: Sequence[Interval]) -> Interval:
    (low, high), (_, largest) = args
    largest = None if largest is None else max(largest, 1)
    if low is not None and high is not None and args[1][0] == largest and largest is not None:
        if low // largest == high // largest:  # the whole range lies between two multiples
            return (low % largest, high % largest)
    top = None if largest is None else largest - 1
    if low is not None and low >= 0 and high is not None:
        top = high if top is None else min(top, high)
    return (0, top)


def _min(args: Sequence[Interval]) -> Interval:
    ends = [_ends(a) for a in args]
    return _interval(min(a for a, _ in ends), min(b for _, b in ends))


def _max(args: Sequence[Interval]) -> Interval:
    ends = [_ends(a) for a in args]
    return _interval(max(a for a, _ in ends), max(b for _, b in ends))


def _where(args: Sequence[Interval]) -> Interval:
    chosen, first, second = args
    if chosen == (1, 1):
        return first
    if chosen == (0, 0):
        return second
    ends = [*map(_ends, (first, second))]
    return _interval(min(a for a, _ in ends), max(b for _, b in ends))


def _truth(certainly: bool, possibly: bool) -> Interval:
    return (int(certainly), int(possibly))


def _eq(args: Sequence[Interval]) -> Interval:
    (a, b), (c, d) = map(_ends, args)
    return _truth(a == b == c == d, a <= d and c <= b)


def _lt(args: Sequence[Interval]) -> Interval:
    (a, b), (c, d) = map(_ends, args)
    return _truth(b < c, a < d)


def _le(args: Sequence[Interval]) -> Interval:
    (a, b), (c, d) = map(_ends, args)
    return _truth(b <= c, a <= d)


def _and(args: Sequence[Interval]) -> Interval:
    return _truth(all(a == (1, 1) for a in args), all(a != (0, 0) for a in args))


def _or(args: Sequence[Interval]) -> Interval:
    return _truth(any(a == (1, 1) for a in args), any(a != (0, 0) for a in args))


def _not(args: Sequence[Interval]) -> Interval:
    return _truth(args[0] == (0, 0), args[0] != (1, 1))


INTERVALS: dict[str, Callable[[Sequence[Interval]], Interval]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "floordiv": _floordiv,
    "mod": _mod,
    "min": _min,
    "max": _max,
    "where": _where,
    "eq": _eq,
    "lt": _lt,
    "le": _le,
    "and": _and,
    "or": _or,
    "not": _not,
}
