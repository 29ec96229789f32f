"""Reading ONNX's operators that keep a shape, linear layers, normalisations and recurrent layers."""

from __future__ import annotations

from typing import Any

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
    Rnn,
    Unsqueeze,
)
from .call import Call, reads
from .joins import from_the_end, joined
from .values import Known, NotReadError, Tensor, Unknown, Value

__all__ = ()

_NAMED = {
    "Celu": "celu", "Elu": "elu", "Gelu": "gelu", "HardSigmoid": "hardsigmoid", "HardSwish": "hardswish",
    "LRN": "local_response_norm", "LeakyRelu": "leaky_relu", "LogSoftmax": "log_softmax", "Mish": "mish",
    "Relu": "relu", "Selu": "selu", "Sigmoid": "sigmoid", "Softmax": "softmax", "Softplus": "softplus",
    "Tanh": "tanh", "Swish": "silu",
}
_SAME = (
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Cast", "CastLike", "Ceil", "Clip", "Cos",
    "Cosh", "CumSum", "Erf", "Exp", "Floor", "Hardmax", "Identity", "IsInf", "IsNaN", "Log", "LpNormalization",
    "MeanVarianceNormalization", "Neg", "Not", "Reciprocal", "Round", "Shrink", "Sign", "Sin", "Sinh", "Softsign",
    "Sqrt", "Tan", "ThresholdedRelu", "Trilu", "QuantizeLinear", "DequantizeLinear",
)
"""Operators of one tensor that keep its shape, and that have no name of their own with us."""


@reads(*_NAMED)
def _named(call: Call) -> Value:
    return call.layer(OPERATORS[_NAMED[call.kind]](), call.tensor())


@reads(*_SAME)
def _same(call: Call) -> Value:
    return call.layer(Identity(), call.tensor())


@reads("Dropout")
def _dropout(call: Call) -> list[Value]:
    x = call.tensor()
    made = call.layer(Dropout(p=float(call.option("ratio", 0.5))), x)
    return [made, *[Tensor(made.reference, x.shape, x.batch, x.merged)] * (call.outputs - 1)]


@reads("PRelu")
def _prelu(call: Call) -> Value:
    slope = call.value(1)
    if not isinstance(slope, Known):
        raise NotReadError("its slope is no weight")
    x = call.tensor()
    count = 1
    for n in slope.shape:
        count *= n
    if len(slope.shape) > x.rank or any(n != 1 and n != m for n, m in from_the_end(slope.shape, x.full(call.batch))):
        raise NotReadError("its slope does not fit its input")
    return call.layer(Identity(weights=count), x)


@reads("Gemm")
def _gemm(call: Call) -> Value:
    x, weight = call.tensor(), call.known(1)
    if call.option("transA", 0) or x.rank != 2 or x.batch != 0 or len(weight.shape) != 2:
        raise NotReadError("it is no linear layer")
    out, features = weight.shape if call.option("transB", 0) else weight.shape[::-1]
    bias = call.known(2) if call.has(2) else None
    fits = bias is not None and bias.shape in ((out,), (1, out))
    made = call.layer(Linear(out_features=out, in_features=features, bias=fits), x, last=bias is None or fits)
    return made if bias is None or fits else joined(call, Add(), [made, bias])


@reads("BatchNormalization")
def _batch_norm(call: Call) -> list[Value]:
    x, scale = call.tensor(batch=0), call.known(1)
    made: Value = call.layer(BatchNorm(num_features=scale.shape[0]), x)
    return [made, *[Unknown("running statistics are not read")] * (call.outputs - 1)]


@reads("InstanceNormalization")
def _instance_norm(call: Call) -> Value:
    return call.layer(InstanceNorm(affine=True), call.tensor(batch=0))


@reads("GroupNormalization")
def _group_norm(call: Call) -> Value:
    x, scale = call.tensor(batch=0), call.known(1)
    if x.shape[0] != scale.shape[0]:
        raise NotReadError("it has another number of scales than channels")
    return call.layer(GroupNorm(groups=call.option("num_groups")), x)


@reads("LayerNormalization", "RMSNormalization")
def _layer_norm(call: Call) -> list[Value]:
    x = call.tensor()
    axis = call.option("axis", -1) % x.rank
    if (not x.merged and axis <= x.batch) or (x.merged and axis <= x.batch):
        raise NotReadError("it normalises along the batch")
    wished, scale = x.full(call.batch)[axis:], call.known(1)
    if list(scale.shape) != wished and not all(n == m for n, m in zip(scale.shape, wished, strict=False)):
        wished = list(scale.shape)
    made: Value = call.layer(LayerNorm(normalized_shape=wished, shift=call.has(2)), x)
    return [made, *[Unknown("statistics are not read")] * (call.outputs - 1)]


_RECURRENT: dict[str, tuple[type[Rnn], int]] = {"RNN": (Rnn, 1), "LSTM": (Lstm, 4), "GRU": (Gru, 3)}


@reads("RNN", "LSTM", "GRU")
def _recurrent(call: Call) -> list[Value]:
    """Read a recurrent layer: ``Y`` is (length, directions, batch, hidden), or with layout 1 (batch, length, ...)."""
    x, weight = call.tensor(), call.known(1)
    by_sample = bool(call.option("layout", 0))
    if x.merged or x.batch != (0 if by_sample else 1) or x.rank != 3:
        raise NotReadError("the batch is not on the axis where its layout has it")
    both = call.option("direction", "forward") == "bidirectional"
    kind, gates = _RECURRENT[call.kind]
    hidden = weight.shape[1] // gates
    options: dict[str, Any] = {"hidden_size": hidden, "bidirectional": both, "bias": call.has(3)}
    if kind is Gru:
        options["reset_after"] = bool(call.option("linear_before_reset", 0))
    if weight.shape[2] != x.shape[1]:
        raise NotReadError(f"its weights are for {weight.shape[2]} features, its input has {x.shape[1]}")
    return [_steps(call, x, kind(**options), hidden, by_sample), *[_NO_STATE] * (call.outputs - 1)]


_NO_STATE = Unknown("the last state of a recurrent layer is not read")


def _steps(call: Call, x: Tensor, operator: Rnn, hidden: int, by_sample: bool) -> Tensor:
    """Return all steps, with an axis of the directions between length and features, as ONNX has it."""
    steps = call.layer(operator, x)
    if not operator.bidirectional:
        split = call.layer(Unsqueeze(axis=1), steps, last=False)
    else:
        from ...operators import Unflatten

        split = call.layer(Unflatten(axis=1, sizes=(2, hidden)), steps, last=False)
    return Tensor(split.reference, split.shape, 0 if by_sample else 2)
