"""Branches, loops and choices that sizes decide: what is read is what onnxruntime does, at every size tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnxruntime.capi import onnxruntime_pybind11_state as errors

import convsolve as cs
from tests.frameworks.onnx.graphs import executed_shapes, graph_of

node = helper.make_node
IMAGE = {"x": (3, "H", "W")}
SIZES = [(3, 24, 20), (3, 16, 21), (3, 9, 9), (3, 8, 12), (3, 4, 4), (3, 2, 3), (3, 1, 1), (3, 33, 40)]
WEIGHTS: dict[str, Any] = {
    "w": (3, 3, 3, 3), "wide": (5, 3, 5, 5), "narrow": (5, 3, 1, 1), "first": 0, "height": 2, "zero": [0], "one": [1],
    "two": 2, "eight": 8, "twenty": 20, "yes": np.array(True), "no": np.array(False), "three": 3, "none": [-1],
}  # fmt: skip


def inside(nodes: Sequence[Any], outputs: Sequence[str], inputs: Sequence[str] = (), **weights: Any) -> Any:
    """Return a graph that is inside of a node; ``i`` and ``go`` are what a loop tells its body."""
    kinds = {"i": TensorProto.INT64, "go": TensorProto.BOOL, "again": TensorProto.BOOL}
    infos = [[helper.make_tensor_value_info(n, kinds.get(n, TensorProto.FLOAT), [] if n in kinds else None) for n in names]
             for names in (inputs, outputs)]  # fmt: skip
    tensors = [
        helper.make_tensor(n, TensorProto.FLOAT, shape, [0.0] * int(np.prod(shape))) for n, shape in weights.items()
    ]
    return helper.make_graph(list(nodes), "inside", *infos, tensors)


def height_of(tensor: str, name: str) -> list[Any]:
    """Return the nodes that compute the height of a tensor."""
    return [node("Shape", [tensor], [f"{name}_s"]), node("Gather", [f"{name}_s", "height"], [name])]


WIDE = inside([node("Conv", ["x", "wide"], ["a"], name="wide")], ["a"])
NARROW = inside([node("Conv", ["x", "narrow"], ["b"], name="narrow"), node("Relu", ["b"], ["c"])], ["c"])
OWN = inside([node("Conv", ["x", "own"], ["b"])], ["b"], own=(5, 3, 2, 2))
POOL = node("MaxPool", ["t"], ["p"], kernel_shape=[2, 2], strides=[2, 2])
TURN = ["i", "go", "t"]
GOES_ON = node("Identity", ["go"], ["again"])
TWICE = inside(
    [
        *height_of("x", "h2"),
        node("Less", ["h2", "eight"], ["small"]),
        node("If", ["small"], ["q"], then_branch=NARROW, else_branch=OWN),
    ],
    ["q"],
)
MASKED = inside(
    [
        node("Shape", ["t"], ["ts"]),
        node("Gather", ["ts", "height"], ["th"]),
        node("Greater", ["th", "eight"], ["again"]),
        POOL,
    ],
    ["again", "p"],
    TURN,
)
COUNTED = inside(
    [
        GOES_ON,
        node("Conv", ["t", "w"], ["n"], pads=[1, 1, 1, 1], name="turn"),
        node("Slice", ["n", "one", "far", "two1"], ["p"]),
    ],
    ["again", "p"],
    TURN,
)

GRAPHS: dict[str, list[Any]] = {
    "a branch by the height": [*height_of("x", "h"), node("Greater", ["h", "twenty"], ["tall"]), node("If", ["tall"], ["y"], then_branch=WIDE, else_branch=NARROW)],
    "a branch that is certain": [*height_of("x", "h"), node("GreaterOrEqual", ["h", "one"], ["big1"]), node("Squeeze", ["big1", "zero"], ["big"]), node("If", ["big"], ["y"], then_branch=WIDE, else_branch=NARROW)],
    "a branch by a constant": [node("If", ["no"], ["y"], then_branch=WIDE, else_branch=OWN)],
    "branches in branches": [*height_of("x", "h"), node("LessOrEqual", ["h", "twenty"], ["low"]), node("If", ["low"], ["y"], then_branch=TWICE, else_branch=WIDE)],
    "logic": [*height_of("x", "h"), node("Greater", ["h", "twenty"], ["tall"]), node("Mod", ["h", "two"], ["odd_i"]), node("Cast", ["odd_i"], ["odd"], to=TensorProto.BOOL), node("Xor", ["odd", "yes"], ["even"]), node("Or", ["tall", "even"], ["either"]), node("Not", ["either"], ["neither"]), node("And", ["neither", "yes"], ["both"]), node("If", ["both"], ["y"], then_branch=WIDE, else_branch=NARROW)],
    "what is squeezed where it is 1": [node("AveragePool", ["x"], ["p"], kernel_shape=[2, 1], strides=[8, 1], pads=[1, 0, 0, 0]), node("Shape", ["p"], ["s"]), node("Gather", ["s", "height"], ["h"]), node("Equal", ["h", "one"], ["flat1"]), node("Squeeze", ["flat1"], ["flat"]), node("If", ["flat"], ["y"], then_branch=inside([node("Squeeze", ["p", "two1"], ["a"])], ["a"]), else_branch=inside([node("Identity", ["p"], ["b"])], ["b"]))],
    "three turns": [node("Loop", ["three", "yes", "x"], ["y"], body=COUNTED)],
    "turns by the height": [*height_of("x", "h"), node("Div", ["h", "eight"], ["turns"]), node("Loop", ["turns", "", "x"], ["y"], body=COUNTED)],
    "turns as long as it is tall": [*height_of("x", "h"), node("Greater", ["h", "eight"], ["tall"]), node("Loop", ["", "tall", "x"], ["y"], body=MASKED)],
    "what the turns give": [node("Loop", ["three", "", "x"], ["last", "rows", "numbers"], body=inside([GOES_ON, node("Relu", ["t"], ["p"]), node("Conv", ["t", "narrow"], ["row"])], ["again", "p", "row", "i"], TURN)), node("Transpose", ["rows"], ["y"], perm=[1, 0, 2, 3, 4])],
    "a size that is chosen": [node("Shape", ["x"], ["s"]), *height_of("x", "h"), node("Greater", ["h", "eight"], ["tall"]), node("Where", ["tall", "eight", "h"], ["rows"]), node("Unsqueeze", ["rows", "zero"], ["rows1"]), node("Slice", ["x", "zero", "rows1", "two1"], ["y"])],
    "a shape with holes": [node("Shape", ["x"], ["s"]), node("Equal", ["s", "none"], ["open"]), node("ConstantOfShape", ["four"], ["ones"], value=helper.make_tensor("v", TensorProto.INT64, [1], [1])), node("Where", ["open", "ones", "s"], ["to"]), node("Conv", ["x", "narrow"], ["n"]), node("ReduceMean", ["n"], ["m"], axes=[1], keepdims=1), node("Expand", ["m", "to"], ["y"])],
    "one of two, element by element": [node("ReduceMean", ["x"], ["m"], axes=[2, 3], keepdims=1), node("Greater", ["x", "m"], ["above"]), node("Where", ["above", "x", "m"], ["y"])],
    "one of two that meet in size": [node("ReduceMean", ["x"], ["r"], axes=[2], keepdims=1), node("ReduceMean", ["x"], ["c"], axes=[3], keepdims=1), node("Less", ["r", "c"], ["below"]), node("Where", ["below", "r", "c"], ["y"])],
}  # fmt: skip


def proto_of(name: str) -> Any:
    return graph_of(GRAPHS[name], IMAGE, {**WEIGHTS, "two1": [2], "far": [2**62], "four": [4]})


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("given", [SIZES[0], SIZES[3], SIZES[5]])
def test_what_is_read_is_what_runs(name: str, given: tuple[int, ...]) -> None:
    proto = proto_of(name)
    network = cs.from_onnx(proto, input_shape=given)
    assert not any(layer.operator.kind == "opaque" for layer in network.layers)
    for size in (given, *SIZES):
        try:
            executed = executed_shapes(proto, [size], 2)[proto.graph.output[0].name]
        except (errors.Fail, errors.InvalidArgument, errors.RuntimeException):
            executed = None
        report = cs.check(network, size)
        assert not report.unknown and report.ok == (executed is not None), (size, executed, report.failures)
        if executed is not None:
            assert (2, *(report.output or ())) == executed, size


def test_guards_say_for_which_sizes() -> None:
    network = cs.from_onnx(proto_of("a branch by the height"), input_shape=(3, 24, 20))
    assert [str(guard.condition) for guard in network.guards] == ["20 < x.height"]
    assert cs.check(network.with_input((3, 8, 8))).unknown and "wide" in network.by_name
    sizes = cs.valid_sizes(network)
    assert (1, 1) in sizes and (21, 4) not in sizes and (21, 5) in sizes and sizes.proved
    turns = cs.from_onnx(proto_of("turns by the height"), input_shape=(3, 24, 20))
    assert [str(guard.condition) for guard in turns.guards] == ["x.height//8 == 3"]
    assert [layer.name for layer in turns.layers if layer.operator.kind == "conv"] == ["turn", "turn_2", "turn_3"]


def test_what_sizes_decide_for_certain_needs_no_size() -> None:
    for name in ("a branch that is certain", "a branch by a constant", "three turns", "a size that is chosen"):
        assert not cs.from_onnx(proto_of(name)).guards
    with pytest.raises(
        cs.UnreadableError, match=r"If .*depends on the size of the input \(20 < x.height\): give input_shape"
    ):
        cs.from_onnx(proto_of("a branch by the height"))


UNREAD = {
    "values that the network computes": [node("ReduceMean", ["x"], ["m"], axes=[1, 2, 3], keepdims=0), node("Cast", ["m"], ["b"], to=TensorProto.BOOL), node("If", ["b"], ["y"], then_branch=WIDE, else_branch=NARROW)],
    "runs more than 1000 times": [node("Loop", ["", "yes", "x"], ["y"], body=inside([GOES_ON, node("Relu", ["t"], ["p"])], ["again", "p"], TURN))],
    "its body is never run": [node("Loop", ["first", "", "x"], ["last", "y"], body=inside([GOES_ON, node("Relu", ["t"], ["p"])], ["again", "t", "p"], TURN)), node("Relu", ["y"], ["z"])],
    "'lost'": [node("If", ["yes"], ["y"], then_branch=inside([node("Relu", ["lost"], ["a"])], ["a"]), else_branch=NARROW)],
    "Scan .*no rule for it": [node("Scan", ["x"], ["y"], num_scan_inputs=1, body=inside([node("Relu", ["t"], ["p"])], ["p"], ["t"]))],
}  # fmt: skip


@pytest.mark.parametrize("wanted", UNREAD)
def test_what_cannot_be_read_is_named(wanted: str) -> None:
    with pytest.raises(cs.UnreadableError, match=wanted):
        cs.from_onnx(graph_of(UNREAD[wanted], IMAGE, WEIGHTS), input_shape=(3, 8, 8))


def test_sizes_that_are_given_stay_formulas_unless_an_operator_is_unknown() -> None:
    nodes = [
        *height_of("x", "h"),
        node("Unsqueeze", ["h", "zero"], ["h1"]),
        node("Slice", ["x", "one", "h1", "two1"], ["c"]),
    ]
    weights = {**WEIGHTS, "two1": [2]}
    network = cs.from_onnx(graph_of(nodes, IMAGE, weights), input_shape=(3, 9, 7))
    assert not network.guards and cs.check(network.with_input((3, 20, 7))).output == (3, 19, 7)
    fixed = cs.from_onnx(graph_of([*nodes, node("Det", ["x"], ["y"])], IMAGE, weights), input_shape=(3, 8, 8))
    assert [str(guard.condition) for guard in fixed.guards] == ["x.height == 8", "x.width == 8"]
    assert cs.check(fixed, (3, 21, 21)).output == (3,)
