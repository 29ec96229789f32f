"""Patch: the edits of a repair made in the Python source from which the network was read.

Layers that were read from a program carry where they come from (``net.py:12``). Where that is a call of PyTorch or
Keras and what is edited is written there as a literal, only that literal is replaced: the rest of the file stays as
it is, byte for byte. Everything else is refused with the reason. No code is run.
"""

from __future__ import annotations

import ast
import difflib
import io
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import NetworkError
from ..network import Layer, Network
from ..support.atomic_write import write_file
from ..vocabulary import VOCABULARIES, our_operator
from .edits import Edit, shown_value
from .repair import Repair

__all__ = ["Patch", "patch"]

_LARGEST = 4 << 20
"""Bytes of a source file that is read."""

_CONV = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups")
_TRANSPOSE = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "output_padding", "groups", "bias",
              "dilation")  # fmt: skip
_POOL = ("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode")
_KERAS_CONV = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate")
_SIGNATURES: Mapping[str, tuple[str, ...]] = {
    **{f"Conv{n}d": _CONV for n in "123"},
    **{f"ConvTranspose{n}d": _TRANSPOSE for n in "123"},
    **{f"MaxPool{n}d": _POOL for n in "123"},
    **{f"AvgPool{n}d": ("kernel_size", "stride", "padding", "ceil_mode") for n in "123"},
    **{f"AdaptiveAvgPool{n}d": ("output_size",) for n in "123"},
    "Linear": ("in_features", "out_features"),
    **{f"BatchNorm{n}d": ("num_features",) for n in "123"},
    **{f"Conv{n}D": _KERAS_CONV for n in "123"},
    **{f"MaxPooling{n}D": ("pool_size", "strides", "padding") for n in "123"},
    **{f"AveragePooling{n}D": ("pool_size", "strides", "padding") for n in "123"},
}
"""The parameters of constructors in the order of their positions."""


@dataclass(frozen=True)
class Patch:
    """New texts for source files, by path, and what they were."""

    before: Mapping[Path, str]
    after: Mapping[Path, str]

    def diff(self) -> str:
        """Return the change as a unified diff."""
        parts: list[str] = []
        for path, new in self.after.items():
            old = self.before[path].splitlines(keepends=True)
            parts += difflib.unified_diff(old, new.splitlines(keepends=True), f"a/{path}", f"b/{path}")
        return "".join(parts)

    def write(self) -> None:
        """Write the files, each whole, in its own encoding.

        Where a layer comes from is what a network says of itself, and so may a stranger's file: look at the paths.

        Raises:
            NetworkError: a file has changed since it was read, or its encoding cannot hold the change.
            ConvsolveError: a file cannot be written.
        """
        contents = {}
        for path, new in self.after.items():
            text, encoding = _read(path)
            if text != self.before[path]:
                raise NetworkError(f"{path} has changed since it was read")
            try:
                contents[path] = new.encode(encoding)
            except UnicodeEncodeError as error:
                raise NetworkError(f"{path} cannot hold the change in its encoding: {error}") from None
        for path, data in contents.items():
            write_file(path, data)


def patch(network: Network, repair: Repair | Sequence[Edit], *, folder: str | Path = ".") -> Patch:
    """Return a repair as a change of the source files that the layers of a network come from.

    Args:
        network: the network before the repair; its layers carry their places.
        repair: what to change, or its edits.
        folder: where the files are, as far as places are relative.

    Raises:
        NetworkError: an edit cannot be made in the source, and why.
    """
    before: dict[Path, str] = {}
    spots: dict[Path, list[tuple[int, int, bytes]]] = {}
    edits = repair.edits if isinstance(repair, Repair) else tuple(repair)
    alike = {(edit.layer, edit.parameter): edit.after for edit in edits}
    for edit in edits:
        layer = network.by_name.get(edit.layer)
        if layer is None or not edit.parameter or edit.kind in ("layout", "batch_axis", "missing_axis", "resize_input"):
            raise NetworkError(f"{edit}: this is not a parameter of a call: make this change by hand")
        path, line = _place(layer, Path(folder))
        text = before.setdefault(path, _read(path)[0])
        shared = [x for x in network.layers if x.source == layer.source and x.operator.kind == layer.operator.kind]
        made = _call(text, path, line, layer)
        together = [x.name for x in shared if len(shared) == 1 or _made_by(text, path, line, x, made)]
        if any((name, edit.parameter) not in alike or alike[name, edit.parameter] != edit.after for name in together):
            raise NetworkError(
                f"{layer.source} makes several layers ({', '.join(together[:4])}), and not all of them are to change so"
            )
        spot = _spot(text, path, line, layer, edit)
        if spot not in spots.setdefault(path, []):
            spots[path].append(spot)
    after = {path: _replaced(before[path], found) for path, found in spots.items()}
    return Patch(before, after)


def _place(layer: Layer, folder: Path) -> tuple[Path, int]:
    name, _, line = layer.source.rpartition(":")
    if not name.endswith(".py") or not line.isdigit():
        raise NetworkError(f"{layer.name} does not say where in a Python file it comes from")
    return folder / name, int(line)


def _read(path: Path) -> tuple[str, str]:
    """Return the text of a source file, with its ends of lines, and its encoding."""
    try:
        if not path.is_file():
            raise NetworkError(f"{path} cannot be read: it is no file")
        with open(path, "rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise NetworkError(f"{path} is larger than {_LARGEST} bytes")
        encoding, _ = tokenize.detect_encoding(io.BytesIO(b"\n".join(data.splitlines())).readline)
        text = data.decode(encoding)
    except (OSError, UnicodeDecodeError, SyntaxError) as error:
        raise NetworkError(f"{path} cannot be read: {error}") from None
    if text.encode(encoding) != data:
        raise NetworkError(f"{path} would not stay as it is in the encoding {encoding}: change it by hand")
    return text, encoding


def _spot(text: str, path: Path, line: int, layer: Layer, edit: Edit) -> tuple[int, int, bytes]:
    """Return where in the bytes of a file something is replaced, and by what."""
    call = _call(text, path, line, layer)
    name = _called(call)
    words = VOCABULARIES["keras" if name.endswith("D") else "torch"]
    parameter = words.parameter(edit.parameter, layer.operator.kind)
    place = f"{path}:{line}"
    if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
        raise NetworkError(f"{place}: the arguments of {name} are not all written out: change {edit} by hand")
    if parameter not in _SIGNATURES[name]:
        raise NetworkError(f"{place}: {name} has no {parameter}: change {edit} by hand")
    position = _SIGNATURES[name].index(parameter)
    argument: ast.expr | None = next((k.value for k in call.keywords if k.arg == parameter), None)
    if argument is None and position < len(call.args):
        argument = call.args[position]
    new = repr(edit.after)
    starts = _line_starts(text)
    if argument is None:
        last = max([*call.args, *(k.value for k in call.keywords)], key=lambda a: (a.end_lineno, a.end_col_offset))
        at = starts[(last.end_lineno or 1) - 1] + (last.end_col_offset or 0)
        return at, at, f", {parameter}={new}".encode()
    if not _is(argument, edit.before):
        raise NetworkError(
            f"{place}: {parameter} is written as {ast.unparse(argument)}, not as the literal "
            f"{shown_value(edit.before)}: change {edit} by hand"
        )
    start = starts[argument.lineno - 1] + argument.col_offset
    end = starts[(argument.end_lineno or 1) - 1] + (argument.end_col_offset or 0)
    return start, end, new.encode()


def _is(argument: ast.expr, value: Any) -> bool:
    """Whether an argument is a literal that means a value (a list is as good as a tuple, one number as several)."""
    try:
        written = ast.literal_eval(argument)
    except ValueError:
        return False

    def same(a: Any, b: Any) -> bool:
        if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
            return len(a) == len(b) and all(map(same, a, b))
        if isinstance(a, (list, tuple)) and a and isinstance(b, int):
            return all(same(x, b) for x in a)
        if isinstance(b, tuple) and b and isinstance(a, int):
            return all(same(a, x) for x in b)
        return type(a) is type(b) and bool(a == b)

    return same(written, value)


def _call(text: str, path: Path, line: int, layer: Layer) -> ast.Call:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NetworkError(f"{path} is not Python: {error}") from None
    found = [call for call in _calls(tree, line) if _makes(call, layer)]
    if not found:  # the place is where it is called, not where it is made
        made = _made_in_class(tree, line, layer.name)
        found = [made] if made is not None and _makes(made, layer) else []
    if len(found) != 1:
        what = "no call" if not found else "several calls"
        raise NetworkError(f"{path}:{line}: {what} that makes {layer.name} ({layer.operator.kind}): change it by hand")
    return found[0]


def _made_by(text: str, path: Path, line: int, layer: Layer, call: ast.Call) -> bool:
    """Return whether a call makes a layer, too; where that is not known, it may, unless it stands elsewhere."""
    try:
        own = _call(text, path, line, layer)
    except NetworkError:
        return call.lineno <= line <= (call.end_lineno or call.lineno)
    return (own.lineno, own.col_offset) == (call.lineno, call.col_offset)


def _makes(call: ast.Call, layer: Layer) -> bool:
    """Whether a call is that of a constructor whose parameters are known, of a layer's own kind."""
    return _called(call) in _SIGNATURES and our_operator(_called(call)) == layer.operator.kind


def _made_in_class(tree: ast.AST, line: int, layer: str) -> ast.Call | None:
    """Return the one call that makes a layer in the class in which it is called: ``self.stem = nn.Conv2d(...)``."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
               and node.lineno <= line <= (node.end_lineno or 0)]  # fmt: skip
    if not classes:
        return None
    innermost = max(classes, key=lambda node: node.lineno)
    path = layer.split(".")
    for i, attribute in enumerate(path):
        values = [node.value for node in ast.walk(innermost) if isinstance(node, ast.Assign) and len(node.targets) == 1
                  and ast.unparse(node.targets[0]) == f"self.{attribute}"]  # fmt: skip
        if len(values) > 1:
            return None
        if values:
            return _inside(values[0], path[i + 1 :])
    return None


def _inside(value: ast.expr, path: list[str]) -> ast.Call | None:
    """Return the call that makes a part of a container: of ``Sequential(a, b)``, ``0`` is ``a``."""
    for part in path:
        if not isinstance(value, ast.Call) or not part.isdecimal():
            return None
        parts = value.args[0].elts if len(value.args) == 1 and isinstance(value.args[0], ast.List) else value.args
        if any(isinstance(one, ast.Starred) for one in parts) or int(part) >= len(parts):
            return None
        value = parts[int(part)]
    return value if isinstance(value, ast.Call) else None


def _calls(tree: ast.AST, line: int) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.lineno <= line <= (node.end_lineno or node.lineno):
            yield node


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _line_starts(text: str) -> list[int]:
    """Return where in the bytes of a text each line starts, as Python counts lines."""
    starts = [0]
    data = text.encode()
    at = 0
    while at < len(data):
        here = data[at : at + 1]
        at += 2 if data[at : at + 2] == b"\r\n" else 1
        if here in (b"\n", b"\r"):
            starts.append(at)
    return starts


def _replaced(text: str, spots: Sequence[tuple[int, int, bytes]]) -> str:
    data = text.encode()
    for start, end, new in sorted(spots, reverse=True):
        data = data[:start] + new + data[end:]
    changed = data.decode()
    try:
        ast.parse(changed)
    except SyntaxError as error:  # as where the last argument stands in parentheses of its own
        raise NetworkError(f"a call is written in a way that cannot be added to ({error}): change it by hand") from None
    return changed
