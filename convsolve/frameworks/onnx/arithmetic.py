"""Folding arithmetic on the sizes that an ONNX graph computes: sums, quotients, comparisons, rounding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from ...dims import bounds, eq, maximum, minimum, product, total
from . import numbers
from .call import Call
from .sizes import MOST, array, folds, known
from .values import Known, NotReadError

__all__ = ()

_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "Add": numbers.add, "Sub": numbers.subtract, "Mul": numbers.multiply, "Div": numbers.divide,
    "Mod": numbers.modulo, "Max": lambda a, b: _extreme(maximum, a, b), "Min": lambda a, b: _extreme(minimum, a, b),
}


def _extreme(pick: Callable[..., Any], a: Any, b: Any) -> Any:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return max(a, b) if pick is maximum else min(a, b)
    if any(isinstance(x, (Fraction, numbers.Ratio)) for x in (a, b)):
        raise NotReadError("it compares floating-point numbers of unknown size")
    return pick(a, b)


@folds(*_ARITHMETIC)
def _arithmetic(call: Call) -> Known:
    values = [call.known(i) for i in range(len(call.inputs))]
    learned = any(v.learned for v in values)
    shape = np.broadcast_shapes(*(v.shape for v in values))
    if any(v.items is None for v in values) or prod(shape) > MOST:
        return Known(tuple(shape), None, learned)
    result = values[0].items
    for other in values[1:]:
        pairs = np.broadcast_arrays(result, other.items)
        shape = pairs[0].shape
        joined = zip(pairs[0].ravel(), pairs[1].ravel(), strict=True)
        result = array([_ARITHMETIC[call.kind](a, b) for a, b in joined], shape)
    return known(result, learned)


@folds("Equal")
def _equal(call: Call) -> Known:
    a, b = call.known(0), call.known(1)
    shape = np.broadcast_shapes(a.shape, b.shape)
    if a.items is None or b.items is None or prod(shape) > MOST:
        return Known(tuple(shape))
    pairs = np.broadcast_arrays(a.items, b.items)
    return known(array([_same(x, y) for x, y in zip(pairs[0].ravel(), pairs[1].ravel(), strict=True)], shape))


def _same(a: Any, b: Any) -> bool:
    """Return whether two numbers are equal for every input, or raise NotReadError."""
    if any(isinstance(x, (Fraction, numbers.Ratio)) for x in (a, b)):
        raise NotReadError("it compares floating-point numbers")
    truth = bounds(eq(a, b))
    if truth[0] != truth[1]:
        raise NotReadError("whether two sizes are equal depends on the input")
    return truth == (1, 1)


@folds("Where")
def _where(call: Call) -> Known:
    values = [call.known(i) for i in range(3)]
    shape = np.broadcast_shapes(*(v.shape for v in values))
    if any(v.items is None for v in values) or prod(shape) > MOST:
        return Known(tuple(shape), None, any(v.learned for v in values[1:]))
    rows = zip(*(a.ravel() for a in np.broadcast_arrays(*(v.items for v in values))), strict=True)
    return known(array([a if chosen else b for chosen, a, b in rows], shape))


_ROUNDING: Mapping[str, Callable[[Any], Any]] = {
    "Floor": numbers.floor, "Ceil": numbers.ceiling, "Neg": lambda x: numbers.subtract(numbers.zero(x), x),
}


@folds(*_ROUNDING)
def _rounded(call: Call) -> Known:
    x = call.known(0)
    if x.items is None:
        return x
    return known(array([_ROUNDING[call.kind](item) for item in x.items.ravel()], x.shape), x.learned)


@folds("ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin")
def _reduced(call: Call) -> Known:
    x, axes = call.known(0), call.listed("axes", 1)
    if len(x.shape) != 1 or (axes and not {0, -1} >= {*axes}) or x.items is None:
        raise NotReadError(f"{call.kind} of constants is computed for lists only")
    pick: dict[str, Callable[[Any], Any]] = {
        "ReduceProd": product, "ReduceSum": total,
        "ReduceMax": lambda a: maximum(*a), "ReduceMin": lambda a: minimum(*a),
    }
    shape = (1,) if call.option("keepdims", 1) else ()
    return known(array([pick[call.kind](list(x.items))], shape))
