"""Convolutions and transposed convolutions of any rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..dims import Dim, all_of, any_of, eq, maximum, minimum, product
from ..errors import NetworkError, RankError
from ..rules import (
    CHANNELS_MATCH,
    DIVISIBLE,
    GROUPS_DIVIDE_INPUT,
    GROUPS_DIVIDE_OUTPUT,
    KERNEL_FITS,
    OUTPUT_PADDING,
    OUTPUT_SIZE_IN_REACH,
    SAME_NEEDS_DILATION_1,
    SAME_NEEDS_STRIDE_1,
    SIZES_AGREE,
    STRIDE_OR_DILATION,
)
from .base import Operator, Reach, Shape, Site, known_mode, pairs, per_axis, positive, spatial, spatial_names
from .padding import padding_fits
from .parameters import Flag, Padding, PerAxis, WholeNumber, Word, parameter
from .windows import both_sides, dilated, same_count, transposed_size, window_count

__all__ = ["Conv", "ConvTranspose", "Convolution", "DeformConv", "DepthwiseConv", "kernel_weights"]

_SILENT = "Keras before 3.14 lets an output of size 0 pass without a word"
_KERNELS, _WIDTHS, _GROUPS = (3, 1, 5, 7), (8, 16, 32, 64, 128, 256), (1, 2, 4, 8)


@dataclass(frozen=True, kw_only=True)
class Convolution(Operator):
    """What a convolution and a depthwise convolution share: everything but how channels are grouped."""

    one_of_stride_and_dilation: ClassVar[bool] = True
    """Whether Keras refuses a stride above 1 together with a dilation above 1."""

    kernel_size: Any = parameter(PerAxis(usual=_KERNELS), edit="kernel")
    stride: Any = parameter(PerAxis(usual=(1, 2)), edit="stride", default=1)
    padding: Any = parameter(Padding(modes=("valid", "same"), usual=(0, 1, 2, 3)), edit="padding", default=0)
    dilation: Any = parameter(PerAxis(usual=(1, 2, 4)), edit="dilation", default=1)
    bias: bool = parameter(Flag(), default=True)
    padding_mode: str = parameter(
        Word(options=("zeros", "reflect", "replicate", "circular")), edit="padding", default="zeros"
    )
    in_channels: Dim | None = parameter(WholeNumber(optional=True), edit="in_channels", default=None)

    def _grouping(self, channels: Dim) -> tuple[Dim, Dim]:
        """Return the groups and the number of output channels."""
        raise NotImplementedError

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        channels, sizes = spatial(self, inputs[0])
        rank = len(sizes)
        out_channels = _channels(site, channels, *self._grouping(channels), self.in_channels)
        strides = per_axis("stride", self.stride, rank)
        dilations = per_axis("dilation", self.dilation, rank)
        kernels = per_axis("kernel_size", self.kernel_size, rank)
        known_mode(site, self, self.padding)
        if site.framework == "keras" and self.one_of_stride_and_dilation:
            _stride_or_dilation(site, strides, dilations)
        _same_limits(site, self.padding, strides, dilations)
        if self.padding == "causal" and rank != 1:
            raise RankError(f"padding 'causal' works on 1 spatial axis, got {rank}")
        if self.padding in ("same", "causal"):
            for axis, size, k, d in zip(spatial_names(rank), sizes, kernels, dilations, strict=True):
                added = dilated(k, d) - 1
                padding_fits(site, self.padding_mode, axis, size, added // 2, added - added // 2)
            return (out_channels, *(same_count(n, s) for n, s in zip(sizes, strides, strict=True)))
        padding = pairs("padding", 0 if self.padding == "valid" else self.padding, rank)
        out = []
        for i, axis in enumerate(spatial_names(rank)):
            before, after = padding[i]
            padding_fits(site, self.padding_mode, axis, sizes[i], before, after)
            window, padded = dilated(kernels[i], dilations[i]), sizes[i] + both_sides(before, after)
            note = _SILENT if site.framework == "keras" else ""
            site.require(KERNEL_FITS, window <= padded, axis=axis, note=note, window=window, padded=padded)
            out.append(window_count(padded, window, strides[i]))
        return (out_channels, *out)

    def _weights(self, x: Shape, y: Shape) -> Dim:
        return kernel_weights(self.kernel_size, len(x) - 1, x[0], y[0], self._grouping(x[0])[0])

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return self._weights(inputs[0], outputs[0]) + (outputs[0][0] if self.bias else 0)

    def macs(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return product((self._weights(inputs[0], outputs[0]), *outputs[0][1:]))

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach]:
        return [Reach(dilated(k, d), s) for k, d, s in self.steps(len(inputs[0]) - 1)]

    def steps(self, rank: int) -> list[tuple[Dim, Dim, Dim]]:
        """Return kernel size, dilation and stride for each axis."""
        values = (per_axis(name, getattr(self, name), rank) for name in ("kernel_size", "dilation", "stride"))
        return list(zip(*values, strict=True))


@dataclass(frozen=True, kw_only=True)
class Conv(Convolution):
    """Convolution over ``(channels, *spatial)``, for any number of spatial axes.

    Each spatial size becomes ``(size + before + after - window)//stride + 1`` with
    ``window = dilation*(kernel_size - 1) + 1``; with padding "same" it becomes ``ceil(size/stride)``.
    (PyTorch ``Conv2d``, section "Shape"; Keras ``compute_conv_output_shape``; ONNX Conv.)

    >>> from convsolve.operators import Conv, shape_of
    >>> shape_of(Conv(out_channels=16, kernel_size=3, stride=2, padding=1), (3, 224, 224))
    (16, 112, 112)
    """

    kind = "conv"

    out_channels: Dim = parameter(WholeNumber(usual=_WIDTHS), edit="width")
    groups: Dim = parameter(WholeNumber(usual=_GROUPS), edit="groups", default=1)
    padding: Any = parameter(Padding(modes=("valid", "same", "causal"), usual=(0, 1, 2, 3)), edit="padding", default=0)

    def _grouping(self, channels: Dim) -> tuple[Dim, Dim]:
        return self.groups, self.out_channels


@dataclass(frozen=True, kw_only=True)
class DepthwiseConv(Convolution):
    """Convolution of each channel by itself: as many groups as there are input channels.

    The output has ``multiplier`` channels for every input channel (Keras ``DepthwiseConv2D``; in PyTorch
    ``Conv2d(c, c*multiplier, groups=c)``).

    >>> from convsolve.operators import DepthwiseConv, shape_of
    >>> shape_of(DepthwiseConv(kernel_size=3, padding=1), (32, 56, 56))
    (32, 56, 56)
    """

    kind = "depthwise_conv"
    one_of_stride_and_dilation = False

    multiplier: Dim = parameter(WholeNumber(usual=(1, 2, 4)), default=1)

    def _grouping(self, channels: Dim) -> tuple[Dim, Dim]:
        return 1, channels * self.multiplier  # the groups are the channels: they always divide

    def _weights(self, x: Shape, y: Shape) -> Dim:
        return product((*per_axis("kernel_size", self.kernel_size, len(x) - 1), y[0]))


@dataclass(frozen=True, kw_only=True)
class ConvTranspose(Operator):
    """Transposed convolution over ``(channels, *spatial)``.

    Each spatial size becomes ``(size - 1)*stride - before - after + window + output_padding``
    (PyTorch ``ConvTranspose2d``, section "Shape"). ``output_size`` wishes a size instead, as PyTorch's call
    argument does. In Keras, without ``output_padding``, "same" gives ``size*stride`` and "valid"
    ``size*stride + max(window - stride, 0)``; in ONNX "same" gives at most ``size*stride``, and a wished
    size may be any up to the greatest that no padding gives.

    >>> from convsolve.operators import ConvTranspose, shape_of
    >>> shape_of(ConvTranspose(out_channels=64, kernel_size=4, stride=2, padding=1), (128, 7, 7))
    (64, 14, 14)
    """

    kind = "conv_transpose"

    kernel_size: Any = parameter(PerAxis(usual=(2, 3, 4)), edit="kernel")
    stride: Any = parameter(PerAxis(usual=(1, 2)), edit="stride", default=1)
    padding: Any = parameter(Padding(modes=("valid", "same"), usual=(0, 1, 2)), edit="padding", default=0)
    output_padding: Any = parameter(
        PerAxis(minimum=0, optional=True, usual=(0, 1)), edit="output_padding", default=None
    )
    dilation: Any = parameter(PerAxis(usual=(1, 2)), edit="dilation", default=1)
    out_channels: Dim = parameter(WholeNumber(usual=_WIDTHS), edit="width")
    groups: Dim = parameter(WholeNumber(usual=_GROUPS), edit="groups", default=1)
    bias: bool = parameter(Flag(), default=True)
    output_size: Any = parameter(PerAxis(optional=True), edit="output_padding", default=None)
    in_channels: Dim | None = parameter(WholeNumber(optional=True), edit="in_channels", default=None)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        channels, sizes = spatial(self, inputs[0])
        rank = len(sizes)
        out_channels = _channels(site, channels, self.groups, self.out_channels, self.in_channels)
        strides = per_axis("stride", self.stride, rank)
        dilations = per_axis("dilation", self.dilation, rank)
        known_mode(site, self, self.padding)
        if site.framework == "keras":
            _stride_or_dilation(site, strides, dilations)
        out = []
        for i, axis in enumerate(spatial_names(rank)):
            kernel = per_axis("kernel_size", self.kernel_size, rank)[i]
            extra = per_axis("output_padding", self.output_padding, rank)[i]
            wished = per_axis("output_size", self.output_size, rank)[i]
            window, stride, dilation = dilated(kernel, dilations[i]), strides[i], dilations[i]
            size = sizes[i]
            if isinstance(self.padding, str) and extra is None and wished is None and site.framework != "torch":
                result = self._by_mode(site, size, window, stride)
                out.append(positive(site, result, axis))
                continue
            extra = 0 if extra is None else extra
            limit = maximum(stride, dilation) if site.framework == "torch" else stride
            if extra != 0 and (wished is None or site.framework == "onnx"):  # PyTorch looks at one of them
                site.require(
                    OUTPUT_PADDING, extra < limit, axis=axis, output_padding=extra, stride=stride, dilation=dilation
                )
            if wished is not None:
                out.append(self._wished(site, axis, size, wished, window, stride, rank, i))
                continue
            before, after = self._sides(site, window, rank, i)
            result = transposed_size(size, before, after, window, stride, extra)
            if self.padding == "same" and site.framework == "onnx":
                result = minimum(result, size * stride)
            out.append(positive(site, result, axis))
        return (out_channels, *out)

    def _wished(
        self, site: Site, axis: str, size: Dim, wished: Dim, window: Dim, stride: Dim, rank: int, i: int
    ) -> Dim:
        """Require that a wished size can be had, and return it.

        onnxruntime ignores the padding that is given and pads by what the size asks for, so that it may be small.
        """
        before, after = (0, 0) if site.framework == "onnx" else self._sides(site, window, rank, i)
        least = transposed_size(size, before, after, window, stride, 0)
        greatest = least + stride - 1
        if site.framework == "onnx":
            least = 1
        if site.framework == "keras" and self.padding == "same":  # Keras 1: whatever comes back under the stride
            least, greatest = (size - 1) * stride + 1, size * stride
        site.require(
            OUTPUT_SIZE_IN_REACH,
            all_of(least <= wished, wished <= greatest),
            axis=axis,
            output_size=wished,
            least=least,
            greatest=greatest,
        )
        return wished

    def _by_mode(self, site: Site, size: Dim, window: Dim, stride: Dim) -> Dim:
        if self.padding == "valid":
            overlap = maximum(window - stride, 0) if site.framework == "keras" else window - stride
            return size * stride + overlap
        full = transposed_size(size, 0, 0, window, stride, 0)
        return minimum(full, size * stride) if site.framework == "onnx" else size * stride

    def _sides(self, site: Site, window: Dim, rank: int, i: int) -> tuple[Dim, Dim]:
        if self.padding == "valid" or (self.padding == "same" and site.framework == "onnx"):
            return (0, 0)
        if self.padding == "same":  # Keras with an explicit output_padding
            return (window // 2, window // 2)
        return pairs("padding", self.padding, rank)[i]

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        x, y = inputs[0], outputs[0]
        return kernel_weights(self.kernel_size, len(x) - 1, x[0], y[0], self.groups) + (y[0] if self.bias else 0)

    def macs(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        x, y = inputs[0], outputs[0]
        return product((kernel_weights(self.kernel_size, len(x) - 1, x[0], y[0], self.groups), *x[1:]))

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach]:
        rank = len(inputs[0]) - 1
        values = (per_axis(n, getattr(self, n), rank) for n in ("kernel_size", "dilation", "stride"))
        return [Reach(dilated(k, d), 1, s) for k, d, s in zip(*values, strict=True)]


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

    offset_groups: Dim = parameter(WholeNumber(usual=(1, 2)), default=1)

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
                CHANNELS_MATCH, eq(shape[0], kernel * each), axis="channels", channels=shape[0], declared=kernel * each
            )
            for axis, size, other in zip(spatial_names(2), made[1:], shape[1:], strict=True):
                site.require(SIZES_AGREE, eq(size, other), axis=axis, first=size, second=other)
        return made

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach]:
        return [Reach(whole=True)] * 2


def _channels(site: Site, channels: Dim, groups: Dim, out_channels: Dim, declared: Dim | None) -> Dim:
    """Check the channel counts of a grouped convolution and return the output's."""
    if declared is not None:
        site.require(CHANNELS_MATCH, eq(channels, declared), axis="channels", channels=channels, declared=declared)
    if groups != 1:
        site.require(GROUPS_DIVIDE_INPUT, eq(channels % groups, 0), axis="channels", channels=channels, groups=groups)
        site.require(
            GROUPS_DIVIDE_OUTPUT,
            eq(out_channels % groups, 0),
            axis="channels",
            out_channels=out_channels,
            groups=groups,
        )
    return out_channels


def kernel_weights(kernel_size: Any, rank: int, channels: Dim, out_channels: Dim, groups: Dim) -> Dim:
    """Return the number of weights of a grouped convolution, biases not counted."""
    return product((*per_axis("kernel_size", kernel_size, rank), channels // groups, out_channels))


def _same_limits(site: Site, padding: Any, strides: Sequence[Dim], dilations: Sequence[Dim]) -> None:
    if padding != "same":
        return
    for stride, dilation in zip(strides, dilations, strict=True):
        if site.framework == "torch" and stride != 1:
            site.require(SAME_NEEDS_STRIDE_1, eq(stride, 1), stride=stride)
        if site.framework == "onnx" and dilation != 1:
            site.require(SAME_NEEDS_DILATION_1, eq(dilation, 1), dilation=dilation)


def _stride_or_dilation(site: Site, strides: Sequence[Dim], dilations: Sequence[Dim]) -> None:
    widest, farthest = maximum(*strides), maximum(*dilations)
    if widest != 1 and farthest != 1:
        site.require(STRIDE_OR_DILATION, any_of(eq(widest, 1), eq(farthest, 1)), stride=widest, dilation=farthest)
