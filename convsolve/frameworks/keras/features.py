"""Reading Keras's layers that work on features, join tensors or keep the shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...dims import product
from ...operators import (
    OPERATORS,
    Add,
    Average,
    Concat,
    Div,
    Dropout,
    Embedding,
    Flatten,
    Gru,
    Identity,
    Linear,
    Lstm,
    Matmul,
    Maximum,
    Minimum,
    Mul,
    Operator,
    Permute,
    Pow,
    Reduce,
    Rnn,
    Squeeze,
    Sub,
    Unsqueeze,
)
from . import layers
from .call import Call, NotReadError, activation, reads

__all__ = ()


def _dense_operator(call: Call) -> Operator:
    return Linear(
        out_features=call.config["units"], bias=bool(call.config.get("use_bias", True)),
        in_features=call.built[-1] if call.built else None)


@reads("Dense")
def _dense(call: Call) -> str:
    return call.activated(call.add(_dense_operator(call)))


@reads("Embedding")
def _embedding(call: Call) -> str:
    return call.add(Embedding(count=call.config["input_dim"], dim=call.config["output_dim"]))


_RECURRENT: Mapping[str, type[Rnn]] = {
    "SimpleRNN": Rnn, "LSTM": Lstm, "GRU": Gru, "CuDNNLSTM": Lstm, "CuDNNGRU": Gru}


def _recurrent_operator(call: Call, kind: str, config: Mapping[str, Any], *, both: bool = False) -> Operator:
    options = {"reset_after": bool(config.get("reset_after", True))} if kind in ("GRU", "CuDNNGRU") else {}
    return _RECURRENT[kind](
        hidden_size=config["units"], return_sequences=bool(config.get("return_sequences", False)),
        bias=bool(config.get("use_bias", True)), bidirectional=both, **options)


@reads(*_RECURRENT)
def _recurrent(call: Call) -> str:
    return call.add(_recurrent_operator(call, call.kind, call.config), call.inputs[0])


@reads("Bidirectional")
def _bidirectional(call: Call) -> str:
    inner = call.config["layer"]
    kind = inner.get("class_name")
    if kind not in _RECURRENT or call.config.get("merge_mode", "concat") != "concat":
        raise NotReadError(f"both directions of {kind} are not joined by concatenation")
    return call.add(_recurrent_operator(call, kind, inner["config"], both=True), call.inputs[0])


@reads("TimeDistributed")
def _time_distributed(call: Call) -> str:
    """Read a layer that is applied at each step: on images, windows have an axis more, on which they stay alone."""
    inner = call.config["layer"]
    kind, config = inner.get("class_name"), dict(inner.get("config") or {})
    own = Call(kind, call.name, config, call.inputs, call.builder, shared=call.shared, source=call.source)
    if kind == "Dense":
        return own.activated(own.add(_dense_operator(own)))
    if kind in _SAME or kind in _DROPOUTS or kind in ("ReLU", "LeakyReLU", "ELU", "Softmax", "Activation"):
        return own.add(activation(config.get("activation")) or Identity())
    if kind == "Flatten":
        return call.add(Flatten(start_axis=1))
    last = (config.get("data_format") or call.builder.data_format) == "channels_last" == call.builder.data_format
    if not last:
        raise NotReadError(f"{kind} at each step is read with channels last only")
    if kind.startswith("Global") and not config.get("keepdims"):
        return call.add(Reduce(axes=range(1, len(call.shape()) - 1)))
    if kind == "BatchNormalization":
        return own.add(OPERATORS["batch_norm"](**layers.learned(own)))
    operator: Any
    if kind in ("Conv1D", "Conv2D"):
        operator = layers.convolution(own)
    elif kind in ("DepthwiseConv1D", "DepthwiseConv2D"):
        operator = layers.depthwise(own)
    elif kind in ("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D"):
        operator = layers.pool(own)
    else:
        raise NotReadError(f"{kind} at each step has no counterpart")
    return own.activated(own.add(_with_an_axis_more(operator, len(call.shape()) - 2)))


def _with_an_axis_more(operator: Any, rank: int) -> Operator:
    """Return a window with one axis more in front, along which it is 1 wide."""
    import dataclasses

    changes = {}
    for name in ("kernel_size", "stride", "dilation"):
        value = getattr(operator, name)
        if name == "stride" and value is None:
            value = operator.kernel_size
        changes[name] = (1, *(value if isinstance(value, tuple) else (value,) * rank))
    widened: Operator = dataclasses.replace(operator, **changes)
    return widened


# -- joins

_JOINS: Mapping[str, type[Operator]] = {
    "Add": Add, "Subtract": Sub, "Multiply": Mul, "Average": Average, "Maximum": Maximum, "Minimum": Minimum,
    "Divide": Div, "TrueDivide": Div, "Power": Pow,
}


@reads(*_JOINS)
def _join(call: Call) -> str:
    if len(call.inputs) > 1:
        return call.add(_JOINS[call.kind]())
    others = [a for a in (*call.arguments, *call.options.values()) if not _is_tensor(a)]
    if not all(a is None or isinstance(a, (int, float)) for a in others):
        raise NotReadError("it takes a constant that is no number")
    return call.add(Identity())


def _is_tensor(argument: Any) -> bool:
    if isinstance(argument, (list, tuple)):
        return all(map(_is_tensor, argument))
    return isinstance(argument, Mapping) and argument.get("class_name") == "__keras_tensor__"


@reads("CustomScaleLayer")
def _scaled_sum(call: Call) -> str:
    """Read what InceptionResNetV2 of ``keras.applications`` brings along: the first input plus a scaled second."""
    return call.add(Add())


@reads("LayerScale")
def _layer_scale(call: Call) -> str:
    """Read what ConvNeXt of ``keras.applications`` brings along: a learned factor for each channel."""
    return call.add(Identity(weights=call.config["projection_dim"]))


@reads("Concatenate")
def _concatenate(call: Call) -> str:
    return call.add(Concat(axis=call.axis(call.option("axis", -1))))


@reads("Matmul")
def _matmul(call: Call) -> str:
    return call.add(Matmul())


@reads("Dot")
def _dot(call: Call) -> str:
    written = call.config["axes"]
    axes = list(written) if isinstance(written, (list, tuple)) else [written, written]
    ranks = [len(call.shape(0)), len(call.shape(1))]
    first, second = (call.axis(a, rank) for a, rank in zip(axes, ranks, strict=True))
    if ranks == [1, 1]:
        row = call.add(Unsqueeze(axis=0), call.inputs[0], part="row")
        column = call.add(Unsqueeze(axis=1), call.inputs[1], part="column")
        return call.add(Squeeze(axis=0), call.add(Matmul(), row, column, part="product"))
    if ranks != [2, 2]:
        raise NotReadError(f"it multiplies tensors of {ranks[0]} and {ranks[1]} axes")
    a, b = call.inputs
    if first != 1:
        a = call.add(Permute(order=(1, 0)), a, part="first")
    if second != 0:
        b = call.add(Permute(order=(1, 0)), b, part="second")
    return call.add(Matmul(), a, b)


# -- what keeps the shape

_SAME = (
    "ActivityRegularization", "Identity", "Masking", "GaussianNoise", "RandomBrightness", "RandomContrast",
    "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom", "RandomColorJitter", "RandomSaturation",
    "RandomHue", "RandomGaussianBlur", "RandomSharpness", "Rescaling", "ThresholdedReLU", "UnitNormalization",
    # operations
    "Absolute", "Abs", "Negative", "Sqrt", "Rsqrt", "Square", "Exp", "Log", "Log1p", "Expm1", "Cast", "Clip", "Erf",
    "Sin", "Cos", "Floor", "Ceil", "Round", "Sign", "StopGradient", "Reciprocal",
)
_DROPOUTS = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout", "AlphaDropout")
_NAMED = {
    "LeakyReLU": "leaky_relu", "LeakyRelu": "leaky_relu", "ELU": "elu", "Elu": "elu", "Softmax": "softmax",
    "Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid", "Tanh": "tanh", "Gelu": "gelu", "Silu": "silu",
    "Selu": "selu", "Softplus": "softplus", "HardSigmoid": "hardsigmoid", "HardSilu": "hardswish", "Mish": "mish",
    "LogSoftmax": "log_softmax", "Celu": "celu",
}


@reads(*_SAME)
def _same(call: Call) -> str:
    return call.add(Identity(), call.inputs[0])


@reads(*_DROPOUTS)
def _dropout(call: Call) -> str:
    return call.add(Dropout(p=float(call.config.get("rate", 0.5))), call.inputs[0])


@reads(*_NAMED)
def _named(call: Call) -> str:
    return call.add(OPERATORS[_NAMED[call.kind]](), call.inputs[0])


@reads("Activation")
def _activation(call: Call) -> str:
    return call.add(activation(call.config.get("activation")) or Identity())


@reads("ReLU")
def _relu(call: Call) -> str:
    return call.add(OPERATORS["relu6" if call.config.get("max_value") == 6 else "relu"]())


@reads("PReLU")
def _prelu(call: Call) -> str:
    shape, shared = call.shape(), call.config.get("shared_axes") or []
    kept = [n for i, n in enumerate(shape) if i + 1 not in shared]
    return call.add(Identity(weights=product(kept)))


@reads("Normalization")
def _normalization(call: Call) -> str:
    """Read a normalisation, whose mean, variance and count are weights unless they were given."""
    if call.config.get("mean") is not None:
        return call.add(Identity())
    axis = call.config.get("axis", -1)
    axes = [] if axis is None else [axis] if isinstance(axis, int) else list(axis)
    shape = call.shape()
    return call.add(Identity(weights=2 * product(shape[call.axis(a)] for a in axes) + 1))
