"""The words of explanations: how shapes are written, and what the framework that spoke calls a thing."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import NetworkError
from ..frameworks.common.writing.data_flow import filled
from ..frameworks.common.writing.plan import PlannedLayer, plan
from ..frameworks.common.writing.source_lines import Code, Statement, literal
from ..messages import ParsedError
from ..network import Network
from ..vocabulary import POOLS, vocabulary

__all__ = ["POOLS", "by", "call", "counted", "dialect", "framework_name", "one", "setting", "word"]


def by(sizes: Sequence[int | None]) -> str:
    """Return sizes as text, ``?`` where one is open.

    >>> by((1, 28, None))
    '1x28x?'
    """
    return "x".join("?" if n is None else str(n) for n in sizes) or "one number"


def one(values: Sequence[int]) -> str:
    """Return a parameter with an entry for each axis as it is written: one number where all are the same.

    >>> one((3, 3)), one((3, 1))
    ('3', '(3, 1)')
    """
    return str(values[0]) if len(set(values)) == 1 else f"({', '.join(map(str, values))})"


def counted(n: int, thing: str) -> str:
    """Return a number of things.

    >>> counted(1, "channel"), counted(3, "axis")
    ('1 channel', '3 axes')
    """
    return f"{n} {thing}" if n == 1 else f"{n} {thing[:-2]}es" if thing.endswith("is") else f"{n} {thing}s"


def framework_name(framework: str | None) -> str:
    """Return what people call a framework."""
    return vocabulary(framework).title or framework or ""


def dialect(c: ParsedError) -> str:
    """Return whose words a message's author writes: those of Keras to TensorFlow; empty where it is not known."""
    return "keras" if c.framework == "tensorflow" else c.framework or ""


def word(c: ParsedError, parameter: str) -> str:
    """Return what the framework that spoke calls a parameter.

    >>> pool = ParsedError(template="t", framework="keras", operator="max_pool")
    >>> word(pool, "kernel_size"), word(pool, "stride"), word(ParsedError(template="t", framework="onnx"), "padding")
    ('pool_size', 'strides', 'pads')
    """
    return vocabulary(c.framework).parameter(parameter, c.operator or "")


def setting(c: ParsedError, parameter: str, values: Sequence[int]) -> str:
    """Return how a parameter is set in the framework that spoke.

    >>> setting(ParsedError(template="t", framework="keras"), "stride", (2, 2))
    'strides=2'
    >>> setting(ParsedError(template="t", framework="onnx"), "padding", (1, 0))
    'pads=[1, 0, 1, 0]'
    """
    if c.framework == "onnx":
        sides = (*values, *values) if parameter == "padding" else values
        return f"{word(c, parameter)}=[{', '.join(map(str, sides))}]"
    return f"{word(c, parameter)}={one(values)}"


def call(c: ParsedError, network: Network, layers: Sequence[str]) -> str:
    """Return how the framework that spoke writes layers of a network, one after the other; empty where it cannot.

    >>> import convsolve as cs
    >>> net = cs.parse("{input: [8, 6, 6], layers: [{conv: {name: a, out_channels: 4, kernel_size: 1}}]}").network
    >>> call(ParsedError(template="t", framework="torch"), net, ["a"])
    'nn.Conv2d(8, 4, kernel_size=1)'
    """
    try:
        if dialect(c) == "torch":
            from ..frameworks.torch.writing.phrases import say

            steps = plan(network, "channels_first").steps
        elif dialect(c) == "keras":
            from ..frameworks.keras.writing.phrases import say

            steps = plan(network, "channels_last").steps
        else:
            return ""
        wanted = [step for name in layers for step in steps if step.name == name]
        return ", then ".join(_text(stage) for step in wanted for stage in _plain(step, say(step)))
    except NetworkError:  # the framework has no word for it
        return ""


def _plain(step: PlannedLayer, stages: list[Statement]) -> list[Statement]:
    if any(step.turned):
        raise NetworkError(f"{step.name} works on axes in another order")
    return stages


def _text(stage: Statement) -> str:
    code = filled(stage.code, {"x": "x", "0": "x"})
    assert not isinstance(code, Code) or code.text
    text = literal(code).removeprefix("layers.")
    return text.replace("center_crop(", "torchvision.transforms.functional.center_crop(")
