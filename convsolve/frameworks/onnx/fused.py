"""Reading operators that are others in disguise: quantised ones, and those that onnxruntime fuses (com.microsoft).

Most are read as the plain operator with some of their inputs: scales and zero points decide no shape.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from math import prod

from ...dims import Dim
from ...errors import RefusedError
from ...operators import Add, Embedding, Identity, LayerNorm, Mul, Permute, Reduce, Slice
from .call import READERS, NodeCall, Result, reads
from .joins import joined
from .values import Known, NotReadError, Tensor, Value

__all__ = ()

_AS: dict[str, tuple[str, tuple[int, ...]]] = {
    "QLinearConv": ("Conv", (0, 3, 8)),
    "MatMulInteger": ("MatMul", (0, 1)),
    "QLinearMatMul": ("MatMul", (0, 3)),
    "com.microsoft.MatMulInteger16": ("MatMul", (0, 1)),
    "com.microsoft.QGemm": ("Gemm", (0, 3, 6)),
    "com.microsoft.QLinearAdd": ("Add", (0, 3)),
    "com.microsoft.QLinearMul": ("Mul", (0, 3)),
    "com.microsoft.QLinearWhere": ("Where", (0, 1, 4)),
    "com.microsoft.QLinearReduceMean": ("ReduceMean", (0,)),
    "com.microsoft.QLinearSigmoid": ("Sigmoid", (0,)),
    "com.microsoft.QLinearLeakyRelu": ("LeakyRelu", (0,)),
    "com.microsoft.QuantizeLinear": ("Identity", (0,)),
    "com.microsoft.DequantizeLinear": ("Identity", (0,)),
    "com.microsoft.Gelu": ("Gelu", (0,)),
    "com.microsoft.QuickGelu": ("Gelu", (0,)),
}
"""Operators that are read as another, with these of their inputs."""


def _as(call: NodeCall, kind: str, positions: Sequence[int]) -> Result:
    inputs = [call.inputs[p] if p < len(call.inputs) else None for p in positions]
    return READERS[kind](dataclasses.replace(call, kind=kind, inputs=inputs))


@reads(*_AS)
def _other(call: NodeCall) -> Result:
    return _as(call, *_AS[call.kind])


@reads("com.microsoft.QLinearSoftmax")
def _softmax(call: NodeCall) -> Result:
    rank, axis = call.tensor().rank, call.option("axis", -1)
    if not -rank <= axis < rank:
        raise RefusedError(f"axis {axis} is out of range for {rank} axes")
    return _as(call, "Softmax", (0,))


_POOLED = {
    "com.microsoft.QLinearAveragePool": "AveragePool", "com.microsoft.QLinearGlobalAveragePool": "GlobalAveragePool",
    "com.microsoft.NhwcMaxPool": "MaxPool", "com.microsoft.QLinearConv": "QLinearConv",
    "com.microsoft.NhwcConv": "Conv", "com.microsoft.NhwcFusedConv": "com.microsoft.FusedConv",
}  # fmt: skip


@reads(*_POOLED)
def _channels_last(call: NodeCall) -> Value:
    """Read an operator that may have its channels last: they are moved to the front and back."""
    kind = _POOLED[call.kind]
    positions = range(len(call.inputs)) if "Conv" in kind else (0,)
    if not ("Nhwc" in call.kind or call.option("channels_last", 0)):
        return _single(_as(call, kind, positions))
    x = call.tensor(batch=0)
    rank = len(x.shape)
    turned = call.layer(Permute(order=(rank - 1, *range(rank - 1))), x, last=False)
    inside = dataclasses.replace(call, name=f"{call.name}.inside", inputs=[turned, *call.inputs[1:]])
    made = _single(_as(inside, kind, positions))
    return call.layer(Permute(order=(*range(1, rank), 0)), made)


def _axes_of(value: Tensor | Known) -> int:
    return value.rank if isinstance(value, Tensor) else len(value.shape)


def _single(result: Result) -> Tensor:
    value = result[0] if isinstance(result, (list, tuple)) else result
    assert isinstance(value, Tensor)
    return value


_ACTIVATIONS = (
    "Relu",
    "Sigmoid",
    "Tanh",
    "LeakyRelu",
    "HardSigmoid",
    "Clip",
    "Elu",
    "Softplus",
    "Softsign",
    "ThresholdedRelu",
)


def _activated(call: NodeCall) -> None:
    if call.option("activation", "Relu") not in _ACTIVATIONS:
        raise RefusedError(f"its activation {call.option('activation')!r} is unknown")


@reads("com.microsoft.FusedGemm")
def _fused_gemm(call: NodeCall) -> Result:
    _activated(call)
    axes = [_axes_of(call.value(i)) for i in (0, 1)]
    if not call.option("activation") or axes != [2, 2]:
        raise RefusedError(f"it takes two matrices and an activation, got {axes} axes, {call.option('activation')!r}")
    return _as(call, "Gemm", (0, 1, 2))


@reads("com.microsoft.FusedConv")
def _fused_conv(call: NodeCall) -> Value:
    _activated(call)
    made = _single(_as(call, "Conv", (0, 1, 2)))
    return joined(call, Add(), [made, call.value(3)]) if call.has(3) else made


@reads("com.microsoft.QLinearConcat")
def _concat(call: NodeCall) -> Result:
    if len(call.inputs) % 3 != 2:
        raise RefusedError(f"it has {len(call.inputs)} inputs: wanted two, and three for each tensor")
    return _as(call, "Concat", range(2, len(call.inputs), 3))


@reads("DynamicQuantizeLinear")
def _dynamic(call: NodeCall) -> list[Value]:
    return [call.layer(Identity(), call.tensor()), Known(()), Known(())]


@reads("ConvInteger")
def _integer_conv(call: NodeCall) -> Result:
    for place in (2, 3):
        if call.has(place) and prod(call.known(place).shape) != 1:
            raise RefusedError(f"its zero point has the shape {list(call.known(place).shape)}: wanted one number")
    return _as(call, "Conv", (0, 1))


@reads("com.microsoft.DynamicQuantizeMatMul", "com.microsoft.MatMulIntegerToFloat")
def _quantised_product(call: NodeCall) -> Value:
    made, place = _single(_as(call, "MatMul", (0, 1))), 4 if "Dynamic" in call.kind else 6
    features = call.value(1).shape[-1] if len(call.value(1).shape) > 1 else 1
    if "Dynamic" in call.kind and prod(call.known(2).shape) != 1 and call.known(2).shape != (features,):
        made = joined(call, Mul(), [made, call.known(2)])  # a scale that is not one for each column is multiplied
    if not call.has(place):
        return made
    bias = call.known(place)
    if prod(bias.shape) != features:
        raise RefusedError(f"its bias {list(bias.shape)} does not fit {features} features")
    return joined(call, Add(), [made, Known((prod(bias.shape),), None, bias.learned)])


@reads("com.microsoft.FusedMatMul")
def _product(call: NodeCall) -> Result:
    if call.option("transBatchA", 0) or call.option("transBatchB", 0):
        raise NotReadError("it moves the batch")
    inputs = [_turned(call, i, call.option(f"trans{'AB'[i]}", 0)) for i in (0, 1)]
    return READERS["MatMul"](dataclasses.replace(call, kind="MatMul", inputs=inputs))


def _turned(call: NodeCall, position: int, turned: int) -> Value:
    """Return a factor with its last two axes exchanged, where that is asked for."""
    value = call.value(position)
    if not turned:
        return value
    if isinstance(value, Known):
        return Known((*value.shape[:-2], *reversed(value.shape[-2:])), None, value.learned)
    own = [value.own_axis(axis) for axis in (-2, -1)]
    order = [dict(zip(own, reversed(own), strict=True)).get(i, i) for i in range(len(value.shape))]
    return call.layer(Permute(order=order), value, last=False)


@reads("com.microsoft.BiasGelu", "com.microsoft.FastGelu", "com.microsoft.BiasSoftmax", "com.microsoft.BiasAdd",
       "com.microsoft.BiasDropout")  # fmt: skip
def _biased(call: NodeCall) -> list[Value]:
    added = [call.value(i) for i in range(min(len(call.inputs), 3 if call.kind.endswith(("Add", "Dropout")) else 2))
             if call.has(i)]  # fmt: skip
    bias = call.value(1) if call.has(1) else None
    if call.kind.endswith("Gelu") and bias is not None:
        x = call.tensor()
        if _axes_of(bias) != 1 or (isinstance(bias, Known) and x.shape[-1] != bias.shape[0]):
            raise RefusedError(f"its bias does not fit the last axis of {x.rank}, of {x.shape[-1]}")
    made: Value = joined(call, Add(), added) if len(added) > 1 else call.layer(Identity(), call.tensor())
    return [made] * call.outputs


# -- normalisation of sums


@reads("com.microsoft.SkipLayerNormalization", "com.microsoft.SkipSimplifiedLayerNormalization")
def _skip_norm(call: NodeCall) -> list[Value]:
    shifted = "Simplified" not in call.kind
    bias = 4 if shifted else 3
    shapes = [call.value(i).shape[-1:] for i in (bias, 2) if call.has(i)]
    if len(shapes) == 2 and (shapes[0] != shapes[1] or _axes_of(call.value(bias)) != 1):
        raise RefusedError("its bias is not one number for each feature")
    rows = [value.shape[-2:] for value in (call.value(0), call.value(1)) if isinstance(value, Tensor)]
    if len(rows) == 2 and rows[0] != rows[1] and all(isinstance(n, int) for row in rows for n in row):
        raise RefusedError(f"its inputs {[*map(list, rows)]} differ in their last two axes")
    whole = joined(call, Add(), [call.value(0), call.value(1), *([call.value(bias)] if call.has(bias) else [])])
    made = _normalised(call, whole, 2, 3 if shifted else None)
    if call.outputs == 1:
        return [made]
    statistics = call.layer(Reduce(axes=(-1,), keepdims=True), whole, last=False)
    return [made, *[statistics] * min(call.outputs - 1, 2), *[whole] * (call.outputs - 3)]


@reads("SimplifiedLayerNormalization")
def _simplified(call: NodeCall) -> Result:
    return _as(call, "RMSNormalization", (0, 1))


def _normalised(call: NodeCall, x: Tensor, scale: int, shift: int | None) -> Tensor:
    """Return a tensor that is normalised along its last axis."""
    weights = [call.known(i).shape for i in (scale, shift) if i is not None and call.has(i)]
    if not weights or any(len(shape) != 1 or shape != weights[0] for shape in weights):
        raise RefusedError(f"its scale and shift have the shapes {[*map(list, weights)]}: wanted one number each")
    return call.layer(LayerNorm(normalized_shape=weights[0], shift=len(weights) > 1), x)


@reads("com.microsoft.EmbedLayerNormalization")
def _embedded(call: NodeCall) -> list[Value]:
    ids = call.tensor(batch=0)
    tables = [call.known(i).shape if call.has(i) else None for i in (2, 3, 4)]
    segment = call.tensor(1, batch=0) if call.has(1) else ids
    if len(ids.shape) != 1 or segment.rank != 2 or any(table is not None and len(table) != 2 for table in tables):
        raise RefusedError("it takes ids with a batch axis and one more, and tables with two axes")
    words, places, segments = tables
    if len({table[1] for table in tables if table is not None}) > 1:
        raise RefusedError(f"its tables have {[table[1] for table in tables if table]} features")
    assert words is not None and places is not None
    if ids.shape != segment.shape and all(isinstance(n, int) for n in (*ids.shape, *segment.shape)):
        raise RefusedError(f"it has {ids.shape[0]} ids and {segment.shape[0]} segments")
    parts = [call.layer(Embedding(count=words[0], dim=words[1]), ids, last=False), _first(call, ids.shape[0])]
    if segments is not None:
        parts.append(call.layer(Embedding(count=segments[0], dim=segments[1]), segment, last=False))
    whole = call.layer(Add(), *parts, last=False)
    made = _normalised(call, whole, 5, 6)
    if call.outputs == 1:
        return [made]
    count = call.layer(Reduce(axes=(0,)), ids, last=False)  # how many of the ids are no padding
    return [made, count, *[whole] * (call.outputs - 2)]


def _first(call: NodeCall, count: Dim) -> Tensor:
    """Return the first so many places of the table of places, which is learned."""
    table = call.constant(call.known(3), call.known(3).shape)
    (made,) = call.add(Slice(axis=0, stop=count), table, last=False)
    return call.made(made, Tensor(made, ()))
