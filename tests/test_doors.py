"""A stranger's file runs no code: every reader is tried on hostile files under an audit hook.

What the hook reports is looked for, too: a source that the user names in Python is seen to run.
"""

from __future__ import annotations

import base64
import json
import marshal
import os
import pickle
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
from onnx import TensorProto, helper

from tests.doors import Seen, watched
from tests.frameworks.torch.described import call, described, tensor, written


def test_the_hook_sees_what_a_program_does(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(
        "import os, pickle, shutil, subprocess, socket\n"
        "import neighbour\n"
        "open('canary', 'w').close()\n"
        "os.system('true')\n"
        "subprocess.run(['true'])\n"
        "os.rename('canary', 'bird')\n"
        "pickle.loads(pickle.dumps(os.getcwd))\n"
        "network = None\n"
    )
    (tmp_path / "neighbour.py").write_text("")
    (tmp_path / "quiet.yaml").write_text("input: [1, 8, 8]\nlayers: [relu]\n")
    quiet, loud = watched([["check", "quiet.yaml"], ["check", "loud.py:network"]], tmp_path)
    assert (quiet.code, quiet.events) == (0, ())
    assert loud.code == 2
    kinds = {event.partition(":")[0] for event in loud.events}
    assert kinds == {"process", "write", "change", "code", "import", "pickle", "file"}, loud.events
    assert {"process: os.system b'true'", "process: subprocess.Popen 'true'"} <= set(loud.events)


# -- exported programs

ATEN = "torch.ops.aten."


def text(given: str) -> dict[str, Any]:
    return {"as_string": given}


def size(name: str) -> dict[str, Any]:
    return {"as_sym_int": {"as_name": name}}


def programs(folder: Path) -> dict[str, Any]:
    """Return descriptions of programs that try to run something, write somewhere, or grow without end."""
    victim, relu = str(folder / "victim"), call(f"{ATEN}relu.default", "x")
    number = [call(f"{ATEN}sym_size.int", "x", 2, to=size("s0"))]
    graph = {"as_graph": {"name": "g", "graph": described([relu])["graph_module"]["graph"]}}
    graph["as_graph"]["graph"]["nodes"].append(call("torch.ops.higher_order.cond", True, graph_of("g"), graph_of("g")))
    cuda = {"as_device": {"type": "cuda", "index": 0}}
    bound_method = call(f"{ATEN}relu.__getattribute__", text("_op"), to={"as_sym_int": {"as_name": "f"}})
    chains: dict[str, list[Any]] = {
        "getattribute": [bound_method, call(f"{ATEN}relu.__getattribute__", text("__globals__"), to=size("g")), relu],
        "setattr": [call(f"{ATEN}relu.__setattr__", text("_op"), text("os.system"), to=None), call(f"{ATEN}relu.default", text("touch canary"))],
        "getattr": [call(f"{ATEN}relu.__getattr__", text("__globals__"), to=size("g")), relu],
        "globals": [call(f"{ATEN}relu.__init__", text("id"), to=size("g")), call(f"{ATEN}relu.__init__.__globals__", "x")],
        "op": [call(f"{ATEN}relu._op", "x")], "schema": [call(f"{ATEN}relu.default._schema", "x")],
        "class": [call(f"{ATEN}__class__.__init__", text("os"))], "module": [call(f"{ATEN}relu.__module__", "x")],
        "from_file": [call(f"{ATEN}from_file.default", text(victim), True, 64, to="f"), call(f"{ATEN}zero_.default", "f")],
        "from_file.out": [call(f"{ATEN}from_file.out", text(victim), True, 64, out="x")],
        "save": [call(f"{ATEN}save.default", "x", text(victim))], "load": [call(f"{ATEN}load.default", text(victim))],
        "print": [call(f"{ATEN}_print.default", text("printed by the file"), to=None), relu],
        "ones": [call(f"{ATEN}ones.default", {"as_ints": [2**20] * 2}, to="o"), relu],
        "full": [call(f"{ATEN}full.default", {"as_ints": [2**16] * 3}, 7.0, to="o", device=cuda), relu],
        "rand": [call(f"{ATEN}rand.generator", {"as_ints": [3]}, to="o", generator=text("g")), relu],
        "cuda": [call(f"{ATEN}to.device", "x", cuda, {"as_scalar_type": 7})],
        "resize_": [call(f"{ATEN}resize_.default", "x", {"as_ints": [2**40]})],
        "set_": [call(f"{ATEN}set_.source_Tensor", "x", "x")], "stream": [call(f"{ATEN}record_stream.default", "x", 1)],
        "out": [call(f"{ATEN}add.out", "x", "x", out="x")], "sparse": [call(f"{ATEN}to_sparse.default", "x")],
        "torchbind": [call("torch.ops.higher_order.call_torchbind", {"as_custom_obj": {"name": "o", "class_fqn": "os"}}, text("system"))],
        "custom_obj": [call(f"{ATEN}relu.default", {"as_custom_obj": {"name": "o", "class_fqn": "__torch__.torch.classes.os"}})],
        "effects": [call("torch.ops.higher_order.with_effects", {"as_none": True}, {"as_operator": "torch.ops.aten._print.default"})],
        "cond": [call("torch.ops.higher_order.cond", True, graph, graph, to=["y"])],
        "wrap": [call("torch.ops.higher_order.wrap_with_set_grad_enabled", True, graph_of("g"))],
        "library": [call("torch.ops.load_library.default", text("./evil.so"))], "loaded": [call("torch.ops.evil.run.default", "x")],
        "classes": [call("torch.classes.evil.run", "x")], "system": [call("os.system", text("touch canary"))],
        "eval": [call("builtins.eval", text("__import__('os').system('touch canary')"))], "math": [call("math.__loader__", "x")],
        "operator": [call("_operator.attrgetter", text("__globals__"))], "call": [call("_operator.call", text("os"), "x")],
        "power": [call("_operator.pow", 7, 10**8, to=size("p")), relu], "shift": [call("_operator.lshift", 7, 10**12, to=size("p")), relu],
        "literal": [call(f"{ATEN}pad.default", "x", {"as_ints": [10**4000, 0]})],
        "format": [call("_operator.mod", text("%9999999999d"), 7, to=size("p")), relu],
        "repeat": [call("_operator.mul", text("a"), 2**40, to=size("p")), relu],
        "mode": [call(f"{ATEN}gelu.default", "x", approximate=text("{0.__globals__}"))],
        "equation": [call(f"{ATEN}einsum.default", text("__import__('os')"), {"as_tensors": [{"name": "x"}]})],
        "split": [call(f"{ATEN}expand.default", {"as_tensor": {"name": "x"}}, {"as_ints": [2**30, 2, 3, 8, 8]}, to="e"),
                  call(f"{ATEN}unbind.int", "e", 0, to={"as_tensors": [{"name": "y"}]})],
        "doubling": [*number, *(call("_operator.mul", size(f"s{i}"), size(f"s{i}"), to=size(f"s{i + 1}")) for i in range(200)), relu],
        "towers": [*number, *(call("_operator.pow", size(f"s{i}"), 9, to=size(f"s{i + 1}")) for i in range(20)), relu],
        "assert": [call(f"{ATEN}_assert_scalar.default", False, text("{0}" * 1000), to=None), relu],
        "dtype": [call(f"{ATEN}to.dtype", "x", {"as_scalar_type": "__import__('os')"})],
        "several": [call(f"{ATEN}relu.default", {"as_int_lists": [[1]]})], "complex": [call(f"{ATEN}add.Tensor", "x", {"as_complex": {"real": 1, "imag": 2}})],
        "mapping": [call(f"{ATEN}relu.default", {"as_string_to_argument": {"a": {"as_int": 1}}})],
        "mutated": [call("torch.ops.higher_order.auto_functionalized", {"as_operator": "aten.zero_"}, "x")],
        "triton": [call("torch.ops.higher_order.triton_kernel_wrapper_functional", text("k"), 1)],
    }  # fmt: skip
    found = {
        name: described(nodes, tensors={"o": tensor(3), "f": tensor(64), "e": tensor(3)})
        for name, nodes in chains.items()
    }
    call_it = "Function('__import__')(Symbol('os'))"
    for name, expression in {
        "sympy": call_it,
        "sympy power": "Pow(Integer(7), Pow(Integer(10), Integer(8)))",
        "lambda": "(lambda: 0)()",
    }.items():
        dynamic = {"as_expr": {"expr_str": expression, "hint": {"as_int": 8}}}
        odd = {**tensor("n", 3, "h", "w"), "sizes": [*tensor("n", 3, "h")["sizes"], dynamic]}
        found[name] = described([relu], tensors={"x": odd}, guards_code=[f"L['x'].size()[2] == {expression}"],
                                range_constraints={expression: {"min_val": 1, "max_val": 10**400}})  # fmt: skip
    found["guards"] = described([relu], guards_code=[
        "__import__('os').system('touch canary')", "L['x'].size.__globals__", "7**10**8 > L['x'].size()[2]", "(" * 10_000,
        "L['x'].size()[2] >= 1 and open('canary', 'w')", "[x for x in (1,).__class__.__base__.__subclasses__()]"])  # fmt: skip
    wide = " or ".join(f"L['x'].size()[2] * L['x'].size()[3] == {i}" for i in range(300))
    found["many guards"] = described([relu], guards_code=[wide] * 3000)
    found["deep guards"] = described(
        [relu], guards_code=["(" * 5000 + "1 // " * 5000, "L['x'].size()[2] % (" * 900, "- " * 9000 + "1 < 2"]
    )
    return found


def graph_of(name: str) -> dict[str, Any]:
    """Return an argument that names a graph of the program, which may be the one that it is in."""
    return {"as_graph": {"name": name, "graph": {"$ref": name}}}


def archives(folder: Path) -> None:
    """Write archives that are no programs: bombs, members with one name, paths that lead outside, pickles."""
    good = json.dumps(described([call(f"{ATEN}relu.default", "x")]))
    run = pickle.dumps(Runs())
    with zipfile.ZipFile(folder / "bomb.pt2", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b/models/model.json", b"[" * (66 * 2**20))
    with zipfile.ZipFile(folder / "containers.pt2", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b/models/model.json", b"[" + b"[]," * (5 * 2**20) + b"1]")
    with zipfile.ZipFile(folder / "xz.pt2", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("b/models/model.json", good)
    with zipfile.ZipFile(folder / "many.pt2", "w") as archive:
        for i in range(300):
            archive.writestr(f"b/data/{i}" + "n" * 60_000, b"")
        archive.writestr("b/models/model.json", good)
    with warnings.catch_warnings(), zipfile.ZipFile(folder / "twice.pt2", "w") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("b/models/model.json", good)
        archive.writestr("b/models/model.json", good)
    with zipfile.ZipFile(folder / "paths.pt2", "w") as archive:
        archive.writestr("../../../canary", b"")
        archive.writestr(str(folder / "absolute"), b"")
        archive.writestr("../models/model.json", good)
        for name in ("b/data/weights/weight_0", "b/data/sample_inputs/model.pt", "b/data/constants/tensor_0"):
            archive.writestr(name, run)
    (folder / "pickle.pt2").write_bytes(run)


class Runs:
    """What runs a command when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ("touch canary",)


def harmless(commands: Sequence[Sequence[str]], folder: Path, *, started: Sequence[str] = ()) -> list[Seen]:
    """Run commands of which none may do anything but read and answer."""
    (folder / "victim").write_bytes(b"contents")
    found = watched(commands, folder, started=started)
    for command, seen in zip(commands, found, strict=True):
        assert not seen.events, (command, seen)
        assert seen.code in (0, 1, 2, 3) and "Traceback" not in seen.errors, (command, seen)
        assert seen.code != 2 or (seen.errors.count("\n") <= 1 and command[-1] in seen.errors), (command, seen)
        assert len(seen.errors) < 1000, (command, seen.errors)
    return found


def test_exported_programs_run_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    tried = programs(folder)
    for name, description in tried.items():
        written(folder / f"{name}.pt2", description)
    archives(folder)
    commands = [["check", path.name] for path in sorted(folder.glob("*.pt2"))]
    found = {
        c[1]: seen for c, seen in zip(commands, harmless(commands, folder, started=["torch._dynamo"]), strict=True)
    }
    assert len(found) > 60 and sum(seen.code == 2 for seen in found.values()) > 40
    assert found["ones.pt2"].code == 0 and found["paths.pt2"].code == 0 and found["print.pt2"].code == 2
    assert "printed by the file" not in found["print.pt2"].output


# -- Keras

INPUT = {"class_name": "InputLayer", "config": {"batch_shape": [None, 8, 8, 1], "name": "in"}}
CANARY = "open('canary', 'w').close()"


def configs() -> dict[str, Any]:
    """Return Keras configs whose layers name code: marshalled, by module, or by a path."""
    code = base64.b64encode(marshal.dumps(compile(CANARY, "evil", "exec"))).decode()
    function = {"class_name": "function", "config": "system", "module": "os", "registered_name": "function"}
    layers: dict[str, Any] = {
        "lambda": {"class_name": "Lambda", "config": {"name": "l", "function": [code, None, None], "function_type": "lambda"}},
        "lambda 3": {"class_name": "Lambda", "module": "keras.layers", "registered_name": None, "config": {
            "name": "l", "function": {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}}},
        "lambda of shapes": {"class_name": "Lambda", "config": {"name": "l", "function": "f", "output_shape": function}},
        "module": {"class_name": "system", "module": "os", "registered_name": "system", "config": {"name": "l", "command": "touch canary"}},
        "neighbour": {"class_name": "Evil", "module": "evil", "registered_name": "evil>Evil", "config": {"name": "l"}},
        "path": {"class_name": "Evil", "module": "./evil.py", "registered_name": "../evil", "config": {"name": "l"}},
        "activation": {"class_name": "Dense", "config": {"name": "l", "units": 3, "activation": function}},
        "initializer": {"class_name": "Dense", "config": {"name": "l", "units": 3, "kernel_initializer": {
            "class_name": "Popen", "module": "subprocess", "config": {"args": ["touch", "canary"]}}}},
        "custom object": {"class_name": "Custom>os.system", "config": {"name": "l"}},
        "operation": {"class_name": "Operation", "module": "keras.src.ops.operation", "config": {"name": "l", "fn": function}},
        "tf op": {"class_name": "TFOpLambda", "config": {"name": "l", "function": "os.system"}},
        "wrapped": {"class_name": "TimeDistributed", "config": {"name": "l", "layer": {"class_name": "Lambda", "config": {"function": [code, None, None]}}}},
        "torch": {"class_name": "TorchModuleWrapper", "module": "keras.layers", "config": {"name": "l", "module": {"buffer_value": code}}},
        "function": {"class_name": "__lambda__", "config": {"name": "l", "code": code}},
        "numpy": {"class_name": "__numpy__", "config": {"name": "l", "value": code}},
        "escape": {"class_name": "ReLU", "config": {"name": "\\x1b]0;evil\\x07{0.__class__}%n"}},
    }  # fmt: skip
    return {
        name: {"class_name": "Sequential", "config": {"name": "s", "layers": [INPUT, layer]}}
        for name, layer in layers.items()
    }


def test_keras_files_run_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for name, config in configs().items():
        text = json.dumps(config)
        (folder / f"{name}.json").write_text(text)
        with zipfile.ZipFile(folder / f"{name}.keras", "w") as archive:
            archive.writestr("config.json", text)
            archive.writestr("../evil.py", CANARY)
            archive.writestr("model.weights.h5", pickle.dumps(Runs()))
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file.attrs["model_config"] = text
            file["link"] = h5py.ExternalLink("/etc/passwd", "/")
    (folder / "half.json").write_text(json.dumps(configs()["lambda"]).replace('"l"', '"\\ud800"'))
    with h5py.File(folder / "halves.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(configs()["lambda"]).encode().replace(b'"l"', b'"\xed\xa0\x80"')
    for name in ("evil", "os", "keras", "h5py", "json"):
        (folder / f"{name}.py").write_text(CANARY)
    commands = [["check", path.name] for path in sorted(folder.iterdir()) if path.suffix in (".json", ".keras", ".h5")]
    found = harmless(commands, folder)
    assert len(found) == 3 * len(configs()) + 2 and sum(seen.code == 2 for seen in found) > 20


# -- ONNX


def graphs() -> dict[str, Any]:
    """Return ONNX models that name files, domains and functions."""
    relu = helper.make_node("Relu", ["x"], ["y"])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("c", 1)]
    found = {}

    def model(name: str, nodes: Sequence[Any], functions: Sequence[Any] = (), weights: Sequence[Any] = ()) -> None:
        inputs, outputs = ([helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 3, 8, 8])] for n in "xy")
        graph = helper.make_graph(nodes, "g", inputs, outputs, initializer=weights)
        found[name] = helper.make_model(graph, functions=functions, opset_imports=opsets)

    def function(name: str, *nodes: Any) -> Any:
        return helper.make_function("c", name, ["a"], ["b"], list(nodes), opsets)

    def run(name: str, given: str, made: str) -> Any:
        return helper.make_node(name, [given], [made], domain="c")

    for name, location in {
        "absolute": "/etc/passwd",
        "dots": "../../../etc/passwd",
        "device": "/dev/stdin",
        "own": "victim",
    }.items():
        weight = TensorProto(name="w", data_type=TensorProto.INT64, dims=[1], data_location=TensorProto.EXTERNAL)
        weight.external_data.add(key="location", value=location)
        for kind, node in {
            "weight": helper.make_node("Mul", ["x", "w"], ["y"]),
            "shape": helper.make_node("Reshape", ["x", "w"], ["y"]),
        }.items():
            model(f"{kind} {name}", [node], weights=[weight])
    model("domain", [helper.make_node("Run", ["x"], ["y"], domain="os", command="touch canary")])
    model("python", [helper.make_node("PythonOp", ["x"], ["y"], domain="org.pytorch._caffe2", code=CANARY)])
    model("itself", [run("F", "x", "y")], [function("F", run("F", "a", "b"))])
    model("each other", [run("F", "x", "y")], [function("F", run("G", "a", "b")), function("G", run("F", "a", "b"))])
    doubled = [function(f"F{i}", run(f"F{i + 1}", "a", "t"), run(f"F{i + 1}", "t", "b")) for i in range(40)]
    model("doubling", [run("F0", "x", "y")], [*doubled, function("F40", helper.make_node("Relu", ["a"], ["b"]))])
    inside = helper.make_graph(
        [run("F", "x", "i")], "i", [], [helper.make_tensor_value_info("i", TensorProto.FLOAT, None)]
    )
    branch = helper.make_node("If", ["a"], ["b"], then_branch=inside, else_branch=inside)
    model("in a branch", [run("F", "x", "y")], [function("F", branch)])
    model(
        "huge",
        [helper.make_node("Mul", ["x", "w"], ["y"])],
        weights=[TensorProto(name="w", data_type=1, dims=[2**40, 2**20])],
    )
    model("many", [relu, helper.make_node("Split", ["x"], ["a", "b"], num_outputs=2**40)])
    return found


def test_onnx_files_run_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for name, model in graphs().items():
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
    commands = [["check", "--input", "3x8x8", path.name] for path in sorted(folder.glob("*.onnx"))]
    found = {c[-1]: seen for c, seen in zip(commands, harmless(commands, folder), strict=True)}
    assert found["itself.onnx"].code == found["each other.onnx"].code == found["in a branch.onnx"].code == 2
    assert "calls itself" in found["in a branch.onnx"].errors and "nodes" in found["doubling.onnx"].errors


# -- problem files


def problems() -> dict[str, str]:
    """Return problem files that name code, files and Python, or repeat themselves without end."""
    head = "input: [1, 8, 8]\nlayers: [relu]\n"
    bomb = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9 if i else ['x'])}]\n" for i in range(12))
    tags = (
        "apply:os.system ['touch canary']",
        "new:os.system ['touch canary']",
        "name:os.system",
        "module:evil",
        "object:evil.Evil {}",
    )
    return {
        **{f"tag {i}": f"!!python/object/{tag}\n" for i, tag in enumerate(tags)},
        **{f"inner tag {i}": f"input: !!python/{tag}\nlayers: [relu]\n" for i, tag in enumerate(tags)},
        "include": head + "include: !include /etc/passwd\n", "merge": head + "x: &x {<<: *x}\n", "bomb": bomb,
        "source": head + "source: evil.py:Evil\n", "import": head + "import: evil\n", "network": "network: evil:Evil\n",
        "layer": "input: [1, 8, 8]\nlayers: [{'evil:Evil': {}}]\n", "operator": "input: [1, 8, 8]\nlayers: [{os.system: 'touch canary'}]\n",
        "require": head + f"require: [\"{CANARY}\"]\n", "format": head + "require: ['{0.__class__} == 1']\n",
        "file": "input: file:///etc/passwd\nlayers: evil.py\n", "python": head + "# source: evil.py:1\npython: evil.py\n",
    }  # fmt: skip


def test_problem_files_run_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for name, problem in problems().items():
        (folder / f"{name}.yaml").write_text(problem)
    for name in ("evil", "os", "yaml", "torch"):
        (folder / f"{name}.py").write_text(CANARY)
    commands = [["check", path.name] for path in sorted(folder.glob("*.yaml"))]
    found = watched(commands, folder)
    for command, seen in zip(commands, found, strict=True):
        assert not seen.events, (command, seen)
        assert (seen.code, "Traceback" in seen.errors) == (2, False), (command, seen)
        assert command[-1] in seen.errors and len(seen.errors) < 3000, (command, seen)
