"""Calls that resize maps: interpolation, moves between channels and space, values at the places of a grid."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ...dims.normal import Polynomial
from ...operators import GridSample, Matmul, Permute, PixelShuffle, PixelUnshuffle, Reshape, Upsample
from ..common.recording.recorded_tensors import Unsupported, Value, product_of
from ..common.recording.symbolic_sizes import Size
from ..common.recording.symbolic_values import form_of
from .arguments import whole_form
from .calls import RecordedCall, handles, plain
from .spatial_calls import per_axis

__all__ = [
    "affine_grid",
    "grid_sample",
    "interpolate",
    "pixel_shuffle",
    "pixel_unshuffle",
    "upsample_linear",
    "upsample_nearest",
]


_MODES = {"nearest": "nearest", "nearest-exact": "nearest", "linear": "linear", "bilinear": "linear",
          "trilinear": "linear", "bicubic": "cubic", "area": "area"}  # fmt: skip


@handles("interpolate upsample upsample_nearest upsample_bilinear")
def interpolate(
    call: RecordedCall,
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: Any = None,
    recompute_scale_factor: Any = None,
    antialias: bool = False,
) -> Value:
    """Interpolation to a size or by a scale."""
    value = call.value(input)
    rank = value.rank - 2
    x = call.spatial(input, rank)
    if mode not in _MODES:
        raise Unsupported(f"interpolation by {mode}")
    if size is not None:
        return call.same(Upsample(size=per_axis(size, rank), mode=_MODES[mode]), x)
    factors = scale_factor if isinstance(scale_factor, (list, tuple)) else [scale_factor] * rank
    scales = tuple(_scale(factor) for factor in factors)
    scale = scales[0] if all(s == scales[0] for s in scales) else scales
    return call.same(Upsample(scale_factor=scale, mode=_MODES[mode]), x)


@handles("upsample_nearest1d upsample_nearest2d upsample_nearest3d")
def upsample_nearest(call: RecordedCall, input: Any, output_size: Any = None, scale_factors: Any = None) -> Value:
    """Interpolation as exported programs write it."""
    result: Value = interpolate(call, input, output_size, scale_factors)
    return result


@handles("upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d")
def upsample_linear(
    call: RecordedCall, input: Any, output_size: Any, align_corners: bool, scale_factors: Any = None
) -> Value:
    """Interpolation as exported programs write it."""
    mode = call.function.removeprefix("upsample_")[:-2]
    result: Value = interpolate(call, input, output_size, scale_factors, mode)
    return result


def _scale(factor: Any) -> Any:
    if isinstance(factor, Size):
        return plain(factor)
    form = form_of(factor) if not isinstance(factor, int) else None
    if form is not None and form.constant is not None:
        exact = Fraction(form.constant)
        return int(exact) if exact.denominator == 1 else exact
    return plain(factor)


@handles("pixel_shuffle")
def pixel_shuffle(call: RecordedCall, input: Any, upscale_factor: Any) -> Value:
    """Channels into space."""
    return call.same(PixelShuffle(block_size=plain(upscale_factor)), call.spatial(input, 2))


@handles("pixel_unshuffle")
def pixel_unshuffle(call: RecordedCall, input: Any, downscale_factor: Any) -> Value:
    """Space into channels."""
    return call.same(PixelUnshuffle(block_size=plain(downscale_factor)), call.spatial(input, 2))


# -- places on a map


@handles("grid_sample grid_sampler grid_sampler_2d grid_sampler_3d")
def grid_sample(call: RecordedCall, input: Any, grid: Any, mode: Any = "bilinear", *_: Any, **__: Any) -> Value:
    """The values of a map at the places that a grid names."""
    places = call.input(grid)
    if places.batch != 0 or places.fold:
        raise Unsupported("a grid that is none of samples")
    word = _SAMPLED[mode] if isinstance(mode, int) else _MODES.get(mode, mode)
    return call.same(GridSample(mode=word), call.spatial(input, len(places.shape) - 1), places)


_SAMPLED = ("linear", "nearest", "cubic")
"""How exported programs number the modes."""


@handles("affine_grid affine_grid_generator")
def affine_grid(call: RecordedCall, theta: Any, size: Any, align_corners: Any = None) -> Value:
    """The places that a linear map gives those of a regular grid: a product of matrices."""
    x = call.input(theta)
    rank = len(size) - 2
    if x.batch != 0 or x.fold or len(x.shape) != 2:
        raise Unsupported("a map that is none of samples")
    space = [whole_form(n) for n in size[2:]]
    shape = (product_of(space), Polynomial.of(rank + 1))
    places = Value(call.graph.constant(f"{call.graph.place}{call.graph.joint}places".strip("./"), shape), shape, None)
    turned = x.made(*call.layer(Permute(order=(1, 0)), x, name="permute"))
    mapped = x.made(*call.layer(Matmul(), places, turned))
    return x.made(*call.layer(Reshape(shape=(*(n.dim() for n in space), rank)), mapped))
