"""Files that are built to hurt: each asks for memory, time, code or files of others, in numbers drawn at random."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from random import Random
from typing import Any

import h5py
import numpy
from onnx import TensorProto, helper

from tests.attack.mutators import written

__all__ = ["CRAFTED", "crafted"]

SIZES = (1, 7, 64, 1000, 65_536, 10**6, 2**31, 2**40, 2**62, 2**63 - 1)
COUNTS = (2, 10, 100, 1000, 10_000, 100_000)


class Loud:
    """What touches a file where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("open('../elsewhere', 'w')",)


# -- problem files


def laughs(random: Random) -> bytes:
    """Anchors that double."""
    depth, width = random.choice((5, 20, 60)), random.choice((2, 9))
    lines = ["a0: &a0 [conv, conv]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, depth)]
    lines += ["input: [3, 32, 32]", f"layers: *a{depth - 1}"]
    return "\n".join(lines).encode()


def merges(random: Random) -> bytes:
    """Mappings that are merged into each other, or hold themselves."""
    lines = ["a0: &a0 {out_channels: 8}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * random.choice((1, 5)))}]}}" for i in range(1, 25)]
    lines += random.choice((["x: &x [*x]"], ["x: &x {y: *x}"], []))
    return "\n".join([*lines, "input: [3, 32, 32]", "layers: [{conv: *a24}]"]).encode()


def tags(random: Random) -> bytes:
    """Tags that name Python."""
    tag = random.choice(
        ("python/object/apply:os.system", "python/name:os.system", "python/module:os", "binary", "set", "timestamp")
    )
    return f"input: [3, 32, 32]\nlayers:\n  - conv: {{out_channels: !!{tag} ['true']}}\n".encode()


def deep(random: Random) -> bytes:
    """Brackets, expressions or blocks without end."""
    n = random.choice(COUNTS)
    kind = random.randrange(6)
    if kind == 0:
        return ("[" * n + "]" * random.choice((0, n))).encode()
    if kind == 1:
        return f"input: [3, 32, 32]\nlayers: [conv: {{out_channels: {'(' * n}8{')' * n}}}]".encode()
    if kind == 2:
        return f"input: [3, 32, 32]\nlayers: [flatten]\nrequire: ['{'-' * n}output.features >= 3']".encode()
    if kind == 3:
        return f"input: [3, 32, 32]\nlayers: [flatten]\nrequire: ['{' + '.join(['params'] * n)} >= 3']".encode()
    if kind == 4:
        text = json.dumps({"input": [3, 32, 32], "layers": [{"conv": {"out_channels": 8, "kernel_size": 1}}]})
        for _ in range(min(n, 400)):
            text = (
                f'{{"input": [3, 32, 32], "layers": [{{"repeat": 2, "layers": {text[text.index("[", 20) :][:-1]}}}]}}'
            )
        return text.encode()
    return f"input: [3, 32, 32]\nlayers: [flatten]\nrequire: ['{' < '.join(['params'] * n)}']".encode()


def grown(random: Random) -> bytes:
    """Repeats of repeats, and sizes that multiply."""
    times, depth = random.choice((2, 30, 1000, "1..1000", 10**12)), random.randrange(1, 7)
    body = random.choice(
        ("conv: {out_channels: 8, kernel_size: 1}", "upsample: {scale_factor: 1000}", "relu: {}", "flatten: {}",
         "conv: {out_channels: 1..64, kernel_size: 1..64, padding: 0..64, dilation: 1..64, stride: 1..64}")
    )  # fmt: skip
    text = f"[{{{body}}}]"
    for _ in range(depth):
        text = f"[{{repeat: {times}, layers: {text}}}]"
    axes = random.choice(("3, 32, 32", "3, 32, 32, 32", "3, 1..1099511627776, 9", "1000000, 1000000, 1000000"))
    ask = random.choice(
        ("", "minimize: params", "require: [params <= 5K, macs >= 5K]\nmaximize: receptive_field.height")
    )
    return f"input: [{axes}]\nlayers: {text}\n{ask}\n".encode()


def wide(random: Random) -> bytes:
    """Many layers, joins, holes, requirements or names that are not there."""
    n = random.choice((100, 1000, 5000, 20_000))
    kind = random.randrange(6)
    lines = ["input: [3, 32, 32]", "layers:"]
    if kind == 0:
        lines += ["  - conv: {out_channels: 3, kernel_size: 3, padding: 1}"] * n
    elif kind == 1:
        few = min(n, 300)
        lines += [
            f"  - {{conv: {{out_channels: 4, kernel_size: 3, padding: {i % 3}}}, name: c{i}}}" for i in range(few)
        ]
        lines += [f"  - {{concat: {{}}, inputs: [{', '.join(f'c{j}' for j in range(few))}]}}"]
    elif kind == 2:
        lines += [f"  - {{relu: {{}}, name: r{i}, inputs: [nothing{i}]}}" for i in range(n)]
    elif kind == 3:
        lines += ["  - conv: {out_channels: 1..64 step 3, kernel_size: 1|3|5}"] * min(n, 300)
        lines += [f"require: [{', '.join(f'params != {i}' for i in range(min(n, 2000)))}]"]
    elif kind == 4:
        domain = "|".join(f"{i}..{i + 5}" for i in range(0, n * 3, 3))
        lines += [f"  - conv: {{out_channels: {domain}, kernel_size: 1}}"]
    else:
        lines += ["  - choose:", *(f"      - [{{conv: {{out_channels: {i + 1}, kernel_size: 1}}}}]" for i in range(n))]
    return "\n".join(lines).encode()


def templates(random: Random) -> bytes:
    """Templates that use each other, and arguments that grow."""
    n = random.choice((3, 12, 25))
    lines = [
        "input: [3, 32, 32]",
        "templates:",
        "  t0: {arguments: {w: 8}, layers: [{conv: {out_channels: $w, kernel_size: 1}}]}",
    ]
    lines += [
        f"  t{i}: {{arguments: {{w: 8}}, layers: [{{use: t{i - 1}, with: {{w: $w*$w}}}}, {{use: t{i - 1}}}]}}"
        for i in range(1, n)
    ]
    if random.random() < 0.3:
        lines.append("  t0: {layers: [{use: t2}]}")
    return "\n".join([*lines, f"layers: [{{use: t{n - 1}}}]"]).encode()


def tables(random: Random) -> bytes:
    """TOML whose keys make tables of tables."""
    n = random.choice(COUNTS[:5])
    kind = random.randrange(4)
    if kind == 0:
        return (".".join(["a"] * n) + " = 1\n").encode()
    if kind == 1:
        return "".join(f"[{'.'.join(f'a{j}' for j in range(i % 60))}x{i}]\n" for i in range(n)).encode()
    if kind == 2:
        return ("input = [3, 32, 32]\n" + "[[layers]]\n[layers.conv]\nout_channels = 8\nkernel_size = 1\n" * n).encode()
    return (f"input = [3, 32, {'0x' + 'f' * n}]\nlayers = []\n" if random.random() < 0.5 else f"x = {'[' * n}").encode()


# -- archives


def zipped(random: Random) -> bytes:
    """Archives that are small, and large inside; with members of strange names; that overlap."""
    buffer = io.BytesIO()
    kind = random.randrange(6)
    content = json.dumps(random.choice(written(".keras.json"))).encode()
    with zipfile.ZipFile(
        buffer, "w", random.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    ) as file:
        if kind == 0:
            content = content[:-1] + b" " * random.choice((10**6, 3 * 10**7, 2 * 10**8)) + b"}"
        if kind == 1:
            content = b"[" * random.choice((1000, 10**6)) + content
        file.writestr("config.json", content)
        if kind == 2:
            for i in range(random.choice((10, 3000, 20_000))):
                file.writestr(f"{i}", b"")
        if kind == 3:
            for name in ("../elsewhere", "/tmp/elsewhere", "C:\\x", "config.json", "a/../../x", "x" * 60_000):
                file.writestr(name, b"x" * 100)
        if kind == 4:
            file.writestr("model.weights.h5", bytes(random.choice((10**6, 10**8))))
        if kind == 5:
            file.writestr("metadata.json", b"{" * 100_000)
            file.comment = b"PK\5\6" * 1000
    data = bytearray(buffer.getvalue())
    if random.random() < 0.3:  # a directory that says other sizes
        at = data.rfind(b"PK\1\2")
        data[at + 20 : at + 28] = struct.pack("<II", *random.choices((0, 1, 2**31, 2**32 - 1), k=2))
    return bytes(data)


def lambdas(random: Random) -> bytes:
    """Keras configs that hold code, modules to import, or very many layers."""
    config = json.loads(json.dumps(random.choice(written(".keras.json"))))
    layers = config["config"].get("layers", [])
    kind = random.randrange(4)
    extra: dict[str, Any] = {
        "module": random.choice(("os", "subprocess", "keras.layers", "builtins", "__main__")),
        "class_name": random.choice(("Lambda", "system", "Popen", "eval", "TFOpLambda", "Dense")),
        "registered_name": None,
        "config": {
            "name": "bad",
            "function": {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None}},
            "units": 3,
        },
    }
    if kind == 0:
        layers.insert(random.randrange(len(layers) + 1), extra)
    elif kind == 1:
        config = extra
    elif kind == 2 and layers:
        layers += [layers[-1]] * random.choice((100, 2000))
    else:
        for _ in range(random.choice((3, 60, 300))):
            config = {
                "module": "keras.layers",
                "class_name": "TimeDistributed",
                "config": {"layer": config, "name": "t"},
                "registered_name": None,
            }
    content = json.dumps(config).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("config.json", content)
    return buffer.getvalue()


def hdf(random: Random) -> bytes:
    """HDF5 with links to files of others, cycles, and attributes without end."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        kind = random.randrange(5)
        file.attrs["model_config"] = json.dumps(random.choice(written(".keras.json")))
        if kind == 0:
            file["model_weights"] = h5py.ExternalLink("../elsewhere.h5", "/")
        if kind == 1:
            group = file.create_group("model_weights")
            group["again"] = file["/"]
            group["soft"] = h5py.SoftLink("/model_weights/soft")
        if kind == 2:
            del file.attrs["model_config"]
            chunks = json.dumps(random.choice(written(".keras.json"))).encode()
            for i in range(random.choice((3, 300))):
                file.attrs[f"model_config{i}"] = numpy.bytes_(chunks[i * 50 : i * 50 + 50])
        if kind == 3:
            file.create_dataset("big", shape=(2**40,), chunks=(2**20,), dtype="u1", compression="gzip")
            file.attrs["layer_names"] = [b"x" * 50] * 1000
        if kind == 4:
            file.attrs["model_config"] = "[" * 50_000
    return buffer.getvalue()


def exported(random: Random) -> bytes:
    """Exported programs with pickles in them, graphs that turn in circles, and sizes without end."""
    description = json.loads(json.dumps(random.choice(written(".pt2.json"))))
    nodes = description.get("graph_module", {}).get("graph", {}).get("nodes", [])
    kind = random.randrange(4)
    if kind == 0 and nodes:
        nodes += nodes * random.choice((10, 1000))
    if kind == 1 and nodes:
        random.shuffle(nodes)
    if kind == 2:
        description["range_constraints"] = {f"s{i}": {"min_val": 0, "max_val": 2**63 - 1} for i in range(5000)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("net/models/model.json", json.dumps(description))
        file.writestr("net/data/sample_inputs/model.pt", pickle.dumps(Loud()))
        file.writestr("net/data/weights/model.pt", pickle.dumps(Loud()))
        file.writestr("net/archive_format", b"pt2")
    return buffer.getvalue() if kind != 3 else pickle.dumps(Loud())


# -- ONNX


def model(
    nodes: list[Any], shape: list[Any], out: str, weights: list[Any] | None = None, functions: list[Any] | None = None
) -> bytes:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info(out, TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x], [y], initializer=weights or [])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
    return helper.make_model(graph, opset_imports=opsets, functions=functions or []).SerializeToString()


def doubling(random: Random) -> bytes:
    """Functions that call the one before twice, or themselves."""
    n = random.choice((3, 20, 60, 1000))
    functions = []
    for i in range(n):
        inner = f"f{i - 1}" if i else "Relu"
        if random.random() < 0.02:
            inner = f"f{i}"
        domain = "f" if inner != "Relu" else ""
        calls = [
            helper.make_node(inner, ["a"], ["b"], domain=domain),
            helper.make_node(inner, ["b"], ["c"], domain=domain),
        ]
        functions.append(
            helper.make_function(
                "f", f"f{i}", ["a"], ["c"], calls, [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
            )
        )
    return model([helper.make_node(f"f{n - 1}", ["x"], ["y"], domain="f")], [1, 3, 8, 8], "y", functions=functions)


def constants(random: Random) -> bytes:
    """Constants that double, are filled, ranged, tiled or expanded to any size."""
    size = random.choice(SIZES)
    shape = helper.make_tensor("s", TensorProto.INT64, [2], [random.choice(SIZES), size])
    kind = random.randrange(5)
    if kind == 0:
        nodes = [helper.make_node("ConstantOfShape", ["s"], ["y0"])]
        nodes += [helper.make_node("Concat", [f"y{i}", f"y{i}"], [f"y{i + 1}"], axis=0) for i in range(40)]
        return model([*nodes, helper.make_node("Add", ["x", "y40"], ["y"])], [1, 3, 8, 8], "y", [shape])
    if kind == 1:
        ends = [helper.make_tensor(n, TensorProto.INT64, [], [v]) for n, v in (("a", 0), ("b", size), ("c", 1))]
        return model(
            [helper.make_node("Range", ["a", "b", "c"], ["r"]), helper.make_node("Reshape", ["x", "r"], ["y"])],
            [1, 3, 8, 8],
            "y",
            ends,
        )
    if kind == 2:
        return model([helper.make_node("Expand", ["x", "s"], ["y"])], ["n", size], "y", [shape])
    if kind == 3:
        return model(
            [helper.make_node("Tile", ["x", "s"], ["t"]), helper.make_node("Flatten", ["t"], ["y"])],
            [size, 3],
            "y",
            [shape],
        )
    lying = helper.make_tensor("w", TensorProto.FLOAT, [1], [0.0])
    del lying.dims[:]
    lying.dims.extend([size, 3, 3, 3])
    return model([helper.make_node("Conv", ["x", "w"], ["y"])], [1, 3, 8, 8], "y", [lying])


def loops(random: Random) -> bytes:
    """Loops in loops, and branches in branches."""
    depth, times = random.choice((1, 5, 15)), random.choice(SIZES)
    trip = helper.make_tensor("m", TensorProto.INT64, [], [times])
    yes = helper.make_tensor("t", TensorProto.BOOL, [], [True])
    values = [
        helper.make_tensor_value_info(n, kind, None)
        for n, kind in (("i", TensorProto.INT64), ("c", TensorProto.BOOL), ("v", TensorProto.FLOAT))
    ]
    outs = [
        helper.make_tensor_value_info(n, kind, None) for n, kind in (("c2", TensorProto.BOOL), ("w", TensorProto.FLOAT))
    ]
    body = [helper.make_node("Identity", ["c"], ["c2"]), helper.make_node(random.choice(("Relu", "Neg")), ["v"], ["w"])]
    for level in range(depth):
        graph = helper.make_graph(body, f"g{level}", values, outs)
        if random.random() < 0.7:
            loop = helper.make_node("Loop", ["m", "t", "v"], ["w"], body=graph)
        else:
            loop = helper.make_node(
                "If",
                ["t"],
                ["w"],
                then_branch=helper.make_graph(body[1:], "a", [], outs[1:]),
                else_branch=helper.make_graph(body[1:], "b", [], outs[1:]),
            )
        body = [helper.make_node("Identity", ["c"], ["c2"]), loop]
    return model(
        [helper.make_node("Loop", ["m", "t", "x"], ["y"], body=helper.make_graph(body, "top", values, outs))],
        [1, 3, 8, 8],
        "y",
        [trip, yes],
    )


def many(random: Random) -> bytes:
    """Very many nodes, each behind the last, or all joined."""
    n = random.choice((1000, 5000, 20_000))
    if random.random() < 0.5:
        nodes = [helper.make_node("Relu", [f"v{i}" if i else "x"], [f"v{i + 1}"]) for i in range(n)]
        return model(nodes, [1, 3, random.choice(SIZES), 8], f"v{n}")
    nodes = [
        helper.make_node("Concat", [f"v{i}" if i else "x"] * 2, [f"v{i + 1}"], axis=random.randrange(4))
        for i in range(min(n, 3000))
    ]
    return model(nodes, [1, 3, 8, "h"], f"v{min(n, 3000)}")


def elsewhere(random: Random) -> bytes:
    """Weights that lie in files of others."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, [4, 3, 3, 3], [0.0] * 108)
    weight.ClearField("float_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (
        ("location", random.choice(("../elsewhere", "/etc/passwd", "net.onnx", "/dev/zero", "x" * 5000))),
        ("offset", "0"),
        ("length", str(random.choice(SIZES))),
    ):
        entry = weight.external_data.add()
        entry.key, entry.value = key, value
    return model([helper.make_node("Conv", ["x", "w"], ["y"])], [1, 3, 8, 8], "y", [weight])


def nested_bytes(random: Random) -> bytes:
    """Lengths that lie, groups in groups: what a parser of messages may fall over."""
    data = b""
    for _ in range(random.choice((5, 90, 3000))):
        data = b"\x3a" + varint(len(data)) + data if random.random() < 0.9 else b"\x3a" + varint(2**62) + data
    return data


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


# -- others


def shards(random: Random) -> bytes:
    """A TF.js model whose manifest names files of others."""
    tree = json.loads(json.dumps(random.choice(written(".tfjs.json"))))
    tree["weightsManifest"] = [
        {
            "paths": ["../elsewhere", "/etc/passwd", "http://example.invalid/x"],
            "weights": [{"name": "x", "shape": [2**40], "dtype": "float32"}] * 3000,
        }
    ]
    if random.random() < 0.5:
        tree["modelTopology"] = {
            "node": [{"name": f"n{i}", "op": "Add", "input": [f"n{i - 1}"] * 2} for i in range(3000)]
        }
    return json.dumps(tree).encode()


def lines(random: Random) -> bytes:
    """Logs without an end."""
    piece = random.choice(
        (
            b"\n",
            b"(",
            b"[1, 2, ",
            b'  File "x.py", line 1, in f\n',
            b"RuntimeError: ",
            b"64x400 and ",
            b"\x1b[31m",
            b"a" * 5000 + b" ",
            b"size 1 ",
        )
    )
    return (
        piece * random.choice((100, 20_000))
        + b"RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x400 and 120x84)"
    )


def other_archives(random: Random) -> bytes:
    """A tar, a zlib stream, an empty or a foreign file under the name of a network."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        info = tarfile.TarInfo("../elsewhere")
        info.size = 0
        file.addfile(info)
    return random.choice(
        (
            buffer.getvalue(),
            zlib.compress(bytes(10**7)),
            b"",
            b"\0" * 1000,
            b"PK\5\6" + bytes(18),
            b"\x89HDF\r\n\x1a\n" + bytes(600),
            pickle.dumps(Loud()),
        )
    )


CRAFTED: Mapping[str, tuple[Callable[[Random], bytes], ...]] = {
    "net.yaml": (laughs, merges, tags, deep, grown, wide, templates), "net.json": (deep, grown, wide), "net.toml": (tables, tables),
    "net.keras": (zipped, lambdas, other_archives), "net.h5": (hdf, other_archives), "net.pt2": (exported, zipped, other_archives),
    "net.onnx": (doubling, constants, loops, many, elsewhere, nested_bytes, other_archives), "model.json": (shards,), "error.log": (lines,),
}  # fmt: skip
"""What builds a file of a name."""


@cache
def _makers() -> tuple[tuple[str, Callable[[Random], bytes]], ...]:
    return tuple((name, maker) for name, makers in CRAFTED.items() for maker in makers)


def crafted(number: int) -> tuple[str, bytes]:
    """Return the name and the content of a file that is built to hurt; the same number gives the same file.

    >>> crafted(3) == crafted(3)
    True
    """
    random = Random(f"crafted {number}")
    name, maker = random.choice(_makers())
    return name, maker(random)
