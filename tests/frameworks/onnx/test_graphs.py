"""Graphs made by hand, read once with open sizes: every tensor has the shape that onnxruntime makes, at two sizes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

import convsolve as cs
from convsolve.dims import Var, variables
from convsolve.frameworks.onnx import from_onnx
from convsolve.frameworks.onnx.reader import GraphReader
from convsolve.frameworks.onnx.values import Known, Tensor
from tests.conformance.execute_torch import BATCH
from tests.frameworks.onnx.graphs import executed_shapes, graph_of
from tests.frameworks.reading import every_shape

node = helper.make_node
IMAGE = {"x": (3, "H", "W")}
TWO = ((3, 17, 24), (3, 32, 41))


def shape_of_two_axes(x: str, prefix: str) -> list[Any]:
    """Nodes that compute height and width of a tensor, as exporters write them: Shape, Slice."""
    return [node("Shape", [x], [f"{prefix}_s"]), node("Slice", [f"{prefix}_s", "two", "four"], [f"{prefix}_hw"])]


def resized(to: list[Any], size: str, x: str = "p") -> list[Any]:
    """Nodes that resize a tensor of 8 channels to a height and width that were computed."""
    return [
        *to,
        node("Shape", [x], ["xs"]),
        node("Slice", ["xs", "zero", "two"], ["nc"]),
        node("Concat", ["nc", size], ["sizes"], axis=0),
        node("Resize", [x, "", "", "sizes"], ["y"], mode="nearest"),
    ]


INDEX = {"zero": [0], "one": [1], "two": [2], "three": [3], "four": [4], "minus": [-1]}
CONV = node("Conv", ["x", "w"], ["c"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
POOL = node("MaxPool", ["c"], ["p"], kernel_shape=[2, 2], strides=[2, 2])
FRONT = [CONV, POOL]
W = {"w": (8, 3, 3, 3), **INDEX}


def floats(*values: float) -> Any:
    return np.array(values, np.float32)


GRAPHS: dict[str, tuple[list[Any], dict[str, Any], dict[str, Any], int]] = {
    "conv, asymmetric pads": ([node("Conv", ["x", "w", "b"], ["y"], pads=[0, 1, 2, 3], strides=[2, 1])], {"w": (8, 3, 3, 5), "b": (8,)}, IMAGE, 17),
    "conv, same upper": ([node("Conv", ["x", "w"], ["y"], auto_pad="SAME_UPPER", strides=[3, 2])], W, IMAGE, 17),
    "conv, same lower": ([node("Conv", ["x", "w"], ["y"], auto_pad="SAME_LOWER", strides=[2, 2])], W, IMAGE, 17),
    "conv, valid, dilated, grouped": ([node("Conv", ["x", "w"], ["y"], auto_pad="VALID", dilations=[2, 3], group=3)], {"w": (6, 1, 3, 3)}, IMAGE, 11),
    "conv transpose": ([node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 3], pads=[1, 0, 0, 1], output_padding=[1, 0])], {"w": (3, 4, 4, 3)}, IMAGE, 17),
    "max pool, ceil": ([node("MaxPool", ["x"], ["y"], kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1, pads=[1, 0, 1, 1])], {}, IMAGE, 17),
    "max pool, stride by default": ([node("MaxPool", ["x"], ["y"], kernel_shape=[3, 3])], {}, IMAGE, 8),
    "average pool, same": ([node("AveragePool", ["x"], ["y"], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")], {}, IMAGE, 7),
    "lp pool": ([node("LpPool", ["x"], ["y"], kernel_shape=[3, 3], strides=[2, 2])], {}, IMAGE, 18),
    "a classifier": ([*FRONT, node("Relu", ["p"], ["r"]), node("GlobalAveragePool", ["r"], ["g"]), node("Flatten", ["g"], ["f"]), node("Gemm", ["f", "fw", "fb"], ["y"], transB=1)], {**W, "fw": (10, 8), "fb": (10,)}, IMAGE, 17),
    "flattened by shape": ([*FRONT, node("GlobalMaxPool", ["p"], ["g"]), node("Shape", ["g"], ["s"]), node("Gather", ["s", "first"], ["n"]), node("Unsqueeze", ["n", "zero"], ["n1"]), node("Concat", ["n1", "minus"], ["to"], axis=0), node("Reshape", ["g", "to"], ["y"])], {**W, "first": 0}, IMAGE, 17),
    "resized to a skip": (resized([*FRONT, *shape_of_two_axes("c", "c")], "c_hw"), W, IMAGE, 17),
    "resized to twice its size": (resized([*FRONT, *shape_of_two_axes("p", "p"), node("Mul", ["p_hw", "two"], ["big"])], "big"), W, IMAGE, 13),
    "resized by a float": (resized([*FRONT, *shape_of_two_axes("p", "p"), node("Cast", ["p_hw"], ["f"], to=1), node("Mul", ["f", "scale"], ["g"]), node("Floor", ["g"], ["h"]), node("Cast", ["h"], ["big"], to=7)], "big"), {**W, "scale": floats(1.5)}, IMAGE, 17),
    "resized to a third, rounded up": (resized([*FRONT, *shape_of_two_axes("x", "p"), node("Cast", ["p_hw"], ["f"], to=1), node("Div", ["f", "scale"], ["g"]), node("Ceil", ["g"], ["h"]), node("Cast", ["h"], ["big"], to=7)], "big"), {**W, "scale": floats(3)}, IMAGE, 17),
    "resized to half plus one": (resized([*FRONT, *shape_of_two_axes("x", "p"), node("Div", ["p_hw", "two"], ["g"]), node("Add", ["g", "one"], ["big"])], "big"), W, IMAGE, 17),
    "resized by scales": ([node("Resize", ["x", "", "s"], ["y"], mode="linear")], {"s": floats(1, 1, 1.5, 0.5)}, IMAGE, 17),
    "upsample 9": ([node("Upsample", ["x", "s"], ["y"])], {"s": floats(1, 1, 2, 3)}, IMAGE, 9),
    "upsample 7": ([node("Upsample", ["x"], ["y"], scales=[1.0, 1.0, 2.0, 2.0])], {}, IMAGE, 7),
    "padded to a multiple": ([*shape_of_two_axes("x", "x"), node("Mod", ["x_hw", "eight"], ["r"]), node("Sub", ["eight", "r"], ["need"]), node("Concat", ["zeros", "need"], ["pads"], axis=0), node("Pad", ["x", "pads"], ["y"])], {**INDEX, "eight": [8, 8], "zeros": [0, 0, 0, 0, 0, 0]}, IMAGE, 17),
    "padded as torch writes it": ([node("ConstantOfShape", ["four"], ["z"], value=helper.make_tensor("v", 7, [1], [0])), node("Concat", ["given", "z"], ["all"], axis=0), node("Reshape", ["all", "pairs"], ["r"]), node("Slice", ["r", "minus", "far", "zero", "minus"], ["back"]), node("Transpose", ["back"], ["t"], perm=[1, 0]), node("Reshape", ["t", "minus"], ["pads"]), node("Pad", ["x", "pads"], ["y"], mode="reflect")], {**INDEX, "given": [1, 2, 3, 4], "pairs": [-1, 2], "far": [-(2**62)]}, IMAGE, 17),
    "padded channels": ([node("Pad", ["x", "pads"], ["y"])], {"pads": [0, 1, 0, 2, 0, 2, 1, 0]}, IMAGE, 17),
    "pad 2": ([node("Pad", ["x"], ["y"], pads=[0, 0, 1, 2, 0, 0, 3, 4], mode="edge")], {}, IMAGE, 7),
    "cropped by slices": ([node("Slice", ["x", "from", "to", "axes", "steps"], ["y"])], {"from": [1, -9], "to": [2**62, -1], "axes": [2, 3], "steps": [2, 1]}, IMAGE, 17),
    "slice 9": ([node("Slice", ["x"], ["y"], starts=[0, 2], ends=[2, 9223372036854775807], axes=[1, 3])], {}, IMAGE, 9),
    "cropped to another": ([*FRONT, *shape_of_two_axes("p", "p"), node("Slice", ["c", "starts", "p_hw", "axes"], ["k"]), node("Concat", ["k", "p"], ["y"], axis=1)], {**W, "starts": [0, 0], "axes": [2, 3]}, IMAGE, 17),
    "transposed, normalised, back": ([node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1]), node("LayerNormalization", ["t", "g", "g"], ["n"], axis=-1), node("MatMul", ["n", "m"], ["l"]), node("Add", ["l", "b"], ["a"]), node("Transpose", ["a"], ["y"], perm=[0, 3, 1, 2])], {"g": (3,), "m": (3, 6), "b": (6,)}, IMAGE, 17),
    "tokens": ([node("Reshape", ["x", "flat"], ["f"]), node("Transpose", ["f"], ["y"], perm=[0, 2, 1])], {"flat": [0, 3, -1]}, IMAGE, 17),
    "batch moved and back": ([node("Reshape", ["x", "flat"], ["f"]), node("Transpose", ["f"], ["t"], perm=[2, 0, 1]), node("MatMul", ["t", "m"], ["k"]), node("Transpose", ["k"], ["y"], perm=[1, 0, 2])], {"flat": [0, 3, -1], "m": (3, 5)}, IMAGE, 17),
    "attention with heads in the batch": ([
        node("Shape", ["x"], ["s"]), node("Gather", ["s", "first"], ["n"]), node("Mul", ["n", "heads"], ["nh"]), node("Unsqueeze", ["nh", "zero"], ["nh1"]),
        node("Unsqueeze", ["n", "zero"], ["n1"]), node("Transpose", ["x"], ["q"], perm=[1, 0, 2]), node("Concat", ["minus", "nh1", "four"], ["to"], axis=0),
        node("Reshape", ["q", "to"], ["h"]), node("Transpose", ["h"], ["a"], perm=[1, 0, 2]), node("Transpose", ["h"], ["b"], perm=[1, 2, 0]),
        node("MatMul", ["a", "b"], ["scores"]), node("Softmax", ["scores"], ["soft"], axis=-1), node("MatMul", ["soft", "a"], ["mix"]),
        node("Transpose", ["mix"], ["back"], perm=[1, 0, 2]), node("Concat", ["minus", "n1", "width"], ["to2"], axis=0), node("Reshape", ["back", "to2"], ["m"]),
        node("Transpose", ["m"], ["y"], perm=[1, 0, 2])], {**INDEX, "first": 0, "heads": 2, "width": [8]}, {"x": ("L", 8)}, 17),
    "a class token": ([node("Shape", ["x"], ["s"]), node("Slice", ["s", "zero", "one"], ["n"]), node("Concat", ["n", "one", "width"], ["to"], axis=0), node("Expand", ["cls", "to"], ["e"]), node("Concat", ["e", "x"], ["c"], axis=1), node("Gather", ["c", "first"], ["y"], axis=1)], {**INDEX, "width": [8], "cls": (1, 1, 8), "first": 0}, {"x": ("L", 8)}, 17),
    "squeeze and excite": ([*FRONT, node("ReduceMean", ["p"], ["m"], axes=[2, 3], keepdims=1), node("Conv", ["m", "v"], ["e"]), node("HardSigmoid", ["e"], ["g"]), node("Mul", ["p", "g"], ["y"])], {**W, "v": (8, 8, 1, 1)}, IMAGE, 17),
    "joined with constants": ([node("Mul", ["x", "scalar"], ["m"]), node("Add", ["m", "plane"], ["a"]), node("Max", ["a", "x"], ["k"]), node("Div", ["k", "scalar"], ["d"]), node("Pow", ["d", "plane"], ["e"]), node("Min", ["e", "x"], ["f"]), node("Mean", ["f", "x", "d"], ["y"])], {"scalar": floats(2).reshape(()), "plane": (3, 1, 1)}, IMAGE, 17),
    "split by sizes": ([*FRONT, node("Split", ["p", "parts"], ["a", "b"], axis=1), node("Concat", ["b", "a", "b"], ["y"], axis=1)], {**W, "parts": [3, 5]}, IMAGE, 17),
    "split 2": ([*FRONT, node("Split", ["p"], ["a", "b"], axis=1), node("Add", ["b", "a"], ["y"])], W, IMAGE, 11),
    "shuffled channels": ([*FRONT, node("Shape", ["p"], ["s"]), node("Split", ["s", "ones"], ["n", "ch", "hh", "ww"]), node("Concat", ["n", "two", "four", "hh", "ww"], ["to"], axis=0), node("Reshape", ["p", "to"], ["r"]), node("Transpose", ["r"], ["t"], perm=[0, 2, 1, 3, 4]), node("Concat", ["n", "minus", "hh", "ww"], ["to2"], axis=0), node("Reshape", ["t", "to2"], ["y"])], {**W, "ones": [1, 1, 1, 1]}, IMAGE, 17),
    "space and depth": ([node("DepthToSpace", ["c8"], ["d"], blocksize=2), node("SpaceToDepth", ["d"], ["y"], blocksize=2)], {}, {"c8": (8, "H", "W")}, 17),
    "norms": ([node("BatchNormalization", ["x", "g", "g", "g", "g"], ["a"]), node("InstanceNormalization", ["a", "g", "g"], ["b"]), node("PRelu", ["b", "slope"], ["y"])], {"g": (3,), "slope": (3, 1, 1)}, IMAGE, 17),
    "squeezed": ([node("ReduceMax", ["x"], ["m"], axes=[1]), node("Squeeze", ["m", "one"], ["s"]), node("Unsqueeze", ["s", "ends"], ["u"]), node("Tile", ["u", "times"], ["y"])], {"one": [1], "ends": [1, 4], "times": [1, 4, 1, 2, 3]}, IMAGE, 17),
    "a recurrent layer": ([node("Transpose", ["x"], ["t"], perm=[1, 0, 2]), node("LSTM", ["t", "wi", "wh", "b"], ["l"], hidden_size=5, direction="bidirectional"), node("Transpose", ["l"], ["k"], perm=[2, 0, 1, 3]), node("Reshape", ["k", "flat"], ["y"])], {"wi": (2, 20, 8), "wh": (2, 20, 5), "b": (2, 40), "flat": [0, 0, -1]}, {"x": ("L", 8)}, 17),
    "entries along an axis": ([node("ArgMax", ["x"], ["i"], axis=2, keepdims=1), node("GatherElements", ["x", "i"], ["g"], axis=2), node("ScatterElements", ["x", "i", "g"], ["s"], axis=2), node("OneHot", ["i", "depth", "pair"], ["o"], axis=1), node("ReduceMax", ["o"], ["m"], axes=[1], keepdims=0), node("Add", ["m", "s"], ["y"])], {"depth": 5, "pair": (2,)}, IMAGE, 17),
    "entries of several axes": ([node("TopK", ["x", "one"], ["v", "i"], axis=3), node("GatherND", ["x", "i"], ["y"], batch_dims=1)], INDEX, IMAGE, 17),
    "spectra": ([node("ReduceMax", ["x"], ["m"], axes=[2]), node("STFT", ["m", "step", "window"], ["y"])], {"step": 2, "window": (4,)}, {"x": ("L", 8)}, 17),
}  # fmt: skip
SIZES: dict[str, Any] = {"x": {"L": ((9, 8), (12, 8))}, "c8": ((8, 4, 6), (8, 8, 2))}


def sizes_for(inputs: dict[str, Any]) -> Any:
    if "c8" in inputs:
        return SIZES["c8"]
    return SIZES["x"]["L"] if "L" in inputs["x"] else TWO


def read_shapes(graph: GraphReader, sizes: Sequence[tuple[int, ...]], batch: int) -> dict[str, tuple[int, ...]]:
    """Return what a graph that was read says of every tensor's shape at these input sizes, with the batch axis."""
    network = graph.network().with_input(*sizes)
    assert cs.check(network).ok, cs.check(network).failures
    shapes = every_shape(network)
    found = {}
    for name, value in graph.values.items():
        if isinstance(value, Tensor) and value.reference in shapes:
            here = Tensor(value.reference, shapes[value.reference], value.batch, value.merged)
            found[name] = tuple(int(n) for n in here.full(batch))
        elif isinstance(value, Known):
            found[name] = tuple(value.shape)
    return found


@pytest.mark.parametrize("name", GRAPHS)
def test_every_tensor_has_the_shape_that_runs(name: str) -> None:
    nodes, weights, inputs, opset = GRAPHS[name]
    proto = graph_of(nodes, inputs, weights, opset=opset)
    graph = GraphReader(proto, name)
    for size in sizes_for(inputs):
        executed, read = executed_shapes(proto, [size], BATCH), read_shapes(graph, [size], BATCH)
        missing = [n for node in nodes if node.op_type != "LSTM" for n in node.output if n not in read]
        assert not missing
        assert {n: read[n] for n in executed if n in read} == executed
    assert not any(layer.operator.kind == "opaque" for layer in graph.network().layers)


@pytest.mark.parametrize("name", GRAPHS)
def test_what_was_read_can_be_written_and_read(name: str) -> None:
    nodes, weights, inputs, opset = GRAPHS[name]
    nodes = copy.deepcopy(nodes)
    for i, part in enumerate(nodes):
        part.name = f"/part {i}/{part.op_type}"
    network = from_onnx(graph_of(nodes, inputs, weights, opset=opset))
    again = cs.parse(cs.dump(cs.Problem(network))).network
    assert {(x.name, x.operator, x.inputs) for x in again.layers} == {
        (x.name, x.operator, x.inputs) for x in network.layers
    }


def test_sizes_stay_formulas() -> None:
    nodes, weights, inputs, opset = GRAPHS["resized to a skip"]
    network = from_onnx(graph_of(nodes, inputs, weights, opset=opset))
    used = {v.name for v in variables(*network.by_name["resize1"].operator.unknowns())}
    assert used == {"conv1.height", "conv1.width"}
    assert list(network.holes) == ["x[1]", "x[2]"]
    small = cs.check(network, (3, 2, 2))
    assert [f.layer for f in small.failures] == ["max_pool1"]


def test_axes_of_one_name_are_one_unknown() -> None:
    proto = graph_of([node("Add", ["x", "z"], ["y"])], {"x": (3, "L"), "z": (3, "L")}, {})
    assert list(from_onnx(proto).holes) == ["x[1]"]


def test_inputs_by_name() -> None:
    proto = graph_of([node("Concat", ["x", "z"], ["y"], axis=2)], {"x": (3, None), "z": (3, None)}, {})
    network = from_onnx(proto, input_shape={"z": (3, 4)})
    assert list(network.holes) == ["x[1]"] and cs.check(network, {"x": (3, 5)}).output == (3, 9)
    assert cs.check(from_onnx(proto, input_shape=[(3, 7), (3, 4)])).output == (3, 11)
    with pytest.raises(cs.UnreadableError, match="no input 'zz'"):
        from_onnx(proto, input_shape={"zz": (3, 4)})


def test_a_fixed_size_is_a_number() -> None:
    network = from_onnx(graph_of(FRONT, {"x": (3, 32, 33)}, W))
    assert network.inputs[0].operator.shape == (3, 32, 33)  # type: ignore[attr-defined]
    assert not any(isinstance(v, Var) for v in network.holes.values())
    assert cs.check(network).output == (8, 8, 8)


def test_parameters_are_counted() -> None:
    nodes, weights, inputs, opset = GRAPHS["a classifier"]
    report = cs.check(from_onnx(graph_of(nodes, inputs, weights, opset=opset)), (3, 17, 24))
    assert report.params == sum(int(np.prod(s)) for s in weights.values() if isinstance(s, tuple))


UNREAD = {
    "the batch among others": ([node("Transpose", ["x"], ["t"], perm=[1, 0, 2, 3]), node("Reshape", ["t", "to"], ["y"])], {"to": [3, -1]}),
    "softmax of the batch": ([node("ReduceSum", ["x"], ["y"])], {}),
    "weights that are computed": ([node("Conv", ["x", "x"], ["y"])], {}),
    "an operator that is not there": ([node("Frobnicate", ["x"], ["y"])], {}),
    "another domain": ([node("Thing", ["x"], ["y"], domain="com.acme")], {}),
    "a tensor that is not there": ([node("Relu", ["nothing"], ["y"])], {}),
    "a size times itself in floats": ([node("Shape", ["x"], ["s"]), node("Cast", ["s"], ["f"], to=1), node("Sqrt", ["f"], ["r"]), node("Resize", ["x", "", "r"], ["y"])], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", UNREAD)
def test_what_cannot_be_read_is_named(name: str) -> None:
    nodes, weights = UNREAD[name]
    with pytest.raises(cs.UnreadableError) as error:
        from_onnx(graph_of(nodes, IMAGE, weights))
    assert any(n.op_type in str(error.value) for n in nodes) and "\n" not in str(error.value)


def test_an_unknown_operator_is_opaque_at_known_sizes() -> None:
    proto = graph_of([*FRONT, node("Det", ["p"], ["y"])], IMAGE, W)
    with pytest.raises(cs.UnreadableError, match=r"Det.*give input_shape"):
        from_onnx(proto)
    network = from_onnx(proto, input_shape=(3, 32, 32))
    assert cs.check(network).output == (8,)
    assert {u.code for u in cs.check(network.with_input((3, 64, 64))).unknown} <= {"CS027", "CS028"}
    assert cs.check(network.with_input((3, 64, 64))).unknown
    assert cs.check(network, (3, 64, 64)).output == (8,)  # read again at that size
    assert executed_shapes(proto, [(3, 32, 32)], 2)["y"] == (2, 8)


def test_weights_of_an_unknown_operator_are_counted() -> None:
    proto = graph_of(
        [node("ScatterElements", ["x", "places", "updates"], ["y"])], {"x": (4,)}, {"places": [[0]], "updates": (1, 1)}
    )
    assert cs.check(from_onnx(proto, input_shape=(4,))).params == 1


def test_files(tmp_path: Any) -> None:
    nodes, weights, inputs, opset = GRAPHS["a classifier"]
    path = tmp_path / "net.onnx"
    onnx.save(graph_of(nodes, inputs, weights, opset=opset), path)
    assert cs.check(cs.from_onnx(path), (3, 40, 40)).output == (10,)
    content = path.read_bytes()
    hostile = {
        "truncated": content[: len(content) // 2],
        "empty": b"",
        "text": b"hello, world\n" * 50,
        "noise": bytes(range(256)) * 20,
    }
    for name, data in hostile.items():
        bad = tmp_path / f"{name}.onnx"
        bad.write_bytes(data)
        with pytest.raises(cs.UnreadableError) as error:
            cs.from_onnx(bad)
        assert bad.name in str(error.value)
    for wrong in (tmp_path / "missing.onnx", tmp_path):
        with pytest.raises(cs.UnreadableError, match="cannot be read"):
            cs.from_onnx(wrong)
    with pytest.raises(cs.UnreadableError, match="takes a path"):
        cs.from_onnx(42)


def test_external_data_is_not_read(tmp_path: Any) -> None:
    proto = graph_of([CONV], IMAGE, {"w": (8, 3, 3, 3)})
    weight = proto.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="/etc/passwd")
    path = tmp_path / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    assert cs.check(cs.from_onnx(path), (3, 8, 8)).output == (8, 4, 4)


WRONG = {
    "strides of another length": (node("Conv", ["x", "w"], ["y"], strides=[1]), 17, "strides has incorrect size"),
    "a stride of 0": (node("Conv", ["x", "w"], ["y"], strides=[0, 1]), 17, "positive"),
    "pads beside auto_pad": (node("Conv", ["x", "w"], ["y"], auto_pad="VALID", pads=[0, 0, 0, 0]), 17, "both"),
    "a bias of another size": (node("Conv", ["x", "w", "zero"], ["y"]), 17, "its bias has the shape"),
    "no groups": (node("Conv", ["x", "w"], ["y"], group=0), 17, "group is 0"),
    "another kernel_shape": (node("Conv", ["x", "w"], ["y"], kernel_shape=[3, 2]), 17, "not that of its weights"),
    "pads as large as the kernel": (node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], pads=[2, 0, 0, 0]), 17, "smaller"),
    "an attribute of later opsets": (node("AveragePool", ["x"], ["y"], kernel_shape=[2, 2], dilations=[1, 1]), 17, "dilations"),
    "an operator of later opsets": (node("GridSample", ["x", "w"], ["y"]), 11, "from opset 16 on"),
    "an unknown attribute": (node("Relu", ["x"], ["y"], surprise=1), 17, "no attribute 'surprise'"),
    "sizes that are not as many as outputs": (node("Split", ["x", "one"], ["y", "z"], axis=1), 17, "1 sizes for 2 outputs"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused_is_a_layer_that_fails(name: str) -> None:
    made, opset, why = WRONG[name]
    made.name = "wrong"
    report = cs.check(from_onnx(graph_of([made, node("Relu", ["y"], ["r"])], IMAGE, W, opset=opset)), (3, 9, 9))
    assert [(f.layer, f.code) for f in report.failures] == [("wrong", "CS031")]
    assert why in report.failures[0].message
    assert not report.ok and report.output is None


@pytest.mark.parametrize("batch", [1, 2])
def test_samples_of_many_elements_are_not_reshaped_to_one_each(batch: int) -> None:
    proto = graph_of([node("Reshape", ["x", "to"], ["y"])], {"x": (5, 4, 4)}, {"to": [batch]})
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = batch
    with pytest.raises(Fail, match="cannot be reshaped"):
        executed_shapes(proto, [(5, 4, 4)], batch)
    (failure,) = cs.check(from_onnx(proto)).failures
    assert failure.code == "CS031" and "80 elements" in failure.message


def test_an_average_pool_crops_from_opset_19_on() -> None:
    pool = node("AveragePool", ["x"], ["y"], kernel_shape=[1, 1], strides=[2, 2], auto_pad="SAME_UPPER")
    assert cs.check(from_onnx(graph_of([pool], IMAGE, {}, opset=19)), (3, 8, 8)).output == (3, 4, 4)
    assert {f.code for f in cs.check(from_onnx(graph_of([pool], IMAGE, {}, opset=17)), (3, 8, 8)).failures} == {"CS007"}


def test_the_output_is_the_part_that_is_named() -> None:
    split = node("Split", ["x", "parts"], ["a", "b"], axis=1)
    for last, channels in (("a", 1), ("b", 2)):
        report = cs.check(from_onnx(graph_of([split], IMAGE, {"parts": [1, 2]}, output=last)), (3, 5, 5))
        assert report.output == (channels, 5, 5)
        assert report.receptive_field == (1, 1)


CHAINS = {
    "the nearest, of whole numbers": [("Sub", "seven"), ("Abs",), ("Min", "seven", "x_hw"), ("Add", "one")],
    "signs": [("Sub", "seven"), ("Sign",), ("Add", "seven")],
    "rounded to even": [("Cast", 1), ("Mul", "half"), ("Round",), ("Max", "half"), ("Ceil",), ("Cast", 7)],
    "clipped": [("Cast", 1), ("Mul", "half"), ("Clip", "half", "top"), ("Ceil",), ("Cast", 7)],
    "clipped from above": [("Cast", 1), ("Clip", "", "top"), ("Cast", 7)],
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_sizes_are_clipped_rounded_and_have_signs(name: str) -> None:
    steps, size = shape_of_two_axes("x", "x"), "x_hw"
    for i, (kind, *rest) in enumerate(CHAINS[name]):
        options = {"to": rest.pop()} if kind == "Cast" else {}
        steps.append(node(kind, [size, *rest], [f"n{i}"], **options))
        size = f"n{i}"
    weights = {**INDEX, "seven": [7, 7], "half": floats(0.5).reshape(()), "top": floats(4).reshape(())}
    proto = graph_of(resized(steps, size, "x"), IMAGE, weights)
    network = from_onnx(proto)
    for shape in ((3, 7, 8), (3, 12, 5), (3, 30, 9), (3, 10, 2), (3, 1, 3)):
        assert (2, *(cs.check(network, shape).output or ())) == executed_shapes(proto, [shape], 2)["y"]


def test_more_outputs_than_parts_do_not_end_the_process() -> None:
    split = node("Split", ["x"], ["a", "b", "y"], num_outputs=2, axis=2)
    proto = graph_of([split, node("Det", ["x"], ["z"])], IMAGE, {}, opset=18)
    proto.graph.output[0].name = "y"
    assert {f.code for f in cs.check(from_onnx(proto, input_shape=(3, 8, 8))).failures} == {"CS031"}
    proto.graph.output[0].name = "z"
    with pytest.raises(cs.UnreadableError, match="Det"):
        from_onnx(proto, input_shape=(3, 8, 8))


def test_negative_shared_axes_do_not_end_the_process() -> None:
    proto = graph_of([node("GatherND", ["x", "i"], ["y"], batch_dims=-2)], IMAGE, {"i": [[[1]]]})
    report = cs.check(from_onnx(proto, input_shape=(3, 8, 8)))
    assert [f.code for f in report.failures] == ["CS031"] and "batch_dims" in report.failures[0].message


def test_places_that_are_constants_bound_the_sizes() -> None:
    places = {"i": [[[0, 5], [1, 2], [4, -6]]]}
    proto = graph_of([node("GatherElements", ["x", "i"], ["y"], axis=2)], {"x": (3, "L")}, places)
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    network = from_onnx(proto)
    for length in (4, 5, 6, 7):
        assert cs.check(network, (3, length)).ok == (length >= 6)
