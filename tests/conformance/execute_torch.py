"""Runs a network in PyTorch, layer by layer as the writer writes it, and tells the shapes that come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from convsolve.frameworks.common.writing.execute import run_source
from convsolve.frameworks.common.writing.plan import PlannedLayer
from convsolve.frameworks.torch.writing.code import PRELUDE, written
from convsolve.network import Network
from convsolve.operators.base import to_canonical, to_written

BATCH = 2


class RefusedError(Exception):
    """A framework does not run a layer; ``shapes`` are those of the layers before it."""

    def __init__(self, layer: str, shapes: Mapping[str, tuple[int, ...]], why: str) -> None:
        super().__init__(f"{layer}: {why}")
        self.layer, self.shapes = layer, dict(shapes)


def execute(network: Network, *, device: str = "cpu") -> dict[str, tuple[int, ...]]:
    """Run a network without holes on zeros, two samples at a time; its shapes need not work out.

    Return the shape that comes out of every layer, without the batch axis and as the network's data format
    writes it. Of a layer with several outputs, ``name[i]`` has the i-th, and ``name`` the first.

    Raises:
        RefusedError: PyTorch does not run a layer.
        NetworkError: PyTorch has no word for an operator.
    """
    found = written(network, strict=False)
    space = run_source(PRELUDE)
    space["self"] = nn.Module()

    def prepare(step: PlannedLayer) -> None:
        for attribute, call in found.modules(step):
            exec(f"self.{attribute} = {source_of(call)}", space)
        space["self"].eval()

    with torch.no_grad(), torch.device(device):
        return walk(found, space, torch.zeros, prepare)


def source_of(call: Any) -> str:
    return f"{call.head}({', '.join(call.pieces())}){call.tail}"


def walk(
    found: Any,
    space: dict[str, Any],
    zeros: Callable[[tuple[int, ...]], Any],
    prepare: Callable[[PlannedLayer], None] = lambda step: None,
) -> dict[str, tuple[int, ...]]:
    """Run the lines of every layer, in order, and return the shapes of what they make."""
    shapes: dict[str, tuple[int, ...]] = {}
    plan, variables = found.plan, found.flow.variables

    def keep(step: PlannedLayer, name: str, tensor: Any, order: Any) -> None:
        batch, *shape = tensor.shape
        if batch != BATCH or 0 in shape:
            raise RefusedError(step.name, shapes, f"an unusable shape, {tuple(tensor.shape)}")
        shapes[name] = tuple(to_written(plan.network.data_format, to_canonical(order, shape)))

    for step in plan.inputs:
        space[variables[step.name]] = zeros((BATCH, *step.shape(step.made[0])))
        keep(step, step.name, space[variables[step.name]], step.works)
    for step in plan.steps:
        try:
            _stricter(step, [space[variables[reference]] for reference in step.inputs])
            prepare(step)
            for line in found.lines(step):
                exec("\n".join(line.lines(0)), space)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            if isinstance(error, NotImplementedError):
                raise
            raise RefusedError(step.name, shapes, f"{type(error).__name__}: {error}") from error
        for tensor in step.outputs:
            keep(step, tensor, space[variables[tensor]], step.works)
        shapes[step.name] = shapes[step.outputs[0]]
    missing = [layer.name for layer in plan.network.ordered if layer.name not in shapes]
    assert not missing, f"{missing[0]} has no shape, so that it cannot be run"
    return shapes


def _stricter(step: PlannedLayer, tensors: list[Any]) -> None:
    """Refuse what PyTorch lets pass, and convsolve calls a mistake."""
    op = step.operator
    if op.kind == "squeeze" and to_written(step.written, step.sizes[0])[op.axis] != 1:
        raise ValueError("PyTorch would silently keep the axis")
    if not getattr(op, "broadcast", True) and len({x.shape for x in tensors}) > 1:
        raise ValueError(f"{' and '.join(str(tuple(x.shape)) for x in tensors)} differ")
