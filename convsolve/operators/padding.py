"""Padding and cropping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..dims import Dim, bounds, maximum, minimum, total
from ..errors import NetworkError
from ..rules import CIRCULAR_PADDING, CROP_LEAVES, REFLECT_PADDING
from .base import Operator, Shape, Site, pairs, per_axis, positive, spatial, spatial_names
from .parameters import Padding, PerAxis, Word, parameter
from .windows import both_sides

__all__ = ["CenterCrop", "CenterCropPad", "Crop", "Pad", "padding_fits", "reference_sizes"]

_MODES = ("constant", "reflect", "replicate", "circular")


def padding_fits(site: Site, mode: str, axis: str, size: Dim, before: Dim, after: Dim) -> None:
    """Require what a padding mode demands of the size that it pads (PyTorch ``functional.pad``).

    Negative padding crops. PyTorch's constant padding crops before it pads, and cannot crop more than there is.
    In onnxruntime, constant padding only counts, the other modes crop before they pad and need something to
    be left, and circular padding repeats the input as often as it takes.
    """
    cropped = total(minimum(side, 0) for side in (before, after) if not _at_least_0(side))
    if cropped != 0 and (mode == "constant") != (site.framework == "onnx"):
        left = size + cropped
        least = 0 if mode == "constant" else 1
        site.require(CROP_LEAVES, left >= least, axis=axis, size=size, before=before, after=after)
        size = left
    widest = maximum(before, after)
    if widest == 0:
        return
    if mode == "reflect":
        site.require(REFLECT_PADDING, widest < size, axis=axis, padding=widest, size=size)
    elif mode == "circular" and site.framework != "onnx":
        site.require(CIRCULAR_PADDING, widest <= size, axis=axis, padding=widest, size=size)


def _at_least_0(side: Dim) -> bool:
    low = bounds(side)[0]
    return low is not None and low >= 0


@dataclass(frozen=True, kw_only=True)
class Pad(Operator):
    """Padding of the spatial axes: ``size + before + after``.

    Padding may be negative (it crops, then); "reflect" must be smaller than the input and
    "circular" at most as large (PyTorch ``functional.pad``).

    >>> from convsolve.operators import Pad, shape_of
    >>> shape_of(Pad(padding=((1, 2), (0, 0))), (3, 8, 8))
    (3, 11, 8)
    """

    kind = "pad"
    pointwise = True
    by_channel = True

    padding: Any = parameter(Padding(minimum=None, usual=(0, 1, 2, 3)), edit="padding")
    mode: str = parameter(Word(options=_MODES), edit="padding", default="constant")

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        channels, sizes = spatial(self, inputs[0])
        out = []
        for axis, size, (before, after) in zip(
            spatial_names(len(sizes)), sizes, pairs("padding", self.padding, len(sizes)), strict=True
        ):
            padding_fits(site, self.mode, axis, size, before, after)
            result = size + both_sides(before, after)
            silent = "PyTorch returns an empty tensor without a word" if site.framework == "torch" else ""
            out.append(positive(site, result, axis, note=silent, size=size, before=before, after=after))
        return (channels, *out)


@dataclass(frozen=True, kw_only=True)
class Crop(Operator):
    """Cropping of the spatial axes: ``size - before - after`` (Keras ``Cropping2D``).

    >>> from convsolve.operators import Crop, shape_of
    >>> shape_of(Crop(amount=2), (3, 8, 8))
    (3, 4, 4)
    """

    kind = "crop"
    pointwise = True
    by_channel = True

    amount: Any = parameter(Padding(usual=(0, 1, 2)), edit="padding")

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        channels, sizes = spatial(self, inputs[0])
        out = []
        for axis, size, (before, after) in zip(
            spatial_names(len(sizes)), sizes, pairs("amount", self.amount, len(sizes)), strict=True
        ):
            taken = both_sides(before, after)
            site.require(CROP_LEAVES, taken < size, axis=axis, size=size, taken=taken)
            out.append(size - taken)
        return (channels, *out)


@dataclass(frozen=True, kw_only=True)
class CenterCrop(Operator):
    """Cropping of the spatial axes to a size, or to the size of a second input.

    The input must be at least as large as what is left of it. The channels of a second input do not matter.

    >>> from convsolve.operators import CenterCrop, shape_of
    >>> shape_of(CenterCrop(), (64, 64, 64), (128, 56, 56))
    (64, 56, 56)
    """

    kind = "center_crop"
    pointwise = True
    by_channel = True
    arity = (1, 2)

    size: Any = parameter(PerAxis(optional=True), default=None)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        channels, sizes = spatial(self, inputs[0])
        wished = reference_sizes(self, self.size, inputs)
        out = []
        for axis, size, target in zip(spatial_names(len(sizes)), sizes, wished, strict=True):
            target = size if target is None else target
            site.require(CROP_LEAVES, target <= size, axis=axis, size=size, wished=target)
            out.append(target)
        return (channels, *out)


@dataclass(frozen=True, kw_only=True)
class CenterCropPad(Operator):
    """Cropping or padding of the spatial axes to a size, on both sides; None keeps an axis (ONNX CenterCropPad).

    >>> from convsolve.operators import CenterCropPad, shape_of
    >>> shape_of(CenterCropPad(size=(10, 4)), (3, 8, 8))
    (3, 10, 4)
    """

    kind = "center_crop_pad"
    pointwise = True
    by_channel = True

    size: Any = parameter(PerAxis(optional=True))

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        channels, sizes = spatial(self, inputs[0])
        wished = per_axis("size", self.size, len(sizes))
        return (channels, *(size if wish is None else wish for size, wish in zip(sizes, wished, strict=True)))


def reference_sizes(operator: Operator, size: Any, inputs: Sequence[Shape]) -> tuple[Dim | None, ...]:
    """Return the wished spatial sizes: a parameter's, or those of the second input."""
    rank = len(inputs[0]) - 1
    if len(inputs) == 2:
        if size is not None:
            raise NetworkError(f"{operator.kind} takes a size or a second input, not both")
        _, sizes = spatial(operator, inputs[1], least=rank, most=rank)
        return sizes
    return per_axis("size", size, rank)
