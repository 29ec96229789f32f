"""What frameworks call things: one table for each, ours and theirs, which everything that speaks of them reads.

Parameters are called as in PyTorch wherever it has a word; what stands here is where others, or PyTorch itself, differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["POOLS", "VOCABULARIES", "Vocabulary", "bare_name", "our_operator", "our_parameter", "vocabulary"]

POOLS = ("pool", "max_pool", "avg_pool", "lp_pool")
"""The operators that are pools; ``pool`` is one of which a message does not say the kind."""


@dataclass(frozen=True)
class Vocabulary:
    """The words of one framework.

    ``title`` is what people call it, ``data_format`` the order of axes that is usual there, ``rules`` whose shape rules
    apply to it. ``parameters`` are its names by ours; ``of_operator`` those that differ for some operators alone.
    ``layers`` are the names of its layers by our operators, without a number of axes at their end.
    """

    title: str
    data_format: Literal["channels_first", "channels_last"]
    rules: Literal["torch", "keras", "onnx"] = "torch"
    parameters: Mapping[str, str] = field(default_factory=dict)
    of_operator: Mapping[tuple[str, str], str] = field(default_factory=dict)
    layers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def parameter(self, name: str, operator: str = "") -> str:
        """Return what the framework calls a parameter.

        >>> vocabulary("keras").parameter("kernel_size", "max_pool"), vocabulary("onnx").parameter("padding")
        ('pool_size', 'pads')
        """
        return self.of_operator.get((operator, name)) or self.parameters.get(name, name)


_KERAS = Vocabulary(
    "Keras",
    "channels_last",
    "keras",
    {
        "stride": "strides",
        "dilation": "dilation_rate",
        "out_channels": "filters",
        "out_features": "units",
        "bias": "use_bias",
        "hidden_size": "units",
    },
    {
        **{(pool, "kernel_size"): "pool_size" for pool in POOLS},
        ("upsample", "scale_factor"): "size",
        ("upsample", "mode"): "interpolation",
        ("reshape", "shape"): "target_shape",
        ("permute", "order"): "dims",
        ("depthwise_conv", "multiplier"): "depth_multiplier",
        ("crop", "amount"): "cropping",
    },
    {
        "conv": ("Conv",),
        "conv_transpose": ("ConvTranspose",),
        "depthwise_conv": ("DepthwiseConv",),
        "max_pool": ("MaxPooling", "MaxPool"),
        "avg_pool": ("AveragePooling", "AvgPool"),
        "global_avg_pool": ("GlobalAveragePooling", "GlobalAvgPool"),
        "global_max_pool": ("GlobalMaxPooling", "GlobalMaxPool"),
        "adaptive_avg_pool": ("AdaptiveAveragePooling",),
        "linear": ("Dense",),
        "batch_norm": ("BatchNormalization",),
        "layer_norm": ("LayerNormalization",),
        "group_norm": ("GroupNormalization",),
        "pad": ("ZeroPadding",),
        "crop": ("Cropping",),
        "upsample": ("UpSampling",),
        "concat": ("Concatenate",),
        "mul": ("Multiply",),
        "permute": ("Permute",),
    },
)

VOCABULARIES: Mapping[str, Vocabulary] = {
    "torch": Vocabulary(
        "PyTorch",
        "channels_first",
        of_operator={
            ("pixel_shuffle", "block_size"): "upscale_factor",
            ("depth_to_space", "block_size"): "upscale_factor",
            ("space_to_depth", "block_size"): "downscale_factor",
            ("pixel_unshuffle", "block_size"): "downscale_factor",
            ("permute", "order"): "dims",
            ("flatten", "start_axis"): "start_dim",
            ("flatten", "end_axis"): "end_dim",
            ("squeeze", "axis"): "dim",
            ("unsqueeze", "axis"): "dim",
            ("concat", "axis"): "dim",
            ("group_norm", "groups"): "num_groups",
        },
        layers={
            "conv": ("Conv",),
            "conv_transpose": ("ConvTranspose",),
            "max_pool": ("MaxPool",),
            "avg_pool": ("AvgPool",),
            "adaptive_avg_pool": ("AdaptiveAvgPool",),
            "adaptive_max_pool": ("AdaptiveMaxPool",),
            "linear": ("Linear",),
            "batch_norm": ("BatchNorm",),
            "layer_norm": ("LayerNorm",),
            "group_norm": ("GroupNorm",),
            "concat": ("cat",),
        },
    ),
    "keras": _KERAS,
    "tensorflow": Vocabulary(
        "TensorFlow", "channels_last", "keras", _KERAS.parameters, _KERAS.of_operator, _KERAS.layers
    ),
    "onnx": Vocabulary(
        "ONNX",
        "channels_first",
        "onnx",
        {
            "kernel_size": "kernel_shape",
            "stride": "strides",
            "dilation": "dilations",
            "padding": "pads",
            "groups": "group",
        },
        layers={
            "conv": ("Conv",),
            "conv_transpose": ("ConvTranspose",),
            "max_pool": ("MaxPool",),
            "avg_pool": ("AveragePool",),
            "linear": ("Gemm",),
            "batch_norm": ("BatchNormalization",),
            "concat": ("Concat",),
        },
    ),
    "jax": Vocabulary(
        "JAX",
        "channels_last",
        parameters={
            "stride": "strides",
            "dilation": "kernel_dilation",
            "out_channels": "features",
            "out_features": "features",
        },
    ),
    "mxnet": Vocabulary(
        "MXNet",
        "channels_first",
        parameters={"kernel_size": "kernel", "padding": "pad", "dilation": "dilate", "out_channels": "num_filter"},
    ),
    "numpy": Vocabulary("NumPy", "channels_last"),
    "caffe": Vocabulary("Caffe", "channels_first", parameters={"padding": "pad", "out_channels": "num_output"}),
    "dl4j": Vocabulary("DL4J", "channels_first", parameters={"kernel_size": "kernelSize", "out_channels": "nOut"}),
}
"""Every framework that convsolve knows words of, by the name that it has here."""

_UNKNOWN = Vocabulary("", "channels_last")


def vocabulary(framework: str | None) -> Vocabulary:
    """Return the words of a framework; of one that is not known our own.

    >>> vocabulary("torch").title, vocabulary(None).title, vocabulary("jax").parameter("stride")
    ('PyTorch', '', 'strides')
    """
    return VOCABULARIES.get(framework or "", _UNKNOWN)


def our_parameter(theirs: str, operator: str, known: Iterable[str]) -> str | None:
    """Return which of an operator's parameters some framework calls by a name; None where none does.

    >>> our_parameter("filters", "conv", ["kernel_size", "out_channels"])
    'out_channels'
    >>> our_parameter("pool_size", "max_pool", ["kernel_size", "stride"])
    'kernel_size'
    """
    return next(
        (ours for ours in known for words in VOCABULARIES.values() if words.parameter(ours, operator) == theirs), None
    )


_COLLOQUIAL = {
    "bn": "batch_norm",
    "convolution": "conv",
    "convtransposed": "conv_transpose",
    "deconv": "conv_transpose",
    "deconvolution": "conv_transpose",
    "fc": "linear",
    "fullyconnected": "linear",
    "interpolate": "upsample",
    "resize": "upsample",
    "view": "reshape",
}
"""What people write, and no framework calls a layer today."""


_OPERATORS = _COLLOQUIAL | {
    name.lower(): ours for words in VOCABULARIES.values() for ours, names in words.layers.items() for name in names
}


def bare_name(name: str) -> str:
    """Return the name of a layer as it compares with others: in small letters, without its number of axes.

    >>> bare_name("nn.Conv2d"), bare_name("Conv2DTranspose"), bare_name("max_pool")
    ('conv', 'convtranspose', 'maxpool')
    """
    return re.sub(r"\dd|[^a-z]", "", name.rpartition(".")[2].lower())


def our_operator(theirs: str) -> str | None:
    """Return the operator that some framework, or people, call by a name, such as ``Conv2d``; None where none does.

    >>> our_operator("MaxPooling2D"), our_operator("nn.Linear"), our_operator("fc"), our_operator("Mystery")
    ('max_pool', 'linear', 'linear', None)
    """
    return _OPERATORS.get(bare_name(theirs))
