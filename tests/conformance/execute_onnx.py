"""Runs graphs in onnxruntime, and networks as the writer writes them, and tells the shapes that come out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime

from convsolve.frameworks import to_onnx
from convsolve.frameworks.common.writing.plan import plan
from convsolve.network import Network
from convsolve.operators.base import to_canonical, to_written
from tests.conformance.execute_torch import BATCH


def session(model: Any, *, optimise: bool = True) -> Any:
    """Return a session of one thread that says nothing of its own."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def tensor_shapes(
    model: Any, sizes: Mapping[str, tuple[int, ...]], *, optimise: bool = True
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all tensors that a graph makes of zeros; all shapes have their batch axis."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    made = [name for node in copy.graph.node for name in node.output if name]
    del copy.graph.output[:]
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in made)
    runtime = session(copy, optimise=optimise)
    feeds = {
        info.name: np.zeros(sizes[info.name], np.int64 if "int64" in info.type else np.float32)
        for info in runtime.get_inputs()
    }
    results = dict(zip(made, runtime.run(made, feeds), strict=True)) if made else {}
    return {name: tuple(value.shape) for name, value in {**feeds, **results}.items()}


def execute(network: Network) -> dict[str, tuple[int, ...]]:
    """Run a network that works in onnxruntime, on zeros; see :func:`execute_torch.execute`."""
    planned = plan(network, "channels_first")
    orders = {tensor: step.works for step in (*planned.inputs, *planned.steps) for tensor in step.outputs}
    shapes = tensor_shapes(to_onnx(network), {s.name: (BATCH, *s.shape(s.made[0])) for s in planned.inputs})
    found = {}
    for tensor, order in orders.items():
        batch, *shape = shapes[tensor]
        assert batch == BATCH
        found[tensor] = tuple(to_written(network.data_format, to_canonical(order, shape)))
    return {**found, **{s.name: found[s.outputs[0]] for s in planned.steps}}
