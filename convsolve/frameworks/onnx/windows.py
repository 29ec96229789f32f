"""Reading ONNX's convolutions, pools, padding and resizing."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import Any

from ...dims import Dim
from ...errors import RefusedError
from ...operators import (
    AffineGrid,
    AvgPool,
    CenterCropPad,
    Conv,
    ConvTranspose,
    DeformConv,
    DepthToSpace,
    Fold,
    GlobalAvgPool,
    GlobalMaxPool,
    GridSample,
    LpPool,
    MaxPool,
    MaxUnpool,
    Pad,
    Permute,
    SpaceToDepth,
    Squeeze,
    Unsqueeze,
    Upsample,
)
from .call import NodeCall, reads
from .values import Known, NotReadError, Tensor, Value

__all__ = ["convolution"]

_POOLS = {"MaxPool": MaxPool, "AveragePool": AvgPool, "LpPool": LpPool}
_PAD_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def _padding(call: NodeCall, rank: int) -> Any:
    """Return the padding of a window, as our operators write it."""
    mode = call.option("auto_pad", "") or "NOTSET"
    if mode in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        return "valid" if mode == "VALID" else "same"
    if mode != "NOTSET":
        raise RefusedError(f"auto_pad {mode!r} is unknown")
    return _pairs(call.option("pads", [0] * (2 * rank)), rank)


def _pairs(pads: Sequence[Dim], rank: int) -> Any:
    """Return pairs, or the plainest that means the same."""
    if len(pads) != 2 * rank:
        raise RefusedError(f"it has {len(pads)} pads for {rank} axes: wanted {2 * rank}")
    pairs = tuple((pads[i], pads[i + rank]) for i in range(rank))
    if any(before != after for before, after in pairs):
        return pairs
    return _plain([before for before, _ in pairs])


def _plain(values: Sequence[Any]) -> Any:
    """Return one number where all axes, each of which has one, have the same."""
    return values[0] if all(v == values[0] for v in values) else tuple(values)


def _each(call: NodeCall, name: str, rank: int, default: Any = 1) -> Any:
    """Return an attribute that has a number for each axis, as plain as can be."""
    values = call.option(name)
    if values is None:
        return default
    if len(values) != rank:
        raise RefusedError(f"its {name} {values} are {len(values)} numbers for {rank} axes")
    return _plain(values)


def _weights(call: NodeCall, rank: int, position: int = 1) -> Known:
    """Return the weights of a convolution, whose kernel the attribute must not contradict."""
    weight, declared = call.known(position), call.option("kernel_shape")
    if len(weight.shape) != rank + 2:
        raise RefusedError(f"its weights have {len(weight.shape)} axes: wanted {rank + 2} for {rank} spatial axes")
    if declared is not None and tuple(declared) != weight.shape[2:]:
        raise RefusedError(f"its kernel_shape {declared} is not that of its weights, {list(weight.shape[2:])}")
    if 0 in weight.shape:
        raise RefusedError(f"its weights {list(weight.shape)} are empty")
    return weight


def _groups(call: NodeCall) -> int:
    groups: int = call.option("group", 1)
    if groups < 1:
        raise RefusedError(f"its group is {groups}: wanted at least 1")
    return groups


def _bias(call: NodeCall, position: int, channels: int) -> bool:
    """Return whether there is a bias, which must be of that many numbers."""
    given = call.value(position) if call.has(position) else None
    if isinstance(given, Tensor) and given.rank != 1:
        raise RefusedError(f"its bias has {given.rank} axes: wanted 1")
    if call.has(position) and call.known(position).shape != (channels,):
        raise RefusedError(f"its bias has the shape {list(call.known(position).shape)}: wanted [{channels}]")
    return call.has(position)


def _explicit_pads(call: NodeCall) -> None:
    if call.option("auto_pad", "NOTSET") not in ("NOTSET", "") and "pads" in call.attributes:
        raise RefusedError("it has both pads and auto_pad")


def convolution(call: NodeCall, weight: Known, rank: int, bias: bool) -> dict[str, Any]:
    """Return the parameters of a convolution with these weights."""
    _explicit_pads(call)
    groups = _groups(call)
    return {
        "out_channels": weight.shape[0],
        "kernel_size": _plain(weight.shape[2:]),
        "stride": _each(call, "strides", rank),
        "padding": _padding(call, rank),
        "dilation": _each(call, "dilations", rank),
        "groups": groups,
        "bias": bias,
        "in_channels": weight.shape[1] * groups,
    }


def _spatial_rank(x: Tensor) -> int:
    if len(x.shape) < 2:
        raise RefusedError(f"its input has {x.rank} axes: wanted at least 3")
    return len(x.shape) - 1


@reads("Conv")
def _conv(call: NodeCall) -> Value:
    x = call.tensor(batch=0)
    rank = _spatial_rank(x)
    weight = _weights(call, rank)
    return call.layer(Conv(**convolution(call, weight, rank, _bias(call, 2, weight.shape[0]))), x)


@reads("ConvTranspose")
def _conv_transpose(call: NodeCall) -> Value:
    x = call.tensor(batch=0)
    rank, groups = _spatial_rank(x), _groups(call)
    weight = _weights(call, rank)
    channels = weight.shape[1] * groups
    _explicit_pads(call)
    wished = call.option("output_shape")
    if wished is not None and min(wished, default=1) < 1:
        raise RefusedError(f"its output_shape {wished} has a size below 1")
    return call.layer(
        ConvTranspose(
            out_channels=channels,
            kernel_size=_plain(weight.shape[2:]),
            stride=_each(call, "strides", rank),
            padding=_padding(call, rank),
            dilation=_each(call, "dilations", rank),
            groups=groups,
            output_padding=_each(call, "output_padding", rank, None),
            bias=_bias(call, 2, channels),
            output_size=_each(call, "output_shape", rank, None),
            in_channels=weight.shape[0],
        ),
        x,
    )


@reads("MaxPool", "AveragePool", "LpPool")
def _pool(call: NodeCall) -> list[Value]:
    x = call.tensor(batch=0)
    rank = _spatial_rank(x)
    kernel, pads = call.option("kernel_shape"), call.option("pads", [])
    if len(kernel) != rank or len(pads) not in (0, 2 * rank):
        raise RefusedError(f"its kernel {kernel} or pads {pads} do not fit {rank} spatial axes")
    if any(pad >= size for pad, size in zip(pads, [*kernel, *kernel], strict=False)):
        raise RefusedError(f"its pads {pads} are not smaller than its kernel {kernel}")
    if call.option("storage_order", 0) not in (0, 1):
        raise RefusedError(f"its storage_order {call.option('storage_order')} is neither 0 nor 1")
    options: dict[str, Any] = {"ceil_mode": call.option("ceil_mode", 0) == 1}
    if call.kind == "AveragePool" and call.opset < _CROPPING:
        options["crops"] = False
    if call.kind == "MaxPool" and call.outputs > 1:
        options["crops"] = True  # onnxruntime looks for the places without looking at the padding
    made = call.layer(
        _POOLS[call.kind](
            kernel_size=_plain(kernel),
            stride=_each(call, "strides", rank),
            padding=_padding(call, rank),
            dilation=_each(call, "dilations", rank),
            **options,
        ),
        x,
    )
    return [made] * call.outputs  # the places of the maxima have the shape of the maxima


_CROPPING = 19
"""From this opset on, an average pool crops where a 'same' padding would have to be negative."""


@reads("GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool")
def _global_pool(call: NodeCall) -> Value:
    pool = GlobalMaxPool if call.kind == "GlobalMaxPool" else GlobalAvgPool
    x = call.tensor(batch=0)
    if _spatial_rank(x) > 3:
        raise RefusedError(f"it pools {_spatial_rank(x)} spatial axes: wanted at most 3")
    return call.layer(pool(keepdims=True), x)


@reads("Pad")
def _pad(call: NodeCall) -> Value:
    x = call.tensor()
    pads = call.option("pads", call.option("paddings")) if not call.has(1) else call.numbers(1)
    axes = call.integers(3) if call.has(3) else list(range(x.rank))
    mode = call.option("mode", "constant")
    if mode not in _PAD_MODES:
        raise RefusedError(f"its mode {mode!r} is unknown")
    if len(pads) != 2 * len(axes):
        raise RefusedError(f"it has {len(pads)} pads for {len(axes)} axes: wanted {2 * len(axes)}")
    if call.has(2) and prod(call.known(2).shape) != 1:
        raise RefusedError(f"its constant has the shape {list(call.known(2).shape)}: wanted one number")
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
def _resize(call: NodeCall) -> Value:
    x = call.tensor(batch=0)
    mode, axes = call.option("mode", "nearest"), _axes(call, x)
    if mode not in ("nearest", "linear", "cubic"):
        raise RefusedError(f"its mode {mode!r} is unknown")
    by_size = call.kind == "Resize" and call.has(3) and len(call.numbers(3)) > 0
    wished = call.numbers(3) if by_size else _scales(call)
    if len(wished) != len(axes):
        raise RefusedError(f"it has {len(wished)} scales or sizes for {len(axes)} axes")
    least = 1 if call.kind == "Upsample" else 0
    if any(isinstance(n, (int, Fraction)) and (n <= 0 or n < least) for n in wished):
        raise RefusedError(f"its scales or sizes {[_shown(n) for n in wished]} are too small")
    if (
        call.option("coordinate_transformation_mode", "") == "tf_crop_and_resize"
        and call.has(1)
        and prod(call.known(1).shape) not in (0, 2 * len(axes))
    ):
        raise RefusedError(f"its region has {prod(call.known(1).shape)} numbers: wanted {2 * len(axes)}")
    policy = call.option("keep_aspect_ratio_policy", "stretch")
    kept: list[Any] = [None if by_size else 1] * x.rank
    for axis, value in zip(axes, wished, strict=True):
        kept[axis] = value
    if kept[0] not in (1, call.batch, None) or (by_size and kept[0] == 1 != call.batch):
        raise NotReadError("it resizes the batch")
    if not by_size and not all(isinstance(v, (int, Fraction)) for v in kept):
        raise NotReadError("its scales are not known")
    if policy != "stretch" and (kept[0] is not None or kept[1] is not None):
        raise NotReadError("it keeps the aspect ratio of the batch or the channels")
    own = kept[1:] if by_size else [_exact(v) for v in kept[1:]]
    changed = [n not in (None, m) if by_size else n != 1 for n, m in zip(own, x.shape, strict=True)]
    if not changed[0] and len(own) > 1:
        return call.layer(Upsample(**_upsampling(own[1:], by_size, policy), mode=mode), x)
    if mode != "nearest" and len(own) > 2 and policy == "stretch":
        return _channels_last(call, x, own, changed, by_size)
    if mode == "cubic":
        raise RefusedError("mode 'cubic' takes 2 spatial axes")
    raised = call.layer(Unsqueeze(axis=0), x, last=False)  # so that the first axis is resized like any other
    made = call.layer(Upsample(**_upsampling(own, by_size, policy), mode=mode), raised, last=False)
    return call.layer(Squeeze(axis=0), made)


def _channels_last(call: NodeCall, x: Tensor, own: list[Any], changed: list[bool], by_size: bool) -> Tensor:
    """Return a map of which the last axis stays as it is, as its channels do elsewhere."""
    mode = call.option("mode")
    from_sizes: list[Any] = [*x.shape] if by_size else [1] * len(own)
    pairs = zip(own, from_sizes, strict=True)
    shrinks = [isinstance(n, (int, float)) and isinstance(m, int) and n < m for n, m in pairs]
    if len(own) != 3 or changed[-1] or (mode == "cubic" and any(shrinks)):
        raise RefusedError(f"mode {mode!r} does not take channels that are resized so")
    turned = call.layer(Permute(order=(2, 0, 1)), x, last=False)
    made = call.layer(Upsample(**_upsampling(own[:2], by_size, "stretch"), mode=mode), turned, last=False)
    return call.layer(Permute(order=(1, 2, 0)), made)


def _upsampling(wished: list[Any], by_size: bool, policy: str) -> dict[str, Any]:
    if not by_size:
        return {"scale_factor": _plain(wished)}
    return {"size": _plain(wished), **({} if policy == "stretch" else {"aspect": policy})}


def _axes(call: NodeCall, x: Tensor) -> list[int]:
    """Return the axes that are resized, counted from the front."""
    axes = call.option("axes")
    if axes is None or not axes:
        return list(range(x.rank))
    if any(not -x.rank <= a < x.rank for a in axes) or len({a % x.rank for a in axes}) < len(axes):
        raise RefusedError(f"its axes {axes} are not each one of {x.rank}, once")
    return [a % x.rank for a in axes]


def _shown(number: Any) -> str:
    return f"{float(number):g}" if isinstance(number, (int, Fraction)) else str(number)


def _scales(call: NodeCall) -> list[Any]:
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
def _blocks(call: NodeCall) -> Value:
    operator = DepthToSpace if call.kind == "DepthToSpace" else SpaceToDepth
    x = call.tensor(batch=0)
    if len(x.shape) != 3 or call.option("mode", "DCR") not in ("DCR", "CRD"):
        raise RefusedError(f"it takes 4 axes and the mode DCR or CRD, got {x.rank} and {call.option('mode')}")
    return call.layer(operator(block_size=call.option("blocksize")), x)


@reads("GridSample")
def _grid_sample(call: NodeCall) -> Value:
    """Read the values of a map at the places of a grid; the names of the modes have changed."""
    newer = call.opset >= _NEW_MODES
    modes = {m: m for m in ("linear", "nearest", "cubic")} if newer else _OLD_MODES
    mode = call.option("mode", "linear" if newer else "bilinear")
    if mode not in modes:
        raise RefusedError(f"its mode {mode!r} is unknown at opset {call.opset}")
    operator = GridSample(mode=modes[mode])
    return call.layer(operator, call.tensor(batch=0), call.tensor(1, batch=0))


_NEW_MODES = 20
"""The opset that changed the names of the modes."""
_OLD_MODES = {"bilinear": "linear", "nearest": "nearest", "bicubic": "cubic"}


@reads("AffineGrid")
def _affine_grid(call: NodeCall) -> Value:
    wished = call.row(1)
    if len(wished) not in (4, 5):
        raise RefusedError(f"its size has {len(wished)} numbers: wanted 4 or 5")
    if wished[0] != call.batch:
        raise NotReadError(f"its size is for a batch of {wished[0]}")
    return call.layer(AffineGrid(size=wished[2:]), call.tensor(batch=0))


@reads("Col2Im")
def _fold(call: NodeCall) -> Value:
    size, kernel = call.row(1), call.row(2)
    rank = len(size)
    if len(kernel) != rank:
        raise RefusedError(f"its block has {len(kernel)} sizes for {rank} axes")
    x, pads = call.tensor(batch=0), call.option("pads", [0] * (2 * rank))
    window = {"kernel_size": _plain(kernel), "stride": _each(call, "strides", rank),
              "dilation": _each(call, "dilations", rank)}  # fmt: skip
    if len(pads) != 2 * rank or min(pads, default=0) >= 0:
        return call.layer(Fold(size=size, padding=_pairs(pads, rank), **window), x)
    around = [(-pads[i], -pads[i + rank]) for i in range(rank)]  # blocks of a smaller map, with zeros around it
    inner = [n - before - after for n, (before, after) in zip(size, around, strict=True)]
    return call.layer(Pad(padding=tuple(around)), call.layer(Fold(size=inner, **window), x, last=False))


@reads("MaxUnpool")
def _max_unpool(call: NodeCall) -> Value:
    x, places = call.tensor(batch=0), call.value(1)
    rank, kernel = _spatial_rank(x), call.option("kernel_shape")
    if len(kernel) != rank:
        raise RefusedError(f"its kernel {kernel} does not fit {rank} spatial axes")
    wished = call.row(2) if call.has(2) else None
    if wished is not None and (len(wished) != rank + 2 or wished[1] != x.shape[0]):
        raise RefusedError(f"its output_shape {wished} does not fit {x.shape[0]} channels and {rank} spatial axes")
    if wished is not None and wished[0] != call.batch:
        raise NotReadError("its output_shape is for another batch")
    operator = MaxUnpool(
        kernel_size=_plain(kernel),
        stride=_each(call, "strides", rank),
        padding=_pairs(call.option("pads", [0] * (2 * rank)), rank),
        output_size=wished and _plain(wished[2:]),
    )
    if isinstance(places, Tensor):
        return call.layer(operator, x, places)
    if places.shape[:1] != (call.batch,):
        raise NotReadError("its places are a constant, for another batch")
    (made,) = call.add(operator, x.reference, call.constant(places, places.shape[1:]))
    return call.made(made, x)


@reads("DeformConv")
def _deform_conv(call: NodeCall) -> Value:
    x, rank, groups = call.tensor(batch=0), 2, call.option("offset_group", 1)
    if len(x.shape) != 3 or groups < 1:
        raise RefusedError(f"it takes 4 axes and groups of offsets, got {x.rank} axes and {groups} groups")
    weight = _weights(call, rank)
    options = convolution(call, weight, rank, _bias(call, 3, weight.shape[0]))
    shapes = [call.value(i).shape for i in (2, 4) if call.has(i) and isinstance(call.value(i), Known)]
    if any(len(shape) != 4 for shape in shapes):
        raise RefusedError(f"its offsets or mask have the shapes {[*map(list, shapes)]}: wanted 4 axes")
    more = [call.tensor(i, batch=0) for i in (2, 4) if call.has(i)]
    return call.layer(DeformConv(**options, offset_groups=groups), x, *more)


@reads("CenterCropPad")
def _center_crop_pad(call: NodeCall) -> Value:
    x, wished, axes = call.tensor(), call.numbers(1), _axes(call, call.tensor())
    if len(call.known(1).shape) > 1 or len(wished) != len(axes):
        raise RefusedError(f"it has {len(wished)} sizes for {len(axes)} axes")
    sizes: list[Any] = [None] * len(x.shape)
    for axis, size in zip(axes, wished, strict=True):
        if axis != x.batch or x.merged:
            sizes[x.own_axis(axis)] = size
        elif size != call.batch:
            raise NotReadError("it crops or pads the batch")
    raised = call.layer(Unsqueeze(axis=0), x, last=False)  # so that the first axis is like any other
    return call.layer(Squeeze(axis=0), call.layer(CenterCropPad(size=sizes), raised, last=False))
