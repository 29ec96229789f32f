"""What one message of a framework says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = ["ParsedError", "SeenShape"]

SeenShape: TypeAlias = "tuple[int | None, ...]"
"""A shape as a message prints it; None is a size that was open there (``?`` or ``None``)."""


@dataclass(frozen=True, kw_only=True)
class ParsedError:
    """The facts in one message. What the text does not carry is None (or empty): nothing is guessed.

    Shapes leave out the batch axis and are in the order of the message; ``layout`` says which order that is,
    where the text tells. Tuples with an entry for each spatial axis are in the order of the axes.

    Args:
        template: the name of the template that matched.
        code: the rule of ours that is broken, or None where the message is about something else.
        text: the message as it was found, on one line.
        start: where it starts in the text without colours and prefixes.
        framework: whose message it is: torch, keras, tensorflow, jax, onnx, mxnet, caffe or dl4j.
        library: what was built on it, where a traceback shows it: flax or equinox.
        operator: the kind of operator, as problem files call it.
        layer: the name of the layer, where the text names one; ``node``: the whole name of a node in a graph.
        layout: ``channels_first`` or ``channels_last``.
        shapes: the shapes of the inputs; of the two tensors to be joined, say.
        sizes: the spatial sizes of the input; ``padded``: the same with the padding on both sides.
        window: the effective kernel, dilation included; ``kernel_size``: the kernel itself.
        stride, dilation: one number for each spatial axis.
        padding: numbers, or ``valid`` or ``same``; ``output_padding`` likewise for each spatial axis.
        cropping: what is cut off before and behind, for each spatial axis.
        output: the output shape or sizes that the message reports.
        tensors: whole shapes of tensors, where nothing tells whether their first axis is the batch.
        weight: the shape of a weight, as printed; ``target``: the shape that was asked for.
        batch: the size of the batch axis, where the text has a known one.
        axis: the number of the axis, as the message counts (mostly with the batch axis).
        numbers: the numbers that disagree, by name.
        open_end: the text ends right behind a number of the message: digits may have been cut off.
        cut: only a part of the message stands in the text.
        where: the place in the user's own program that the traceback names last.
    """

    template: str
    code: str | None = None
    text: str = ""
    start: int = 0
    framework: str | None = None
    library: str | None = None
    operator: str | None = None
    layer: str | None = None
    node: str | None = None
    layout: str | None = None
    shapes: tuple[SeenShape, ...] = ()
    sizes: SeenShape | None = None
    padded: tuple[int, ...] | None = None
    window: tuple[int, ...] | None = None
    kernel_size: tuple[int, ...] | None = None
    stride: tuple[int, ...] | None = None
    dilation: tuple[int, ...] | None = None
    padding: tuple[int, ...] | str | None = None
    output_padding: tuple[int, ...] | None = None
    cropping: tuple[tuple[int, int], ...] | None = None
    output: SeenShape | None = None
    tensors: tuple[SeenShape, ...] = ()
    weight: SeenShape | None = None
    target: SeenShape | None = None
    batch: int | None = None
    axis: int | None = None
    numbers: Mapping[str, int] = field(default_factory=dict)
    open_end: bool = False
    cut: bool = False
    where: str | None = None
