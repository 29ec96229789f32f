"""Pooling: windows of a fixed size, adaptive, and global."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..dims import Dim, any_of, ne
from .base import Operator, Reach, Shape, Site, known_mode, pairs, per_axis, positive, spatial, spatial_names
from .parameters import Flag, Padding, PerAxis, parameter
from .rules import KERNEL_FITS, KERNEL_FITS_UNPADDED, POOL_PADDING
from .windows import both_sides, clipped_count, dilated, same_count, window_count

__all__ = ["AdaptiveAvgPool", "AdaptiveMaxPool", "AvgPool", "GlobalAvgPool", "GlobalMaxPool", "LpPool", "MaxPool"]


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

    kernel_size: Any = parameter(PerAxis(usual=(2, 3)))
    stride: Any = parameter(PerAxis(optional=True, usual=(2, 1)), default=None)
    padding: Any = parameter(Padding(modes=("valid", "same"), usual=(0, 1)), default=0)
    dilation: Any = parameter(PerAxis(usual=(1, 2)), default=1)
    ceil_mode: bool = parameter(Flag(), default=False)
    crops: bool = parameter(Flag(), default=False)

    def _axes(self, rank: int) -> list[tuple[Dim, Dim, Dim]]:
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
        axes = self._axes(rank)
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
                        POOL_PADDING, any_of(after >= 0, *(ne(d, 1) for _, d, _ in axes)), axis=axis,
                        kernel_size=kernel, stride=stride, size=size)
            else:
                self._padding_limits(site, axis, kernel, before, after)
            padded = size + both_sides(before, after)
            if self.refuses_small_3d and site.framework == "torch" and rank == 3:
                site.require(KERNEL_FITS_UNPADDED, kernel <= size, axis=axis, kernel_size=kernel, size=size)
            if self.ceil_mode:
                result = clipped_count(size, before, after, window, stride)
                out.append(positive(site, result, axis, size=size, window=window, stride=stride))
            else:
                silent = _SILENT.get(site.framework, "")
                site.require(KERNEL_FITS, window <= padded, axis=axis, note=silent, window=window, padded=padded)
                out.append(window_count(padded, window, stride))
        return (channels, *out)

    def _padding_limits(self, site: Site, axis: str, kernel: Dim, before: Dim, after: Dim) -> None:
        for side in dict.fromkeys((before, after)):
            if side == 0:
                continue
            allowed = side < kernel if site.framework == "onnx" else 2 * side <= kernel
            site.require(POOL_PADDING, allowed, axis=axis, padding=side, kernel_size=kernel)

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach]:
        return [Reach(dilated(k, d), s) for k, d, s in self._axes(len(inputs[0]) - 1)]


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

    output_size: Any = parameter(PerAxis(optional=True, usual=(1, 7)))

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
                reaches.append(Reach(whole=True))
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
        return [Reach(whole=True)] * (len(inputs[0]) - 1)


@dataclass(frozen=True, kw_only=True)
class GlobalMaxPool(GlobalAvgPool):
    """Maximum over all spatial positions.

    >>> from convsolve.operators import GlobalMaxPool, shape_of
    >>> shape_of(GlobalMaxPool(keepdims=True), (512, 7, 7))
    (512, 1, 1)
    """

    kind = "global_max_pool"
