"""The paddings of windows as numbers, whatever a network calls them: what other frameworks have to be told.

Every function answers for the sizes that a :class:`~convsolve.frameworks.common.writing.plan.Step` states.
"""

from __future__ import annotations

from typing import Any

from ....errors import InternalError
from ....operators.base import pairs, per_axis
from ....operators.windows import both_sides, dilated, transposed_size, window_count
from .plan import PlannedLayer

__all__ = ["Pairs", "crops_of", "overhang", "paddings", "sides_of", "spread", "steps_of", "symmetric", "windows_of"]

Pairs = tuple[tuple[int, int], ...]


def spread(step: PlannedLayer, name: str) -> tuple[Any, ...]:
    """Return a parameter as one value for each spatial axis."""
    return per_axis(name, getattr(step.operator, name), step.rank)


def sides_of(step: PlannedLayer, name: str = "padding") -> Pairs:
    """Return a padding (or a crop's ``amount``) as stated, a pair for each axis; the name of a mode counts as 0."""
    value = getattr(step.operator, name)
    return pairs(name, 0 if isinstance(value, str) else value, step.rank)  # type: ignore[return-value]


def symmetric(padding: Pairs) -> bool:
    """Say whether every axis has the same padding before and after.

    >>> symmetric(((1, 1), (0, 0))), symmetric(((0, 1),))
    (True, False)
    """
    return all(before == after for before, after in padding)


def windows_of(step: PlannedLayer) -> tuple[int, ...]:
    """Return how many elements the dilated kernel spans along each axis."""
    axes = zip(spread(step, "kernel_size"), spread(step, "dilation"), strict=True)
    return tuple(dilated(kernel, dilation) for kernel, dilation in axes)  # type: ignore[misc]


def steps_of(step: PlannedLayer) -> tuple[int, ...]:
    """Return the stride along each axis; that of a pool defaults to its kernel size."""
    axes = zip(spread(step, "stride"), spread(step, "kernel_size"), strict=True)
    return tuple(kernel if stride is None else stride for stride, kernel in axes)


def paddings(step: PlannedLayer) -> Pairs:
    """Return the padding of a convolution or a pool as numbers, with which ``floor`` gives the sizes that it makes.

    Raises:
        InternalError: there are no such numbers (a bug).
    """
    operator, outs = step.operator, step.made[0][1:]
    if operator.padding == "causal":
        return tuple((window - 1, 0) for window in windows_of(step))
    found: list[tuple[int, int]] = []
    axes = zip(
        step.sizes[0][1:],
        outs,
        windows_of(step),
        steps_of(step),
        sides_of(step),
        spread(step, "kernel_size"),
        strict=True,
    )
    for size, out, window, stride, (before, after), kernel in axes:
        if operator.padding == "same":
            pool_of_onnx = step.framework == "onnx" and "pool" in operator.kind
            # onnxruntime pads pools for the kernel without its dilation, and crops where that is negative
            total = (-(-size // stride) - 1) * stride + (kernel if pool_of_onnx else window) - size
            total = total if pool_of_onnx else max(total, 0)
            before, after = (total // 2, total - total // 2) if total > 0 else (0, total)
        if getattr(operator, "ceil_mode", False):
            after = max(after, (out - 1) * stride + window - size - before)
        if window_count(size + both_sides(before, after), window, stride) != out:
            raise InternalError(f"{step.name}: no padding of {size} gives {out}. Please report this with the network")
        found.append((before, after))
    return tuple(found)


def crops_of(step: PlannedLayer) -> Pairs:
    """Return what a transposed convolution leaves out on both sides; negative: what it adds there.

    Without it, a size would become ``(size - 1)*stride + window``.
    """
    operator = step.operator
    axes = zip(step.sizes[0][1:], step.made[0][1:], windows_of(step), steps_of(step), strict=True)
    totals: list[Any] = [transposed_size(size, 0, 0, window, stride, 0) - out for size, out, window, stride in axes]
    if isinstance(operator.padding, str):
        return tuple((total // 2, total - total // 2) if total > 0 else (0, total) for total in totals)
    if operator.output_size is not None and step.framework == "onnx":  # which ignores the padding that is given
        return tuple((max(total // 2, 0), total - max(total // 2, 0)) for total in totals)
    return tuple((before, total - before) for (before, _), total in zip(sides_of(step), totals, strict=True))


def overhang(crop: tuple[int, int]) -> tuple[int, int, int]:
    """Return a crop as ``(before, after, output_padding)`` without negative numbers.

    >>> overhang((1, 0)), overhang((0, 1)), overhang((0, -2))
    ((1, 0, 0), (0, 1, 0), (0, 0, 2))
    """
    before, after = crop
    return before, max(after, 0), max(-after, 0)
