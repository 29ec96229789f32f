"""What was read of an ONNX graph, beside what onnxruntime makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from convsolve import check
from convsolve.dims import evaluate
from convsolve.frameworks.onnx.reader import Graph
from convsolve.frameworks.onnx.values import Known, Tensor
from convsolve.network import Network
from convsolve.trace import run, to_written, trace

BATCH = 2

options = onnxruntime.SessionOptions()
options.log_severity_level = 4
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL


def every_shape(network: Network) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of a network without holes, as written."""
    traced = trace(network)
    known = run(traced, {})
    return {
        tensor: tuple(evaluate(n, known) for n in to_written(network.data_format, shape))
        for tensor, shape in traced.shapes.items() if shape is not None
    }


def read_shapes(graph: Graph, sizes: Sequence[tuple[int, ...]], batch: int) -> dict[str, list[int]]:
    """Return what a graph that was read says of every tensor's shape at these input sizes, with the batch axis."""
    network = graph.network().with_input(*sizes)
    assert check(network).ok, check(network).failures
    shapes = every_shape(network)
    found = {}
    for name, value in graph.values.items():
        if isinstance(value, Tensor) and value.reference in shapes:
            here = Tensor(value.reference, shapes[value.reference], value.batch, value.merged)
            found[name] = [int(n) for n in here.full(batch)]
        elif isinstance(value, Known):
            found[name] = list(value.shape)
    return found


def executed_shapes(proto: Any, sizes: Sequence[tuple[int, ...]], batch: int) -> dict[str, list[int]]:
    """Return the shapes of all tensors that onnxruntime makes."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    made = [name for node in copy.graph.node for name in node.output if name]
    del copy.graph.output[:]
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in made)
    session = onnxruntime.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feeds = {}
    for info, shape in zip(session.get_inputs(), sizes, strict=True):
        kind: Any = np.int64 if "int64" in info.type else np.float32
        feeds[info.name] = np.zeros((batch, *shape), kind)
    return {name: list(array.shape) for name, array in zip(made, session.run(made, feeds), strict=True)}


def graph_of(
    nodes: Sequence[Any], inputs: Mapping[str, Sequence[Any]], weights: Mapping[str, Any], *, opset: int = 17,
    output: str = "", integers: bool = False,
) -> Any:
    """Return a model of these nodes; a weight is a shape (a tuple), whole numbers (a list) or an array."""
    made = []
    for name, value in weights.items():
        array = (
            np.zeros(value, np.float32) if isinstance(value, tuple)
            else np.array(value, np.int64) if isinstance(value, (list, int)) else np.asarray(value))
        made.append(numpy_helper.from_array(array, name))
    kind = TensorProto.INT64 if integers else TensorProto.FLOAT
    graph = helper.make_graph(
        list(nodes), "g", [helper.make_tensor_value_info(n, kind, ["N", *shape]) for n, shape in inputs.items()],
        [onnx.ValueInfoProto(name=output or nodes[-1].output[0])], made)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
