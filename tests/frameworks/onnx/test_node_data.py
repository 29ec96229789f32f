"""Every node test that ONNX itself has: what is read has the shape that is stored as the right answer."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import onnx
import pytest
from onnx import numpy_helper

from convsolve.errors import UnreadableError
from convsolve.frameworks.onnx.reader import GraphReader
from convsolve.frameworks.onnx.values import Known, Tensor
from convsolve.operators import OPERATORS
from tests.frameworks.reading import every_shape

MUST_READ = {
    "Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "Conv", "ConvTranspose", "DepthToSpace", "Div",
    "Dropout", "Expand", "Flatten", "Gemm", "GlobalAveragePool", "GlobalMaxPool", "GroupNormalization",
    "InstanceNormalization", "LeakyRelu", "LpPool", "LRN", "MatMul", "Max", "MaxPool",
    "Mul", "PRelu", "Pad", "Pow", "ReduceMax", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Resize",
    "Sigmoid", "Slice", "Softmax", "SpaceToDepth", "Split", "Squeeze", "Sub", "Tanh", "Transpose",
    "Unsqueeze", "Upsample", "And", "ArgMax", "Einsum", "Equal", "Greater", "LessOrEqual", "Mod", "Or", "Where", "Xor",
}  # fmt: skip


def cases() -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        return [case for case in collect_testcases(None) if case.model is not None and case.data_sets]


def prepared(case: Any) -> Any:
    """Return the model with all inputs but the first as weights, which is what they are in a network."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    values, _ = case.data_sets[0]
    if len(values) != len(model.graph.input):
        return None
    for info, value in list(zip(model.graph.input, values, strict=True))[1:]:
        if isinstance(value, onnx.TensorProto):
            model.graph.initializer.append(value)
        elif hasattr(value, "shape"):
            model.graph.initializer.append(numpy_helper.from_array(value, info.name))
    return model


def stored(value: Any) -> list[int] | None:
    if isinstance(value, onnx.TensorProto):
        return list(value.dims)
    return list(value.shape) if hasattr(value, "shape") else None


def test_every_node_that_is_read_has_the_stored_shape() -> None:
    counts: Counter[str] = Counter()
    wrong, read = [], set()
    for case in cases():
        model = prepared(case)
        if model is None:
            continue
        try:
            graph = GraphReader(model, case.name)
            network = graph.network()
        except UnreadableError:
            counts["not read"] += 1
            continue
        shapes = every_shape(network)
        opaque = any(layer.operator.kind == "opaque" for layer in network.layers)
        counts["opaque" if opaque else "by a rule"] += 1
        if not opaque:
            read |= {node.op_type for node in model.graph.node}
        for info, value in zip(model.graph.output, case.data_sets[0][1], strict=True):
            found, wanted = graph.values.get(info.name), stored(value)
            if isinstance(found, Tensor):
                here = Tensor(found.reference, shapes[found.reference], found.batch, found.merged)
                if wanted is not None and here.full(graph.batch) != wanted:
                    wrong.append(f"{case.name}: {here.full(graph.batch)} for {wanted}")
            elif isinstance(found, Known) and wanted is not None and list(found.shape) != wanted:
                wrong.append(f"{case.name}: known {found.shape} for {wanted}")
    assert not wrong, "\n".join(wrong)
    assert counts["by a rule"] >= 700, counts
    assert read >= MUST_READ, MUST_READ - read


def test_a_wrong_rule_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPERATORS["max_pool"], "infer", lambda self, site, x: (x[0], *(n + 1 for n in x[1:])))
    with pytest.raises(AssertionError, match="test_maxpool"):
        test_every_node_that_is_read_has_the_stored_shape()
