"""Reading ONNX's convolutions, pools, padding and resizing."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from ...dims import Dim
from ...operators import (
    AvgPool,
    Conv,
    ConvTranspose,
    DepthToSpace,
    GlobalAvgPool,
    GlobalMaxPool,
    GridSample,
    LpPool,
    MaxPool,
    Pad,
    SpaceToDepth,
    Squeeze,
    Unsqueeze,
    Upsample,
)
from .call import Call, reads
from .values import Known, NotReadError, Unknown, Value

__all__ = ()

_POOLS = {"MaxPool": MaxPool, "AveragePool": AvgPool, "LpPool": LpPool}
_PAD_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def _padding(call: Call, rank: int) -> Any:
    """Return the padding of a window, as our operators write it."""
    mode = call.option("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        return "valid" if mode == "VALID" else "same"
    if mode != "NOTSET":
        raise NotReadError(f"auto_pad {mode!r} is unknown")
    return _pairs(call.option("pads", [0] * (2 * rank)), rank)


def _pairs(pads: Sequence[Dim], rank: int) -> Any:
    """Return pairs, or the plainest that means the same."""
    if len(pads) != 2 * rank:
        raise NotReadError(f"it has {len(pads)} pads for {rank} axes")
    pairs = tuple((pads[i], pads[i + rank]) for i in range(rank))
    if any(before != after for before, after in pairs):
        return pairs
    return _plain([before for before, _ in pairs])


def _plain(values: Sequence[Any] | None, default: Any = 1) -> Any:
    """Return one number where all axes have the same."""
    if not values:
        return default
    return values[0] if all(v == values[0] for v in values) else tuple(values)


def _kernel(call: Call, weight: Known, rank: int) -> tuple[int, ...]:
    """Return the kernel size, which the attribute must not contradict."""
    kernel = weight.shape[2:]
    declared = call.option("kernel_shape")
    if len(kernel) != rank or (declared is not None and tuple(declared) != kernel):
        raise NotReadError(f"its kernel {declared or list(kernel)} does not fit its weight and input")
    return kernel


@reads("Conv")
def _conv(call: Call) -> Value:
    x, weight = call.tensor(batch=0), call.known(1)
    rank, groups = len(x.shape) - 1, call.option("group", 1)
    kernel = _kernel(call, weight, rank)
    return call.layer(
        Conv(
            out_channels=weight.shape[0], kernel_size=_plain(kernel), stride=_plain(call.option("strides")),
            padding=_padding(call, rank), dilation=_plain(call.option("dilations")), groups=groups,
            bias=call.has(2), in_channels=weight.shape[1] * groups),
        x)


@reads("ConvTranspose")
def _conv_transpose(call: Call) -> Value:
    x, weight = call.tensor(batch=0), call.known(1)
    rank, groups = len(x.shape) - 1, call.option("group", 1)
    kernel = _kernel(call, weight, rank)
    wished = call.option("output_shape")
    return call.layer(
        ConvTranspose(
            out_channels=weight.shape[1] * groups, kernel_size=_plain(kernel), stride=_plain(call.option("strides")),
            padding=_padding(call, rank), dilation=_plain(call.option("dilations")), groups=groups,
            output_padding=_plain(call.option("output_padding"), None), bias=call.has(2),
            output_size=_plain(wished, None), in_channels=weight.shape[0]),
        x)


@reads("MaxPool", "AveragePool", "LpPool")
def _pool(call: Call) -> list[Value]:
    x = call.tensor(batch=0)
    kernel = call.option("kernel_shape")
    if kernel is None or len(kernel) != len(x.shape) - 1:
        raise NotReadError(f"its kernel {kernel} does not fit its input")
    made = call.layer(
        _POOLS[call.kind](
            kernel_size=_plain(kernel), stride=_plain(call.option("strides")), padding=_padding(call, len(kernel)),
            dilation=_plain(call.option("dilations")), ceil_mode=bool(call.option("ceil_mode", 0))),
        x)
    return [made, *[Unknown("the places of maxima are not read")] * (call.outputs - 1)]


@reads("GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool")
def _global_pool(call: Call) -> Value:
    pool = GlobalMaxPool if call.kind == "GlobalMaxPool" else GlobalAvgPool
    return call.layer(pool(keepdims=True), call.tensor(batch=0))


@reads("Pad")
def _pad(call: Call) -> Value:
    x = call.tensor()
    pads = call.option("pads", call.option("paddings")) if not call.has(1) else call.numbers(1)
    axes = call.integers(3) if call.has(3) else list(range(x.rank))
    mode = call.option("mode", "constant")
    if pads is None or len(pads) != 2 * len(axes) or mode not in _PAD_MODES:
        raise NotReadError(f"its pads or its mode {mode!r} are not understood")
    sides: list[tuple[Dim, Dim]] = [(0, 0)] * len(x.shape)
    for axis, before, after in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        if (before, after) != (0, 0):
            sides[x.own_axis(axis)] = (before, after)
    if all(side == (0, 0) for side in sides):
        return call.layer(_no_padding(len(x.shape)), x)
    if len(x.shape) > 1 and sides[0] == (0, 0):
        return call.layer(Pad(padding=_sides(sides[1:]), mode=_PAD_MODES[mode]), x)
    raised = call.layer(Unsqueeze(axis=0), x, last=False)  # so that the first axis is padded like any other
    padded = call.layer(Pad(padding=_sides(sides), mode=_PAD_MODES[mode]), raised, last=False)
    return call.layer(Squeeze(axis=0), padded)


def _no_padding(rank: int) -> Any:
    from ...operators import Identity

    return Pad(padding=0) if rank > 1 else Identity()


def _sides(sides: Sequence[tuple[Dim, Dim]]) -> Any:
    return _pairs([*(before for before, _ in sides), *(after for _, after in sides)], len(sides))


@reads("Resize", "Upsample")
def _resize(call: Call) -> Value:
    x = call.tensor(batch=0)
    mode = call.option("mode", "nearest")
    if mode not in ("nearest", "linear", "cubic"):
        raise NotReadError(f"its mode {mode!r} is not known")
    if call.option("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise NotReadError("it keeps the aspect ratio")
    if call.option("coordinate_transformation_mode", "") == "tf_crop_and_resize":
        raise NotReadError("it crops to a region")
    axes = call.option("axes") or list(range(x.rank))
    by_size = call.kind == "Resize" and call.has(3) and len(call.numbers(3)) > 0
    wished = call.numbers(3) if by_size else _scales(call)
    if len(wished) != len(axes):
        raise NotReadError(f"it has {len(wished)} scales or sizes for {len(axes)} axes")
    kept: list[Any] = [*x.full(call.batch)] if by_size else [1] * x.rank
    for axis, value in zip(axes, wished, strict=True):
        if axis % x.rank > 1:
            kept[axis % x.rank] = value
        elif value != kept[axis % x.rank]:
            raise NotReadError("it resizes the batch or the channels")
    if not by_size and not all(isinstance(v, (int, Fraction)) for v in kept):
        raise NotReadError("its scales are not known")
    size, scale = (_plain(kept[2:]), None) if by_size else (None, _plain([_exact(v) for v in kept[2:]]))
    return call.layer(Upsample(size=size, scale_factor=scale, mode=mode), x)


def _scales(call: Call) -> list[Any]:
    """Return the scales: an attribute, or the second input (the third, where there is a region)."""
    if call.option("scales") is not None:
        return [Fraction(s) for s in call.option("scales")]
    found = call.numbers(2 if call.kind == "Resize" and call.opset > 10 else 1)
    return [s if isinstance(s, Fraction) else _ratio(s) for s in found]


def _ratio(scale: Any) -> Any:
    raise NotReadError(f"its scale {scale} depends on a size")


def _exact(scale: Any) -> Any:
    """Return a scale as our operator takes it: a whole number, or the decimal that stood in the file."""
    return int(scale) if scale == int(scale) else float(scale)


@reads("DepthToSpace", "SpaceToDepth")
def _blocks(call: Call) -> Value:
    operator = DepthToSpace if call.kind == "DepthToSpace" else SpaceToDepth
    return call.layer(operator(block_size=call.option("blocksize")), call.tensor(batch=0))


@reads("GridSample")
def _grid_sample(call: Call) -> Value:
    """Read the values of a map at the places of a grid; the names of the modes have changed."""
    mode = call.option("mode", "linear")
    operator = GridSample(mode={"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode))
    return call.layer(operator, call.tensor(batch=0), call.tensor(1, batch=0))
