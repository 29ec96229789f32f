"""Convolution at places that are shifted by what the network computes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..dims import Dim, eq, product
from ..errors import NetworkError, RankError
from .base import Reach, Shape, Site, per_axis, spatial_names
from .convolution import Conv
from .parameters import Count, parameter
from .rules import CHANNELS_MATCH, DIVISIBLE, SIZES_AGREE

__all__ = ["DeformConv"]


@dataclass(frozen=True, kw_only=True)
class DeformConv(Conv):
    """Convolution of two spatial axes whose kernel's places are shifted by a second input.

    For each place of the output that has two numbers for each element of the kernel and each of ``offset_groups``
    groups of channels; a third input weighs them. (ONNX DeformConv, torchvision ``deform_conv2d``.)

    >>> from convsolve.operators import DeformConv, shape_of
    >>> shape_of(DeformConv(out_channels=8, kernel_size=3, padding=1), (3, 16, 16), (18, 16, 16))
    (8, 16, 16)
    """

    kind = "deform_conv"
    arity = (2, 3)

    offset_groups: Dim = parameter(Count(usual=(1, 2)), default=1)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        if any(len(shape) != 3 for shape in inputs):
            raise RankError(f"deform_conv works on 2 spatial axes, got inputs of {[len(s) for s in inputs]} axes")
        if isinstance(self.padding, str) or self.padding_mode != "zeros":
            raise NetworkError("deform_conv takes a padding of zeros, in numbers")
        made = super().infer(site, inputs[0])
        channels, kernel = inputs[0][0], product((self.offset_groups, *per_axis("kernel_size", self.kernel_size, 2)))
        divides = eq(channels % self.offset_groups, 0)
        site.require(DIVISIBLE, divides, axis="channels", channels=channels, divisor=self.offset_groups)
        for shape, each in zip(inputs[1:], (2, 1), strict=False):
            site.require(
                CHANNELS_MATCH, eq(shape[0], kernel * each), axis="channels", channels=shape[0], declared=kernel * each)
            for axis, size, other in zip(spatial_names(2), made[1:], shape[1:], strict=True):
                site.require(SIZES_AGREE, eq(size, other), axis=axis, first=size, second=other)
        return made

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach]:
        return [Reach(whole=True)] * 2
