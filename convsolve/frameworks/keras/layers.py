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
from ...support.suggestions import quoted
from .arguments import count, counts, plain, sides, word
from .call import LayerCall, NotReadError, RefusedSettingError, reads

__all__ = ["axes", "learned", "ranks", "window"]

_RANKS = ("1D", "2D", "3D")


def ranks(*stems: str) -> list[str]:
    """Return the names of a class for one, two and three spatial axes."""
    return [stem.replace("ND", rank) for stem in stems for rank in _RANKS]


def _built_channels(call: LayerCall) -> int | None:
    """Return the channels that a layer has weights for."""
    if not call.built:
        return None
    channels: int | None = call.built[0 if call.data_format == "channels_first" else -1]
    return channels


def axes(call: LayerCall) -> int:
    """Return for how many spatial axes a class is."""
    rank = call.rank
    assert rank is not None
    return rank - 1


def window(call: LayerCall, rank: int, *, causal: bool = False) -> dict[str, Any]:
    """Return the parameters that convolutions over so many axes share."""
    return {
        "kernel_size": counts(call, "kernel_size", rank),
        "stride": counts(call, "strides", rank, 1),
        "padding": word(call, "padding", ("valid", "same", "causal") if causal else ("valid", "same"), "valid"),
        "dilation": counts(call, "dilation_rate", rank, 1),
        "bias": bool(call.config.get("use_bias", True)),
    }


_WINDOW = "activation data_format dilation_rate kernel_size padding strides use_bias "


@reads(*ranks("ConvND"), *ranks("ConvolutionND"), settings=_WINDOW + "filters groups")
def _conv(call: LayerCall) -> str:
    rank, filters, groups = axes(call), count(call, "filters"), count(call, "groups", 1)
    if type(filters) is type(groups) is int and filters % groups:
        raise RefusedSettingError(f"its {filters} filters cannot be divided into {groups} groups")
    return call.activated(
        call.spatial(
            Conv(
                out_channels=filters,
                groups=groups,
                in_channels=_built_channels(call),
                **window(call, rank, causal=rank == 1),
            )
        )
    )


def _depthwise_operator(call: LayerCall, **changes: Any) -> Operator:
    return DepthwiseConv(
        multiplier=count(call, "depth_multiplier", 1),
        in_channels=_built_channels(call),
        **{**window(call, axes(call)), **changes},
    )


@reads("DepthwiseConv1D", "DepthwiseConv2D", settings=_WINDOW + "depth_multiplier")
def _depthwise(call: LayerCall) -> str:
    return call.activated(call.spatial(_depthwise_operator(call)))


@reads("SeparableConv1D", "SeparableConv2D", "SeparableConvolution1D", "SeparableConvolution2D",
       settings=_WINDOW + "depth_multiplier filters groups")  # fmt: skip
def _separable(call: LayerCall) -> str:
    second = Conv(
        out_channels=count(call, "filters"),
        kernel_size=1,
        padding="valid",
        bias=bool(call.config.get("use_bias", True)),
    )
    first = call.spatial(_depthwise_operator(call, bias=False), part="depthwise")
    return call.activated(call.spatial(second, first))


@reads(*ranks("ConvNDTranspose"), *ranks("ConvolutionNDTranspose"), settings=_WINDOW + "filters groups output_padding")
def _conv_transpose(call: LayerCall) -> str:
    rank = axes(call)
    operator = ConvTranspose(
        out_channels=count(call, "filters"),
        groups=count(call, "groups", 1),
        output_padding=counts(call, "output_padding", rank, least=0, optional=True),
        in_channels=_built_channels(call),
        **window(call, rank),
    )
    return call.activated(call.spatial(operator))


@reads("Deconvolution2D", settings=_WINDOW + "filters output_shape")
def _deconvolution(call: LayerCall) -> str:
    """Read a transposed convolution of Keras 1, which is told its output's shape, the batch included."""
    wished = call.need("output_shape")
    if not isinstance(wished, list) or len(wished) != 4:
        raise RefusedSettingError(f"output_shape must have the batch, the channels and two sizes, got {quoted(wished)}")
    sizes = wished[2:] if call.data_format == "channels_first" else wished[1:3]
    return call.activated(
        call.spatial(
            ConvTranspose(
                out_channels=count(call, "filters"),
                output_size=plain(sizes),
                in_channels=_built_channels(call),
                **window(call, axes(call)),
            )
        )
    )


_POOLS = {"Max": MaxPool, "Average": AvgPool}


@reads(*ranks("MaxPoolingND", "AveragePoolingND", "MaxPoolND", "AveragePoolND"),
       settings="data_format padding pool_size strides")  # fmt: skip
def _pool(call: LayerCall) -> str:
    rank = axes(call)
    return call.spatial(
        _POOLS[next(p for p in _POOLS if call.kind.startswith(p))](
            kernel_size=counts(call, "pool_size", rank, 2 if "Max" in call.kind else None),
            stride=counts(call, "strides", rank, optional=True),
            padding=word(call, "padding", ("valid", "same"), "valid", lowered=False),
        )
    )


@reads(*ranks("GlobalMaxPoolingND", "GlobalAveragePoolingND", "GlobalMaxPoolND", "GlobalAveragePoolND"),
       settings="data_format keepdims")  # fmt: skip
def _global_pool(call: LayerCall) -> str:
    operator = GlobalMaxPool if "Max" in call.kind else GlobalAvgPool
    return call.spatial(operator(keepdims=bool(call.config.get("keepdims", False))))


@reads(*ranks("AdaptiveMaxPoolingND", "AdaptiveAveragePoolingND"), settings="data_format output_size")
def _adaptive_pool(call: LayerCall) -> str:
    operator = AdaptiveMaxPool if "Max" in call.kind else AdaptiveAvgPool
    return call.spatial(operator(output_size=counts(call, "output_size", axes(call))))


@reads(*ranks("ZeroPaddingND"), settings="data_format padding")
def _pad(call: LayerCall) -> str:
    """Read padding; on PyTorch, one negative number for all sides crops, which other backends refuse."""
    return call.spatial(Pad(padding=sides(call, "padding", axes(call), 1, negative=True)))


@reads(*ranks("CroppingND"), settings="cropping data_format")
def _crop(call: LayerCall) -> str:
    return call.spatial(Crop(amount=sides(call, "cropping", axes(call), 0 if call.kind == "Cropping2D" else 1)))


_MODES = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}
_ON_IMAGES = "antialias bounding_box_format data_format factor height width "


def _mode(call: LayerCall, default: str) -> str:
    """Return how pixels are interpolated: by Keras's names; those beyond ours give the same sizes as the nearest."""
    words = (*_MODES, "lanczos3", "lanczos5", "area", "gaussian", "mitchellcubic")
    return _MODES.get(word(call, "interpolation", words, default), "nearest")


@reads(*ranks("UpSamplingND"), settings="data_format interpolation size")
def _upsample(call: LayerCall) -> str:
    rank = axes(call)
    scale = counts(call, "size", rank, 2) if rank > 1 else count(call, "size", 2)
    return call.spatial(Upsample(scale_factor=scale, mode=_mode(call, "nearest")))


@reads("Resizing", settings=_ON_IMAGES + "crop_to_aspect_ratio fill_mode fill_value interpolation pad_to_aspect_ratio")
def _resizing(call: LayerCall) -> str:
    return call.spatial(Upsample(size=_height_and_width(call), mode=_mode(call, "bilinear")))


@reads("RandomCrop", settings=_ON_IMAGES)
def _random_crop(call: LayerCall) -> str:
    return call.spatial(Upsample(size=_height_and_width(call)))


@reads("CenterCrop", settings=_ON_IMAGES)
def _center_crop(call: LayerCall) -> str:
    return call.spatial(CenterCrop(size=_height_and_width(call)))


def _height_and_width(call: LayerCall) -> Any:
    return plain([count(call, "height"), count(call, "width")])


def learned(call: LayerCall) -> dict[str, bool]:
    scale, shift = bool(call.config.get("scale", True)), bool(call.config.get("center", True))
    return {"affine": scale or shift, "scale": scale, "shift": shift}


def _one(axis: Any) -> Any:
    return axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis


_NORM = "axis center epsilon scale "


@reads("BatchNormalization", "SyncBatchNormalization",
       settings=_NORM + "adjustment fused momentum renorm renorm_clipping renorm_momentum synchronized "
       "virtual_batch_size")  # fmt: skip
def _batch_norm(call: LayerCall) -> str:
    axis = call.axis(_one(call.config.get("axis", -1)))
    return call.at_channels(BatchNorm(**learned(call)), axis, call.inputs[0])


@reads("GroupNormalization", settings=_NORM + "groups")
def _group_norm(call: LayerCall) -> str:
    axis, groups, settings = call.axis(_one(call.config.get("axis", -1))), call.config.get("groups", 32), learned(call)
    if groups == -1 and settings["scale"] == settings["shift"]:
        return call.at_channels(InstanceNorm(affine=settings["affine"]), axis, call.inputs[0])
    if groups == -1:
        raise NotReadError("it normalises each channel with a scale or a shift alone")
    return call.at_channels(GroupNorm(groups=groups, **settings), axis, call.inputs[0])


@reads("LayerNormalization", "RMSNormalization", settings=_NORM + "rms_scaling")
def _layer_norm(call: LayerCall) -> str:
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
