"""Nodes of ONNX with parameters that are wrong on purpose: what the reader makes of each, and what onnxruntime does."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.capi import onnxruntime_pybind11_state as errors

import convsolve as cs
from convsolve.errors import UnreadableError
from convsolve.frameworks.onnx.reader import GraphReader
from convsolve.frameworks.onnx.values import Known, Tensor
from tests.conformance.execute_onnx import session
from tests.frameworks.reading import every_shape

__all__ = ["DOMAIN", "REFUSALS", "Node", "Reading", "executed", "read", "spoiled"]

REFUSALS = (
    errors.Fail, errors.InvalidArgument, errors.InvalidGraph, errors.RuntimeException, errors.InvalidProtobuf,
    errors.NotImplemented)  # fmt: skip
DOMAIN = "com.microsoft"
_IR_VERSION = 10


@dataclass(frozen=True)
class Input:
    """An input of a node: a tensor of the network (an array with the batch axis) or a weight.

    The batch is the first axis, or where it is ``moved`` the second, to where a node before moves it.
    """

    array: Any
    network: bool
    moved: bool = False

    @property
    def fed(self) -> Any:
        """The array that goes into the network."""
        return self.array.swapaxes(0, 1) if self.moved else self.array


@dataclass(frozen=True)
class Node:
    """A node, with everything that goes into it; an input None is left out."""

    kind: str
    inputs: tuple[Input | None, ...]
    opset: int = 17
    outputs: int = 1
    domain: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)

    def model(self) -> Any:
        """Return a graph of the node alone, whose inputs are the tensors of the network."""
        infos, weights, names, moves = [], [], [], []
        taken: dict[int, str] = {}
        for i, given in enumerate(self.inputs):
            if given is None:
                names.append("")
                continue
            name = taken.setdefault(id(given.array), f"i{i}")
            names.append(f"{name}m" if given.moved else name)
            if name != f"i{i}":
                continue
            kind = helper.np_dtype_to_tensor_dtype(given.array.dtype)
            if given.network:
                infos.append(helper.make_tensor_value_info(name, kind, given.fed.shape))
                order = [1, 0, *range(2, given.array.ndim)]
                moves += [helper.make_node("Transpose", [name], [f"{name}m"], perm=order)] if given.moved else []
            else:
                weights.append(numpy_helper.from_array(given.array, name))
        results = [f"o{n}" for n in range(self.outputs)]
        made = helper.make_node(self.kind, names, results, name="node", domain=self.domain)
        made.attribute.extend(_attribute(k, v) for k, v in self.attributes.items())
        graph = helper.make_graph(
            [*moves, made], "g", infos, [onnx.ValueInfoProto(name=name) for name in results], weights
        )
        opsets = [helper.make_opsetid("", self.opset), *([helper.make_opsetid(self.domain, 1)] if self.domain else [])]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)

    def __str__(self) -> str:
        shown = ", ".join(
            "None"
            if i is None
            else f"{'x' if i.network else 'w'}{list(i.array.shape)}"
            if i.network or i.array.size > 9 or (i.array.dtype.kind == "f" and not i.array.any())
            else repr(i.array.tolist())
            for i in self.inputs
        )
        return f"{self.kind}-{self.opset}({shown}; {self.attributes}) -> {self.outputs}"


def _attribute(name: str, value: Any) -> Any:
    if isinstance(value, (list, tuple)) and not value:
        return onnx.AttributeProto(name=name, type=onnx.AttributeProto.INTS)
    return helper.make_attribute(name, list(value) if isinstance(value, tuple) else value)


@dataclass(frozen=True)
class Reading:
    """What becomes of a node: the shapes of its outputs, or why it fails, or why it cannot be read."""

    shapes: tuple[tuple[int, ...], ...] | None = None
    fails: str = ""
    unread: str = ""
    operator: Any = None

    def __str__(self) -> str:
        return (
            str(self.shapes)
            if self.shapes is not None
            else f"fails: {self.fails}"
            if self.fails
            else f"unread: {self.unread}"
        )


def executed(node: Node) -> Reading:
    """Run a node in onnxruntime; an output without elements counts as a failure."""
    if node.kind == "QLinearReduceMean" or (
        node.kind in ("QLinearLeakyRelu", "QLinearSigmoid") and len(node.inputs) < 5
    ):
        return read(node)  # onnxruntime does not have the one, and dies of the other
    if node.kind == "GatherND" and isinstance(n := node.attributes.get("batch_dims", 0), int) and n < 0:
        return Reading(fails="onnxruntime dies")
    heads = node.attributes.get("num_heads", 1)
    if node.kind == "MultiHeadAttention" and isinstance(heads, int) and heads > node.inputs[0].array.shape[-1]:  # type: ignore[union-attr]
        return Reading(fails="onnxruntime dies")  # it divides by a head's size, which is 0
    if node.kind == "Split" and node.attributes.get("num_outputs", node.outputs) != node.outputs:
        return Reading(fails="onnxruntime dies")
    if node.kind in ("DynamicQuantizeMatMul", "MatMulIntegerToFloat") and any(
        i and not i.array.size for i in node.inputs
    ):
        return Reading(fails="onnxruntime dies")
    if node.kind == "STFT" and any(i is not None and i.array.shape == () and i.array == 0 for i in node.inputs[3:]):
        return Reading(fails="onnxruntime dies")
    feeds = {f"i{i}": given.fed for i, given in enumerate(node.inputs) if given is not None and given.network}
    try:
        runtime = session(node.model())
        wanted = {info.name for info in runtime.get_inputs()}
        made = runtime.run(None, {name: array for name, array in feeds.items() if name in wanted})
    except REFUSALS as error:
        return Reading(fails=" ".join(str(error).split())[-160:])
    shapes = tuple(tuple(array.shape) for array in made)
    if any(n == 0 for shape in shapes for n in shape):
        return Reading(fails="nothing is left")
    return Reading(shapes)


def read(node: Node) -> Reading:
    """Read the graph of a node and check it; a message that no person wrote is an error."""
    model = node.model()
    try:
        graph = GraphReader(model, "the graph")
        network = graph.network()
    except UnreadableError as error:
        return Reading(unread=str(error))
    report, operator = cs.check(network), network.layers[-1].operator
    if not report.ok:
        found = (*report.failures, *report.unknown)
        assert report.failures and all(f.layer.startswith("node") for f in found), found
        return Reading(fails=f"{found[0].code} {found[0].message}", operator=operator)
    shapes, found = every_shape(network), []
    for info in model.graph.output:
        value = graph.values[info.name]
        if isinstance(value, Tensor):
            here = dataclasses.replace(value, shape=shapes[value.reference])
            found.append(tuple(int(n) for n in here.full(graph.batch)))  # type: ignore[arg-type]
        else:
            assert isinstance(value, Known), value
            found.append(tuple(value.shape))
    return Reading(tuple(found), operator=operator)


def spoiled(r: Random, node: Node) -> Node:
    """Return a node with one thing changed: a value, a length, a number of axes, an attribute, an input."""
    ways: list[Any] = [_opset, _inputs, _extra]
    ways += [_attributes] * 5 if node.attributes else []
    ways += [_weight] * 4 if any(i is not None and not i.network for i in node.inputs) else []
    ways += [_axes] * 2
    return r.choice(ways)(r, node)


def _attributes(r: Random, node: Node) -> Node:
    name = r.choice(sorted(node.attributes))
    value, attributes = node.attributes[name], dict(node.attributes)
    if r.random() < 0.1:
        del attributes[name]
    elif isinstance(value, (list, tuple)):
        attributes[name] = _listed(r, list(value))
    elif isinstance(value, str):
        attributes[name] = r.choice(("bla", "", value.lower(), value.upper()))
    elif isinstance(value, int):
        attributes[name] = r.choice((0, -1, -2, value + 1, 7, [value]))
    else:
        attributes[name] = r.choice((0.0, -1.0, 1))
    return dataclasses.replace(node, attributes=attributes)


def _listed(r: Random, values: list[Any]) -> list[Any]:
    way = r.randrange(4)
    if way == 0 or not values:
        return [*values, *(values[-1:] or [1])]
    if way == 1:
        return values[:-1]
    place, number = r.randrange(len(values)), type(values[0])
    return [number(r.choice((0, -1, -2, 1, 3, 7))) if i == place else v for i, v in enumerate(values)]


def _weight(r: Random, node: Node) -> Node:
    places = [i for i, given in enumerate(node.inputs) if given is not None and not given.network]
    place = r.choice(places)
    array = node.inputs[place].array  # type: ignore[union-attr]
    if array.ndim == 1 and array.size < 12 and (array.dtype.kind == "i" or array.any()) and r.random() < 0.8:
        changed = np.array(_listed(r, array.tolist()), array.dtype)
    elif array.ndim == 0 and array.dtype.kind == "i" and r.random() < 0.6:
        changed = np.array(r.choice((0, -1, 1, 9)), array.dtype)
    else:
        way, shape = r.randrange(3), array.shape
        if way == 0 or not shape:
            changed = array[..., None]
        elif way == 1:
            changed = array[0] if r.random() < 0.5 and array.shape[0] else array.sum(-1, dtype=array.dtype)
        else:
            axis = r.randrange(len(shape))
            least = (
                1 if node.kind == "LayerNormalization" else 0
            )  # onnxruntime takes some of its scales without numbers
            changed = np.zeros(
                [max(n + r.choice((-1, 1)), least) if i == axis else n for i, n in enumerate(shape)], array.dtype
            )
    return _replaced(node, place, Input(np.ascontiguousarray(changed).reshape(changed.shape), False))


def _replaced(node: Node, place: int, given: Input | None) -> Node:
    return dataclasses.replace(node, inputs=(*node.inputs[:place], given, *node.inputs[place + 1 :]))


def _axes(r: Random, node: Node) -> Node:
    place = r.choice([i for i, given in enumerate(node.inputs) if given is not None and given.network])
    array = node.inputs[place].array  # type: ignore[union-attr]
    shape = list(array.shape)
    way = r.randrange(3)
    if way == 0:
        shape.append(r.choice((1, 2)))
    elif way == 1 and len(shape) > 2:
        del shape[-1]
    else:
        axis = r.randrange(1, len(shape)) if len(shape) > 1 else 0
        shape[axis] = max(1, shape[axis] + r.choice((-1, 1)))
    moved = node.inputs[place].moved and len(shape) > 1  # type: ignore[union-attr]
    return _replaced(node, place, Input(np.zeros(shape, array.dtype), True, moved))


def _opset(r: Random, node: Node) -> Node:
    return dataclasses.replace(node, opset=r.choice((8, 9, 10, 11, 12, 13, 15, 17, 18, 19, 20, 21, 22, 23)))


def _inputs(r: Random, node: Node) -> Node:
    if r.random() < 0.5 and any(i is not None and i.network for i in node.inputs[:-1]):
        return dataclasses.replace(node, inputs=node.inputs[:-1])
    last = node.inputs[-1]
    return dataclasses.replace(node, inputs=(*node.inputs, last and dataclasses.replace(last, array=last.array.copy())))


def _extra(r: Random, node: Node) -> Node:
    if r.random() < 0.4:
        return dataclasses.replace(node, outputs=node.outputs + 1)
    extra = r.choice((("surprise", 1), ("auto_pad", "SAME_UPPER"), ("pads", [0, 0, 0, 0]), ("axis", 1), ("axes", [1])))
    return dataclasses.replace(node, attributes={**node.attributes, extra[0]: extra[1]})
