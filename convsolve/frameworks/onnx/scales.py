"""Scales and zero points of quantised operators: which are one number, and which one for each channel, row or column.

They decide no shape, but onnxruntime refuses those of another shape.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...dims import Dim
from .call import NodeCall
from .values import Known, Tensor

__all__ = ["misfit"]

_SINGLE = {
    "QLinearConv": (1, 2, 6, 7), "com.microsoft.QLinearConv": (1, 2, 6, 7), "ConvInteger": (2, 3),
    "QLinearMatMul": (1, 2, 6, 7), "MatMulInteger": (2,),
    "com.microsoft.MatMulIntegerToFloat": (4,),
    "com.microsoft.QGemm": (1, 2, 7, 8),
    "com.microsoft.QLinearGlobalAveragePool": (1, 2, 3, 4), "com.microsoft.QLinearSigmoid": (1, 2, 3, 4),
    "com.microsoft.QLinearLeakyRelu": (1, 2, 3, 4), "com.microsoft.QLinearSoftmax": (1,),
}  # fmt: skip
"""The inputs that must be one number."""

_OF_WEIGHTS = {
    "QLinearConv": (4, 5), "com.microsoft.QLinearConv": (4, 5), "QLinearMatMul": (4, 5), "MatMulInteger": (3,),
    "com.microsoft.MatMulIntegerToFloat": (5,), "com.microsoft.DynamicQuantizeMatMul": (3,),
    "com.microsoft.QGemm": (4, 5),
}  # fmt: skip
"""The inputs that may be one number for each output channel, or column, of the weights."""


_OF_ANY_SHAPE = {"com.microsoft.MatMulIntegerToFloat": (2, 3), "com.microsoft.DynamicQuantizeMatMul": (2,)}
"""The inputs of which onnxruntime takes what it needs, whatever their shape; of none at all it dies."""


def misfit(call: NodeCall) -> str | None:
    """Return which scale or zero point of a node has another shape than it must, or None."""
    if call.kind.removeprefix("com.microsoft.") in ("QuantizeLinear", "DequantizeLinear"):
        return _along_axis(call)
    for position in _SINGLE.get(call.kind, ()):
        shape = _shape(call, position)
        if shape is not None and shape not in ((), (1,)):
            return f"its input {position} has the shape {list(shape)}: wanted one number"
    for position in _OF_ANY_SHAPE.get(call.kind, ()):
        if 0 in (_shape(call, position) or ()):
            return f"its input {position} has no numbers"
    weights = call.inputs[3 if call.kind.endswith(("QLinearConv", "QLinearMatMul", "QGemm")) else 1] \
        if call.kind in _OF_WEIGHTS else None  # fmt: skip
    if not isinstance(weights, (Known, Tensor)):
        return None
    full: Sequence[Dim] = weights.shape if isinstance(weights, Known) else weights.full(call.batch)
    for position in _OF_WEIGHTS[call.kind]:
        shape = _shape(call, position)
        if shape is None or shape in ((), (1,)):
            continue
        fits = shape == tuple(full[:1]) if "Conv" in call.kind else _columns(shape, full)
        if not fits:
            return f"its input {position} has the shape {list(shape)}, its weights {[*map(str, full)]}: they do not fit"
    return None


def _along_axis(call: NodeCall) -> str | None:
    """Return what is wrong with a scale and a zero point that are one number, or one for each place of an axis."""
    x, scale, zero = call.inputs[0], _shape(call, 1), _shape(call, 2)
    if not isinstance(x, Tensor) or scale is None or call.option("block_size", 0):
        return None
    axis, full = call.option("axis", 1), x.full(call.batch)
    wanted: list[tuple[Dim, ...]] = [(), (1,)]
    if scale not in wanted:
        if not -x.rank <= axis < x.rank:
            return f"its axis {axis} is out of range for {x.rank} axes"
        wanted = [(full[axis],)]
    fits = all(shape is None or any(_alike(shape, w) for w in wanted) for shape in (scale, zero))
    shapes = [*map(list, filter(None, (scale, zero)))]
    return None if fits else f"its scale and zero point have the shapes {shapes}: wanted one, or one a place"


def _alike(shape: Sequence[int], wanted: Sequence[Dim]) -> bool:
    """Return whether a shape is one that is wanted, as far as that is known."""
    differ = any(isinstance(m, int) and n != m for n, m in zip(shape, wanted, strict=False))
    return len(shape) == len(wanted) and not differ


def _shape(call: NodeCall, position: int) -> tuple[int, ...] | None:
    """Return the shape of an input that is known beforehand."""
    value = call.inputs[position] if call.has(position) else None
    return value.shape if isinstance(value, Known) else None


def _columns(shape: Sequence[int], weights: Sequence[Dim]) -> bool:
    """Return whether there is one number for each column of the matrices of weights (onnxruntime's
    ``IsBQuantParamSupported``)."""
    if len(shape) == 1:
        return len(weights) == 2 and shape[0] == weights[-1]
    wanted = [1 if i == len(weights) - 2 else n for i, n in enumerate(weights)]
    return list(shape) == wanted
