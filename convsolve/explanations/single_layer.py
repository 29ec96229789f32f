"""Trying one layer by itself: convsolve's own operators compute what a repair would give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..checks.check import check
from ..errors import ConvsolveError
from ..messages import ParsedError
from ..messages.parsed_error import SeenShape
from ..network import Layer, Network
from ..operators import Input, Operator
from ..operators.base import DataFormat, Framework
from ..problem import Problem
from ..repairs.evaluated_network import with_target
from ..vocabulary import vocabulary
from .wording import call

__all__ = ["LARGEST", "Branch", "LayerTrial", "failing", "known", "order_of", "rules_of", "sane", "tried"]

LARGEST = 2**40
"""Networks have no larger numbers."""


@dataclass(frozen=True)
class Branch:
    """What goes into the layer that is tried: a shape as the message writes it, and what is done to it before.

    ``own`` is what the layer itself does to this input first, whatever is mended.
    """

    shape: tuple[int, ...]
    operators: tuple[Operator, ...] = ()
    own: tuple[Operator, ...] = ()


@dataclass(frozen=True)
class LayerTrial:
    """What a layer gives: whether it works, the output's shape, and the formula with the numbers in it.

    ``problem`` is the small network that was checked, None where there is no such network; in it, what is done to the
    inputs is called ``fit0``, ``fit1`` ... or, where it belongs to the layer, ``own0``, ``own1`` ...
    """

    ok: bool
    output: tuple[int, ...]
    formula: str
    codes: tuple[str, ...] = ()
    problem: Problem | None = None

    def said(self, c: ParsedError, layers: str = "fit") -> str:
        """Return how the framework that spoke writes what is done to the inputs; empty where it has no word for it.

        With another beginning of their names, other ``layers`` are written.
        """
        if self.problem is None or not self.ok:
            return ""
        network = self.problem.network
        return call(c, network, [layer.name for layer in network.layers if layer.name.startswith(layers)])


def failing(trial: LayerTrial | None) -> Problem | None:
    """Return the small network of a trial that does not work, None where there is none."""
    return trial.problem if trial is not None and not trial.ok else None


def order_of(c: ParsedError) -> DataFormat:
    """Return the order of axes in a message: the one that it has, or else the framework's usual one."""
    if c.layout in ("channels_first", "channels_last"):
        return c.layout  # type: ignore[return-value]
    return vocabulary(c.framework).data_format


def rules_of(framework: str | None) -> Framework:
    """Return whose rules apply to a message: Keras's to TensorFlow, and PyTorch's where it is not known."""
    return vocabulary(framework).rules


def known(shape: SeenShape | None) -> tuple[int, ...] | None:
    """Return a shape all of whose sizes are known and such as a network has, or None."""
    return shape if shape is not None and sane(shape) else None  # type: ignore[return-value]


def sane(numbers: Iterable[int | None], least: int = 1) -> bool:
    """Whether all numbers are known, and such as operators take."""
    return all(n is not None and least <= n < LARGEST for n in numbers)


def tried(
    c: ParsedError,
    layer: Sequence[Operator],
    *inputs: Branch | Sequence[int],
    order: DataFormat | None = None,
    batch: int | None = None,
    target: Sequence[int] | None = None,
) -> LayerTrial:
    """Return what operators give one after the other, the first of them from these inputs.

    Args:
        c: the message, whose framework's rules apply.
        layer: the operators.
        inputs: the shapes that go into the first of them, as the message writes them.
        order: the order of axes in the shapes, in place of the message's.
        batch: the size of the batch in training, where that matters.
        target: the shape that has to come out.

    >>> from convsolve.operators import Conv
    >>> tried(ParsedError(template="t", framework="torch"), [Conv(out_channels=8, kernel_size=5)], (3, 1, 1)).formula
    '1 - 5 + 1 = -3'
    """
    try:
        problem = _problem(c, layer, inputs, order)
        network = problem.network
        if batch is not None:
            problem = replace(problem, network=replace(network, training=True, batch_size=batch))
        problem = with_target(problem, target)
        report = check(problem)
    except ConvsolveError:
        return LayerTrial(False, (), "")
    last = report.rows[-1]
    shape = tuple(n for n in last.shape or () if n is not None)
    return LayerTrial(report.ok, shape, last.formula, tuple(f.code for f in report.failures), problem)


def _problem(
    c: ParsedError, layer: Sequence[Operator], inputs: Sequence[Branch | Sequence[int]], order: DataFormat | None
) -> Problem:
    layers: list[Layer] = []
    ends: list[str] = []
    for i, given in enumerate(inputs):
        branch = given if isinstance(given, Branch) else Branch(tuple(given))
        layers.append(Layer(f"input{i}", Input(shape=branch.shape)))
        for kind, operators in (("fit", branch.operators), ("own", branch.own)):
            for operator in operators:
                name = f"{kind}{sum(x.name.startswith(kind) for x in layers)}"
                layers.append(Layer(name, operator, (layers[-1].name,)))
        ends.append(layers[-1].name)
    for i, operator in enumerate(layer):
        layers.append(Layer(f"layer{i}", operator, tuple(ends)))
        ends = [layers[-1].name]
    return Problem(Network(tuple(layers), framework=rules_of(c.framework), data_format=order or order_of(c)))
