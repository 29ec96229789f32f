"""What onnxruntime's own operators (com.microsoft) take: how many inputs and outputs, and which attributes.

ONNX has no schemas of these; the table is onnxruntime's (``docs/ContribOperators.md``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .values import Known

__all__ = ["DOMAIN", "misfit"]

DOMAIN = "com.microsoft"

_ANY = 2**31
_WINDOW = "auto_pad dilations group kernel_shape pads strides"

_TAKES: Mapping[str, tuple[int, int, int, str]] = {
    "Attention": (2, 7, 2, "do_rotary mask_filter_value num_heads! past_present_share_buffer qkv_hidden_sizes "
                  "rotary_embedding_dim scale unidirectional"),
    "BiasAdd": (3, 3, 1, ""),
    "BiasDropout": (2, 5, 2, "seed"),
    "BiasGelu": (2, 2, 1, ""),
    "BiasSoftmax": (2, 2, 1, "axis is_inner_broadcast!"),
    "DequantizeLinear": (2, 3, 1, "axis"),
    "DynamicQuantizeMatMul": (3, 5, 1, ""),
    "EmbedLayerNormalization": (7, 9, 3, "epsilon mask_index_type"),
    "FastGelu": (1, 2, 1, ""),
    "FusedConv": (2, 4, 1, f"activation activation_params {_WINDOW}"),
    "FusedGemm": (2, 3, 1, "activation activation_alpha activation_beta activation_gamma alpha beta transA transB"),
    "FusedMatMul": (2, 2, 1, "alpha transA transB transBatchA transBatchB"),
    "Gelu": (1, 1, 1, ""),
    "MatMulInteger16": (2, 2, 1, ""),
    "MatMulIntegerToFloat": (4, 7, 1, ""),
    "MultiHeadAttention": (1, 10, 4, "mask_filter_value num_heads! scale unidirectional"),
    "NhwcConv": (2, 3, 1, _WINDOW),
    "NhwcFusedConv": (2, 4, 1, f"activation activation_params {_WINDOW}"),
    "NhwcMaxPool": (1, 1, 1, "auto_pad ceil_mode dilations kernel_shape! pads strides"),
    "QGemm": (6, 9, 1, "alpha transA transB"),
    "QLinearAdd": (7, 8, 1, ""),
    "QLinearAveragePool": (4, 5, 1, "auto_pad ceil_mode channels_last count_include_pad kernel_shape! pads strides"),
    "QLinearConcat": (3, _ANY, 1, "axis!"),
    "QLinearConv": (8, 9, 1, f"channels_last {_WINDOW}"),
    "QLinearGlobalAveragePool": (5, 5, 1, "channels_last"),
    "QLinearLeakyRelu": (4, 5, 1, "alpha"),
    "QLinearMul": (7, 8, 1, ""),
    "QLinearReduceMean": (4, 5, 1, "axes! keepdims!"),
    "QLinearSigmoid": (4, 5, 1, ""),
    "QLinearSoftmax": (5, 5, 1, "axis opset!"),
    "QLinearWhere": (9, 9, 1, ""),
    "QuantizeLinear": (2, 3, 1, "axis"),
    "QuickGelu": (1, 1, 1, "alpha"),
    "SkipLayerNormalization": (3, 5, 4, "epsilon"),
    "SkipSimplifiedLayerNormalization": (3, 4, 4, "epsilon"),
}  # fmt: skip
"""The least and the most inputs, the most outputs, and the attributes, those that must be there with a mark."""

_TYPES: Mapping[type, str] = {
    list: "activation_params axes dilations kernel_shape pads qkv_hidden_sizes strides",
    str: "activation auto_pad",
    float: "activation_alpha activation_beta activation_gamma alpha beta epsilon mask_filter_value scale",
}
"""The types of attributes by name; all others are whole numbers."""

_SCALARS = {"QLinearAveragePool": {0}, "QLinearReduceMean": {0}, "QLinearAdd": {0, 3}, "QLinearMul": {0, 3}}
"""Operators whose inputs must be single numbers without axes, but for these."""


def misfit(kind: str, inputs: Any, outputs: int, attributes: Mapping[str, Any]) -> str | None:
    """Return what a node has that the operator does not take, or lacks."""
    least, most, results, names = _TAKES[kind]
    if not least <= len(inputs) <= most:
        return f"it has {len(inputs)} inputs, wanted {least} to {most}"
    if outputs > results:
        return f"it has {outputs} outputs, wanted at most {results}"
    known = {name.rstrip("!"): name.endswith("!") for name in names.split()}
    for name, value in attributes.items():
        if name not in known:
            return f"{kind} has no attribute {name!r}"
        wanted = next((kind for kind, listed in _TYPES.items() if name in listed.split()), int)
        if not isinstance(value, wanted):
            return f"its attribute {name!r} is of another type than {wanted.__name__}"
    missing = [name for name, required in known.items() if required and name not in attributes]
    if missing:
        return f"its attribute {missing[0]!r} is missing"
    if kind in _SCALARS:
        for place, value in enumerate(inputs):
            if place not in _SCALARS[kind] and isinstance(value, Known) and value.shape != ():
                return f"its input {place} has the shape {list(value.shape)}: wanted a number without axes"
    return None
