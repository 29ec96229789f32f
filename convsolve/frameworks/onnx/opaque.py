"""Operators that convsolve has no rule for, at known sizes: what ONNX's own inference says of them there."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ...dims import Dim
from ...errors import RefusedError
from ...network import Layer
from ...network.trace import MOST_AXES
from ...operators import Input, Opaque
from .call import NodeCall
from .proto import sizes_of
from .refusals import deadly
from .values import Known, NotReadError, Tensor, Value

__all__ = ["Inference", "seen_as_opaque"]

_BATCH = 7
"""In place of an open batch, so that the batch axis can be told in what is inferred."""


_MOST_VALUES = 1_000_000
"""So many values are joined at most where ONNX computes them for its inference; a shape has a handful."""

_WHOLE = (6, 7)
"""INT32 and INT64, as ONNX numbers them."""

_NOT_TRUSTED = {
    "AveragePool",
    "Conv",
    "ConvInteger",
    "ConvTranspose",
    "DeformConv",
    "LpPool",
    "MaxPool",
    "MaxUnpool",
    "Pad",
    "QLinearConv",
    "Resize",
    "STFT",
    "Upsample",
}
"""ONNX infers sizes for these that are not there, or (STFT) other ones than come out."""


class Inference:
    """ONNX's shape inference at the sizes of the inputs, made when it is first asked for."""

    def __init__(self, proto: Any, inputs: Sequence[Layer], batch: Dim) -> None:
        self.proto, self.batch = proto, batch if isinstance(batch, int) else _BATCH
        self.inputs = tuple(layer.operator for layer in inputs)
        self._shapes: dict[str, list[Any] | None] | None = None

    def shape(self, name: str) -> list[Any] | None:
        """Return the shape of a tensor with the batch axis, or None where it is not known."""
        if self._shapes is None:
            self._shapes = self._infer()
        return self._shapes.get(name)

    def _infer(self) -> dict[str, list[Any] | None]:
        import onnx

        shapes = [op.shape for op in self.inputs if isinstance(op, Input)]
        if not all(isinstance(n, int) for shape in shapes for n in shape):
            raise NotReadError("what it does is known only at known sizes: give input_shape=... (--input)")
        if any(deadly(node) for node in self.proto.graph.node):
            raise NotReadError("ONNX cannot infer shapes of a graph with such a node in it")
        copy = onnx.ModelProto()
        copy.CopyFrom(self.proto)
        weights = {tensor.name for tensor in copy.graph.initializer}
        for info, shape in zip((i for i in copy.graph.input if i.name not in weights), shapes, strict=True):
            del info.type.tensor_type.shape.dim[:]
            for size in (self.batch, *shape):
                info.type.tensor_type.shape.dim.add().dim_value = size
        del copy.graph.value_info[:]
        for info in copy.graph.output:
            info.type.tensor_type.ClearField("shape")
        try:
            inferred = onnx.shape_inference.infer_shapes(copy, data_prop=_longest(copy.graph) <= _MOST_VALUES)
        except (onnx.shape_inference.InferenceError, RuntimeError, ValueError) as error:
            raise NotReadError(f"ONNX cannot infer its shape: {' '.join(str(error).split())[:200]}") from None
        return {info.name: sizes_of(info) for info in (*inferred.graph.value_info, *inferred.graph.output)}


def _longest(graph: Any, lengths: dict[str, int] | None = None) -> int:
    """Return how many values ONNX might join into one, at most, where it computes values for shapes."""
    lengths = {} if lengths is None else lengths
    lengths.update((tensor.name, _values(tensor)) for tensor in graph.initializer)
    for node in graph.node:
        given = [lengths.get(name, 1) for name in node.input]
        made = sum(given) if node.op_type == "Concat" else max(given, default=1)
        for attribute in node.attribute:
            made = max(made, _values(attribute.t))
            for inner in (attribute.g, *attribute.graphs):
                made = max(made, _longest(inner, lengths))
        lengths.update((name, made) for name in node.output)
    return max(lengths.values(), default=1)


def _values(tensor: Any) -> int:
    """Return how many values for shapes a constant holds: ONNX takes them from lists of whole numbers."""
    return prod(tensor.dims) if tensor.data_type in _WHOLE and len(tensor.dims) < 2 else 1


def seen_as_opaque(call: NodeCall, node: Any, inference: Inference, why: str) -> list[Value]:
    """Return the outputs of a node as those of an opaque operator, known for these sizes alone.

    Raises:
        NotReadError: a size is not known; the text says ``why`` the node is not read by a rule.
    """
    for position in range(len(call.inputs)):
        if call.has(position):
            call.value(position)  # none of its inputs may be unknown
    tensors = [value for value in call.inputs if isinstance(value, Tensor)]
    outputs = []
    try:
        if call.kind in _NOT_TRUSTED:
            raise NotReadError("what ONNX infers for it cannot be trusted")
        if any(x.batch or x.merged for x in tensors) or not tensors:
            raise NotReadError("the batch is not its first axis")
        for name in node.output:
            found = inference.shape(name)
            if found and len(found) > MOST_AXES:
                raise NotReadError(f"its output has more than {MOST_AXES} axes")
            if not found or found[0] != inference.batch or not all(isinstance(n, int) for n in found):
                raise NotReadError("its output's shape is not known")
            if 0 in found:
                raise RefusedError(f"nothing is left of it: {found}")
            outputs.append(tuple(found[1:]))
        if not all(isinstance(n, int) for x in tensors for n in x.shape):
            raise NotReadError("its input's shape is not known")
    except NotReadError as error:
        raise NotReadError(f"{why}, and {error}") from None
    weights = sum(prod(value.shape) for value in call.inputs if isinstance(value, Known) and value.learned)
    operator = Opaque(what=f"ONNX {call.kind}", seen=[x.shape for x in tensors], outputs=outputs, weights=weights)
    return [call.made(made, tensors[0]) for made in call.add(operator, *(x.reference for x in tensors))]
