"""The narrowing reader: which arguments can an operation have had, given its result?

This is bounds propagation forward and backward through an expression (the HC4 scheme of Benhamou,
Goualard, Granvilliers and Puget, 1999), over intervals of integers. Every function returns intervals
that contain all arguments for which the result can lie in the given interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..dims import Var
from ..dims.bounds import INTERVALS, Interval
from ..dims.expr import Symbolic, nodes

__all__ = ["NARROW", "Contradiction", "narrow"]

_Narrowing = Callable[[Interval, Sequence[Interval]], Sequence[Interval]]


class Contradiction(Exception):
    """No arguments give the result."""


def _meet(a: Interval, b: Interval) -> Interval:
    """Return the common part of two intervals."""
    low = a[0] if b[0] is None else b[0] if a[0] is None else max(a[0], b[0])
    high = a[1] if b[1] is None else b[1] if a[1] is None else min(a[1], b[1])
    if low is not None and high is not None and low > high:
        raise Contradiction
    return (low, high)


_TRUE: Interval = (1, 1)
_FALSE: Interval = (0, 0)


def _plus(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a + b


def _minus(a: Interval, b: Interval) -> Interval:
    return (
        None if a[0] is None or b[1] is None else a[0] - b[1],
        None if a[1] is None or b[0] is None else a[1] - b[0],
    )


def _add(result: Interval, args: Sequence[Interval]) -> list[Interval]:
    if len(args) == 2:
        return [_minus(result, args[1]), _minus(result, args[0])]
    # the sum of the others is the sum of all less one's own, kept exact where a single end is open
    open_low = sum(a[0] is None for a in args)
    open_high = sum(a[1] is None for a in args)
    lows, highs = sum(a[0] or 0 for a in args), sum(a[1] or 0 for a in args)
    narrowed = []
    for low, high in args:
        others_low = None if open_low - (low is None) else lows - (low or 0)
        others_high = None if open_high - (high is None) else highs - (high or 0)
        narrowed.append(_minus(result, (others_low, others_high)))
    return narrowed


def _sub(result: Interval, args: Sequence[Interval]) -> list[Interval]:
    a, b = args
    return [(_plus(result[0], b[0]), _plus(result[1], b[1])), _minus(a, result)]


def _factor(result: Interval, other: Interval) -> Interval:
    """Return what times a positive ``other`` can be the result."""
    low, high = other
    if low is None or low < 1:
        return (None, None)
    bottom = top = None
    if result[0] is not None:
        divisor = high if result[0] > 0 else low
        bottom = (1 if result[0] > 0 else None) if divisor is None else -(-result[0] // divisor)
        if divisor is None and result[0] == 0:
            bottom = 0
    if result[1] is not None:
        divisor = low if result[1] >= 0 else high
        top = -1 if divisor is None else result[1] // divisor
    return (bottom, top)


def _mul(result: Interval, args: Sequence[Interval]) -> list[Interval]:
    return [_factor(result, args[1]), _factor(result, args[0])]


def _floordiv(result: Interval, args: Sequence[Interval]) -> list[Interval]:
    (low, high), (least, most) = result, args[1]
    bottom = top = None
    if low is not None and least is not None:
        worst = least if low >= 0 else most
        bottom = None if worst is None else low * worst
    if high is not None and least is not None:
        worst = most if high >= 0 else least
        top = None if worst is None else (high + 1) * worst - 1
    return [(bottom, top), (None, None)]


def _mod(result: Interval, args: Sequence[Interval]) -> list[Interval]:
    return [(None, None), (None if result[0] is None else result[0] + 1, None)]


def _min(result: Interval, args: Sequence[Interval]) -> list[Interval]:
    high = result[1]
    able = [high is None or a[0] is None or a[0] <= high for a in args]
    only = sum(able) == 1  # the only one that can be as small as the result must be
    return [(result[0], high if only and possible else None) for possible in able]


def _max(result: Interval, args: Sequence[Interval]) -> list[Interval]:
    low = result[0]
    able = [low is None or a[1] is None or a[1] >= low for a in args]
    only = sum(able) == 1
    return [(low if only and possible else None, result[1]) for possible in able]


def _disjoint(a: Interval, b: Interval) -> bool:
    try:
        _meet(a, b)
    except Contradiction:
        return True
    return False


def _where(result: Interval, args: Sequence[Interval]) -> list[Interval]:
    chosen, first, second = args
    if _disjoint(result, first):
        chosen = _meet(chosen, _FALSE)
    if _disjoint(result, second):
        chosen = _meet(chosen, _TRUE)
    return [
        chosen,
        _meet(first, result) if chosen == _TRUE else first,
        _meet(second, result) if chosen == _FALSE else second,
    ]


def _eq(result: Interval, args: Sequence[Interval]) -> list[Interval]:
    a, b = args
    if result == _TRUE:
        both = _meet(a, b)
        return [both, both]
    if result == _FALSE:
        return [_without(a, b), _without(b, a)]
    return [a, b]


def _without(a: Interval, b: Interval) -> Interval:
    """Return ``a`` less the only value of ``b``, where that is an end."""
    low, high = a
    if b[0] is not None and b[0] == b[1]:
        if low == b[0]:
            low += 1
        if high == b[0]:
            high -= 1
        if low is not None and high is not None and low > high:
            raise Contradiction
    return (low, high)


def _ordered(a: Interval, b: Interval, gap: int) -> list[Interval]:
    """Return the intervals of ``a + gap <= b``."""
    high = None if b[1] is None else b[1] - gap
    low = None if a[0] is None else a[0] + gap
    return [_meet(a, (None, high)), _meet(b, (low, None))]


def _lt(result: Interval, args: Sequence[Interval]) -> list[Interval]:
    if result == _TRUE:
        return _ordered(args[0], args[1], 1)
    return _ordered(args[1], args[0], 0)[::-1] if result == _FALSE else list(args)


def _le(result: Interval, args: Sequence[Interval]) -> list[Interval]:
    if result == _TRUE:
        return _ordered(args[0], args[1], 0)
    return _ordered(args[1], args[0], 1)[::-1] if result == _FALSE else list(args)


def _junction(all_value: Interval) -> _Narrowing:
    """Return the narrowing of "and" (``all_value`` true) or "or" (false): one value forces every argument."""
    other = _FALSE if all_value == _TRUE else _TRUE

    def read(result: Interval, args: Sequence[Interval]) -> list[Interval]:
        if result == all_value:
            return [_meet(a, all_value) for a in args]
        if result == other:
            undecided = [i for i, a in enumerate(args) if a != all_value]
            if not undecided:
                raise Contradiction
            if len(undecided) == 1:
                return [other if i == undecided[0] else a for i, a in enumerate(args)]
        return list(args)

    return read


def _not(result: Interval, args: Sequence[Interval]) -> list[Interval]:
    return [_FALSE if result == _TRUE else _TRUE if result == _FALSE else args[0]]


NARROW: dict[str, _Narrowing] = {
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
    "and": _junction(_TRUE),
    "or": _junction(_FALSE),
    "not": _not,
}


def narrow(x: Any, result: Interval, known: Mapping[str, Interval]) -> tuple[Interval, dict[str, Interval]]:
    """Return the bounds of an expression, and the bounds of its unknowns for which it can lie in ``result``.

    Raises:
        Contradiction: it cannot.
    """
    order = nodes(x)
    own: dict[Any, Interval] = {}  # of every part: its bounds, narrowed from the uses down

    def interval(a: Any) -> Interval:
        return own[a] if isinstance(a, Symbolic) else (int(a), int(a))

    for node in order:
        own[node] = known[node.name] if isinstance(node, Var) else INTERVALS[node.op]([interval(a) for a in node.args])
    if not order:
        return _meet(interval(x), result), {}
    own[x] = _meet(own[x], result)
    for node in reversed(order):
        if not isinstance(node, Var):
            for arg, new in zip(node.args, NARROW[node.op](own[node], [interval(a) for a in node.args]), strict=True):
                if isinstance(arg, Symbolic):
                    own[arg] = _meet(own[arg], new)
    return own[x], {node.name: own[node] for node in order if isinstance(node, Var)}
