"""Lints of windows: what a kernel reads, and what no kernel reads, along one axis at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

from ..dims import Cond, Dim, all_of, any_of, eq, maximum, minimum, ne, negation
from ..network import Layer
from ..operators import ConvTranspose, MaxPool, Pad
from ..operators.base import pairs, per_axis, spatial_names
from ..operators.convolution import Convolution
from ..operators.windows import both_sides, dilated
from .base import LintDemand, Look, lint

__all__ = ["Window", "windows"]

_PRIMES = (2, 3, 5, 7)
_CUTS = ("crop", "slice", "center_crop", "center_crop_pad", "gather")


@dataclass(frozen=True)
class Window:
    """A convolution's or a pool's window along one axis, where it stands on the input, and how often.

    ``padded`` says that padding may lie on a side of it.
    """

    axis: str
    size: Dim
    kernel_size: Dim
    dilation: Dim
    stride: Dim
    before: Dim
    count: Dim
    padded: bool

    @property
    def span(self) -> Dim:
        """How many neighbouring elements the window spans."""
        return dilated(self.kernel_size, self.dilation)

    @property
    def last(self) -> Dim:
        """Where the last window begins: 0 is the first element of the input, padding lies before it."""
        return (self.count - 1) * self.stride - self.before


def windows(look: Look) -> Iterator[Window]:
    """Yield the windows of a convolution or a pool for each spatial axis; of all other layers none."""
    operator = look.operator
    if not isinstance(operator, (Convolution, MaxPool)) or len(look.inputs[0]) < 2:
        return
    sizes, counts = look.inputs[0][1:], look.output[1:]
    rank, padding = len(sizes), operator.padding
    numbers = None if isinstance(padding, str) else pairs("padding", padding, rank)
    for i, (axis, (kernel, dilation, stride)) in enumerate(zip(spatial_names(rank), operator.steps(rank), strict=True)):
        span = dilated(kernel, dilation)
        padded = numbers is None or numbers[i] != (0, 0)
        if numbers is not None:
            before = numbers[i][0]
        elif padding == "same":
            torch = look.view.network.framework == "torch"
            needed = span - 1 if torch else maximum((counts[i] - 1) * stride + span - sizes[i], 0)
            before = needed // 2
        else:
            before = span - 1 if padding == "causal" else 0
        yield Window(axis, sizes[i], kernel, dilation, stride, before, counts[i], padded)


@lint(
    "W001", "every window reads some of the input", "windows read nothing but padding", level="warning",
    source="the arithmetic of convolution (Dumoulin and Visin, 'A guide to convolution arithmetic', 2016)",
    meaning="The padding is as large as the kernel, with its dilation, or larger: the outermost outputs are computed "
            "from padding alone. They hold the bias, and grow with every layer.",
    mend="Take a padding below the size of the kernel; half of it (kernel_size // 2) keeps sizes.",
    example="input: [3, 32, 32]\nlayers:\n  - conv: {out_channels: 8, kernel_size: 1, padding: 3}\n",
    wrong="padding: 3", right="padding: 0",
)  # fmt: skip
def windows_read_the_input(look: Look) -> Iterator[LintDemand]:
    for w in windows(look):
        if not w.padded:
            continue
        condition = all_of(w.before < w.span, w.last < w.size)
        yield LintDemand(condition, w.axis, {"padding": w.before, "window": w.span})


@lint(
    "W002", "every element of the input is read", "elements of the input are read by no window", level="warning",
    source="Odena, Dumoulin and Olah, 'Deconvolution and Checkerboard Artifacts' (2016); He et al., 'Bag of Tricks for "
           "Image Classification' (2019), section 4.1",
    meaning="The stride is larger than the kernel, or shares a factor with the dilation: between the windows lie rows "
            "and columns that nobody reads. Where another layer reads the same tensor whole, as beside the shortcut of "
            "a residual block, nothing is lost, and nothing is said.",
    mend="Take a kernel at least as large as the stride, or pool before the layer.",
    example="input: [3, 32, 32]\nlayers:\n  - conv: {out_channels: 8, kernel_size: 1, stride: 2}\n",
    wrong="kernel_size: 1", right="kernel_size: 2",
)  # fmt: skip
def every_element_is_read(look: Look) -> Iterator[LintDemand]:
    for w in windows(look):
        if w.stride == 1:
            continue
        dense = all_of(w.stride <= w.kernel_size, _no_common_factor(w.stride, w.dilation))
        elsewhere = negation(look.alone_but_for(lambda layer, axis=w.axis: _skips(look, layer, axis)))  # type: ignore[misc]
        condition = any_of(eq(w.stride, 1), eq(w.count, 1), dense, elsewhere)
        yield LintDemand(condition, w.axis, {"stride": w.stride, "kernel_size": w.kernel_size, "dilation": w.dilation})


def _skips(look: Look, layer: Layer, axis: str) -> Cond:
    """Return when another layer's windows leave elements out, too, as both paths of ResNet v1 do."""
    other = look.view.look(layer)
    found = [w for w in windows(other) if w.axis == axis] if other is not None else []
    return any_of(*(w.kernel_size + 1 <= w.stride for w in found))


def _padding_behind(look: Look, axis: str) -> Dim:
    """Return how many of the last elements that a layer reads are padding of a layer in front of it."""
    rank = len(look.inputs[0]) - 1
    amounts = [
        pairs("padding", maker.operator.padding, rank)[spatial_names(rank).index(axis)][1]
        if isinstance(maker.operator, Pad)
        else 0
        for _, maker in look.view.makers(look.layer.inputs[0])
    ]
    return maximum(minimum(*amounts), 0)


def _read_elsewhere(look: Look) -> Cond:
    return negation(look.alone)


def _no_common_factor(a: Dim, b: Dim) -> Cond:
    """Return the condition that two numbers have no common factor; of unknown ones, none below 11."""
    if isinstance(a, int) and isinstance(b, int):
        return gcd(a, b) == 1
    return all_of(*(any_of(ne(a % p, 0), ne(b % p, 0)) for p in _PRIMES))


@lint(
    "W003", "the last rows are read", "the last elements of the input are read by no window", level="warning",
    source="PyTorch `Conv2d`, section 'Shape': the division rounds down",
    meaning="The windows do not reach the end of the input: what remains of the division by the stride is dropped.",
    mend="Take another input size, a padding behind, or `ceil_mode` for a pool.",
    example="input: [3, 32, 32]\nlayers:\n  - conv: {out_channels: 8, kernel_size: 3, stride: 2}\n",
    wrong="kernel_size: 3", right="kernel_size: 4",
)  # fmt: skip
def the_last_rows_are_read(look: Look) -> Iterator[LintDemand]:
    for w in windows(look):
        if w.stride == 1:
            continue
        reached = w.last + maximum(w.span, w.stride) + _padding_behind(look, w.axis)
        condition = any_of(w.size <= reached, _read_elsewhere(look))
        yield LintDemand(condition, w.axis, {"size": w.size, "dropped": maximum(w.size - reached, 0)})


@lint(
    "W004", "every weight of the kernel meets the input", "outer weights of the kernel meet nothing but padding",
    level="warning",
    source="Chen et al., 'Rethinking Atrous Convolution for Semantic Image Segmentation' (2017), section 3.3.1",
    meaning="The kernel, with its dilation, reaches so far beyond the map that its outer weights are multiplied with "
            "padding at every place: they learn nothing. A dilated 3x3 kernel becomes a 1x1 kernel so.",
    mend="Take a smaller kernel or dilation here, or place the layer where the map is larger.",
    example="input: [3, 2, 2]\nlayers:\n  - conv: {out_channels: 8, kernel_size: 5, padding: 2}\n",
    wrong="kernel_size: 5, padding: 2", right="kernel_size: 3, padding: 1",
)  # fmt: skip
def weights_meet_the_input(look: Look) -> Iterator[LintDemand]:
    if not isinstance(look.operator, Convolution):
        return
    for w in windows(look):
        if not w.padded:
            continue
        condition = all_of(0 <= w.last, (w.kernel_size - 1) * w.dilation - w.before < w.size)
        yield LintDemand(condition, w.axis, {"window": w.span, "padding": w.before, "size": w.size})


@lint(
    "W015", "no window with stride 1 enlarges the map", "the map grows, by what is seen of the padding",
    level="warning",
    source="Dumoulin and Visin, 'A guide to convolution arithmetic for deep learning' (2016), section 2.3",
    meaning="The padding on both sides together is more than the window less one: more outputs than inputs are made, "
            "and the outermost see mostly padding. An even kernel with half its size on both sides does so. Where a "
            "crop follows, as behind causal convolutions, nothing is said.",
    mend="Take an odd kernel with a padding of half its size, or pad an even one on one side more than on the other.",
    example="input: [3, 32, 32]\nlayers:\n  - conv: {out_channels: 8, kernel_size: 4, padding: 2}\n",
    wrong="kernel_size: 4", right="kernel_size: 5",
)  # fmt: skip
def maps_do_not_grow(look: Look) -> Iterator[LintDemand]:
    cut = look.read_by(_CUTS)
    for w in windows(look):
        if w.padded:
            nothing_but_padding = any_of(w.before >= w.span, w.last >= w.size)  # of which another lint speaks
            condition = any_of(w.stride >= 2, w.count <= w.size, cut, nothing_but_padding)
            yield LintDemand(condition, w.axis, {"size": w.size, "output": w.count, "window": w.span})


@lint(
    "W006", "the transposed kernel is a multiple of its stride", "the overlap of transposed windows is uneven",
    level="warning",
    source="Odena, Dumoulin and Olah, 'Deconvolution and Checkerboard Artifacts' (Distill, 2016)",
    meaning="Where the kernel of a transposed convolution is no multiple of its stride, some outputs are sums of more "
            "products than their neighbours: a checkerboard pattern shows. Without a padding of half of what the "
            "kernel is larger than the stride, the outermost rows are sums of fewer, and no crop takes them away.",
    mend="Take a kernel that is a multiple of the stride, and a padding of half the rest (kernel 4, stride 2, "
         "padding 1), or enlarge by interpolation and convolve.",
    example="input: [8, 16, 16]\nlayers:\n"
            "  - conv_transpose: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1}\n",
    wrong="kernel_size: 3", right="kernel_size: 4",
)  # fmt: skip
def transposed_windows_overlap_evenly(look: Look) -> Iterator[LintDemand]:
    for axis, size, kernel, stride, padding in _transposed(look):
        if stride != 1:
            border = any_of(kernel - stride <= padding, eq(size, 1), eq(stride, 1), look.read_by(_CUTS))
            condition = all_of(eq(kernel % stride, 0), border)
            yield LintDemand(condition, axis, {"kernel_size": kernel, "stride": stride, "padding": padding})


def _transposed(look: Look) -> Iterator[tuple[str, Dim, Dim, Dim, Dim]]:
    """Yield for each axis of a transposed convolution its size, kernel, stride, and the padding of both sides."""
    operator, sizes = look.operator, look.inputs[0][1:]
    if not isinstance(operator, ConvTranspose) or isinstance(operator.padding, str):
        return
    rank = len(sizes)
    kernels, strides = per_axis("kernel_size", operator.kernel_size, rank), per_axis("stride", operator.stride, rank)
    paddings = pairs("padding", operator.padding, rank)
    for axis, size, kernel, stride, (before, after) in zip(
        spatial_names(rank), sizes, kernels, strides, paddings, strict=True
    ):
        yield axis, size, kernel, stride, both_sides(before, after)


@lint(
    "W016", "a transposed convolution keeps the middle of what each input makes",
    "a transposed convolution cuts away the middle of what it makes of the border", level="warning",
    source="Dumoulin and Visin, 'A guide to convolution arithmetic for deep learning' (2016), chapter 4",
    meaning="The padding of a transposed convolution cuts rows off its output. Where that of both sides is as large as "
            "the kernel, or larger, what the outermost inputs make is cut away at its middle.",
    mend="Take less padding: half of what the kernel is larger than the stride enlarges by just the stride.",
    example="input: [8, 16, 16]\nlayers:\n"
            "  - conv_transpose: {out_channels: 8, kernel_size: 2, stride: 2, padding: 1}\n",
    wrong="padding: 1", right="padding: 0",
)  # fmt: skip
def transposed_windows_keep_their_middle(look: Look) -> Iterator[LintDemand]:
    for axis, _, kernel, _, padding in _transposed(look):
        yield LintDemand(padding + 1 <= kernel, axis, {"kernel_size": kernel, "padding": padding})
