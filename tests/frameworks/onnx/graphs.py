"""Small ONNX graphs, and what onnxruntime makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.conformance.execute_onnx import tensor_shapes


def executed_shapes(proto: Any, sizes: Sequence[tuple[int, ...]], batch: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all tensors that onnxruntime makes, node by node as the graph has them."""
    weights = {tensor.name for tensor in proto.graph.initializer}
    names = [info.name for info in proto.graph.input if info.name not in weights]
    return tensor_shapes(
        proto, {name: (batch, *shape) for name, shape in zip(names, sizes, strict=True)}, optimise=False
    )


def graph_of(
    nodes: Sequence[Any],
    inputs: Mapping[str, Sequence[Any]],
    weights: Mapping[str, Any],
    *,
    opset: int = 17,
    output: str = "",
    integers: bool = False,
) -> Any:
    """Return a model of these nodes; a weight is a shape (a tuple), whole numbers (a list) or an array."""
    made = []
    for name, value in weights.items():
        array = (
            np.zeros(value, np.float32)
            if isinstance(value, tuple)
            else np.array(value, np.int64)
            if isinstance(value, (list, int))
            else np.asarray(value)
        )
        made.append(numpy_helper.from_array(array, name))
    kind = TensorProto.INT64 if integers else TensorProto.FLOAT
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info(n, kind, ["N", *shape]) for n, shape in inputs.items()],
        [onnx.ValueInfoProto(name=output or nodes[-1].output[0])],
        made,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
