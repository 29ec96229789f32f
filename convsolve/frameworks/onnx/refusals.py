"""What ONNX itself refuses of a node for its parameters and numbers of axes, whatever the sizes are.

onnxruntime looks at every node with ONNX's schemas and its shape inference before it runs any. That these are silent
proves nothing (they infer sizes of windows that do not fit); what they refuse is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dims import Dim
from .call import NodeCall
from .values import Known, Tensor

__all__ = ["deadly", "refusal"]

_ALSO_EARLIER = {"LayerNormalization", "SimplifiedLayerNormalization"}
"""onnxruntime has these by itself, at any opset and with any attributes."""


def refusal(call: NodeCall, node: Any, *, at_sizes: bool = False) -> str | None:
    """Return why ONNX refuses a node; None where it does not, or where the operator is none of its own.

    ``at_sizes`` shows it the sizes of tensors as far as they are numbers, which may then be to blame.
    """
    from onnx import defs

    try:
        newest = defs.get_schema(call.kind, domain="")
    except defs.SchemaError:
        return None
    try:
        schema = defs.get_schema(call.kind, call.opset, "")
    except defs.SchemaError:
        if call.kind in _ALSO_EARLIER:
            return None
        return f"opset {call.opset} has no {call.kind}, which ONNX has from opset {_first(call.kind)} on"
    if schema.deprecated and newest.deprecated:
        return f"opset {call.opset} has no {call.kind} any more"
    return _misfit(schema, node) or _inferred(schema, call, node, at_sizes)


def _first(kind: str) -> int:
    from onnx import defs

    return min(int(s.since_version) for s in defs.get_all_schemas_with_history() if s.name == kind and s.domain == "")


def deadly(node: Any) -> str | None:
    """Return what is wrong with a node of which ONNX's inference dies, or None."""
    given = {a.name: a.i for a in node.attribute}
    if node.op_type == "Split" and given.get("num_outputs", len(node.output)) != len(node.output):
        return f"its num_outputs is not the number of its outputs, {len(node.output)}"
    if node.op_type == "GatherND" and given.get("batch_dims", 0) < 0:
        return f"its batch_dims is {given['batch_dims']}: wanted at least 0"
    return None


def _misfit(schema: Any, node: Any) -> str | None:
    """Return what a node has that the operator does not take, or lacks."""
    for what, count, least, most in (
        ("inputs", len(node.input), schema.min_input, schema.max_input),
        ("outputs", len(node.output), schema.min_output, schema.max_output),
    ):
        if not least <= count <= most:
            wanted = str(least) if least == most else f"{least} to {most}" if most < 2**31 - 1 else f"at least {least}"
            return f"it has {count} {what}, wanted {wanted}"
    for name, formal in zip(node.input, schema.inputs, strict=False):
        if not name and formal.option.name == "Single":
            return f"its input {formal.name!r} is left out"
    why = deadly(node)
    if why:
        return why
    given = {a.name: a for a in node.attribute}
    for name, attribute in given.items():
        known = schema.attributes.get(name)
        if known is None:
            if schema.name in _ALSO_EARLIER:
                continue
            return f"{schema.name} has no attribute {name!r} at this opset"
        if int(known.type) != int(attribute.type):
            return f"its attribute {name!r} is of another type than {known.type.name}"
    for name, attribute in schema.attributes.items():
        if attribute.required and name not in given:
            return f"its attribute {name!r} is missing"
    return None


def _inferred(schema: Any, call: NodeCall, node: Any, at_sizes: bool) -> str | None:
    """Return what ONNX's inference says against a node."""
    from onnx import TensorProto, checker, helper, shape_inference

    if not at_sizes and not node.attribute and all(isinstance(value, Tensor) for value in call.inputs):
        return None  # nothing but the sizes is left to be wrong
    types: dict[str, Any] = {}
    data: dict[str, Any] = {}
    for i, (name, value) in enumerate(zip(node.input, call.inputs, strict=True)):
        if not isinstance(value, (Tensor, Known)):
            continue
        kind = _element_type(schema, i)
        shape = [*value.shape] if isinstance(value, Known) else _seen(name, value, call.batch, at_sizes)
        types[name] = helper.make_tensor_type_proto(kind, shape)
        numbers = _whole(value) if kind == TensorProto.INT64 and isinstance(value, Known) else None
        if numbers is not None:
            data[name] = helper.make_tensor(name, kind, shape, numbers)
    try:
        opset = [helper.make_opsetid("", call.opset)]
        shape_inference.infer_node_outputs(schema, node, types, data, opset_imports=opset)
    except shape_inference.InferenceError as error:
        return " ".join(str(error).replace("[ShapeInferenceError]", "").split())[:200]
    except (RuntimeError, ValueError, TypeError, KeyError, checker.ValidationError):
        return None  # it cannot look at this node
    return None


def _seen(name: str, x: Tensor, batch: Dim, at_sizes: bool) -> list[Any]:
    """Return a tensor's axes as inference sees them: sizes that are known, if it is to see them, or names."""
    known = [n if at_sizes and isinstance(n, int) else None for n in x.full(batch)]
    return [f"{name}.{axis}" if n is None else n for axis, n in enumerate(known)]


def _element_type(schema: Any, position: int) -> Any:
    """Return a type of elements that an operator takes at an input: what is read does not tell them apart."""
    from onnx import TensorProto

    formal = schema.inputs[min(position, len(schema.inputs) - 1)]
    for name in ("FLOAT", "INT64", "UINT8", "INT8", "BOOL", "INT32"):
        if f"tensor({name.lower()})" in formal.types:
            return TensorProto.DataType.Value(name)
    return TensorProto.FLOAT


def _whole(value: Known) -> list[int] | None:
    """Return the items of a constant of known whole numbers."""
    if value.items is None:
        return None
    items = list(np.asarray(value.items, object).ravel())
    small = all(type(item) is int and -(2**63) <= item < 2**63 for item in items)
    return items if small else None
