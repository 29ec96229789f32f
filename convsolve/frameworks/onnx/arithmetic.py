"""Folding arithmetic on the sizes that an ONNX graph computes: sums, quotients, comparisons, rounding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from ...dims import (
    Cond,
    Condition,
    Dim,
    Expr,
    all_of,
    any_of,
    bounds,
    eq,
    maximum,
    minimum,
    negation,
    product,
    total,
    where,
)
from . import numbers
from .call import NodeCall
from .constant_folding import MOST, array, folds, known
from .values import Known, NotReadError

__all__ = ()

_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "Add": numbers.add,
    "Sub": numbers.subtract,
    "Mul": numbers.multiply,
    "Div": numbers.divide,
    "Mod": numbers.modulo,
    "Max": numbers.larger,
    "Min": numbers.smaller,
}


@folds(*_ARITHMETIC)
def _arithmetic(call: NodeCall) -> Known:
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


_COMPARISONS: Mapping[str, Callable[[Any, Any], Cond]] = {
    "Equal": eq,
    "Greater": lambda a, b: _less(b, a),
    "Less": lambda a, b: _less(a, b),
    "GreaterOrEqual": lambda a, b: negation(_less(a, b)),
    "LessOrEqual": lambda a, b: negation(_less(b, a)),
}


def _less(a: Dim, b: Dim) -> Cond:
    smaller: Cond = a < b
    return smaller


@folds(*_COMPARISONS)
def _compared(call: NodeCall) -> Known:
    return _each(call, lambda a, b: _COMPARISONS[call.kind](*numbers.crossed(a, b)))


_LOGIC: Mapping[str, Callable[[Cond, Cond], Cond]] = {
    "And": all_of,
    "Or": any_of,
    "Xor": lambda a, b: any_of(all_of(a, negation(b)), all_of(negation(a), b)),
}


@folds(*_LOGIC)
def _joined(call: NodeCall) -> Known:
    return _each(call, _LOGIC[call.kind])


@folds("Not")
def _negated(call: NodeCall) -> Known:
    return _each(call, negation)


@folds("Where")
def _where(call: NodeCall) -> Known:
    return _each(call, lambda chosen, a, b: _chosen(call, chosen, a, b), learned=(1, 2))


def _chosen(call: NodeCall, chosen: Cond, a: Any, b: Any) -> Any:
    if isinstance(chosen, bool) or not all(isinstance(x, (int, Expr)) and type(x) is not bool for x in (a, b)):
        return a if call.holds(chosen) else b
    return where(chosen, a, b)


def _each(call: NodeCall, function: Callable[..., Any], learned: Sequence[int] = ()) -> Known:
    """Return a function of each item of the inputs; of many items only the shape."""
    values = [call.known(i) for i in range(len(call.inputs))]
    shape, is_learned = np.broadcast_shapes(*(v.shape for v in values)), any(values[i].learned for i in learned)
    if any(v.items is None for v in values) or prod(shape) > MOST:
        return Known(tuple(shape), None, is_learned)
    rows = zip(*(a.ravel() for a in np.broadcast_arrays(*(v.items for v in values))), strict=True)
    return known(array([_settled(function(*row)) for row in rows], shape), is_learned)


def _settled(x: Any) -> Any:
    """Return a condition that is the same for every input as a truth value, and anything else as it is."""
    low, high = bounds(x) if isinstance(x, Condition) else (0, 1)
    return x if low != high else bool(low)


_ROUNDING: Mapping[str, Callable[[Any], Any]] = {
    "Floor": numbers.floor,
    "Ceil": numbers.ceiling,
    "Round": numbers.nearest,
    "Neg": numbers.negative,
    "Abs": lambda x: numbers.larger(x, numbers.negative(x)),
    "Sign": numbers.sign,
    "Relu": lambda x: numbers.larger(x, numbers.zero(x)),
}


@folds(*_ROUNDING)
def _rounded(call: NodeCall) -> Known:
    x = call.known(0)
    if x.items is None:
        return x
    return known(array([_ROUNDING[call.kind](item) for item in x.items.ravel()], x.shape), x.learned)


@folds("Clip")
def _clipped(call: NodeCall) -> Known:
    """Return numbers between bounds, which older opsets have as attributes; the upper one holds where they cross."""
    x = call.known(0)
    bounds = [_bound(call, name, place) for place, name in ((1, "min"), (2, "max"))]
    if x.items is None:
        return x
    items = list(x.items.ravel())
    for pick, bound in zip((numbers.larger, numbers.smaller), bounds, strict=True):
        items = items if bound is None else [pick(item, bound) for item in items]
    return known(array(items, x.shape), x.learned)


def _bound(call: NodeCall, name: str, place: int) -> Any:
    if call.has(place):
        (found,) = call.numbers(place)
        return found
    given = call.option(name)
    return None if given is None else Fraction(given)


@folds("ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin")
def _reduced(call: NodeCall) -> Known:
    x, axes = call.known(0), call.listed("axes", 1)
    if len(x.shape) != 1 or (axes and not {0, -1} >= {*axes}) or x.items is None:
        raise NotReadError(f"{call.kind} of constants is computed for lists only")
    pick: dict[str, Callable[[Any], Any]] = {
        "ReduceProd": product,
        "ReduceSum": total,
        "ReduceMax": lambda a: maximum(*a),
        "ReduceMin": lambda a: minimum(*a),
    }
    shape = (1,) if call.option("keepdims", 1) else ()
    return known(array([pick[call.kind](list(x.items))], shape))
