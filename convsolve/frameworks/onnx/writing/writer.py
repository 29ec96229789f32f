"""An ONNX model of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....network import Network
from ....support.arguments import checked
from ...common.writing.execute import need
from ...common.writing.plan import PlannedLayer, cannot, plan
from .axes import AXES
from .graph import GraphWriter
from .nodes import NODES

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["OPSET", "to_onnx"]

OPSET = 21
"""The first opset that has every operator which is written; onnxruntime has it since 1.18."""

_IR_VERSION = 10


@checked
def to_onnx(network: Network, *, seed: int = 0) -> ModelProto:
    """Return a network as an ONNX model with random weights.

    Tensors have a batch axis of any size, ``N``, and, also where the network is written channels last, their
    channels in front: ``(N, channels, *spatial)``. Inputs and tensors are called as the layers; of what is
    learned, the names end in ``weight`` or ``bias`` (and a number, where a layer has several).

    Args:
        network: a network without holes.
        seed: of the weights.

    Raises:
        NetworkError: the network has holes or does not work, ONNX has no such operator, or the weights are
            too large for one model (2 GiB).
        FrameworkMissingError: onnx is not installed.
    """
    need("onnx")
    import onnx
    from onnx import helper

    planned = plan(network, "channels_first")
    graph = GraphWriter(planned, seed)
    for step in planned.steps:
        inputs = [
            _turned(graph, step, reference, step.works) if turned else reference
            for reference, turned in zip(step.inputs, step.turned, strict=True)
        ]
        kind = step.operator.kind
        write = NODES.get(kind) or AXES.get(kind)
        if write is None:
            raise cannot(step, f"ONNX has no {kind}", "put another operator in its place")
        write(graph, step, inputs)
    outputs = []
    for reference, turned in planned.outputs:
        step = next(s for s in (*planned.inputs, *planned.steps) if reference in s.outputs)
        outputs.append((_turned(graph, step, reference, "channels_first") if turned else reference, reference))
    names = [name for name, _ in outputs]
    for i, (name, _) in enumerate(outputs):
        if name in names[:i] or any(name == source.name for source in planned.inputs):
            step = next(s for s in (*planned.inputs, *planned.steps) if outputs[i][1] in s.outputs)
            outputs[i] = (graph.node(step, "Identity", [name]), outputs[i][1])  # a graph gives each tensor once
    made = helper.make_graph(
        graph.nodes,
        "net",
        [_value(s.name, planned.shapes[s.name]) for s in planned.inputs],
        [_value(name, planned.shapes[reference]) for name, reference in outputs],
        graph.tensors,
    )
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION, producer_name="convsolve"
    )
    onnx.checker.check_model(model)
    return model


def _turned(graph: GraphWriter, step: PlannedLayer, name: str, order: str) -> str:
    """Write a tensor with its channels in front of the spatial axes, or behind them."""
    rank = len(graph.plan.shapes[name]) + 1
    perm = [0, rank - 1, *range(1, rank - 1)] if order == "channels_first" else [0, *range(2, rank), 1]
    return graph.node(step, "Transpose", [name], perm=perm)


def _value(name: str, shape: tuple[int, ...]) -> Any:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])
