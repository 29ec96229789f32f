"""The window formulas, each in one place. All work on numbers and on unknowns alike.

Sources: PyTorch ``Conv2d``, ``MaxPool2d`` and ``ConvTranspose2d`` (sections "Shape"); Keras padding
"same" and "valid"; the ONNX operators Conv, MaxPool and ConvTranspose. Each is tested against execution.
"""

from __future__ import annotations

from ..dims import Dim, where

__all__ = [
    "both_sides",
    "ceil_div",
    "clipped_count",
    "dilated",
    "same_count",
    "transposed_size",
    "window_count",
]


def dilated(kernel_size: Dim, dilation: Dim) -> Dim:
    """Return how many elements a dilated kernel spans (the "effective kernel").

    >>> dilated(3, 2)
    5
    """
    return kernel_size if dilation == 1 else dilation * (kernel_size - 1) + 1


def both_sides(before: Dim, after: Dim) -> Dim:
    """Return the padding on both sides together.

    >>> both_sides(1, 1), both_sides(0, 1)
    (2, 1)
    """
    return 2 * before if before == after else before + after


def ceil_div(a: Dim, b: Dim) -> Dim:
    """Return ``a / b`` rounded up, for a positive ``b``.

    >>> ceil_div(7, 2), ceil_div(8, 2)
    (4, 4)
    """
    return a if b == 1 else (a + b - 1) // b


def window_count(padded: Dim, window: Dim, stride: Dim) -> Dim:
    """Return at how many places a window stands inside the padded size.

    >>> window_count(28 + 2, 3, 2)
    14
    """
    return (padded - window) // stride + 1


def same_count(size: Dim, stride: Dim) -> Dim:
    """Return the output size of padding "same": the size over the stride, rounded up.

    >>> same_count(7, 2)
    4
    """
    return ceil_div(size, stride)


def clipped_count(size: Dim, before: Dim, after: Dim, window: Dim, stride: Dim) -> Dim:
    """Return the count of ``ceil_mode``: rounded up, less a last window that would start in the padding.

    >>> clipped_count(2, 0, 0, 1, 3), clipped_count(3, 1, 1, 2, 2)
    (1, 2)
    """
    count = ceil_div(size + both_sides(before, after) - window, stride) + 1
    return where((count - 1) * stride < size + before, count, count - 1)


def transposed_size(size: Dim, before: Dim, after: Dim, window: Dim, stride: Dim, output_padding: Dim) -> Dim:
    """Return the output size of a transposed convolution.

    >>> transposed_size(14, 1, 1, 4, 2, 0)
    28
    """
    return (size - 1) * stride - both_sides(before, after) + window + output_padding
