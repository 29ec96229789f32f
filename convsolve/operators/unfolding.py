"""Operators that undo what windows have done: blocks put together again, maxima put back to their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..dims import Dim, all_of, eq, product
from ..errors import RankError
from .base import Operator, Reach, Shape, Site, pairs, per_axis, positive, spatial, spatial_names
from .parameters import Padding, PerAxis, Sizes, parameter
from .rules import DIVISIBLE, ELEMENTS_MATCH, KERNEL_FITS, OUTPUT_SIZE_IN_REACH, POOL_PADDING, SIZES_AGREE
from .windows import both_sides, dilated, transposed_size, window_count

__all__ = ["Fold", "MaxUnpool"]


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
            per_axis(name, getattr(self, name), rank) for name in ("kernel_size", "stride", "dilation"))
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
    size. (PyTorch ``MaxUnpool2d``, ONNX MaxUnpool.)

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

    def infer(self, site: Site, *inputs: Shape) -> Shape:
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
