"""How PyTorch says each operator: modules where it has them, and else functions.

The words follow the parameters as a network states them, so that PyTorch refuses what it would refuse; only
what it has no word for (other frameworks' "same", a padding that differs from side to side) becomes numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...common.writing.plan import PlannedLayer, cannot
from ...common.writing.source_lines import CallText, Code, Statement, brief, module
from ...common.writing.window_padding import Pairs, crops_of, overhang, paddings, sides_of, spread, steps_of, symmetric
from .axes import PHRASES as AXES

__all__ = ["say"]

_PADS = {"constant": "Constant", "zeros": "Constant", "reflect": "Reflection", "replicate": "Replication",
         "circular": "Circular"}  # fmt: skip
_FUNCTIONS = {
    "relu": "ReLU", "relu6": "ReLU6", "leaky_relu": "LeakyReLU", "elu": "ELU", "selu": "SELU", "celu": "CELU",
    "gelu": "GELU", "silu": "SiLU", "mish": "Mish", "hardswish": "Hardswish", "hardsigmoid": "Hardsigmoid",
    "hardtanh": "Hardtanh", "sigmoid": "Sigmoid", "tanh": "Tanh", "softplus": "Softplus", "identity": "Identity",
}  # fmt: skip


def say(step: PlannedLayer) -> list[Statement]:
    """Return the stages of a layer.

    Raises:
        NetworkError: PyTorch has no such operator.
    """
    kind = step.operator.kind
    if kind in _FUNCTIONS:
        return [module(f"nn.{_FUNCTIONS[kind]}")]
    if kind not in _PHRASES:
        raise cannot(step, f"PyTorch has no {kind}", "put another operator in its place")
    return _PHRASES[kind](step)


def spatial_name(step: PlannedLayer, name: str, *, least: int = 0) -> str:
    """Return ``name`` with the number of spatial axes in place of its last letters, ``Nd``."""
    rank = max(step.rank, least)
    found = f"{name.removesuffix('Nd')}{rank}d"
    if not 1 <= rank <= 3:
        raise cannot(step, f"PyTorch has no {found}", "use 1 to 3 spatial axes")
    return f"nn.{found}"


def padded(step: PlannedLayer, padding: Pairs, mode: str = "constant", fill: str = "0.0") -> Statement:
    """Return the padding of the spatial axes as a module of its own; negative padding crops."""
    flat = tuple(n for pair in reversed(padding) for n in pair)
    name = spatial_name(step, f"{_PADS[mode]}PadNd")
    args = (flat, Code(fill)) if _PADS[mode] == "Constant" else (flat,)
    return Statement(CallText(name, args), True, "pad", learns=False)


def given(**options: Any) -> dict[str, Any]:
    """Return the options without those that a module has by itself."""
    usual = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": True, "padding_mode": "zeros",
             "output_padding": 0, "ceil_mode": False, "affine": True}  # fmt: skip
    return {name: value for name, value in options.items() if value != usual.get(name)}


# -- convolutions


def _conv(step: PlannedLayer) -> list[Statement]:
    op, channels = step.operator, step.operator.in_channels or step.sizes[0][0]
    if op.kind == "depthwise_conv":
        return _convolution(step, channels, channels * op.multiplier, channels)
    return _convolution(step, channels, op.out_channels, op.groups)


def _convolution(step: PlannedLayer, channels: int, out_channels: int, groups: int) -> list[Statement]:
    op, before = step.operator, []
    padding: Any = sides_of(step)
    if op.padding == "same" and (step.framework == "torch" or set(steps_of(step)) == {1}):
        padding = "same"
    elif op.padding in ("same", "causal"):
        padding = paddings(step)
    if padding != "same" and not symmetric(padding):
        before, padding = [padded(step, padding, op.padding_mode)], ((0, 0),)
    options = given(
        stride=brief(steps_of(step)),
        padding=padding if padding == "same" else brief([side for side, _ in padding]),
        dilation=brief(spread(step, "dilation")),
        groups=groups,
        bias=op.bias,
        padding_mode=op.padding_mode if not before else "zeros",
    )
    kernel = brief(spread(step, "kernel_size"))
    return [*before, module(spatial_name(step, "ConvNd"), channels, out_channels, kernel_size=kernel, **options)]


def _conv_transpose(step: PlannedLayer) -> list[Statement]:
    op, own = step.operator, step.framework == "torch"
    after: list[Statement] = []
    use = "{m}({x})"
    if own and not isinstance(op.padding, str) and symmetric(sides_of(step)):
        sides = tuple(before for before, _ in sides_of(step))
        extras = tuple(n or 0 for n in spread(step, "output_padding"))
        if op.output_size is not None:
            found = zip(sides, crops_of(step), strict=True)
            extras = tuple(before - behind for before, (_, behind) in found)
    else:
        sides, extras, left = _folded(step)
        if any(n for pair in left for n in pair):
            after = [Statement(padded(step, left).code, True, "crop", learns=False)]
    options = given(
        stride=brief(steps_of(step)),
        padding=brief(sides),
        output_padding=brief(extras),
        dilation=brief(spread(step, "dilation")),
        groups=op.groups,
        bias=op.bias,
    )
    kernel = brief(spread(step, "kernel_size"))
    channels = op.in_channels or step.sizes[0][0]
    name = spatial_name(step, "ConvTransposeNd")
    return [module(name, channels, op.out_channels, kernel_size=kernel, use=use, **options), *after]


def _folded(step: PlannedLayer) -> tuple[tuple[int, ...], tuple[int, ...], Pairs]:
    """Return padding, output padding, and what has to be padded (negative: cropped) behind the module."""
    sides, extras, left = [], [], []
    limits = (max(s, d) for s, d in zip(steps_of(step), spread(step, "dilation"), strict=True))
    for crop, limit in zip(crops_of(step), limits, strict=True):
        before, after, extra = overhang(crop)
        if before >= after and before - after < limit and before >= 0 and (not extra or before - after + extra < limit):
            sides.append(before)
            extras.append(before - after + extra)
            left.append((0, 0))
        else:
            sides.append(0)
            kept = min(extra, limit - 1)
            extras.append(kept)
            left.append((-before, extra - kept - after))
    return tuple(sides), tuple(extras), tuple(left)


# -- pools


def _pool(step: PlannedLayer) -> list[Statement]:
    op, before = step.operator, []
    kernel, stride, dilation = spread(step, "kernel_size"), steps_of(step), spread(step, "dilation")
    literal = not isinstance(op.padding, str) or op.padding == "valid"
    padding = sides_of(step)
    if not literal or not (step.framework == "torch" and symmetric(padding)):
        padding = paddings(step)
    ceil = op.ceil_mode and symmetric(padding) and literal
    wide = any(2 * side > k for (side, _), k in zip(padding, kernel, strict=True))
    small = (
        op.kind != "max_pool" and step.rank == 3 and any(k > n for k, n in zip(kernel, step.sizes[0][1:], strict=True))
    )  # which avg_pool3d refuses, though padded
    foreign = step.framework != "torch" and (wide or small)
    if not symmetric(padding) or foreign or (op.kind == "lp_pool" and padding and any(b for b, _ in padding)):
        fill = 'float("-inf")' if op.kind == "max_pool" else "0.0"
        if ceil:
            padding, ceil = paddings(step), False
        before, padding = [padded(step, padding, fill=fill)], ((0, 0),) * step.rank
    options = given(stride=brief(stride), padding=brief([side for side, _ in padding]), ceil_mode=ceil)
    if stride == kernel:
        options.pop("stride", None)
    elif set(stride) == {1}:
        options = {"stride": 1, **options}
    if op.kind == "max_pool":
        options |= given(dilation=brief(dilation))
    elif set(dilation) != {1}:
        raise cannot(step, f"PyTorch's {op.kind} has no dilation", "leave it out, or write the network to onnx")
    if op.kind == "lp_pool":
        return [*before, module(spatial_name(step, "LPPoolNd"), 2, kernel_size=brief(kernel), **options)]
    name = "MaxPoolNd" if op.kind == "max_pool" else "AvgPoolNd"
    if name == "AvgPoolNd" and step.framework != "torch" and "padding" in options:
        options["count_include_pad"] = False  # as Keras and ONNX do
    return [*before, module(spatial_name(step, name), kernel_size=brief(kernel), **options)]


def _adaptive_pool(step: PlannedLayer) -> list[Statement]:
    wished = spread(step, "output_size")
    if step.rank == 1 and wished[0] is None:
        wished = step.sizes[0][1:]  # AdaptiveAvgPool1d takes no None
    name = "AdaptiveAvgPoolNd" if step.operator.kind == "adaptive_avg_pool" else "AdaptiveMaxPoolNd"
    return [module(spatial_name(step, name), brief(wished))]


def _global_pool(step: PlannedLayer) -> list[Statement]:
    average = step.operator.kind == "global_avg_pool"
    pool = module(spatial_name(step, "AdaptiveAvgPoolNd" if average else "AdaptiveMaxPoolNd"), 1)
    return [pool] if step.operator.keepdims else [pool, module("nn.Flatten", suffix="flatten")]


# -- padding, cropping, resizing


def _pad(step: PlannedLayer) -> list[Statement]:
    mode, axes = step.operator.mode, zip(step.sizes[0][1:], sides_of(step), strict=True)
    limit = {"circular": 0, "reflect": 1}.get(mode)
    if step.framework != "torch" and limit is not None and any(max(sides) > size - limit for size, sides in axes):
        raise cannot(step, f"PyTorch takes no {mode} padding that is larger than the input", "pad by less")
    stage = padded(step, sides_of(step), mode)
    return [Statement(stage.code, True)]


def _crop(step: PlannedLayer) -> list[Statement]:
    amount = sides_of(step, "amount")
    return [Statement(padded(step, tuple((-before, -after) for before, after in amount)).code, True)]


def _center_crop(step: PlannedLayer) -> list[Statement]:
    if len(step.inputs) == 2:
        return [Statement(CallText("center_crop", (Code("{0}"), Code("{1}.shape[2:]"))))]
    wished = (n if w is None else w for n, w in zip(step.sizes[0][1:], spread(step, "size"), strict=True))
    return [Statement(CallText("center_crop", (Code("{x}"), tuple(wished))))]


def _upsample(step: PlannedLayer) -> list[Statement]:
    op, rank = step.operator, step.rank
    if rank > 3:
        raise cannot(step, f"PyTorch resizes at most 3 spatial axes, not {rank}", "use fewer axes")
    mode = {"linear": ("linear", "bilinear", "trilinear")[rank - 1], "cubic": "bicubic"}.get(op.mode, op.mode)
    if len(step.inputs) == 2:
        return [Statement(CallText("F.interpolate", (Code("{0}"),), {"size": Code("{1}.shape[2:]"), "mode": mode}))]
    sized: dict[str, Any] = {"size": step.made[0][1:]}
    if op.scale_factor is not None:
        scales = spread(step, "scale_factor")
        if step.framework == "torch" or all(isinstance(s, int) for s in scales):
            whole = all(isinstance(s, int) for s in scales)
            sized = {"scale_factor": brief([s if whole else float(s) for s in scales])}
    elif None not in spread(step, "size"):
        sized = {"size": brief(spread(step, "size"))}
    if op.mode == "area":
        return [Statement(CallText("F.interpolate", (Code("{x}"),), {**sized, "mode": mode}))]
    return [module("nn.Upsample", **sized, mode=mode)]


# -- normalisation, dropout


def _batch_norm(step: PlannedLayer) -> list[Statement]:
    channels = step.operator.num_features or step.sizes[0][0]
    options = given(affine=_affine(step)) | ({} if step.operator.running else {"track_running_stats": False})
    return [module(spatial_name(step, "BatchNormNd", least=1), channels, **options)]


def _affine(step: PlannedLayer) -> bool:
    scale, shift = step.affine
    if scale != shift:
        raise cannot(
            step, f"PyTorch's {step.operator.kind} learns a scale and a shift, or neither", "set both to the same"
        )
    return scale


def _instance_norm(step: PlannedLayer) -> list[Statement]:
    if step.framework != "torch" and set(step.sizes[0][1:]) == {1}:
        raise cannot(step, "PyTorch takes no instance norm of a single element", "leave the layer out")
    options: dict[str, Any] = {"affine": True} if step.operator.affine else {}
    return [module(spatial_name(step, "InstanceNormNd"), step.sizes[0][0], **options)]


def _group_norm(step: PlannedLayer) -> list[Statement]:
    return [module("nn.GroupNorm", step.operator.groups, step.sizes[0][0], **given(affine=_affine(step)))]


def _named(head: str, *args: Any, **options: Any) -> Callable[[PlannedLayer], list[Statement]]:
    return lambda step: [module(head, *args, **options)]


_PHRASES: dict[str, Callable[[PlannedLayer], list[Statement]]] = {
    "conv": _conv, "depthwise_conv": _conv, "conv_transpose": _conv_transpose,
    "max_pool": _pool, "avg_pool": _pool, "lp_pool": _pool,
    "adaptive_avg_pool": _adaptive_pool, "adaptive_max_pool": _adaptive_pool,
    "global_avg_pool": _global_pool, "global_max_pool": _global_pool,
    "pad": _pad, "crop": _crop, "center_crop": _center_crop, "upsample": _upsample,
    "batch_norm": _batch_norm, "instance_norm": _instance_norm, "group_norm": _group_norm,
    "dropout": lambda step: [module("nn.Dropout", step.operator.p)],
    "softmax": _named("nn.Softmax", dim=1), "log_softmax": _named("nn.LogSoftmax", dim=1),
    "local_response_norm": _named("nn.LocalResponseNorm", 5),
    **AXES,
}  # fmt: skip
