"""Calls that cut tensors into windows, and put windows together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...operators import Flatten, Fold, Pad, Permute, Slice, Unfold
from ...operators.windows import dilated
from ..common.recording.recorded_tensors import Unsupported, Value
from .calls import RecordedCall, handles, plain
from .spatial_calls import per_axis

__all__ = ["blocks", "fold", "windows"]


def _each(value: Any, rank: int) -> tuple[Any, ...]:
    """Return a parameter with one entry for each axis of space."""
    value = per_axis(value, rank)
    return value if isinstance(value, tuple) else (value,) * rank


@handles("unfold im2col")
def blocks(
    call: RecordedCall, input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Value:
    """All blocks of a map, as columns."""
    x = call.spatial(input, 2)
    if x.lifted:
        raise Unsupported("blocks of folded samples")
    _folding((1, 1), kernel_size, dilation, padding, stride)
    sides = tuple((n, n) for n in _each(padding, 2))
    if sides != ((0, 0), (0, 0)):
        x = x.made(*call.layer(Pad(padding=sides), x, name="unfold.pad"))
    each = zip(_each(kernel_size, 2), _each(dilation, 2), _each(stride, 2), strict=True)
    for i, (count, apart, by) in enumerate(each):
        x = x.made(*call.layer(Unfold(axis=1 + i, size=dilated(count, apart), step=by), x, name="unfold"))
        if apart != 1:
            x = x.made(*call.layer(Slice(axis=3 + i, step=apart), x, name="unfold.dilation"))
    x = x.made(*call.layer(Permute(order=(0, 3, 4, 1, 2)), x, name="unfold.order"))
    for start, end in ((3, 4), (0, 2)):
        x = x.made(*call.layer(Flatten(start_axis=start, end_axis=end), x, name="unfold.flatten"))
    return x


@handles("torch.unfold")
def windows(call: RecordedCall, input: Any, dimension: int, size: Any, step: Any) -> Value:
    """All windows of one axis, as an axis more at the end."""
    x = call.input(input)
    return x.made(*call.layer(Unfold(axis=x.axis(dimension), size=plain(size), step=plain(step)), x, name="unfold"))


@handles("fold col2im")
def fold(
    call: RecordedCall,
    input: Any,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Value:
    """Blocks put together to a map."""
    x = call.spatial(input, 1)
    if x.lifted:
        raise Unsupported("blocks of folded samples")
    sizes: Sequence[Any] = _each(output_size, 2)
    return call.same(_folding(tuple(sizes), kernel_size, dilation, padding, stride), x)


def _folding(size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Fold:
    """Return what puts blocks together, or raise NetworkError where its parameters are none: blocks take the same."""
    return Fold(
        size=size,
        kernel_size=per_axis(kernel_size, 2),
        stride=per_axis(stride, 2),
        padding=per_axis(padding, 2),
        dilation=per_axis(dilation, 2),
    )
