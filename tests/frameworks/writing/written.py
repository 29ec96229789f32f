"""What the writers have written, executed: the shape of every layer, and how much is learned."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import torch

from convsolve.frameworks.common.writing.execute import run_source
from convsolve.frameworks.common.writing.plan import Plan, plan
from convsolve.frameworks.keras.writing import code as keras_code
from convsolve.network import Network
from convsolve.operators.base import to_canonical, to_written
from tests.conformance import execute_onnx, execute_torch
from tests.conformance.execute_torch import BATCH, walk

TARGETS = ("torch", "keras", "onnx")

Shapes = Mapping[str, tuple[int, ...]]


def layer_shapes(network: Network, target: str, *, meta: bool = False) -> Shapes:
    """Return the shape of every layer, as the network writes it, when it is run in a framework.

    Keras is asked for the shapes of symbolic tensors; the whole model is run by :func:`run`.
    """
    if target == "torch":
        return execute_torch.execute(network, device="meta" if meta else "cpu")
    if target == "onnx":
        return execute_onnx.execute(network)
    found = keras_code.written(network)
    space = run_source(keras_code.PRELUDE)
    return walk(found, space, lambda shape: keras.Input(shape[1:], batch_size=BATCH))


def learned(network: Network, target: str, model: Any) -> int:
    """Return what a written model learns, counted as convsolve counts for its framework."""
    if target == "torch":
        return sum(p.numel() for p in model.parameters())
    if target == "keras":  # with the running statistics of batch normalisation
        count: int = model.count_params()
        return count
    roles = {tensor.name: tensor.name.rpartition(".")[2] for tensor in model.graph.initializer}
    return sum(math.prod(t.dims) for t in model.graph.initializer if roles[t.name].startswith(("weight", "bias")))


@dataclasses.dataclass
class _Site:
    framework: Any
    data_format: Any
    batch_size: int = 2


def params_in(network: Network, target: str) -> int:
    """Return the parameters as the rules count them for a framework: those of Keras leave out dead ends."""
    planned = plan(network, "channels_first")
    kept = leading_out(planned) if target == "keras" else {step.name for step in planned.steps}
    counts = {}
    for step in planned.steps:
        order = network.data_format if step.operator.written else "channels_first"
        inputs, outputs = ([to_written(order, sizes) for sizes in shapes] for shapes in (step.sizes, step.made))
        if step.name in kept:
            site = _Site(target, network.data_format)
            counts[step.shares or step.name] = step.operator.params(site, inputs, outputs)
    return sum(counts.values())


def leading_out(planned: Plan) -> set[str]:
    """Return the layers whose values, not just their sizes, reach an output."""
    wanted = {tensor for tensor, _ in planned.outputs}
    kept = set()
    for step in reversed(planned.steps):
        if wanted & set(step.outputs):
            kept.add(step.name)
            by_size = step.operator.kind in ("upsample", "center_crop")
            wanted |= set(step.inputs[:1] if by_size else step.inputs)
    return kept


def run(network: Network, target: str, model: Any) -> list[tuple[int, ...]]:
    """Run a written model on zeros and return the shapes that come out, channels first and without the batch."""
    inputs = plan(network, "channels_last" if target == "keras" else "channels_first").inputs
    shapes = [(BATCH, *step.shape(step.made[0])) for step in inputs]
    if target == "onnx":
        given = {s.name: np.zeros(shape, np.float32) for s, shape in zip(inputs, shapes, strict=True)}
        results = execute_onnx.session(model).run(None, given)
    else:
        tensors = [torch.zeros(shape) for shape in shapes]
        with torch.no_grad():
            results = (
                model.eval()(*tensors) if target == "torch" else model(tensors if len(tensors) > 1 else tensors[0])
            )
        results = results if isinstance(results, (list, tuple)) else [results]
    order = "channels_last" if target == "keras" else "channels_first"
    return [tuple(to_canonical(order, tuple(result.shape)[1:])) for result in results]
