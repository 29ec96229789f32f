"""Upsampling, interpolation, grids, and moves between space and depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from ..dims import Dim, Expr, any_of, eq, isin, maximum, minimum, ne, product, where
from ..errors import NetworkError, RankError
from ..rules import DIVISIBLE, FEATURES_MATCH, ROUNDING
from .base import (
    Operator,
    Reach,
    Shape,
    Site,
    axis_or_channels,
    per_axis,
    positive,
    spatial,
    spatial_names,
)
from .padding import reference_sizes
from .parameters import PerAxis, Scale, Sizes, WholeNumber, Word, parameter

__all__ = ["AffineGrid", "DepthToSpace", "GridSample", "PixelShuffle", "PixelUnshuffle", "SpaceToDepth", "Upsample"]

_LARGEST_SCALED = 1 << 20
"""Up to this size the rounding of a decimal scale factor is looked at."""

_MOST_SHORT = 512
"""Sizes that round down, as they are computed, are told one by one: no more than these."""


@lru_cache(maxsize=256)
def _rounding(scale: float | Fraction, single: bool) -> tuple[int, int, tuple[int, ...], int]:
    """Return ``p, q``, the sizes where ``floor(size*scale)``, as computed, is one less than ``size*p//q``, and how far.

    Frameworks compute the product in floating point, which can land just below a whole number.
    """
    import numpy as np

    ratio = Fraction(scale).limit_denominator(4096)
    kind: Any = np.float32 if single else np.float64
    sizes = np.arange(1, _LARGEST_SCALED + 1)
    computed = np.floor(sizes.astype(kind) * kind(float(scale))).astype(np.int64)
    short = sizes * ratio.numerator // ratio.denominator - computed
    odd = np.flatnonzero((short != 0) & (short != 1))
    far = int(odd[0]) if len(odd) else _LARGEST_SCALED
    less = sizes[:far][short[:far] == 1]
    if len(less) > _MOST_SHORT:
        far, less = int(less[_MOST_SHORT]) - 1, less[:_MOST_SHORT]
    return ratio.numerator, ratio.denominator, tuple(map(int, less)), far


def _scaled(site: Site, size: Dim, scale: Any, axis: str) -> Dim:
    """Return ``floor(size * scale)`` as the framework computes it."""
    if isinstance(scale, (int, Expr)):
        return size * scale
    p, q, short, largest = _rounding(scale, site.framework == "onnx")
    exact = q & (q - 1) == 0 and Fraction(scale) == Fraction(p, q)
    if not exact:  # beyond this size, rounding may take another away
        site.require(ROUNDING, size <= largest, axis=axis, size=size, largest=largest)
    result = size * p // q
    return result - where(isin(size, short), 1, 0) if short else result


@dataclass(frozen=True, kw_only=True)
class Upsample(Operator):
    """Interpolation of the spatial axes by a scale, to a size, or to the size of a second input.

    By scale, a size becomes ``floor(size * scale_factor)`` (PyTorch ``functional.interpolate``). The ``aspect`` of the
    axes that have a size may be kept: ``not_larger`` makes none larger than wished, ``not_smaller`` none smaller, and
    each is rounded to the nearest whole number (ONNX ``Resize``).

    >>> from convsolve.operators import Upsample, shape_of
    >>> shape_of(Upsample(scale_factor=2), (64, 7, 9))
    (64, 14, 18)
    """

    kind = "upsample"
    arity = (1, 2)

    scale_factor: Any = parameter(Scale(usual=(2, 4)), edit="stride", default=None)
    size: Any = parameter(PerAxis(optional=True), default=None)
    mode: str = parameter(Word(options=("nearest", "linear", "cubic", "area")), default="nearest")
    aspect: str = parameter(Word(options=("stretch", "not_larger", "not_smaller")), default="stretch")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale_factor is not None and self.size is not None:
            raise NetworkError("upsample takes a scale_factor or a size, not both")

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        channels, sizes = spatial(self, inputs[0])
        names = spatial_names(len(sizes))
        if self.mode == "cubic" and len(sizes) != 2:
            raise RankError(f"cubic interpolation works on 2 spatial axes, got {len(sizes)}")
        if self.scale_factor is not None:
            scales = per_axis("scale_factor", self.scale_factor, len(sizes))
            out = [_scaled(site, n, s, a) for n, s, a in zip(sizes, scales, names, strict=True)]
            for a, n in zip(names, out, strict=True):
                positive(site, n, a)
            return (channels, *out)
        if self.size is None and len(inputs) == 1:
            raise NetworkError("upsample needs a scale_factor, a size, or a second input whose size it takes")
        wished = reference_sizes(self, self.size, inputs)
        if self.aspect != "stretch":
            return (channels, *self._kept(site, sizes, wished))
        return (channels, *(n if w is None else w for n, w in zip(sizes, wished, strict=True)))

    def _kept(self, site: Site, sizes: Shape, wished: Sequence[Dim | None]) -> list[Dim]:
        """Return the sizes of axes that are all scaled alike: as far as the first, or the last, reaches its wish."""
        scales = [(w, n) for w, n in zip(wished, sizes, strict=True) if w is not None]
        pick = minimum if self.aspect == "not_larger" else maximum
        made: list[Dim] = []
        for axis, size, wish in zip(spatial_names(len(sizes)), sizes, wished, strict=True):
            if wish is None:
                made.append(size)
                continue
            for to, of in scales:  # where it lies halfway between two numbers, floating point decides
                half = any_of(eq(of, size), ne((2 * size * to) % (2 * of), of))
                site.require(ROUNDING, half, axis=axis, size=size, largest=size)
            made.append(positive(site, pick(*((2 * size * to + of) // (2 * of) for to, of in scales)), axis))
        return made

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach] | None:
        rank = len(inputs[0]) - 1
        scales = per_axis("scale_factor", self.scale_factor, rank)
        if self.mode not in ("nearest", "linear") or not all(isinstance(s, (int, Expr)) for s in scales):
            return None
        # nearest copies one input, linear mixes two: as transposed convolutions with these kernels
        return [Reach(s if self.mode == "nearest" else 2 * s, 1, s) for s in scales]


@dataclass(frozen=True, kw_only=True)
class GridSample(Operator):
    """Values of a map at the places of a grid: as many as it has; for each it holds one coordinate for each axis.

    (PyTorch ``functional.grid_sample``, ONNX GridSample.)

    >>> from convsolve.operators import GridSample, shape_of
    >>> shape_of(GridSample(), (64, 32, 32), (20, 24, 2))
    (64, 20, 24)
    """

    kind = "grid_sample"
    arity = (2, 2)
    written = True

    mode: str = parameter(Word(options=("nearest", "linear", "cubic")), default="linear")

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        shape, (*places, coordinates) = inputs
        rank = len(shape) - 1
        if rank not in (2, 3) or len(places) != rank:
            raise RankError(
                f"grid_sample needs channels, 2 or 3 spatial axes, and a grid with one axis for each and one for their "
                f"coordinates, got {len(shape)} and {len(places) + 1} axes"
            )
        if self.mode == "cubic" and rank != 2:
            raise RankError(f"cubic interpolation works on 2 spatial axes, got {rank}")
        site.require(FEATURES_MATCH, eq(coordinates, rank), coordinates=coordinates, axes=rank)
        channels = axis_or_channels(site, None, rank + 1)
        made = [positive(site, size, axis) for axis, size in zip(spatial_names(rank), places, strict=True)]
        made.insert(channels, shape[channels])
        return tuple(made)


@dataclass(frozen=True, kw_only=True)
class AffineGrid(Operator):
    """A grid of places from a matrix that turns and shifts: ``(rank, rank + 1) -> (*size, rank)``.

    (PyTorch ``functional.affine_grid``, ONNX AffineGrid.)

    >>> from convsolve.operators import AffineGrid, shape_of
    >>> shape_of(AffineGrid(size=(20, 24)), (2, 3))
    (20, 24, 2)
    """

    kind = "affine_grid"
    written = True

    size: Any = parameter(Sizes())

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        rank = len(self.size)
        if len(inputs[0]) != 2 or rank not in (2, 3):
            raise RankError(f"affine_grid needs a matrix and 2 or 3 sizes, got {len(inputs[0])} axes and {rank} sizes")
        for size, wanted in zip(inputs[0], (rank, rank + 1), strict=True):
            site.require(FEATURES_MATCH, eq(size, wanted), features=size, wanted=wanted)
        return (*self.size, rank)


@dataclass(frozen=True, kw_only=True)
class DepthToSpace(Operator):
    """Rearrangement of channels into space: ``(c, h, w) -> (c/b^2, h*b, w*b)`` (ONNX ``DepthToSpace``).

    >>> from convsolve.operators import DepthToSpace, shape_of
    >>> shape_of(DepthToSpace(block_size=2), (64, 7, 7))
    (16, 14, 14)
    """

    kind = "depth_to_space"

    block_size: Dim = parameter(WholeNumber(usual=(2, 3, 4)), edit="stride")

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        channels, sizes = spatial(self, inputs[0])
        block = product([self.block_size] * len(sizes))
        site.require(DIVISIBLE, eq(channels % block, 0), axis="channels", channels=channels, divisor=block)
        return (channels // block, *(n * self.block_size for n in sizes))

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach]:
        return [Reach(self.block_size, 1, self.block_size)] * (len(inputs[0]) - 1)


@dataclass(frozen=True, kw_only=True)
class SpaceToDepth(Operator):
    """Rearrangement of space into channels: ``(c, h, w) -> (c*b^2, h/b, w/b)`` (ONNX ``SpaceToDepth``).

    >>> from convsolve.operators import SpaceToDepth, shape_of
    >>> shape_of(SpaceToDepth(block_size=2), (16, 14, 14))
    (64, 7, 7)
    """

    kind = "space_to_depth"

    block_size: Dim = parameter(WholeNumber(usual=(2, 3, 4)), edit="stride")

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        channels, sizes = spatial(self, inputs[0])
        for axis, size in zip(spatial_names(len(sizes)), sizes, strict=True):
            site.require(DIVISIBLE, eq(size % self.block_size, 0), axis=axis, size=size, divisor=self.block_size)
        blocks = product((channels, *[self.block_size] * len(sizes)))
        return (blocks, *(n // self.block_size for n in sizes))

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach]:
        return [Reach(self.block_size, self.block_size)] * (len(inputs[0]) - 1)


@dataclass(frozen=True, kw_only=True)
class PixelShuffle(DepthToSpace):
    """Depth to space under the name that PyTorch gives it; the channels are ordered differently.

    >>> from convsolve.operators import PixelShuffle, shape_of
    >>> shape_of(PixelShuffle(block_size=3), (18, 7, 7))
    (2, 21, 21)
    """

    kind = "pixel_shuffle"


@dataclass(frozen=True, kw_only=True)
class PixelUnshuffle(SpaceToDepth):
    """Space to depth under the name that PyTorch gives it; the channels are ordered differently.

    >>> from convsolve.operators import PixelUnshuffle, shape_of
    >>> shape_of(PixelUnshuffle(block_size=3), (2, 21, 21))
    (18, 7, 7)
    """

    kind = "pixel_unshuffle"
