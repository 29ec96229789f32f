"""Layers that a repair inserts or leaves out, written into the program: where the code around them is plain."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from ..checks.check import CheckReport
from ..errors import NetworkError
from ..network import Layer, Network
from ..operators import AdaptiveAvgPool, CenterCrop, Flatten, Pad, Upsample
from .edits import Edit
from .program_text import ProgramFile, Spot
from .repair import Repair
from .written_values import Program

__all__ = ["inserted", "left_out"]


def left_out(program: Program, network: Network, edit: Edit) -> list[Spot]:
    """Return the spots that put a layer in the place of one that is left out which does nothing.

    Raises:
        NetworkError: it is not known where it is made.
    """
    file, call = _made(program, network, network.by_name[edit.layer])
    prefix = ast.unparse(call.func).rpartition(".")
    names, spots = _name(file, prefix[0] + prefix[1], "Identity")
    return [file.replacing(call, f"{names}()"), *spots]


def inserted(program: Program, network: Network, repair: Repair, edit: Edit) -> list[Spot]:
    """Return the spots that write an inserted layer in front of the one that takes its output.

    Raises:
        NetworkError: the code there is not plain enough.
    """
    new = repair.network.by_name[edit.layer]
    user = next((x for x in repair.network.layers if edit.layer in x.inputs), None)
    if user is None or user.name not in network.by_name:
        raise NetworkError(f"{edit}: it is not written where this goes: change it by hand")
    position = user.inputs.index(edit.layer)
    writes = _Keras if network.framework == "keras" else _Torch
    return writes(program, network, repair.report, new, network.by_name[user.name], position).spots()


class _Written:
    """The writing of one inserted layer ``new``, whose output the layer ``user`` takes as one of its inputs."""

    def __init__(
        self, program: Program, network: Network, report: CheckReport, new: Layer, user: Layer, position: int
    ) -> None:
        self.program, self.network, self.report = program, network, report
        self.new, self.user, self.position = new, user, position

    def _by_hand(self, why: str) -> NetworkError:
        return NetworkError(f"{self.new.operator.kind} before {self.user.name}: {why}: change it by hand")

    def _joined(self, file: ProgramFile, arguments: Sequence[ast.expr]) -> tuple[ast.expr, ast.expr | None]:
        """Return what comes in at the place, and what comes in beside it: of a list, or of several arguments."""
        if len(arguments) == 1 and isinstance(arguments[0], (ast.List, ast.Tuple)):
            arguments = arguments[0].elts
        if any(isinstance(a, ast.Starred) for a in arguments) or self.position >= len(arguments):
            raise self._by_hand(f"its inputs are not written one by one at {file.at(arguments[0])}")
        others = [a for i, a in enumerate(arguments) if i != self.position]
        return arguments[self.position], others[0] if others else None

    def _in_sequence(self, file: ProgramFile, call: ast.Call, text: str) -> Spot | None:
        """Return the spot before an element of a ``Sequential``, or before the statement that adds it to one."""
        outer = next(file.around(call), None)
        if isinstance(outer, ast.List):
            outer = next(file.around(outer), None)
        if isinstance(outer, ast.Call) and ast.unparse(outer.func).rpartition(".")[2] == "Sequential":
            return file.before(call, f"{text}, ")
        statement = next((o for o in file.around(call) if isinstance(o, ast.stmt)), None)
        grows = isinstance(outer, ast.Call) and isinstance(outer.func, ast.Attribute) and outer.args[:1] == [call]
        if grows and outer.func.attr in ("add", "append") and isinstance(statement, ast.Expr):  # type: ignore[union-attr]
            assert isinstance(outer, ast.Call)
            return file.before(statement, f"{ast.unparse(outer.func)}({text})\n{' ' * statement.col_offset}")
        return None


class _Keras(_Written):
    def spots(self) -> list[Spot]:
        file, call = _made(self.program, self.network, self.user)
        prefix = "".join(ast.unparse(call.func).rpartition(".")[:2])
        name, given = self._layer()
        name, imports = _name(file, prefix, name)
        made = f"{name}({given})"
        spot = self._in_sequence(file, call, made)
        outer = next(file.around(call), None)
        if spot is None and isinstance(outer, ast.Call) and outer.func is call and outer.args:
            mine, _ = self._joined(file, outer.args)
            spot = file.replacing(mine, f"{made}({file.source(mine)})")
        if spot is None:
            raise self._by_hand(f"what it is called with is not plain at {file.at(call)}")
        return [spot, *imports]

    def _layer(self) -> tuple[str, str]:
        """Return the layer's name, and the arguments of its constructor."""
        operator = self.new.operator
        before, after = (self.report.shapes.get(n) for n in (self.new.inputs[0], self.new.name))
        if isinstance(operator, Flatten) and operator.start_axis == 0:
            return "Flatten", ""
        if before is None or after is None or len(before) != len(after):
            raise self._by_hand("there is no one layer of Keras for it")
        first = self.network.data_format == "channels_first"
        old, new = (shape[1:] if first else shape[:-1] for shape in (before, after))
        axes, own = len(old), ', data_format="channels_first"' if first else ""
        if isinstance(operator, CenterCrop):
            sides = tuple(((a - b) // 2, a - b - (a - b) // 2) for a, b in zip(old, new, strict=True))
            return f"Cropping{axes}D", f"{sides if axes > 1 else sides[0]}{own}"
        if isinstance(operator, Pad) and all(b >= a for a, b in zip(old, new, strict=True)):
            sides = tuple((0, b - a) for a, b in zip(old, new, strict=True))
            return f"ZeroPadding{axes}D", f"{sides if axes > 1 else sides[0]}{own}"
        if isinstance(operator, Upsample) and axes == 2:
            return "Resizing", f"{new[0]}, {new[1]}{own}"
        raise self._by_hand("there is no one layer of Keras for it")


class _Torch(_Written):
    def spots(self) -> list[Spot]:
        kind, given = self._module()
        if kind and self.user.name in self.network.constructions:
            file, call = _made(self.program, self.network, self.user)
            prefix = "".join(ast.unparse(call.func).rpartition(".")[:2])
            name, imports = _name(file, prefix, kind)
            spot = self._in_sequence(file, call, f"{name}({given})")
            if spot is not None:
                return [spot, *imports]
        file, arguments = self._call()
        mine, other = self._joined(file, arguments)
        if isinstance(self.new.operator, (CenterCrop, Pad, Upsample)):
            if other is None:
                raise self._by_hand(f"it is not plain what it is to fit at {file.at(mine)}")
            return [self._fitted(file, mine, other)]
        text = file.source(mine)
        plain = isinstance(mine, (ast.Name, ast.Call, ast.Attribute, ast.Subscript))
        if kind == "Flatten":
            return [file.replacing(mine, f"{text if plain else f'({text})'}.flatten({given or 1})")]
        if kind:
            axes = kind[-2:]
            return [file.replacing(mine, f"{_functional(file)}.adaptive_avg_pool{axes}({text}, {given})")]
        raise self._by_hand("there is no one module for it")

    def _module(self) -> tuple[str, str]:
        operator = self.new.operator
        if isinstance(operator, Flatten):
            return "Flatten", str(operator.start_axis + 1) if operator.start_axis else ""
        if isinstance(operator, AdaptiveAvgPool):
            shape = self.report.shapes.get(self.new.name, ())
            return f"AdaptiveAvgPool{len(shape) - 1}d", repr(operator.output_size)
        return "", ""

    def _call(self) -> tuple[ProgramFile, Sequence[ast.expr]]:
        """Return what the user is called with, in the program's forward."""
        name, _, line = self.user.source.rpartition(":")
        if not name.endswith(".py") or not line.isdigit():
            raise self._by_hand("it is not known where it is called")
        file = self.program.file(name)
        own = self.user.name.rpartition(".")[2]
        found: list[Sequence[ast.expr]] = []
        for node in ast.walk(file.tree):
            if not isinstance(node, ast.expr) or not node.lineno <= int(line) <= (node.end_lineno or 0):
                continue
            if isinstance(node, ast.Call) and node.args:
                called = ast.unparse(node.func).rpartition(".")[2]
                if called in (own, {"concat": "cat"}.get(self.user.operator.kind, self.user.operator.kind)):
                    found.append(node.args[:1] if called in ("cat", own) else node.args)
            elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and self.user.operator.kind == "add":
                found.append([node.left, node.right])
        if len(found) != 1:
            raise self._by_hand(f"it is not plain which call it is at {self.user.source}")
        return file, found[0]

    def _fitted(self, file: ProgramFile, mine: ast.expr, other: ast.expr) -> Spot:
        """Return the spot before a statement that brings one name to the size of another."""
        statement = next((o for o in file.around(mine) if isinstance(o, ast.stmt)), None)
        if not isinstance(mine, ast.Name) or not isinstance(other, ast.Name) or statement is None or \
                not isinstance(statement, (ast.Assign, ast.Return, ast.Expr, ast.AugAssign)):  # fmt: skip
            raise self._by_hand(f"its inputs are no plain names at {file.at(mine)}")
        x, y, indent = mine.id, other.id, " " * statement.col_offset
        axes = len(self.report.shapes.get(self.new.name, ())) - 1
        places = range(-axes, 0)
        if isinstance(self.new.operator, CenterCrop):
            sides = "".join(f", (({x}.shape[{i}] - {y}.shape[{i}]) // 2)" for i in places)
            cut = ", ".join(f"i{-i} : i{-i} + {y}.shape[{i}]" for i in places)
            names = ", ".join(f"i{-i}" for i in places)
            text = f"{names} = {sides[2:]}\n{indent}{x} = {x}[..., {cut}]\n{indent}"
        elif isinstance(self.new.operator, Pad):
            sides = ", ".join(f"0, {y}.shape[{i}] - {x}.shape[{i}]" for i in reversed(places))
            text = f"{x} = {_functional(file)}.pad({x}, ({sides}))\n{indent}"
        else:
            text = f"{x} = {_functional(file)}.interpolate({x}, size={y}.shape[{-axes}:])\n{indent}"
        return file.before(statement, text)


def _made(program: Program, network: Network, layer: Layer) -> tuple[ProgramFile, ast.Call]:
    """Return the call of a layer's constructor."""
    construction = network.constructions.get(layer.name)
    if construction is None:
        raise NetworkError(f"it is not known where {layer.name} is made: change it by hand")
    file = program.file(construction.calls[0].path)
    call = file.call(construction.calls[0])
    if call is None:
        raise NetworkError(f"{layer.name} is not made by a plain call: change it by hand")
    return file, call


def _bound(file: ProgramFile) -> Mapping[str, str]:
    """Return the names that the imports of a file bind, and what they are."""
    found = {}
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import):
            found.update({alias.asname or alias.name.partition(".")[0]: (alias.asname and alias.name) or
                          alias.name.partition(".")[0] for alias in node.names})  # fmt: skip
        elif isinstance(node, ast.ImportFrom):
            found.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return found


def _functional(file: ProgramFile) -> str:
    """Return how a file may name ``torch.nn.functional``."""
    for name, what in _bound(file).items():
        for module, rest in (("torch.nn.functional", ""), ("torch.nn", ".functional"), ("torch", ".nn.functional")):
            if what == module:
                return f"{name}{rest}"
    raise NetworkError(f"{file.path} imports nothing of PyTorch by name: change it by hand")


def _name(file: ProgramFile, prefix: str, name: str) -> tuple[str, list[Spot]]:
    """Return how a file may name a class beside another that it names with a prefix; it is imported, if need be."""
    if prefix or name in _bound(file):
        return f"{prefix}{name}", []
    for node in _imports(file):
        if any(alias.name[:1].isupper() and alias.asname is None for alias in node.names):
            return name, [file.after(node.names[-1], f", {name}")]
    raise NetworkError(f"{file.path} does not import {name}: change it by hand")


def _imports(file: ProgramFile) -> Iterator[ast.ImportFrom]:
    for node in file.tree.body:
        if isinstance(node, ast.ImportFrom) and str(node.module).endswith((".layers", "torch.nn")):
            yield node
