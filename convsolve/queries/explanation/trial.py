"""Trying one layer by itself: convsolve's own operators compute what a repair would give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import ConvsolveError
from ...network import Layer, Network
from ...operators import Input, Operator
from ...operators.base import DataFormat, Framework
from ..check import check

__all__ = ["Trial", "rules_of", "tried"]


@dataclass(frozen=True)
class Trial:
    """What a layer gives: whether it works, the output's shape, and the formula with the numbers in it."""

    ok: bool
    output: tuple[int, ...]
    formula: str
    codes: tuple[str, ...] = ()


def rules_of(framework: str | None) -> Framework:
    """Return whose rules apply to a message: Keras's to TensorFlow, and PyTorch's where it is not known."""
    if framework in ("keras", "tensorflow"):
        return "keras"
    return "onnx" if framework == "onnx" else "torch"


def tried(
    operators: Sequence[Operator], *shapes: Sequence[int], framework: Framework = "torch",
    data_format: DataFormat = "channels_first",
) -> Trial:
    """Return what operators give one after the other, the first from inputs of these shapes (as written).

    >>> from convsolve.operators import Conv
    >>> tried([Conv(out_channels=8, kernel_size=5)], (3, 1, 1)).formula
    '1 - 5 + 1 = -3'
    """
    try:
        layers = [Layer(f"input{i}", Input(shape=tuple(shape))) for i, shape in enumerate(shapes)]
        names = tuple(layer.name for layer in layers)
        for i, operator in enumerate(operators):
            layers.append(Layer(f"layer{i}", operator, names if i == 0 else (layers[-1].name,)))
        report = check(Network(tuple(layers), framework=framework, data_format=data_format))
    except ConvsolveError:
        return Trial(False, (), "")
    last = report.rows[-1]
    shape = tuple(n for n in last.shape or () if n is not None)
    return Trial(report.ok, shape, last.formula, tuple(f.code for f in report.failures))
