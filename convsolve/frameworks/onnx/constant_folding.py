"""Folding what an ONNX graph computes beforehand: weights, constants, and sizes that become others' parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from ...dims import Condition, Expr
from ...operators import Expand
from ..common.registry import registrar
from . import numbers
from .call import NodeCall
from .values import BATCH, Known, NotReadError, Tensor, Value, depends_on_batch

__all__ = ["FOLDS", "MOST", "array", "fold", "folds", "known"]

MOST = 4096
"""Of more items than this the values are not kept: shapes are shorter."""

_DEEPEST = 16
"""Sizes are not computed in more steps on top of each other; read as a tree, each may double the work."""

_LARGEST = 2**64
"""The whole numbers of ONNX are smaller; what passes it has run over, and means nothing."""

FOLDS: dict[str, Callable[[NodeCall], Value | Sequence[Value]]] = {}
"""How operators are read whose inputs are all known beforehand."""

folds = registrar(FOLDS)


def array(items: Sequence[Any], shape: Sequence[int] | None = None) -> Any:
    """Return an array of objects, none of which numpy takes apart; without a shape, a list of them."""
    made = np.empty(len(items), object)
    for i, item in enumerate(items):
        made[i] = item
    return made if shape is None else made.reshape(tuple(shape))


def known(items: Any, learned: bool = False) -> Known:
    """Return what is known of an array of objects."""
    sizes = [item.size if isinstance(item, numbers.SizeQuotient) else item for item in items.ravel()[: MOST + 1]]
    if any(isinstance(size, int) and not -_LARGEST <= size < _LARGEST for size in sizes):
        raise NotReadError("a number is computed that 64 bits do not hold")
    if any(isinstance(size, (Expr, Condition)) and size.depth > _DEEPEST for size in sizes):
        raise NotReadError(f"a size is computed in more than {_DEEPEST} steps")
    return Known(tuple(items.shape), items if items.size <= MOST else None, learned)


def fold(call: NodeCall) -> Value | Sequence[Value]:
    """Return what a node gives whose inputs are all known beforehand, or raise NotReadError."""
    if call.kind not in FOLDS:
        raise NotReadError(f"{call.kind} of constants is not computed")
    try:
        return FOLDS[call.kind](call)
    except (ArithmeticError, IndexError, TypeError, ValueError):
        shapes = [list(value.shape) for value in call.inputs if isinstance(value, Known)]
        raise NotReadError(f"it cannot be computed beforehand from constants of the shapes {shapes}") from None


def _moved(call: NodeCall, move: Callable[[Any], Any]) -> Known:
    """Return the first input after numpy has moved its items; of many items only the shape."""
    x = call.known(0)
    if x.items is None:
        return Known(tuple(move(np.broadcast_to(np.int8(0), x.shape)).shape), None, x.learned)
    return known(move(x.items), x.learned)


@folds("Identity", "Dropout")
def _identity(call: NodeCall) -> Known:
    return call.known(0)


@folds("Transpose")
def _transpose(call: NodeCall) -> Known:
    return _moved(call, lambda x: np.transpose(x, call.option("perm")))


@folds("Reshape")
def _reshape(call: NodeCall) -> Known:
    x = call.known(0)
    wished = call.integers(1) if call.has(1) else call.option("shape")
    if not call.option("allowzero", 0):
        wished = [x.shape[i] if n == 0 else n for i, n in enumerate(wished)]
    if prod(n for n in wished if n != -1) > MOST or x.items is None:
        rest = prod(n for n in wished if n != -1)
        shape = tuple(prod(x.shape) // max(rest, 1) if n == -1 else n for n in wished)
        if prod(shape) != prod(x.shape):
            raise NotReadError(f"{prod(x.shape)} elements do not fit the shape {wished}")
        return Known(shape, None, x.learned)
    return known(x.items.reshape(wished), x.learned)


@folds("Flatten")
def _flatten(call: NodeCall) -> Known:
    x, axis = call.known(0), call.option("axis", 1)
    return _moved(call, lambda a: a.reshape(prod(x.shape[:axis]), prod(x.shape[axis:])))


@folds("Unsqueeze")
def _unsqueeze(call: NodeCall) -> Known:
    axes = call.listed("axes", 1)
    return _moved(call, lambda x: np.expand_dims(x, tuple(axes)))


@folds("Squeeze")
def _squeeze(call: NodeCall) -> Known:
    axes = call.listed("axes", 1)
    return _moved(call, lambda x: np.squeeze(x, None if axes is None else tuple(axes)))


@folds("Slice")
def _slice(call: NodeCall) -> Known:
    x = call.known(0)
    starts = call.listed("starts", 1)
    ends = call.listed("ends", 2)
    axes = call.listed("axes", 3, list(range(len(starts))))
    steps = call.listed("steps", 4, [1] * len(starts))
    parts = [slice(None)] * len(x.shape)
    for axis, start, stop, step in zip(axes, starts, ends, steps, strict=True):
        backwards_to_the_end = step < 0 and stop < -x.shape[axis]
        parts[axis] = slice(start, None if backwards_to_the_end else stop, step)
    return _moved(call, lambda a: a[tuple(parts)])


@folds("Gather")
def _gather(call: NodeCall) -> Known:
    index = call.known(1)
    if index.items is None:
        raise NotReadError("its indices are not known")
    places = np.array(call.integers(1), np.int64).reshape(index.shape)
    x, axis = call.known(0), call.option("axis", 0)
    if x.items is None:
        return Known((*x.shape[:axis], *places.shape, *x.shape[axis:][1:]), None, x.learned)
    taken = np.take(x.items, places, axis)
    return known(taken if isinstance(taken, np.ndarray) else array([taken], ()), x.learned)


@folds("Concat")
def _concat(call: NodeCall) -> Known:
    parts = [call.known(i) for i in range(len(call.inputs))]
    axis, learned = call.option("axis", 0), any(p.learned for p in parts)
    if any(p.items is None for p in parts):
        shape = list(parts[0].shape)
        shape[axis] = sum(p.shape[axis] for p in parts)
        return Known(tuple(shape), None, learned)
    return known(np.concatenate([p.items for p in parts], axis), learned)


@folds("Split")
def _split(call: NodeCall) -> list[Value]:
    x, axis = call.known(0), call.option("axis", 0)
    sizes = call.listed("split", 1) or [x.shape[axis] // call.outputs] * call.outputs
    if x.items is None:
        return [Known((*x.shape[:axis], n, *x.shape[axis:][1:]), None, x.learned) for n in sizes]
    return [known(part, x.learned) for part in np.split(x.items, np.cumsum(sizes)[:-1], axis)]


@folds("Expand")
def _expand(call: NodeCall) -> Value:
    x = call.known(0)
    wished = call.numbers(1)
    if depends_on_batch(*wished):
        return _for_every_sample(call, x, wished)
    wished = call.integers(1)
    shape = np.broadcast_shapes(x.shape, tuple(wished))
    if prod(shape) > prod(x.shape) and x.learned:
        raise NotReadError("it repeats a learned constant")
    if x.items is None or prod(shape) > MOST:
        return Known(tuple(shape), None, x.learned)
    return known(np.broadcast_to(x.items, shape), x.learned)


def _for_every_sample(call: NodeCall, x: Known, wished: Sequence[Any]) -> Tensor:
    """Return a constant that is repeated for each sample of the batch."""
    axes = [i for i, n in enumerate(wished) if depends_on_batch(n)]
    own = [1] * (len(wished) - len(x.shape)) + list(x.shape)
    if len(axes) != 1 or wished[axes[0]] != BATCH or len(own) > len(wished) or own.pop(axes[0]) != 1:
        raise NotReadError("it repeats a constant along the batch and more")
    rest = [n for i, n in enumerate(wished) if i != axes[0]]
    made = call.constant(x, own)
    if rest != own:
        (made,) = call.add(Expand(shape=rest), made)
    shape = call.builder.shapes[made]
    assert shape is not None
    return Tensor(made, shape, axes[0])


@folds("ConstantOfShape")
def _constant_of_shape(call: NodeCall) -> Value:
    if depends_on_batch(*call.numbers(0)):
        return _for_every_sample(call, Known((1,) * len(call.numbers(0))), call.numbers(0))
    shape = tuple(call.integers(0))
    value = call.option("value")
    item = Fraction(0) if value is None else value.items.ravel()[0] if value.items is not None else None
    if item is None or prod(shape) > MOST:
        return Known(shape)
    return known(array([item] * prod(shape), shape))


@folds("Range")
def _range(call: NodeCall) -> Known:
    start, stop, step = (call.integers(i)[0] for i in range(3))
    if step == 0 or abs(stop - start) // abs(step) > MOST:
        raise NotReadError("its range is too long")
    return known(array(list(range(start, stop, step))))


@folds("Size")
def _size(call: NodeCall) -> Known:
    return known(array([prod(call.known(0).shape)], ()))


@folds("Shape")
def _shape(call: NodeCall) -> Known:
    shape = call.known(0).shape
    return known(array(list(shape)[call.option("start", 0) : call.option("end")]))


@folds("Cast")
def _cast(call: NodeCall) -> Known:
    x = call.known(0)
    if x.items is None:
        return x
    change = {"float": numbers.to_float, "int": numbers.to_int, "bool": numbers.to_bool}.get(call.option("to", ""))
    if change is None:
        return Known(x.shape, None, x.learned)
    return known(array([change(item) for item in x.items.ravel()], x.shape), x.learned)


@folds("Sqrt", "Exp", "Log", "Erf", "Sigmoid", "Tanh", "Reciprocal", "Pow", "Cos", "Sin",
        "MatMul", "Trilu", "DequantizeLinear",
        "ScatterND", "ScatterElements")  # fmt: skip
def _shape_only(call: NodeCall) -> Known:
    """Of other operators on constants only the shape matters."""
    values = [call.known(i) for i in range(len(call.inputs))]
    learned = any(v.learned for v in values)
    if call.kind == "MatMul":
        a, b = (np.broadcast_to(np.int8(0), v.shape) for v in values)
        if min(a.ndim, b.ndim) < 2 or a.shape[-1] != b.shape[-2]:
            raise NotReadError("the inner sizes of a product differ")
        front = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        return Known((*front, a.shape[-2], b.shape[-1]), None, learned)
    if call.kind in ("Trilu", "DequantizeLinear", "ScatterND", "ScatterElements"):
        values = values[:1]
    return Known(tuple(np.broadcast_shapes(*(v.shape for v in values))), None, learned)
