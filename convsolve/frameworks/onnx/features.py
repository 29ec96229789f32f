"""Reading ONNX's operators that keep a shape, linear layers, normalisations and recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ...dims import Dim
from ...errors import RefusedError
from ...operators import (
    OPERATORS,
    Add,
    BatchNorm,
    Dropout,
    GroupNorm,
    Gru,
    Identity,
    InstanceNorm,
    LayerNorm,
    Linear,
    Lstm,
    Reduce,
    Rnn,
    Slice,
    Squeeze,
    Unsqueeze,
)
from .call import NodeCall, reads
from .joins import from_the_end, joined
from .values import Known, NotReadError, Tensor, Value

__all__ = ()

_NAMED = {
    "Celu": "celu",
    "Elu": "elu",
    "Gelu": "gelu",
    "HardSigmoid": "hardsigmoid",
    "HardSwish": "hardswish",
    "LRN": "local_response_norm",
    "LeakyRelu": "leaky_relu",
    "LogSoftmax": "log_softmax",
    "Mish": "mish",
    "Relu": "relu",
    "Selu": "selu",
    "Sigmoid": "sigmoid",
    "Softmax": "softmax",
    "Softplus": "softplus",
    "Tanh": "tanh",
    "Swish": "silu",
}
_SAME = (
    "Abs",
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "BitwiseNot",
    "Cast",
    "CastLike",
    "Ceil",
    "Clip",
    "Cos",
    "Cosh",
    "CumSum",
    "Erf",
    "Exp",
    "Floor",
    "Hardmax",
    "Identity",
    "IsInf",
    "IsNaN",
    "Log",
    "LpNormalization",
    "MeanVarianceNormalization",
    "Neg",
    "Not",
    "Reciprocal",
    "Round",
    "Shrink",
    "Sign",
    "Sin",
    "Sinh",
    "Softsign",
    "Sqrt",
    "Tan",
    "ThresholdedRelu",
    "Trilu",
    "QuantizeLinear",
    "DequantizeLinear",
    "Bernoulli",
    "RandomNormalLike",
    "RandomUniformLike",
)
"""Operators of one tensor that keep its shape, and that have no name of their own with us."""


@reads(*_NAMED)
def _named(call: NodeCall) -> Value:
    return call.layer(OPERATORS[_NAMED[call.kind]](), call.tensor())


@reads(*_SAME)
def _same(call: NodeCall) -> Value:
    return call.layer(Identity(), call.tensor())


@reads("CumProd", "ReverseSequence", "RotaryEmbedding")
def _mixed(call: NodeCall) -> Value:
    return call.layer(Identity(mixes=True), call.tensor())


@reads("Dropout")
def _dropout(call: NodeCall) -> list[Value]:
    x = call.tensor()
    made = call.layer(Dropout(p=float(call.option("ratio", 0.5))), x)
    return [made, *[Tensor(made.reference, x.shape, x.batch, x.merged)] * (call.outputs - 1)]


@reads("PRelu")
def _prelu(call: NodeCall) -> Value:
    slope = call.value(1)
    if not isinstance(slope, Known):
        raise NotReadError("its slope is no weight")
    x = call.tensor()
    if len(slope.shape) > x.rank or any(n != 1 and n != m for n, m in from_the_end(slope.shape, x.full(call.batch))):
        raise NotReadError("its slope does not fit its input")
    return call.layer(Identity(weights=prod(slope.shape)), x)


@reads("Gemm")
def _gemm(call: NodeCall) -> Value:
    x, weight = call.tensor(), call.known(1)
    if call.option("transA", 0) or x.rank != 2 or x.batch != 0 or len(weight.shape) != 2:
        raise NotReadError("it is no linear layer")
    out, features = weight.shape if call.option("transB", 0) else weight.shape[::-1]
    bias = call.known(2) if call.has(2) else None
    fits = bias is not None and bias.shape in ((out,), (1, out))
    if bias is not None and not _spreads(bias.shape, (call.batch, out)):
        raise RefusedError(f"its bias {list(bias.shape)} does not spread over {out} features")
    made = call.layer(Linear(out_features=out, in_features=features, bias=fits), x, last=bias is None or fits)
    return made if bias is None or fits else joined(call, Add(), [made, bias])


def _spreads(shape: Sequence[int], over: Sequence[Dim]) -> bool:
    """Return whether a constant can be repeated to a shape."""
    return len(shape) <= len(over) and all(n in (1, m) for n, m in from_the_end(shape, over))


def _scales(call: NodeCall, *positions: int) -> int:
    """Return how many channels there are scales, shifts or statistics for, which must agree."""
    shapes = {call.known(i).shape for i in positions if call.has(i)}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        raise RefusedError(f"its scale and shift have the shapes {sorted(map(list, shapes))}: wanted one number each")
    ((count,),) = shapes
    return count


@reads("BatchNormalization")
def _batch_norm(call: NodeCall) -> list[Value]:
    x, count = call.tensor(batch=0), _scales(call, 1, 2, 3, 4)
    if call.outputs not in (1, 3 if call.opset >= _THREE_OUTPUTS else 5):
        raise RefusedError(f"it has {call.outputs} outputs")
    made: Value = call.layer(BatchNorm(num_features=count), x)
    return [made, *[Known((count,))] * (call.outputs - 1)]


_THREE_OUTPUTS = 14
"""From this opset on, batch normalisation gives two statistics beside its result, before four."""


@reads("InstanceNormalization")
def _instance_norm(call: NodeCall) -> Value:
    x, count = call.tensor(batch=0), _scales(call, 1, 2)
    if len(x.shape) < 2 or x.shape[0] != count:
        raise RefusedError(f"it has {count} scales for {x.shape[0]} channels on {x.rank} axes")
    return call.layer(InstanceNorm(affine=True), x)


@reads("GroupNormalization")
def _group_norm(call: NodeCall) -> Value:
    x, groups = call.tensor(batch=0), call.option("num_groups")
    wanted = x.shape[0] if call.opset >= _BY_CHANNEL else groups
    if any(prod(call.known(i).shape) not in (1, wanted) for i in (1, 2)):
        raise RefusedError(f"its scale and shift are not {wanted} numbers ({x.shape[0]} channels in {groups} groups)")
    return call.layer(GroupNorm(groups=call.option("num_groups")), x)


_BY_CHANNEL = 21
"""From this opset on, group normalisation has a scale for each channel, before for each group."""


@reads("LayerNormalization", "RMSNormalization")
def _layer_norm(call: NodeCall) -> list[Value]:
    x = call.tensor()
    axis, scale = call.option("axis", -1), call.known(1)
    if not -x.rank <= axis < x.rank:
        raise RefusedError(f"its axis {axis} is out of range for {x.rank} axes")
    wished = x.full(call.batch)[axis % x.rank :]
    learned = [call.known(i).shape for i in (1, 2) if call.has(i)]
    made: Value
    if all(isinstance(n, int) for n in wished) and any(list(shape) != wished for shape in learned):
        if not all(_spreads(shape, x.full(call.batch)) for shape in learned):
            raise RefusedError(f"its scale and shift {[*map(list, learned)]} do not spread over {wished}")
        _apart(x, axis)
        made = call.layer(Identity(weights=sum(prod(shape) for shape in learned), mixes=True), x)
    else:
        _apart(x, axis)
        made = call.layer(LayerNorm(normalized_shape=scale.shape, shift=call.has(2)), x)
    if call.outputs == 1:
        return [made]
    own = [x.own_axis(a) for a in range(axis % x.rank, x.rank)]
    statistics = call.layer(Reduce(axes=own, keepdims=True), x, last=False)
    return [made, *[statistics] * (call.outputs - 1)]


def _apart(x: Tensor, axis: int) -> None:
    if axis % x.rank <= x.batch:
        raise NotReadError("it normalises along the batch")


_RECURRENT: dict[str, tuple[type[Rnn], int]] = {"RNN": (Rnn, 1), "LSTM": (Lstm, 4), "GRU": (Gru, 3)}


@reads("RNN", "LSTM", "GRU")
def _recurrent(call: NodeCall) -> list[Value]:
    """Read a recurrent layer: ``Y`` is (length, directions, batch, hidden), or with layout 1 (batch, length, ...)."""
    x, weight = call.tensor(), call.known(1)
    by_sample = bool(call.option("layout", 0))
    if x.rank != 3:
        raise RefusedError(f"its input has {x.rank} axes: wanted 3")
    both, (kind, gates) = call.option("direction", "forward") == "bidirectional", _RECURRENT[call.kind]
    if call.option("direction", "forward") not in ("forward", "reverse", "bidirectional"):
        raise RefusedError(f"its direction {call.option('direction')!r} is unknown")
    ways, hidden = 2 if both else 1, call.option("hidden_size", 0)
    features = weight.shape[2] if len(weight.shape) == 3 else 0
    wanted = {1: (ways, gates * hidden, features), 2: (ways, gates * hidden, hidden), 3: (ways, 2 * gates * hidden)}
    for place, shape in wanted.items():
        if call.has(place) and (call.known(place).shape != shape or 0 in shape):
            raise RefusedError(f"its input {place} has the shape {list(call.known(place).shape)}: wanted {list(shape)}")
    if x.merged or x.batch != (0 if by_sample else 1):
        raise NotReadError("the batch is not on the axis where its layout has it")
    options: dict[str, Any] = {"hidden_size": hidden, "bidirectional": both, "bias": call.has(3)}
    if kind is Gru:
        options["reset_after"] = bool(call.option("linear_before_reset", 0))
    made = _steps(call, x, kind(in_features=features, **options), hidden, by_sample)
    if call.outputs == 1:
        return [made]
    last = call.layer(Slice(axis=0, start=-1), made, last=False)
    state = call.layer(Squeeze(axis=0), last, last=False)
    placed = Tensor(state.reference, state.shape, 0 if by_sample else 1)
    return [made, *[placed] * (call.outputs - 1)]


def _steps(call: NodeCall, x: Tensor, operator: Rnn, hidden: int, by_sample: bool) -> Tensor:
    """Return all steps, with an axis of the directions between length and features, as ONNX has it."""
    steps = call.layer(operator, x)
    if not operator.bidirectional:
        split = call.layer(Unsqueeze(axis=1), steps, last=False)
    else:
        from ...operators import Unflatten

        split = call.layer(Unflatten(axis=1, sizes=(2, hidden)), steps, last=False)
    return Tensor(split.reference, split.shape, 0 if by_sample else 2)
