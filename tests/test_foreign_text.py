"""Text of strangers reaches terminals, logs, pictures and other programs as text: through every door, in every format."""

from __future__ import annotations

import contextlib
import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import h5py
import pytest
from onnx import TensorProto, helper

from convsolve.cli import main
from convsolve.support.foreign_text import visible
from tests.test_doors import call, described, written

PAYLOADS = (
    *(chr(c) for c in (0, 7, 8, 9, 10, 11, 12, 13, 0x1B, 0x7F, 0x85, 0x9B, 0xA0, 0xAD)),
    *(chr(c) for c in (0x200B, 0x200E, 0x200F, 0x202A, 0x202D, 0x202E, 0x2028, 0x2029, 0x2066, 0x2067, 0x2069, 0xFEFF)),
    *(chr(c) for c in (0xE000, 0xFFF9, 0xFFFE, 0x1F468, 0xE0001, 0x10FFFF)),
    "\x1b[2J\x1b[H", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\link", "\x9b31m", "\r\noverwritten", "a\x08\x08b",
    "\n::error::invented", "\n::error file=a,line=1::invented", "%0A::error::invented", "\n::stop-commands::x", "::warning::w",
    "<script>alert(1)</script>", "</title><svg onload=alert(1)>", "\"><img src=x onerror=alert(1)>", "&lt;&#27;&amp;", "]]>",
    "<!--", "--><b>", "[bold red]markup[/]", "[/]", "[link=http://x]", "*md*`code`", "{0.__class__}%n%s", "\\x1b[2J",
    "';--", "$(touch x)", "\"; label=\"x", "}\ndigraph{", "-->|x|", "end\n  click A evil", "\u202etxt.exe", "e\u0301" * 200,
)  # fmt: skip
"""Controls, escapes, marks that turn text about, commands of logs, and the markup of all that pictures are written in."""

HALVES = ("\ud800", "\udc80x", "a\udfff")
"""Lone surrogates, which some formats can carry."""

COMMANDS = (
    ["check"], ["check", "--json"], *(["check", "--output-format", form] for form in ("concise", "github", "sarif", "junit")),
    ["repair"], ["repair", "--json"], ["sizes"], ["diff", "{}"],
    *(["draw", "-o", "-", "--to", form] for form in ("svg", "html", "dot", "mmd")),
    *(["export", "--to", form] for form in ("yaml", "torch", "keras")),
)  # fmt: skip


def onnx_file(path: Path, names: list[str], size: int) -> None:
    pool = {"kernel_shape": [2, 2], "strides": [1, 1]}
    nodes = [helper.make_node("MaxPool" if i % 2 else "Relu", [f"x{i}{names[i - 1] if i else ''}"], [f"x{i + 1}{name}"], name=name, **(pool if i % 2 else {}))
             for i, name in enumerate(names)]  # fmt: skip
    made = f"x{len(names)}{names[-1]}"
    given, result = (
        helper.make_tensor_value_info("x0", 1, ["N" + names[0], 3, size, size]),
        helper.make_tensor_value_info(made, 1, None),
    )
    model = helper.make_model(
        helper.make_graph(nodes, "g" + names[0], [given], [result]), opset_imports=[helper.make_opsetid("", 18)]
    )
    path.write_bytes(model.SerializeToString())


def onnx_unread(path: Path, names: list[str], size: int) -> None:
    nodes = [helper.make_node(name, ["x"], [f"y{i}"], name=f"n{name}", domain=name) for i, name in enumerate(names)]
    model = helper.make_model(helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, size, size])],
                                                [helper.make_tensor_value_info("y0", 1, None)]))  # fmt: skip
    path.write_bytes(model.SerializeToString())


def keras_config(names: list[str], size: int, kind: str = "MaxPooling2D") -> dict[str, Any]:
    first = {"class_name": "InputLayer", "config": {"batch_shape": [None, size, size, 3], "name": "in" + names[0]}}
    layers = [{"class_name": kind, "config": {"name": name, "pool_size": [2, 2], "strides": [1, 1]}} for name in names]
    return {"class_name": "Sequential", "config": {"name": "s" + names[0], "layers": [first, *layers]}}


def keras_file(path: Path, names: list[str], size: int) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(keras_config(names, size)))


def keras_json(path: Path, names: list[str], size: int) -> None:
    path.write_text(json.dumps(keras_config(names, size)))


def keras_unread(path: Path, names: list[str], size: int) -> None:
    path.write_text(json.dumps(keras_config(names, size, kind=names[0])))


def hdf5_file(path: Path, names: list[str], size: int) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(keras_config(names, size))


def pt2_file(path: Path, names: list[str], size: int) -> None:
    relu = call("torch.ops.aten.relu.default", "x")
    relu["metadata"] = {
        "stack_trace": f'File "{names[0]}.py", line 3, in forward\n    {names[0]}',
        "nn_module_stack": f"a,{names[0]},b.{names[0]}",
    }
    written(path, described([relu]))


def yaml_file(path: Path, names: list[str], size: int) -> None:
    """Names that a problem refuses: its mistakes show them."""
    layers = "\n".join(f"  - max_pool: {{name: {json.dumps(name)}, kernel_size: 2}}" for name in names)
    path.write_text(
        f"input: [3, {size}, {size}]\nlayers:\n{layers}\nrequire: [{json.dumps(names[0] + ' > 3')}]\n{json.dumps(names[0])}: 1\n"
    )


FILES = {
    "net.onnx": onnx_file, "unread.onnx": onnx_unread, "net.keras": keras_file, "net.json": keras_json, "unread.json": keras_unread,
    "net.h5": hdf5_file, "net.pt2": pt2_file, "net.yaml": yaml_file,
}  # fmt: skip


def run(*words: str, stdin: str = "") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode("utf-8", "surrogatepass")), encoding="utf-8")
        )
        try:
            main(words)
        except SystemExit as end:
            return int(end.code or 0), out.getvalue(), err.getvalue()
    raise AssertionError("no exit")


def harmless(text: str) -> bool:
    """Whether a text shows what it is: letters, and line ends."""
    return all(c.isprintable() or c == "\n" for c in text)


def judged(words: list[str], code: int, out: str, err: str, path: Path) -> None:
    shown = (words, code, ascii(out[:3000]), ascii(err[:3000]))
    assert code in (0, 1, 2, 3), shown
    assert harmless(out) and harmless(err), shown
    if "github" in words and code in (1, 3):
        assert all(
            line.startswith(("::error file=", "::warning file=")) and "invented" not in line.partition("::")[0]
            for line in out.split("\n")[:-1]
        ), shown
    else:
        assert not any(line.lstrip().startswith(("::error", "::stop")) for line in (out + "\n" + err).split("\n")), (
            shown
        )
    if out and {"svg", "junit"} & set(words):
        root = ElementTree.fromstring(out)
        kinds = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert not kinds & {"script", "img", "b", "a"}, shown
    if out and "html" in words:
        assert "<script>alert" not in out and "<img" not in out and "<svg onload" not in out, shown


@pytest.mark.parametrize("size", [70, 9], ids=["valid", "failing"])
@pytest.mark.parametrize("kind", FILES)
def test_names_of_files_are_shown_and_nothing_else(kind: str, size: int, tmp_path: Path) -> None:
    path = tmp_path / kind
    for names in batches(kind):
        try:
            FILES[kind](path, names, size)
        except (UnicodeEncodeError, ValueError):
            assert kind.endswith((".onnx", ".h5")), kind  # which cannot carry this
            continue
        for command in COMMANDS:
            words = [*(w if w != "{}" else str(path) for w in command), str(path)]
            judged(words, *run(*words), path)


def batches(kind: str) -> Iterator[list[str]]:
    """Yield the names of each file: all at once, where one does not keep the others from being seen."""
    plain = [p for p in PAYLOADS if "\0" not in p or not kind.endswith(".h5")]
    if kind.startswith("unread") or kind.endswith((".pt2", ".yaml")):
        yield from ([name] for name in (*plain[::3], *(HALVES if kind.endswith((".json", ".pt2")) else ())))
    else:
        yield [f"{name}{i}" for i, name in enumerate(plain)]
        if kind.endswith((".json", ".keras")):
            yield [f"{name}{i}" for i, name in enumerate(HALVES)]


def test_names_of_files_themselves(tmp_path: Path) -> None:
    for payload in PAYLOADS:
        name = payload.replace("/", "_").replace("\0", "_")[:60] + ".yaml"
        for path in (tmp_path / name, tmp_path / f"missing{name}"):
            if not path.name.startswith("missing"):
                path.write_text("input: [1, 5, 5]\nlayers: [{conv: {out_channels: 2, kernel_size: 7}}]\n")
            for command in (
                ["check"],
                ["check", "--output-format", "github"],
                ["check", "--output-format", "concise"],
                ["draw", "-o", "-", "--to", "html"],
                ["synth"],
            ):
                judged([*command, str(path)], *run(*command, str(path)), path)
    undecoded = os.fsdecode(os.fsencode(str(tmp_path)) + b"/\xff\xfe.yaml")
    judged(["check", undecoded], *run("check", undecoded), Path(undecoded))


def test_messages_that_are_pasted() -> None:
    messages = (
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x400 and 120x84){}", "{}", "ValueError: Layer {} is what?",
        'File "{}.py", line 3, in forward\nRuntimeError: mat1 and mat2 shapes cannot be multiplied (64x400 and 120x84)',
        "ValueError: One of the dimensions in the output is <= 0 due to downsampling in {}. Consider increasing the input size. Received input shape [None, 2, 2, 64] which would produce output shape with a zero or negative value in a dimension.",
        "Node ({}) Op (MatMul) [ShapeInferenceError] Incompatible dimensions", "{}: 'conv1/{}' Given groups=1, weight of size [6, 1, 5, 5]",
    )  # fmt: skip
    for payload in (*PAYLOADS, *HALVES):
        for message in messages:
            for form in ([], ["--json"]):
                judged(["explain", *form], *run("explain", *form, stdin=message.replace("{}", payload)), Path())


def test_visible_text_is_left_as_it_is() -> None:
    assert visible("Größe 7×7 → 日本 [x] \\x1b") == "Größe 7×7 → 日本 [x] \\x1b"
    assert visible("a\nb\x1b", keep="\n") == "a\nb\\x1b"
    assert all(visible(p).isprintable() for p in (*PAYLOADS, *HALVES))
