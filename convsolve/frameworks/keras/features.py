"""Reading Keras's layers that work on features, join tensors or keep the shape."""

from __future__ import annotations

import dataclasses
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
    Identity,
    Linear,
    Matmul,
    Maximum,
    Minimum,
    Mul,
    Operator,
    Permute,
    Pow,
    Reduce,
    Squeeze,
    Sub,
    Unsqueeze,
)
from . import layers
from .call import READERS, Call, NotReadError, activation, reads, tensors_in

__all__ = ()


def _dense_operator(call: Call) -> Operator:
    return Linear(
        out_features=call.config["units"], bias=bool(call.config.get("use_bias", True)),
        in_features=call.built[-1] if call.built else None)


@reads("Dense")
def _dense(call: Call) -> str:
    return call.activated(call.add(_dense_operator(call)))


def _embedding_operator(call: Call) -> Operator:
    return Embedding(count=call.config["input_dim"], dim=call.config["output_dim"])


@reads("Embedding")
def _embedding(call: Call) -> str:
    return call.add(_embedding_operator(call))


@reads("ReversibleEmbedding")
def _reversible_embedding(call: Call) -> str:
    """Read an embedding, or the product with its weights the other way."""
    if not call.option("reverse"):
        return call.add(_embedding_operator(call))
    if not call.config.get("tie_weights", True):
        raise NotReadError("it has weights of its own for the way back")
    return call.add(Linear(
        out_features=call.config["input_dim"], in_features=call.config["output_dim"], bias=False), call.inputs[0])


@reads("SpectralNormalization")
def _spectral_normalization(call: Call) -> str:
    """Read a layer whose weights are normalised, with the vector that this learns."""
    kind, config = call.config["layer"].get("class_name"), call.config["layer"].get("config") or {}
    if kind not in READERS:
        raise NotReadError(f"{kind} is not read")
    wide = [config[name] for name in ("filters", "units", "output_dim") if name in config]
    if not wide or kind.startswith(("Separable", "Depthwise")) or "Transpose" in kind:
        raise NotReadError(f"which of the weights of {kind} it normalises is not known")
    made = READERS[kind](dataclasses.replace(call, kind=kind, config=config))
    return call.add(Identity(weights=wide[0]), str(made), part="norm")


@reads("Pipeline")
def _pipeline(call: Call) -> str:
    """Read layers one after the other."""
    made = call.inputs[0]
    for inner in call.config["layers"]:
        kind, config = inner["class_name"], inner["config"]
        if kind not in READERS:
            raise NotReadError(f"{kind} in it is not read")
        made = str(READERS[kind](dataclasses.replace(
            call, kind=kind, config=config, inputs=[made], name=f"{call.name}/{config.get('name', kind)}")))
    return made


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
    others = [a for a in (*call.arguments, *call.options.values()) if not any(True for _ in tensors_in(a))]
    if not all(a is None or isinstance(a, (int, float)) for a in others):
        raise NotReadError("it takes a constant that is no number")
    return call.add(Identity())


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
    "ActivityRegularization", "Identity", "Masking", "GaussianNoise", "Rescaling", "ThresholdedReLU",
    "UnitNormalization",
    # augmentation
    "AugMix", "AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "CutMix", "Equalization", "MixUp",
    "RandAugment", "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomContrast",
    "RandomElasticTransform", "RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHue",
    "RandomInvert", "RandomPerspective", "RandomPosterization", "RandomRotation", "RandomSaturation",
    "RandomSharpness", "RandomShear", "RandomTranslation", "RandomZoom", "Solarization",
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
