"""Calls that work on channels and space: convolutions, pools, padding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...dims.normal import Polynomial
from ...operators import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    Conv,
    ConvTranspose,
    DeformConv,
    LpPool,
    MaxPool,
    MaxUnpool,
    Operator,
    Pad,
    Slice,
    Squeeze,
    Unsqueeze,
    Upsample,
)
from ...operators.windows import dilated
from ..common.recording.recorded_tensors import ONE, EntryRange, Unsupported, Value, product_of
from .calls import RecordedCall, handles, plain
from .index_bounds import span_of

__all__ = [
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "adaptive_max_pool_with_indices",
    "avg_pool",
    "conv",
    "conv_transpose",
    "deform_conv",
    "fractional_max_pool",
    "lp_pool",
    "max_pool",
    "max_pool_with_indices",
    "max_unpool",
    "pad",
    "per_axis",
]


def _rank(call: RecordedCall) -> int:
    """Return the number of spatial axes that a function's name ends in."""
    digits = [c for c in call.function if c.isdigit()]
    return int(digits[-1])


def per_axis(value: Any, rank: int) -> Any:
    """Return a parameter with one entry for all axes, or one for each; equal ones as one."""
    value = plain(value)
    if not isinstance(value, tuple):
        return value
    if len(value) not in (1, rank):
        raise Unsupported(f"{len(value)} entries for {rank} axes")
    return value[0] if all(v == value[0] for v in value) else value


def _biased(call: RecordedCall, bias: Any, channels: Any) -> bool:
    """Return whether there is a bias, which the meta device takes in any size and the CPU in one."""
    if bias is not None and list(call.sizes(bias)) != [channels]:
        raise Unsupported("a bias of another size than the channels")
    return bias is not None


@handles("conv1d conv2d conv3d")
def conv(
    call: RecordedCall,
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
) -> Value:
    """A convolution; the weight says how many channels go in and out."""
    rank = _rank(call)
    x = call.spatial(input, rank)
    out_channels, grouped, *kernel = call.sizes(weight)
    operator = Conv(
        out_channels=out_channels, kernel_size=per_axis(kernel, rank), stride=per_axis(stride, rank),
        padding=padding if isinstance(padding, str) else per_axis(padding, rank),
        dilation=per_axis(dilation, rank), groups=groups, bias=_biased(call, bias, out_channels),
        in_channels=grouped * groups,
    )  # fmt: skip
    return call.same(operator, x, weights=(weight, bias))


@handles("conv_transpose1d conv_transpose2d conv_transpose3d")
def conv_transpose(
    call: RecordedCall,
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: Any = 1,
    dilation: Any = 1,
) -> Value:
    """A transposed convolution."""
    rank = _rank(call)
    x = call.spatial(input, rank)
    channels, grouped, *kernel = call.sizes(weight)
    operator = ConvTranspose(
        out_channels=grouped * groups, kernel_size=per_axis(kernel, rank), stride=per_axis(stride, rank),
        padding=per_axis(padding, rank), output_padding=per_axis(output_padding, rank),
        dilation=per_axis(dilation, rank), groups=groups, bias=_biased(call, bias, grouped * groups),
        in_channels=channels,
    )  # fmt: skip
    return call.same(operator, x, weights=(weight, bias))


@handles("deform_conv2d")
def deform_conv(
    call: RecordedCall,
    input: Any,
    weight: Any,
    offset: Any,
    mask: Any,
    bias: Any,
    stride_h: Any,
    stride_w: Any,
    pad_h: Any,
    pad_w: Any,
    dilation_h: Any,
    dilation_w: Any,
    groups: Any,
    offset_groups: Any,
    use_mask: bool,
) -> Value:
    """A convolution whose kernel's places are shifted, as torchvision's operator takes its arguments."""
    given = [call.spatial(t, 2) for t in (input, offset, *([mask] if use_mask else []))]
    if any(x.lifted or x.batch != 0 for x in given):
        raise Unsupported("shifts of folded samples, or the same for all")
    out_channels, grouped, *kernel = call.sizes(weight)
    operator = DeformConv(
        out_channels=out_channels,
        kernel_size=per_axis(kernel, 2),
        stride=per_axis((stride_h, stride_w), 2),
        padding=per_axis((pad_h, pad_w), 2),
        dilation=per_axis((dilation_h, dilation_w), 2),
        groups=plain(groups),
        offset_groups=plain(offset_groups),
        bias=bool(call.parameters(bias)),
        in_channels=grouped * plain(groups),
    )
    return call.same(operator, *given, weights=(weight, bias))


@handles("max_pool1d max_pool2d max_pool3d")
def max_pool(
    call: RecordedCall,
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Max pooling, and perhaps the places of the maxima."""
    rank = _rank(call)
    operator = MaxPool(
        kernel_size=per_axis(kernel_size, rank), stride=per_axis(stride or None, rank),
        padding=per_axis(padding, rank), dilation=per_axis(dilation, rank), ceil_mode=bool(ceil_mode),
    )  # fmt: skip
    x = call.spatial(input, rank)
    result = call.same(operator, x)
    return (result, _places(x, result, operator)) if return_indices else result


def _places(x: Value, result: Value, operator: MaxPool | None = None) -> Value:
    """Return the places of maxima, which count the elements of a map, with what is known of them."""
    if x.lifted or x.fold:
        return result
    rank = len(x.shape) - 1
    last = [size - ONE for size in x.shape[1:]]
    if operator is not None and not operator.ceil_mode and not operator.padding:  # what no window reaches is left out
        steps = operator.steps(rank)
        last = [
            Polynomial.of((count.dim() - 1) * stride + dilated(kernel, dilation) - 1)
            for count, (kernel, dilation, stride) in zip(result.shape[1:], steps, strict=True)
        ]
    largest = last[0]
    for size, end in zip(x.shape[2:], last[1:], strict=True):
        largest = largest * size + end
    return replace(result, span=EntryRange(Polynomial.of(0), largest, exact=False))


@handles("max_unpool1d max_unpool2d max_unpool3d")
def max_unpool(
    call: RecordedCall,
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Value:
    """Maxima put back to their places."""
    rank = _rank(call)
    x, places = call.spatial(input, rank), call.spatial(indices, rank)
    if x.lifted or places.lifted:
        raise Unsupported("places in folded samples")
    wished = None if output_size is None else list(output_size)[-rank:]
    operator = MaxUnpool(
        kernel_size=per_axis(kernel_size, rank),
        stride=per_axis(stride or None, rank),
        padding=per_axis(padding, rank),
        output_size=None if wished is None else per_axis(wished, rank),
    )
    (made,) = call.graph.foretold(operator, (x.shape, places.shape))
    span = span_of(call, indices)
    told = product_of(made[1:]) if span is None else span.largest  # of what is not known, some may lie outside
    return call.same(replace(operator, places=(told + ONE).dim()), x, places)


@handles("fractional_max_pool2d fractional_max_pool3d")
def fractional_max_pool(
    call: RecordedCall,
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """Max pooling over windows that start at random, to a size, or to a share of the input's."""
    rank = _rank(call)
    x = call.spatial(input, rank)
    if x.lifted or (output_size is None) == (output_ratio is None):
        raise Unsupported("pooling of folded samples, or without a size")
    operator: Operator = (
        Upsample(scale_factor=per_axis(output_ratio, rank))
        if output_size is None
        else AdaptiveMaxPool(output_size=per_axis(output_size, rank))
    )
    (made,) = call.graph.foretold(operator, (x.shape,))
    kernels = per_axis(kernel_size, rank)
    kernels = kernels if isinstance(kernels, tuple) else (kernels,) * rank
    for i, (size, kernel) in enumerate(zip(made[1:], kernels, strict=True)):  # on three axes, one more than they take
        call.layer(Slice(axis=1 + i, stop=size.dim() + kernel - int(rank < 3), inside=True), x, name="windows")
    result = call.same(operator, x)
    return (result, _places(x, result)) if return_indices else result


@handles("max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices")
def max_pool_with_indices(call: RecordedCall, input: Any, kernel_size: Any, *args: Any, **kwargs: Any) -> Any:
    """Max pooling and the places of the maxima."""
    kwargs.pop("return_indices", None)
    call.function = call.function.removesuffix("_with_indices")
    return max_pool(call, input, kernel_size, *args[:4], return_indices=True, **kwargs)


@handles("avg_pool1d avg_pool2d avg_pool3d")
def avg_pool(
    call: RecordedCall,
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Value:
    """Average pooling."""
    rank = _rank(call)
    operator = AvgPool(
        kernel_size=per_axis(kernel_size, rank), stride=per_axis(stride or None, rank),
        padding=per_axis(padding, rank), ceil_mode=bool(ceil_mode),
    )  # fmt: skip
    return call.same(operator, call.spatial(input, rank))


@handles("lp_pool1d lp_pool2d lp_pool3d")
def lp_pool(
    call: RecordedCall, input: Any, norm_type: Any, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Value:
    """Power-average pooling."""
    rank = _rank(call)
    operator = LpPool(
        kernel_size=per_axis(kernel_size, rank), stride=per_axis(stride or None, rank), ceil_mode=bool(ceil_mode)
    )
    return call.same(operator, call.spatial(input, rank))


@handles("adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d")
def adaptive_avg_pool(call: RecordedCall, input: Any, output_size: Any) -> Value:
    """Average pooling to a size."""
    rank = _rank(call)
    return call.same(AdaptiveAvgPool(output_size=per_axis(output_size, rank)), call.spatial(input, rank))


@handles("adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d")
def adaptive_max_pool(call: RecordedCall, input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Max pooling to a size."""
    rank = _rank(call)
    x = call.spatial(input, rank)
    result = call.same(AdaptiveMaxPool(output_size=per_axis(output_size, rank)), x)
    return (result, _places(x, result)) if return_indices else result


@handles(" ".join(f"adaptive_max_pool{n}d_with_indices" for n in (1, 2, 3)))
def adaptive_max_pool_with_indices(
    call: RecordedCall, input: Any, output_size: Any, return_indices: bool = True
) -> Any:
    """Max pooling to a size, and the places of the maxima."""
    call.function = call.function.removesuffix("_with_indices")
    return adaptive_max_pool(call, input, output_size, return_indices=True)


@handles("pad constant_pad_nd")
def pad(call: RecordedCall, input: Any, pad: Any, mode: str = "constant", value: Any = None) -> Value:
    """Padding, given from the last axis to the first; negative padding crops."""
    x = call.input(input)
    sides = plain(pad)
    if len(sides) % 2 or not sides:
        raise Unsupported("padding without an end")
    padded = [sides[i : i + 2] for i in range(0, len(sides), 2)]  # from the last axis
    axes = {x.axis(x.rank - 1 - i): pair for i, pair in enumerate(padded) if pair != (0, 0)}
    if not axes:
        return x
    rank = len(x.shape)
    if mode != "constant" and len(padded) > 3:
        raise Unsupported("padding of more axes than there are in space")
    channels = 0 if call.graph.data_format == "channels_first" else rank - 1
    pairs = [axes.get(i, (0, 0)) for i in range(rank)]
    if channels not in axes:
        return call.same(Pad(padding=[*pairs[:channels], *pairs[channels + 1 :]], mode=mode), x, turned=False)
    other = 0 if channels == 0 else rank  # of a size 1, so that channels are padded as space is
    lifted = x.made(*call.layer(Unsqueeze(axis=other), x, name="unsqueeze"))
    enlarged = x.made(*call.layer(Pad(padding=pairs, mode=mode), lifted, turned=False))
    return x.made(*call.layer(Squeeze(axis=other), enlarged, name="squeeze"))
