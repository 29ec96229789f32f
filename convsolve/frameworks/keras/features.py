"""Reading Keras's layers that work on features, join tensors or keep the shape."""

from __future__ import annotations

import dataclasses
import string

from ...dims import product
from ...operators import (
    OPERATORS,
    Concat,
    Dropout,
    Einsum,
    Elementwise,
    Embedding,
    Identity,
    Linear,
    Matmul,
    Permute,
    Squeeze,
    Unsqueeze,
)
from . import layers
from .arguments import count
from .call import LayerCall, NotReadError, RefusedSettingError, activation, inner_of, read, reads

__all__ = ()


@reads("Dense", settings="activation units use_bias")
def _dense(call: LayerCall) -> str:
    return call.activated(
        call.add(
            Linear(
                out_features=count(call, "units"),
                bias=bool(call.config.get("use_bias", True)),
                in_features=call.built[-1] if call.built else None,
            )
        )
    )


_EMBEDDING = "input_dim input_length mask_zero output_dim sparse "


@reads("Embedding", settings=_EMBEDDING)
def _embedding(call: LayerCall) -> str:
    return call.add(Embedding(count=count(call, "input_dim"), dim=count(call, "output_dim")))


@reads("ReversibleEmbedding", settings=_EMBEDDING + "logit_soft_cap reverse_dtype tie_weights")
def _reversible_embedding(call: LayerCall) -> str:
    """Read an embedding, or the product with its weights the other way."""
    if not call.option("reverse"):
        return str(_embedding(call))
    if not call.config.get("tie_weights", True):
        raise NotReadError("it has weights of its own for the way back")
    return call.add(
        Linear(out_features=call.config["input_dim"], in_features=call.config["output_dim"], bias=False), call.inputs[0]
    )


@reads("SpectralNormalization", settings="layer power_iterations")
def _spectral_normalization(call: LayerCall) -> str:
    """Read a layer whose weights are normalised, with the vector that this learns."""
    kind, config = inner_of(call.need("layer"))
    wide = [config[name] for name in ("filters", "units", "output_dim") if name in config]
    if not wide or kind.startswith(("Separable", "Depthwise")) or "Transpose" in kind:
        raise NotReadError(f"which of the weights of {kind} it normalises is not known")
    made = read(dataclasses.replace(call, kind=kind, config=config))
    return call.add(Identity(weights=wide[0]), str(made), part="norm")


@reads("Pipeline", settings="layers")
def _pipeline(call: LayerCall) -> str:
    """Read layers one after the other."""
    made = call.inputs[0]
    for inner in call.need("layers"):
        kind, config = inner_of(inner)
        made = str(
            read(
                dataclasses.replace(
                    call, kind=kind, config=config, inputs=[made], name=f"{call.name}/{config.get('name', kind)}"
                )
            )
        )
    return made


# -- joins, and layers that networks of keras.applications bring along


@reads("LayerScale", settings="init_values projection_dim")
def _layer_scale(call: LayerCall) -> str:
    """Read what ConvNeXt of ``keras.applications`` brings along: a learned factor for each channel."""
    return call.add(Identity(weights=count(call, "projection_dim")))


@reads("Concatenate", settings="axis")
def _concatenate(call: LayerCall) -> str:
    """Read a concatenation; one of samples keeps their shapes, which must be the same."""
    axis = call.option("axis", -1)
    if axis in (0, -len(call.shape()) - 1):
        alone = len(call.inputs) == 1
        return call.add(Identity() if alone else Elementwise(function="concatenate", broadcast=False))
    return call.add(Concat(axis=call.axis(axis)))


@reads("Matmul", settings="transpose_a transpose_b")
def _matmul(call: LayerCall) -> str:
    """Read a product of matrices, which TensorFlow may turn."""
    sides = list(call.inputs)
    for i, side in enumerate(("a", "b")[: len(sides)]):
        rank = len(call.shape(i))
        if call.config.get(f"transpose_{side}"):
            sides[i] = call.add(Permute(order=(*range(rank - 2), rank - 1, rank - 2)), sides[i], part=f"turned_{side}")
    ranks = [len(call.shape(i)) for i in range(len(sides))]
    if ranks and ranks[0] > min(ranks):  # the batch of one would meet another axis: it is looked at first, and fails
        sides.reverse()
    return call.add(Matmul(), *sides, rank=max(ranks, default=None))


@reads("Dot", settings="axes normalize")
def _dot(call: LayerCall) -> str:
    written = call.need("axes")
    axes = list(written) if isinstance(written, (list, tuple)) else [written, written]
    ranks = [len(call.shape(0)), len(call.shape(1))]
    axes = [a % (rank + 1) if type(a) is int and a < 0 else a for a, rank in zip(axes, ranks, strict=True)]
    first, second = (call.axis(a, rank) for a, rank in zip(axes, ranks, strict=True))
    if ranks == [1, 1]:
        row = call.add(Unsqueeze(axis=0), call.inputs[0], part="row")
        column = call.add(Unsqueeze(axis=1), call.inputs[1], part="column")
        return call.add(Squeeze(axis=0), call.add(Matmul(), row, column, part="product"))
    if ranks != [2, 2]:
        return _dot_of_many(call, first, second)
    a, b = call.inputs
    if first != 1:
        a = call.add(Permute(order=(1, 0)), a, part="first")
    if second != 0:
        b = call.add(Permute(order=(1, 0)), b, part="second")
    return call.add(Matmul(), a, b)


def _dot_of_many(call: LayerCall, first: int, second: int) -> str:
    """Return the products along one axis of each of two tensors, which has the same size in both."""
    sizes = call.shape(0)[first], call.shape(1)[second]
    if all(isinstance(n, int) for n in sizes) and sizes[0] != sizes[1]:
        raise RefusedSettingError(f"the axes that it multiplies have the sizes {sizes[0]} and {sizes[1]}")
    letters = iter(string.ascii_letters)
    a, b = ([next(letters) for _ in call.shape(i)] for i in (0, 1))
    b[second] = a[first]
    kept = [n for n in a if n != a[first]] + [n for n in b if n != a[first]]
    return call.add(Einsum(equation=f"{''.join(a)},{''.join(b)}->{''.join(kept)}"))


# -- what keeps the shape

_SAME = (
    "ActivityRegularization",
    "Identity",
    "Masking",
    "GaussianNoise",
    "Rescaling",
    "ThresholdedReLU",
    "UnitNormalization",
    "StochasticDepth",
)
_ON_IMAGES = (
    "AugMix",
    "AutoContrast",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "CutMix",
    "Equalization",
    "MixUp",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "Solarization",
)
_NAMED = {
    "LeakyReLU": "leaky_relu",
    "LeakyRelu": "leaky_relu",
    "ELU": "elu",
    "Elu": "elu",
    "Softmax": "softmax",
    "Relu": "relu",
    "Relu6": "relu6",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Gelu": "gelu",
    "Silu": "silu",
    "Selu": "selu",
    "Softplus": "softplus",
    "HardSigmoid": "hardsigmoid",
    "HardSilu": "hardswish",
    "Mish": "mish",
    "LogSoftmax": "log_softmax",
    "Celu": "celu",
}


@reads(*_SAME, settings="axis drop_path_rate l1 l2 mask_value offset scale stddev theta")
def _same(call: LayerCall) -> str:
    return call.add(Identity(), call.inputs[0])


_AUGMENTATION = (
    "addition_factor all_ops alpha bins bounding_box_format brightness_factor chain_depth clip_limit contrast_factor "
    "data_format factor fill_mode fill_value height_factor hue_factor interpolation kernel_size mode num_chains "
    "num_ops saturation_factor scale sigma threshold_factor tile_grid_size value_range width_factor x_factor y_factor"
)


@reads(*_ON_IMAGES, settings=_AUGMENTATION)
def _on_images(call: LayerCall) -> str:
    """Read what changes the pixels of images; one that is given without its channels counts as they are."""
    shape = call.builder.shapes[call.inputs[0]]
    if call.kind == "RandomColorDegeneration" and shape is not None and len(shape) > 1:
        channels = shape[-1 if call.data_format == "channels_last" else 0]
        if isinstance(channels, int) and channels not in (1, 3):
            raise RefusedSettingError(f"it takes 1 or 3 channels, got {channels}")
    return call.add(Identity(), call.inputs[0], rank=3 if shape is None or len(shape) != 2 else 2)


@reads("Dropout", "GaussianDropout", "AlphaDropout", *layers.ranks("SpatialDropoutND"), settings="data_format rate")
def _dropout(call: LayerCall) -> str:
    return call.add(Dropout(p=float(call.config.get("rate", 0.5))), call.inputs[0], rank=call.rank)


@reads(*_NAMED, settings="alpha approximate axis negative_slope")
def _named(call: LayerCall) -> str:
    call.must_have(call.config.get("axis"))
    return call.add(OPERATORS[_NAMED[call.kind]](), call.inputs[0])


@reads("Activation", settings="activation")
def _activation(call: LayerCall) -> str:
    return call.add(activation(call.config.get("activation")) or Identity())


@reads("ReLU", settings="max_value negative_slope threshold")
def _relu(call: LayerCall) -> str:
    return call.add(OPERATORS["relu6" if call.config.get("max_value") == 6 else "relu"]())


@reads("PReLU", settings="shared_axes")
def _prelu(call: LayerCall) -> str:
    shape, shared = call.shape(), call.config.get("shared_axes") or []
    kept = [n for i, n in enumerate(shape) if i + 1 not in shared]
    return call.add(Identity(weights=product(kept)))


@reads("Normalization", settings="axis invert mean variance")
def _normalization(call: LayerCall) -> str:
    """Read a normalisation, whose mean, variance and count are weights unless they were given."""
    if call.config.get("mean") is not None:
        return call.add(Identity())
    axis = call.config.get("axis", -1)
    axes = [] if axis is None else [axis] if isinstance(axis, int) else list(axis)
    shape = call.shape()
    return call.add(Identity(weights=2 * product(shape[call.axis(a)] for a in axes) + 1))
