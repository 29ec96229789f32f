"""Reading Keras's layers: convolutions, pools and what else works on channels and space."""

from __future__ import annotations

from typing import Any

from ...operators import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    BatchNorm,
    CenterCrop,
    Conv,
    ConvTranspose,
    Crop,
    DepthwiseConv,
    GlobalAvgPool,
    GlobalMaxPool,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    MaxPool,
    Operator,
    Pad,
    Upsample,
)
from .call import Call, NotReadError, reads

__all__ = ["convolution", "depthwise", "learned", "plain", "pool", "ranks", "window"]

_RANKS = ("1D", "2D", "3D")


def ranks(*stems: str) -> list[str]:
    """Return the names of a class for one, two and three spatial axes."""
    return [stem.replace("ND", rank) for stem in stems for rank in _RANKS]


def plain(value: Any, default: Any = None) -> Any:
    """Return one number where all axes have the same, as operators write it best."""
    if value is None:
        return default
    if isinstance(value, (list, tuple)):
        entries = tuple(plain(v) for v in value)
        return entries[0] if entries and all(e == entries[0] for e in entries) else entries
    return value


def _built_channels(call: Call) -> int | None:
    """Return the channels that a layer has weights for."""
    if not call.built:
        return None
    own = call.option("data_format") or call.builder.data_format
    channels: int | None = call.built[0 if own == "channels_first" else -1]
    return channels


def window(call: Call) -> dict[str, Any]:
    """Return the parameters that convolutions share."""
    return {
        "kernel_size": plain(call.config["kernel_size"]), "stride": plain(call.config.get("strides"), 1),
        "padding": call.config.get("padding", "valid"), "dilation": plain(call.config.get("dilation_rate"), 1),
        "bias": bool(call.config.get("use_bias", True)),
    }


def convolution(call: Call) -> Operator:
    """Return the operator of ``Conv1D``, ``Conv2D`` or ``Conv3D``."""
    return Conv(
        out_channels=call.config["filters"], groups=call.config.get("groups", 1), in_channels=_built_channels(call),
        **window(call))


@reads(*ranks("ConvND"), *ranks("ConvolutionND"))
def _conv(call: Call) -> str:
    return call.activated(call.spatial(convolution(call)))


def depthwise(call: Call) -> Operator:
    """Return the operator of ``DepthwiseConv1D`` or ``DepthwiseConv2D``."""
    return DepthwiseConv(
        multiplier=call.config.get("depth_multiplier", 1), in_channels=_built_channels(call), **window(call))


@reads("DepthwiseConv1D", "DepthwiseConv2D")
def _depthwise(call: Call) -> str:
    return call.activated(call.spatial(depthwise(call)))


@reads("SeparableConv1D", "SeparableConv2D", "SeparableConvolution1D", "SeparableConvolution2D")
def _separable(call: Call) -> str:
    first = DepthwiseConv(
        multiplier=call.config.get("depth_multiplier", 1), in_channels=_built_channels(call),
        **{**window(call), "bias": False})
    second = Conv(
        out_channels=call.config["filters"], kernel_size=1, padding="valid",
        bias=bool(call.config.get("use_bias", True)))
    return call.activated(call.spatial(second, call.spatial(first, part="depthwise")))


@reads(*ranks("ConvNDTranspose"), *ranks("ConvolutionNDTranspose"))
def _conv_transpose(call: Call) -> str:
    operator = ConvTranspose(
        out_channels=call.config["filters"], groups=call.config.get("groups", 1),
        output_padding=plain(call.config.get("output_padding")), in_channels=_built_channels(call), **window(call))
    return call.activated(call.spatial(operator))


_POOLS = {"Max": MaxPool, "Average": AvgPool}


def pool(call: Call) -> Operator:
    """Return the operator of ``MaxPooling2D``, ``AveragePooling2D`` and their kin."""
    return _POOLS[next(p for p in _POOLS if call.kind.startswith(p))](
        kernel_size=plain(call.config.get("pool_size"), 2), stride=plain(call.config.get("strides")),
        padding=call.config.get("padding", "valid"))


@reads(*ranks("MaxPoolingND", "AveragePoolingND", "MaxPoolND", "AveragePoolND"))
def _pool(call: Call) -> str:
    return call.spatial(pool(call))


@reads(*ranks("GlobalMaxPoolingND", "GlobalAveragePoolingND", "GlobalMaxPoolND", "GlobalAveragePoolND"))
def _global_pool(call: Call) -> str:
    operator = GlobalMaxPool if "Max" in call.kind else GlobalAvgPool
    return call.spatial(operator(keepdims=bool(call.config.get("keepdims", False))))


@reads(*ranks("AdaptiveMaxPoolingND", "AdaptiveAveragePoolingND"))
def _adaptive_pool(call: Call) -> str:
    operator = AdaptiveMaxPool if "Max" in call.kind else AdaptiveAvgPool
    return call.spatial(operator(output_size=plain(call.config["output_size"])))


def _sides(value: Any) -> Any:
    """Return paddings as our operators write them: a pair alone is that of the one axis."""
    if isinstance(value, (list, tuple)) and value and not isinstance(value[0], (list, tuple)):
        value = [value]
    if isinstance(value, (list, tuple)):
        pairs = tuple(tuple(pair) for pair in value)
        return pairs if any(a != b for a, b in pairs) else plain([a for a, _ in pairs])
    return value


@reads("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
def _pad(call: Call) -> str:
    return call.spatial(Pad(padding=_sides(call.config.get("padding", 1))))


@reads("Cropping1D", "Cropping2D", "Cropping3D")
def _crop(call: Call) -> str:
    return call.spatial(Crop(amount=_sides(call.config.get("cropping", 1))))


_MODES = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}


@reads("UpSampling1D", "UpSampling2D", "UpSampling3D")
def _upsample(call: Call) -> str:
    mode = _MODES.get(call.config.get("interpolation", "nearest"), "nearest")
    return call.spatial(Upsample(scale_factor=plain(call.config.get("size"), 2), mode=mode))


@reads("Resizing")
def _resizing(call: Call) -> str:
    mode = _MODES.get(call.config.get("interpolation", "bilinear"), "nearest")
    return call.spatial(Upsample(size=plain([call.config["height"], call.config["width"]]), mode=mode))


@reads("RandomCrop")
def _random_crop(call: Call) -> str:
    return call.spatial(Upsample(size=plain([call.config["height"], call.config["width"]])))


@reads("CenterCrop")
def _center_crop(call: Call) -> str:
    return call.spatial(CenterCrop(size=plain([call.config["height"], call.config["width"]])))


def learned(call: Call) -> dict[str, bool]:
    scale, shift = bool(call.config.get("scale", True)), bool(call.config.get("center", True))
    return {"affine": scale or shift, "scale": scale, "shift": shift}


def _one(axis: Any) -> Any:
    return axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis


@reads("BatchNormalization", "SyncBatchNormalization")
def _batch_norm(call: Call) -> str:
    axis = call.axis(_one(call.config.get("axis", -1)))
    return call.at_channels(BatchNorm(**learned(call)), axis, call.inputs[0])


@reads("GroupNormalization")
def _group_norm(call: Call) -> str:
    axis, groups, settings = call.axis(_one(call.config.get("axis", -1))), call.config.get("groups", 32), learned(call)
    if groups == -1 and settings["scale"] == settings["shift"]:
        return call.at_channels(InstanceNorm(affine=settings["affine"]), axis, call.inputs[0])
    if groups == -1:
        raise NotReadError("it normalises each channel with a scale or a shift alone")
    return call.at_channels(GroupNorm(groups=groups, **settings), axis, call.inputs[0])


@reads("LayerNormalization", "RMSNormalization")
def _layer_norm(call: Call) -> str:
    shape, written = call.shape(), call.config.get("axis", -1)
    axes = sorted(call.axis(a) for a in (written if isinstance(written, (list, tuple)) else [written]))
    settings = learned(call)
    if call.kind == "RMSNormalization" or call.config.get("rms_scaling"):
        settings = {"affine": True, "scale": True, "shift": False}
    if axes == list(range(len(shape) - len(axes), len(shape))):
        wished = call.built[-len(axes) :] if call.built and None not in call.built[-len(axes) :] else None
        operator = LayerNorm(normalized_shape=wished or (shape[-len(axes) :] if len(axes) > 1 else None), **settings)
        return call.add(operator)
    raise NotReadError(f"it normalises axes {written} that are not the last")
