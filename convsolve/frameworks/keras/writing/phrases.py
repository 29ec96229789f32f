"""How Keras says each operator: layers where it has them, and else operations on symbolic tensors.

Keras has no numbers for padding and cropping inside of a layer: they become layers of their own, where
"same", "valid" and "causal" do not say the same.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from ...common.writing.plan import PlannedLayer, cannot
from ...common.writing.source_lines import CallText, Code, Statement, brief, module
from ...common.writing.window_padding import Pairs, crops_of, paddings, sides_of, spread, steps_of, windows_of
from .axes import PHRASES as AXES
from .axes import affine

__all__ = ["say"]

_FUNCTIONS: dict[str, CallText] = {
    "relu": CallText("layers.ReLU"), "relu6": CallText("layers.ReLU", (), {"max_value": 6}),
    "leaky_relu": CallText("layers.LeakyReLU"), "elu": CallText("layers.ELU"), "softmax": CallText("layers.Softmax"),
    "identity": CallText("layers.Identity"),
    **{name: CallText("layers.Activation", (word,)) for name, word in (
        ("selu", "selu"), ("celu", "celu"), ("gelu", "gelu"), ("silu", "silu"), ("mish", "mish"),
        ("hardswish", "hard_silu"), ("hardsigmoid", "hard_sigmoid"), ("hardtanh", "hard_tanh"),
        ("sigmoid", "sigmoid"), ("tanh", "tanh"), ("softplus", "softplus"), ("log_softmax", "log_softmax"))},
}  # fmt: skip
_ANYWHERE = "write the network to torch or onnx, or put another operator in its place"


def say(step: PlannedLayer) -> list[Statement]:
    """Return the stages of a layer.

    Raises:
        NetworkError: Keras has no such operator.
    """
    kind = step.operator.kind
    if kind in _FUNCTIONS:
        return [Statement(_FUNCTIONS[kind], True)]
    if kind not in _PHRASES:
        raise cannot(step, f"Keras has no {kind}", _ANYWHERE)
    return _PHRASES[kind](step)


def spatial_name(step: PlannedLayer, name: str, *, most: int = 3) -> str:
    """Return ``name`` with the number of spatial axes in place of ``{}``."""
    found = name.format(f"{step.rank}D")
    if not 1 <= step.rank <= most:
        raise cannot(step, f"Keras has no {found}", f"use 1 to {most} spatial axes")
    return f"layers.{found}"


def _given(**options: Any) -> dict[str, Any]:
    usual = {"strides": 1, "padding": "valid", "dilation_rate": 1, "groups": 1, "use_bias": True, "depth_multiplier": 1}
    return {name: value for name, value in options.items() if value != usual.get(name)}


def _per_axis(step: PlannedLayer, padding: Pairs) -> Any:
    """Return a padding or a crop as ``ZeroPadding`` and ``Cropping`` take it."""
    if step.rank == 1:
        return padding[0][0] if padding[0][0] == padding[0][1] else padding[0]
    if all(before == after for before, after in padding):
        return brief([before for before, _ in padding])
    return padding


def framed(
    step: PlannedLayer, padding: Pairs, suffix: str = "", *, mode: str = "constant", fill: str = ""
) -> list[Statement]:
    """Return the stages that pad the spatial axes; negative padding crops."""
    stages: list[Statement] = []
    if mode not in ("constant", "zeros", "reflect"):
        raise cannot(step, f"Keras has no {mode!r} padding", "take 'constant' or 'reflect', or write torch or onnx")
    crop = tuple((max(-before, 0), max(-after, 0)) for before, after in padding)
    grow = tuple((max(before, 0), max(after, 0)) for before, after in padding)
    if any(n for pair in grow for n in pair):
        whole = ((0, 0), *grow, (0, 0))
        if mode == "reflect" or fill:
            options: dict[str, Any] = {"mode": "reflect"} if mode == "reflect" else {"constant_values": Code(fill)}
            stages += [Statement(CallText("keras.ops.pad", (Code("{x}"), whole), options))]
        else:
            stages += [module(spatial_name(step, "ZeroPadding{}"), _per_axis(step, grow), suffix=suffix)]
    if any(n for pair in crop for n in pair):
        cut = module(spatial_name(step, "Cropping{}"), _per_axis(step, crop), suffix=f"{suffix}_crop".strip("_"))
        # zeros come first, in case that the crop is larger than the input; a reflection shows what is left
        stages = [cut, *stages] if mode == "reflect" else [*stages, cut]
    return [dataclasses.replace(stage, learns=False) for stage in stages]


def _mode(step: PlannedLayer, padding: Pairs) -> str | None:
    """Return Keras' word for a padding, or None where it has none."""
    if not any(n for pair in padding for n in pair):
        return "valid"
    axes = zip(step.sizes[0][1:], steps_of(step), windows_of(step), strict=True)
    totals = [max((-(-size // stride) - 1) * stride + window - size, 0) for size, stride, window in axes]
    if padding == tuple((total // 2, total - total // 2) for total in totals):
        return "same"
    if step.operator.kind in ("conv",) and padding == tuple((w - 1, 0) for w in windows_of(step)) and step.rank == 1:
        return "causal"
    return None


# -- convolutions


def _conv(step: PlannedLayer) -> list[Statement]:
    op, padding = step.operator, paddings(step)
    zeros = op.padding_mode == "zeros"
    word = op.padding if step.framework == "keras" and isinstance(op.padding, str) else _mode(step, padding)
    before: list[Statement] = []
    if word is None or (not zeros and word != "valid"):
        before, word = framed(step, padding, "pad", mode=op.padding_mode), "valid"
    options = _given(
        strides=brief(steps_of(step)), padding=word, dilation_rate=brief(spread(step, "dilation")), use_bias=op.bias
    )
    _not_both(step)
    kernel = brief(spread(step, "kernel_size"))
    if op.kind == "depthwise_conv" and step.rank < 3:
        more = _given(depth_multiplier=op.multiplier)
        return [*before, module(spatial_name(step, "DepthwiseConv{}"), kernel_size=kernel, **more, **options)]
    channels = step.sizes[0][0]
    groups = channels if op.kind == "depthwise_conv" else op.groups
    more = _given(groups=groups)
    return [*before, module(spatial_name(step, "Conv{}"), step.made[0][0], kernel_size=kernel, **options, **more)]


def _not_both(step: PlannedLayer) -> None:
    if max(steps_of(step)) > 1 and max(spread(step, "dilation")) > 1:
        raise cannot(step, "Keras takes no stride and dilation that are both above 1", "set one of them to 1")


def _conv_transpose(step: PlannedLayer) -> list[Statement]:
    op = step.operator
    if op.groups != 1:
        raise cannot(step, "Keras has no groups in a transposed convolution", "set groups to 1")
    _not_both(step)
    options = _given(strides=brief(steps_of(step)), dilation_rate=brief(spread(step, "dilation")), use_bias=op.bias)
    kernel = brief(spread(step, "kernel_size"))
    name = spatial_name(step, "Conv{}Transpose")
    grown = [n * s for n, s in zip(step.sizes[0][1:], steps_of(step), strict=True)]
    plain = op.output_padding is None
    if step.framework == "keras" and isinstance(op.padding, str):
        extra = {} if plain else {"output_padding": brief(spread(step, "output_padding"))}
        return [module(name, op.out_channels, kernel_size=kernel, **_given(padding=op.padding), **extra, **options)]
    if list(step.made[0][1:]) == grown and all(w >= s for w, s in zip(windows_of(step), steps_of(step), strict=True)):
        return [module(name, op.out_channels, kernel_size=kernel, padding="same", **options)]
    # "valid" gives the least that no padding gives, or more where a stride is above the window
    whole = [g + max(w - s, 0) for g, w, s in zip(grown, windows_of(step), steps_of(step), strict=True)]
    left = tuple(
        (-max(before, 0), out + max(before, 0) - size)
        for (before, _), out, size in zip(crops_of(step), step.made[0][1:], whole, strict=True)
    )
    return [module(name, op.out_channels, kernel_size=kernel, **options), *framed(step, left, "frame")]


# -- pools


def _pool(step: PlannedLayer) -> list[Statement]:
    op, padding = step.operator, paddings(step)
    if set(spread(step, "dilation")) != {1}:
        raise cannot(step, f"Keras has no dilation in {op.kind}", "leave it out, or write the network to torch or onnx")
    word = op.padding if step.framework == "keras" and isinstance(op.padding, str) else _mode(step, padding)
    if word == "same" and (op.kind == "lp_pool" or (op.kind == "avg_pool" and step.framework == "torch")):
        word = None  # in "same", Keras leaves the padding out of its averages
    before: list[Statement] = []
    if word is None:
        before = framed(step, padding, "pad", fill='float("-inf")' if op.kind == "max_pool" else "")
        word = "valid"
    kernel, stride = spread(step, "kernel_size"), steps_of(step)
    options = ({} if stride == kernel else {"strides": brief(stride)}) | _given(padding=word)
    name = spatial_name(step, "MaxPooling{}" if op.kind == "max_pool" else "AveragePooling{}")
    pool = module(name, brief(kernel), **options)
    if op.kind != "lp_pool":
        return [*before, pool]
    square, root = CallText("keras.ops.square", (Code("{x}"),)), f"keras.ops.sqrt({{x}} * {math.prod(kernel)})"
    return [*before, Statement(square), pool, Statement(Code(root))]


def _adaptive_pool(step: PlannedLayer) -> list[Statement]:
    word = "Average" if step.operator.kind == "adaptive_avg_pool" else "Max"
    if set(step.made[0][1:]) == {1}:
        return [module(spatial_name(step, f"Global{word}Pooling{{}}"), keepdims=True)]
    return [module(spatial_name(step, f"Adaptive{word}Pooling{{}}"), brief(step.made[0][1:]))]


def _global_pool(step: PlannedLayer) -> list[Statement]:
    word = "Average" if step.operator.kind == "global_avg_pool" else "Max"
    options: dict[str, Any] = {"keepdims": True} if step.operator.keepdims else {}
    return [module(spatial_name(step, f"Global{word}Pooling{{}}"), **options)]


# -- padding, cropping, resizing


def _pad(step: PlannedLayer) -> list[Statement]:
    return _or_nothing(framed(step, sides_of(step), mode=step.operator.mode))


def _crop(step: PlannedLayer) -> list[Statement]:
    return _or_nothing(framed(step, tuple((-before, -after) for before, after in sides_of(step, "amount"))))


def _center_crop(step: PlannedLayer) -> list[Statement]:
    axes = zip(step.sizes[0][1:], step.made[0][1:], strict=True)
    before = [((size - out) // 2, size - out) for size, out in axes]
    return _or_nothing(framed(step, tuple((-first, first - total) for first, total in before)))


def _or_nothing(stages: list[Statement]) -> list[Statement]:
    return stages or [module("layers.Identity")]


def _upsample(step: PlannedLayer) -> list[Statement]:
    op = step.operator
    mode = {"linear": "bilinear", "cubic": "bicubic"}.get(op.mode, op.mode)
    if mode == "area":
        raise cannot(step, "Keras has no mode 'area'", "take 'nearest' or 'linear'")
    scales = spread(step, "scale_factor")
    whole = [o // n for o, n in zip(step.made[0][1:], step.sizes[0][1:], strict=True)]
    if all(isinstance(s, int) for s in scales) and (step.rank == 2 or mode == "nearest"):
        whole = list(scales)
    elif step.rank == 2:
        return [module("layers.Resizing", *step.made[0][1:], interpolation=mode)]
    elif mode != "nearest" or [n * s for n, s in zip(step.sizes[0][1:], whole, strict=True)] != [*step.made[0][1:]]:
        raise cannot(
            step,
            f"Keras resizes {step.rank} spatial axes by whole numbers and mode 'nearest' only",
            "take such a scale_factor, or write the network to torch or onnx",
        )
    size = whole[0] if step.rank == 1 else brief(whole)
    options = {} if mode == "nearest" else {"interpolation": mode}
    return [module(spatial_name(step, "UpSampling{}"), size, **options)]


# -- normalisation, dropout


def _group_norm(step: PlannedLayer) -> list[Statement]:
    groups = -1 if step.operator.kind == "instance_norm" else step.operator.groups
    return [module("layers.GroupNormalization", groups, **affine(step))]


_PHRASES: dict[str, Callable[[PlannedLayer], list[Statement]]] = {
    "conv": _conv, "depthwise_conv": _conv, "conv_transpose": _conv_transpose,
    "max_pool": _pool, "avg_pool": _pool, "lp_pool": _pool,
    "adaptive_avg_pool": _adaptive_pool, "adaptive_max_pool": _adaptive_pool,
    "global_avg_pool": _global_pool, "global_max_pool": _global_pool,
    "pad": _pad, "crop": _crop, "center_crop": _center_crop, "upsample": _upsample,
    "batch_norm": lambda step: [module("layers.BatchNormalization", **affine(step))],
    "instance_norm": _group_norm, "group_norm": _group_norm,
    "dropout": lambda step: [module("layers.Dropout", step.operator.p)],
    **AXES,
}  # fmt: skip
