"""Pooling: windows of a fixed size, adaptive, and global; and what puts windows back together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..dims import Condition, Dim, all_of, any_of, eq, ne, product, where
from ..errors import RankError
from ..rules import (
    DIVISIBLE,
    ELEMENTS_MATCH,
    KERNEL_FITS,
    KERNEL_FITS_UNPADDED,
    OUTPUT_SIZE_IN_REACH,
    POOL_PADDING,
    SIZES_AGREE,
    VALUES_FIT,
)
from .base import Operator, Reach, Shape, Site, known_mode, pairs, per_axis, positive, spatial, spatial_names
from .parameters import Flag, Padding, PerAxis, Sizes, WholeNumber, parameter
from .windows import both_sides, clipped_count, dilated, same_count, transposed_size, window_count

__all__ = [
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "AvgPool",
    "Fold",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "LpPool",
    "MaxPool",
    "MaxUnpool",
]


_SILENT = {
    "keras": "Keras before 3.15 lets an output of size 0 pass without a word",
    "onnx": "onnxruntime may return one window that is not there",
}
"""What frameworks do instead of refusing a kernel that does not fit."""


@dataclass(frozen=True, kw_only=True)
class MaxPool(Operator):
    """Max pooling over ``(channels, *spatial)``; the stride defaults to the kernel size.

    A spatial size becomes ``(size + before + after - window)//stride + 1``. With ``ceil_mode`` the
    division rounds up, except that a last window must start inside the input or its front padding
    (PyTorch ``MaxPool2d``; onnxruntime does the same at every opset). Keras "same" gives ``ceil(size/stride)``.
    In ONNX, where the stride is above the kernel, "same" would have to crop; it may if it ``crops``.

    >>> from convsolve.operators import MaxPool, shape_of
    >>> shape_of(MaxPool(kernel_size=3, stride=2, ceil_mode=True), (64, 112, 112))
    (64, 56, 56)
    """

    kind = "max_pool"
    refuses_small_3d: ClassVar[bool] = False

    kernel_size: Any = parameter(PerAxis(usual=(2, 3)), edit="pool")
    stride: Any = parameter(PerAxis(optional=True, usual=(2, 1)), edit="stride", default=None)
    padding: Any = parameter(Padding(modes=("valid", "same"), usual=(0, 1)), edit="padding", default=0)
    dilation: Any = parameter(PerAxis(usual=(1, 2)), edit="dilation", default=1)
    ceil_mode: bool | Condition = parameter(Flag(may_be_open=True), edit="ceil_mode", default=False)
    crops: bool = parameter(Flag(), default=False)

    def steps(self, rank: int) -> list[tuple[Dim, Dim, Dim]]:
        """Return kernel size, dilation and stride for each axis."""
        kernels = per_axis("kernel_size", self.kernel_size, rank)
        strides = per_axis("stride", self.stride, rank)
        steps = [k if s is None else s for k, s in zip(kernels, strides, strict=True)]
        return list(zip(kernels, per_axis("dilation", self.dilation, rank), steps, strict=True))

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        channels, sizes = spatial(self, inputs[0])
        rank = len(sizes)
        known_mode(site, self, self.padding)
        same = self.padding == "same"
        padding = pairs("padding", 0 if isinstance(self.padding, str) else self.padding, rank)
        axes = self.steps(rank)
        out = []
        for axis, size, (kernel, dilation, stride), (before, after) in zip(
            spatial_names(rank), sizes, axes, padding, strict=True
        ):
            window = dilated(kernel, dilation)
            if same and (site.framework != "onnx"):
                out.append(same_count(size, stride))
                continue
            if same:  # onnxruntime pads for the kernel without its dilation
                before, after = 0, (same_count(size, stride) - 1) * stride + kernel - size
                if not self.crops:
                    site.require(
                        POOL_PADDING,
                        any_of(after >= 0, *(ne(d, 1) for _, d, _ in axes)),
                        axis=axis,
                        kernel_size=kernel,
                        stride=stride,
                        size=size,
                    )
            else:
                self._padding_limits(site, axis, kernel, before, after)
            padded = size + both_sides(before, after)
            if self.refuses_small_3d and site.framework == "torch" and rank == 3:
                site.require(KERNEL_FITS_UNPADDED, kernel <= size, axis=axis, kernel_size=kernel, size=size)
            counts: list[Dim] = []
            if self.ceil_mode is not False:
                result = clipped_count(size, before, after, window, stride)
                result = where(self.ceil_mode, result, 1)  # where it rounds down, nothing is asked of what it is not
                counts.append(positive(site, result, axis, size=size, window=window, stride=stride))
            if self.ceil_mode is not True:
                silent = _SILENT.get(site.framework, "")
                fits = any_of(self.ceil_mode, window <= padded)
                site.require(KERNEL_FITS, fits, axis=axis, note=silent, window=window, padded=padded)
                counts.append(window_count(padded, window, stride))
            out.append(where(self.ceil_mode, counts[0], counts[-1]))
        return (channels, *out)

    def _padding_limits(self, site: Site, axis: str, kernel: Dim, before: Dim, after: Dim) -> None:
        for side in dict.fromkeys((before, after)):
            if side == 0:
                continue
            allowed = side < kernel if site.framework == "onnx" else 2 * side <= kernel
            site.require(POOL_PADDING, allowed, axis=axis, padding=side, kernel_size=kernel)

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach]:
        return [Reach(dilated(k, d), s) for k, d, s in self.steps(len(inputs[0]) - 1)]


@dataclass(frozen=True, kw_only=True)
class AvgPool(MaxPool):
    """Average pooling; sizes as in max pooling.

    In PyTorch, on three spatial axes, the kernel must fit the input without its padding. In ONNX it ``crops`` from
    opset 19 on.

    >>> from convsolve.operators import AvgPool, shape_of
    >>> shape_of(AvgPool(kernel_size=2), (64, 7, 7))
    (64, 3, 3)
    """

    kind = "avg_pool"
    refuses_small_3d = True

    crops: bool = parameter(Flag(), default=True)


@dataclass(frozen=True, kw_only=True)
class LpPool(MaxPool):
    """Power-average pooling; sizes as in average pooling.

    >>> from convsolve.operators import LpPool, shape_of
    >>> shape_of(LpPool(kernel_size=3, stride=2), (64, 32))
    (64, 15)
    """

    kind = "lp_pool"
    refuses_small_3d = True

    crops: bool = parameter(Flag(), default=True)


@dataclass(frozen=True, kw_only=True)
class AdaptiveAvgPool(Operator):
    """Average pooling to a given output size; a size of None keeps the input's (PyTorch ``AdaptiveAvgPool2d``).

    >>> from convsolve.operators import AdaptiveAvgPool, shape_of
    >>> shape_of(AdaptiveAvgPool(output_size=(7, None)), (64, 13, 13))
    (64, 7, 13)
    """

    kind = "adaptive_avg_pool"

    output_size: Any = parameter(PerAxis(optional=True, usual=(1, 7)), edit="global_pool")

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        channels, sizes = spatial(self, inputs[0])
        wished = per_axis("output_size", self.output_size, len(sizes))
        return (channels, *(n if w is None else w for n, w in zip(sizes, wished, strict=True)))

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach] | None:
        sizes = inputs[0][1:]
        reaches = []
        for size, wished in zip(sizes, per_axis("output_size", self.output_size, len(sizes)), strict=True):
            if wished is None or wished == size:
                reaches.append(Reach())
            elif wished == 1:
                reaches.append(Reach(whole=True, pooled=True))
            else:
                return None  # the windows differ from place to place
        return reaches


@dataclass(frozen=True, kw_only=True)
class AdaptiveMaxPool(AdaptiveAvgPool):
    """Max pooling to a given output size.

    >>> from convsolve.operators import AdaptiveMaxPool, shape_of
    >>> shape_of(AdaptiveMaxPool(output_size=1), (64, 13, 13))
    (64, 1, 1)
    """

    kind = "adaptive_max_pool"


@dataclass(frozen=True, kw_only=True)
class GlobalAvgPool(Operator):
    """Average over all spatial positions: ``(channels,)``, or with ``keepdims`` size 1 on each axis.

    >>> from convsolve.operators import GlobalAvgPool, shape_of
    >>> shape_of(GlobalAvgPool(), (512, 7, 7))
    (512,)
    """

    kind = "global_avg_pool"

    keepdims: bool = parameter(Flag(), default=False)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        channels, sizes = spatial(self, inputs[0])
        return (channels, *((1,) * len(sizes) if self.keepdims else ()))

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach]:
        return [Reach(whole=True, pooled=True)] * (len(inputs[0]) - 1)


@dataclass(frozen=True, kw_only=True)
class GlobalMaxPool(GlobalAvgPool):
    """Maximum over all spatial positions.

    >>> from convsolve.operators import GlobalMaxPool, shape_of
    >>> shape_of(GlobalMaxPool(keepdims=True), (512, 7, 7))
    (512, 1, 1)
    """

    kind = "global_max_pool"


@dataclass(frozen=True, kw_only=True)
class Fold(Operator):
    """Blocks put together to a map: ``(channels*kernel elements, blocks) -> (channels, *size)``.

    There must be as many blocks as a kernel has places on the map. (PyTorch ``Fold``, ONNX Col2Im.)

    >>> from convsolve.operators import Fold, shape_of
    >>> shape_of(Fold(size=(4, 5), kernel_size=2), (12, 12))
    (3, 4, 5)
    """

    kind = "fold"

    size: Any = parameter(Sizes())
    kernel_size: Any = parameter(PerAxis(usual=(2, 3)))
    stride: Any = parameter(PerAxis(usual=(1, 2)), default=1)
    padding: Any = parameter(Padding(usual=(0, 1)), default=0)
    dilation: Any = parameter(PerAxis(usual=(1, 2)), default=1)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 2:
            raise RankError(f"fold takes blocks along one axis behind their elements, got {len(inputs[0])} axes")
        (elements, blocks), rank = inputs[0], len(self.size)
        kernels, strides, dilations = (
            per_axis(name, getattr(self, name), rank) for name in ("kernel_size", "stride", "dilation")
        )
        counts = []
        for i, (axis, (before, after)) in enumerate(
            zip(spatial_names(rank), pairs("padding", self.padding, rank), strict=True)
        ):
            window, padded = dilated(kernels[i], dilations[i]), self.size[i] + both_sides(before, after)
            site.require(KERNEL_FITS, window <= padded, axis=axis, window=window, padded=padded)
            counts.append(window_count(padded, window, strides[i]))
        block = product(kernels)
        site.require(DIVISIBLE, eq(elements % block, 0), axis="channels", channels=elements, divisor=block)
        site.require(ELEMENTS_MATCH, eq(blocks, product(counts)), blocks=blocks, wished=product(counts))
        return (elements // block, *self.size)


@dataclass(frozen=True, kw_only=True)
class MaxUnpool(Operator):
    """Maxima put back to their places, which a second input of the same shape tells; zeros elsewhere.

    Each spatial size becomes ``(size - 1)*stride - before - after + kernel_size``, or the ``output_size``, which in
    PyTorch lies less than a stride from that, in ONNX has no fewer elements in all. The stride defaults to the kernel
    size. (PyTorch ``MaxUnpool2d``, ONNX MaxUnpool.) Among so many ``places`` the second input may choose, where that is
    given; they should be no more than the output has, or its entries decide whether it works.

    >>> from convsolve.operators import MaxUnpool, shape_of
    >>> shape_of(MaxUnpool(kernel_size=2), (64, 7, 7), (64, 7, 7))
    (64, 14, 14)
    """

    kind = "max_unpool"
    arity = (2, 2)

    kernel_size: Any = parameter(PerAxis(usual=(2, 3)))
    stride: Any = parameter(PerAxis(optional=True, usual=(2, 1)), default=None)
    padding: Any = parameter(Padding(minimum=None, usual=(0, 1)), default=0)
    output_size: Any = parameter(PerAxis(optional=True), default=None)
    places: Dim | None = parameter(WholeNumber(optional=True), default=None)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        made = self._made(site, *inputs)
        if self.places is not None:
            elements = product(made[1:])
            site.require(VALUES_FIT, all_of(self.places <= elements), places=self.places, elements=elements)
        return made

    def _made(self, site: Site, *inputs: Shape) -> Shape:
        channels, sizes = spatial(self, inputs[0])
        rank, places = len(sizes), inputs[1]
        if len(places) != len(inputs[0]):
            raise RankError(f"max_unpool needs a place for each maximum, got {len(inputs[0])} and {len(places)} axes")
        for axis, size, other in zip(("channels", *spatial_names(rank)), inputs[0], places, strict=True):
            site.require(SIZES_AGREE, eq(size, other), axis=axis, first=size, second=other)
        made: list[Dim] = []
        for (kernel, stride), size, (before, after), axis in zip(
            self._steps(rank), sizes, pairs("padding", self.padding, rank), spatial_names(rank), strict=True
        ):
            for side in {before, after} - {0} if site.framework == "onnx" else ():
                site.require(POOL_PADDING, side < kernel, axis=axis, padding=side, kernel_size=kernel)
            made.append(positive(site, transposed_size(size, before, after, kernel, stride, 0), axis))
        if self.output_size is None:
            return (channels, *made)
        sought = per_axis("output_size", self.output_size, rank)
        wished = [size if wish is None else wish for size, wish in zip(made, sought, strict=True)]
        if site.framework == "onnx":  # onnxruntime counts the elements
            least, greatest = product(made), product(wished)
            site.require(OUTPUT_SIZE_IN_REACH, all_of(least <= greatest), output_size=greatest, least=least)
            return (channels, *wished)
        for (_, stride), size, wish, axis in zip(self._steps(rank), made, wished, spatial_names(rank), strict=True):
            inside = all_of(size - stride < wish, wish < size + stride)
            site.require(OUTPUT_SIZE_IN_REACH, inside, axis=axis, output_size=wish, size=size, stride=stride)
        return (channels, *wished)

    def _steps(self, rank: int) -> list[tuple[Dim, Dim]]:
        """Return kernel size and stride for each axis."""
        kernels, strides = per_axis("kernel_size", self.kernel_size, rank), per_axis("stride", self.stride, rank)
        return [(k, k if s is None else s) for k, s in zip(kernels, strides, strict=True)]

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach]:
        return [Reach(kernel, 1, stride) for kernel, stride in self._steps(len(inputs[0]) - 1)]
