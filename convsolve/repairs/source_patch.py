"""Patch: the edits of a repair made in the Python source from which the network was read.

Where the program was seen making its layers, what is edited is followed from the constructor to where it is written;
otherwise layers carry where they are called (``net.py:12``), and a literal in that call is edited. The rest of the file
stays as it is, byte for byte. What cannot be followed is refused with the reason. No code is run.
"""

from __future__ import annotations

import ast
import difflib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import NetworkError
from ..network import Layer, Network
from ..operators import Input
from ..support.atomic_write import write_file
from ..vocabulary import VOCABULARIES, our_operator
from .edits import Edit, shown_value
from .program_text import Spot, line_starts, read_file
from .repair import Repair
from .written_layers import inserted, left_out
from .written_values import Program, same_value, spots

__all__ = ["Patch", "patch", "patches"]

_MOST_WAYS = 6
_MOST_PATCHES = 24
"""Ways of making one edit, and a repair, that are looked at."""

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
    **{f"max_pool{n}d": ("input", *_POOL) for n in "123"},
    **{f"avg_pool{n}d": ("input", "kernel_size", "stride", "padding", "ceil_mode") for n in "123"},
    **{f"adaptive_avg_pool{n}d": ("input", "output_size") for n in "123"},
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
            text, encoding = read_file(path)
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
    return next(patches(network, repair, folder=folder, certain=True))


def patches(
    network: Network, repair: Repair | Sequence[Edit], *, folder: str | Path = ".", certain: bool = False
) -> Iterator[Patch]:
    """Yield the ways of making a repair in the source, the nearest to what is meant first.

    Where a value is written that several layers share, a way may change others, too: which does what the repair says
    is found out by running it. With ``certain`` only ways are taken that change calls which make no other layers.

    Raises:
        NetworkError: an edit cannot be made in the source, and why.
    """
    program = Program(Path(folder))
    edits = repair.edits if isinstance(repair, Repair) else tuple(repair)
    ways = []
    for edit in edits:
        found = _ways(program, network, repair, edit)
        if certain and edit.layer in network.constructions:
            found = (way for way in found if _is_certain(program, network, edits, edit, way))
        ways.append(list(itertools.islice(found, _MOST_WAYS)))
        if not ways[-1]:
            raise NetworkError(f"{edit}: where it is written, other layers are made, too: change it by hand")
    seen = set()
    for chosen in itertools.islice(itertools.product(*ways), _MOST_PATCHES):
        by_path: dict[Path, list[tuple[int, int, bytes]]] = {}
        for spot in dict.fromkeys(spot for way in chosen for spot in way):
            by_path.setdefault(spot.path, []).append((spot.start, spot.end, spot.new.encode()))
        if not all(map(_apart, by_path.values())):
            continue
        before = {path: program.files[path].text for path in by_path}
        after = {path: _replaced(before[path], found) for path, found in by_path.items()}
        if tuple(after.values()) not in seen:
            seen.add(tuple(after.values()))
            yield Patch(before, after)
    if not seen:
        raise NetworkError(f"{'; '.join(map(str, edits))}: written in one place: change it by hand")


def _is_certain(program: Program, network: Network, edits: Sequence[Edit], edit: Edit, way: Sequence[Spot]) -> bool:
    """Return whether a way changes only a constructor call that makes no other layers than those that change so."""
    place = network.constructions[edit.layer].calls[0]
    alike = {other.layer for other in edits if (other.parameter, other.after) == (edit.parameter, edit.after)}
    here = {name for name, made in network.constructions.items() if made.calls[0].start == place.start and
            made.calls[0].path == place.path}  # fmt: skip
    file = program.file(place.path)
    call = file.call(place)
    if call is None or not here <= alike:
        return False
    start, end = file.span(call)
    return all(spot.path == file.path and start <= spot.start and spot.end <= end for spot in way)


def _apart(spots: Sequence[tuple[int, int, bytes]]) -> bool:
    """Return whether no spot lies in another."""
    ordered = sorted(spots)
    return all(a[1] <= b[0] and a[:2] != b[:2] for a, b in itertools.pairwise(ordered))


def _ways(program: Program, network: Network, repair: Repair | Sequence[Edit], edit: Edit) -> Iterator[list[Spot]]:
    """Yield the ways of making one edit of a repair, each some spots."""
    layer = network.by_name.get(edit.layer)
    if not edit.parameter and edit.after is None:
        yield left_out(program, network, edit)
        return
    if not edit.parameter and isinstance(repair, Repair):
        yield inserted(program, network, repair, edit)
        return
    made = network.constructions.get(edit.layer)
    of_input = layer is not None and type(layer.operator) is Input and edit.parameter == "shape"
    if layer is None or not edit.parameter or edit.kind == "batch_axis" or (edit.kind == "layout" and not of_input):
        raise NetworkError(f"{edit}: this is not a parameter of a call: make this change by hand")
    if made is None and of_input:
        raise NetworkError(f"{edit}: the size of what goes in is not in this program: give it other data")
    if made is not None:
        parameter = VOCABULARIES[network.framework].parameter(edit.parameter, layer.operator.kind)
        try:
            for spot in spots(program, made, parameter, edit.before, edit.after):
                yield [spot]
        except NetworkError as error:
            raise NetworkError(f"{edit} cannot be written: {error}: change it by hand") from None
        return
    yield [_where_called(program, network, repair.edits if isinstance(repair, Repair) else tuple(repair), layer, edit)]


def _where_called(program: Program, network: Network, edits: Sequence[Edit], layer: Layer, edit: Edit) -> Spot:
    """Return the spot of an edit of a layer of which only the place is known where it is called."""
    path, line = _place(layer, program.folder)
    text = program.file(str(path.relative_to(program.folder) if not path.is_absolute() else path)).text
    alike = {(other.layer, other.parameter): other.after for other in edits}
    shared = [x for x in network.layers if x.source == layer.source and x.operator.kind == layer.operator.kind]
    made = _call(text, path, line, layer)
    together = [x.name for x in shared if len(shared) == 1 or _made_by(text, path, line, x, made)]
    if any((name, edit.parameter) not in alike or alike[name, edit.parameter] != edit.after for name in together):
        raise NetworkError(
            f"{layer.source} makes several layers ({', '.join(together[:4])}), and not all of them are to change so"
        )
    start, end, new = _spot(text, path, line, layer, edit)
    return Spot(path, start, end, new.decode())


def _place(layer: Layer, folder: Path) -> tuple[Path, int]:
    name, _, line = layer.source.rpartition(":")
    if not name.endswith(".py") or not line.isdigit():
        raise NetworkError(f"{layer.name} does not say where in a Python file it comes from")
    return folder / name, int(line)


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
    starts = line_starts(text)
    if argument is None:
        last = max([*call.args, *(k.value for k in call.keywords)], key=lambda a: (a.end_lineno, a.end_col_offset))
        at = starts[(last.end_lineno or 1) - 1] + (last.end_col_offset or 0)
        return at, at, f", {parameter}={new}".encode()
    if not _is_literal(argument, edit.before):
        raise NetworkError(
            f"{place}: {parameter} is written as {ast.unparse(argument)}, not as the literal "
            f"{shown_value(edit.before)}: change {edit} by hand"
        )
    start = starts[argument.lineno - 1] + argument.col_offset
    end = starts[(argument.end_lineno or 1) - 1] + (argument.end_col_offset or 0)
    return start, end, new.encode()


def _is_literal(argument: ast.expr, value: Any) -> bool:
    """Return whether an argument is a literal that means a value."""
    try:
        return same_value(ast.literal_eval(argument), value)
    except ValueError:
        return False


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
    name = _called(call)
    kind = name[:-2] if name[:1].islower() else our_operator(name)  # a function, as `max_pool2d`, or a class
    return name in _SIGNATURES and kind == layer.operator.kind


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
