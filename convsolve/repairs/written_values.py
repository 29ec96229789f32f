"""Where a value is written that a constructor was given: followed through names, arguments, defaults, loops and tables.

What is found are spots to be edited, the nearest to what is meant first. What cannot be followed is said.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import NetworkError
from ..network.constructions import Construction
from .program_text import Function, ProgramFile, Spot

__all__ = ["Program", "same_value", "spots"]

_MOST_STEPS = 40
"""So many names are followed at most, one to the next."""


@dataclass
class Program:
    """The files of a program, read once."""

    folder: Path
    files: dict[Path, ProgramFile] = field(default_factory=dict)

    def file(self, path: str) -> ProgramFile:
        """Return a file."""
        place = self.folder / path
        if place not in self.files:
            self.files[place] = ProgramFile.read(place)
        return self.files[place]


def spots(program: Program, made: Construction, parameter: str, before: Any, after: Any) -> Iterator[Spot]:
    """Yield the ways of giving a constructor another value for one of its parameters.

    Raises:
        NetworkError: there is none, and why.
    """
    found = _Search(program, made, after)
    yield from found.of_argument(0, parameter, made.parameters, before)
    if not found.any:
        raise NetworkError("; ".join(dict.fromkeys(found.reasons)) or f"it is not written where {parameter} comes from")


class _Search:
    """The search for where one value is written; ``level`` counts the calls outwards from the constructor's."""

    def __init__(self, program: Program, made: Construction, after: Any) -> None:
        self.program, self.calls, self.after = program, made.calls, after
        self.kind = made.kind
        self.reasons: list[str] = []
        self.any = False
        self.steps = 0

    def _found(self, spot: Spot) -> Iterator[Spot]:
        self.any = True
        yield spot

    def _no(self, file: ProgramFile, node: ast.AST, why: str) -> Iterator[Spot]:
        self.reasons.append(f"{why}, {file.at(node)}")
        yield from ()

    def of_argument(self, level: int, name: str, parameters: Sequence[str], before: Any) -> Iterator[Spot]:
        """Yield where a call gets one of its parameters: written there, added there, or where the value comes from."""
        place = self.calls[level]
        file = self.program.file(place.path)
        call = file.call(place)
        if call is None:
            self.reasons.append(f"{place.path}:{place.start[0]}: there is no such call in the file")
            return
        if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
            yield from self._no(file, call, f"the arguments of {ast.unparse(call.func)} are not all written out")
            return
        argument = next((k.value for k in call.keywords if k.arg == name), None)
        positional = [p for p in parameters if p not in ("args", "kwargs", "self")]
        if argument is None and name in positional and positional.index(name) < len(call.args):
            argument = call.args[positional.index(name)]
        if argument is None:
            if name not in parameters and "kwargs" not in parameters:
                yield from self._no(file, call, f"{ast.unparse(call.func)} has no {name}")
            else:
                yield from self._found(_added(file, call, f"{name}={self.after!r}"))
            return
        yield from self.of_expression(level, file, argument, before)
        if not isinstance(argument, ast.Constant):  # where it is the only one that is made there
            yield from self._found(file.replacing(argument, repr(self.after)))

    def of_expression(self, level: int, file: ProgramFile, node: ast.expr, before: Any) -> Iterator[Spot]:
        """Yield where the value of an expression is written."""
        self.steps += 1
        if self.steps > _MOST_STEPS:
            return
        if _is_literal(node):
            if same_value(ast.literal_eval(node), before):
                yield from self._found(file.replacing(node, repr(self.after)))
            else:
                yield from self._no(file, node, f"{ast.unparse(node)} is not {before!r}")
        elif isinstance(node, ast.Name):
            yield from self._of_name(level, file, node, before)
        elif isinstance(node, ast.Subscript):
            yield from self._of_item(level, file, node, before)
        elif isinstance(node, ast.Attribute):
            yield from self._of_attribute(level, file, node, before)
        elif isinstance(node, (ast.Tuple, ast.List)) and len(set(map(ast.unparse, node.elts))) == 1:
            yield from self.of_expression(level, file, node.elts[0], before)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            yield from self._of_product(level, file, node, before)
        else:
            yield from self._no(file, node, f"the value comes from {ast.unparse(node)}")

    # -- names

    def _of_name(self, level: int, file: ProgramFile, name: ast.Name, before: Any) -> Iterator[Spot]:
        for outer in file.around(name):
            loops = (
                outer.generators
                if isinstance(outer, (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp))
                else [outer] if isinstance(outer, ast.For) else []
            )  # fmt: skip
            for loop in loops:
                path = _path_to(loop.target, name.id)
                if path is not None:
                    yield from self._of_loop(level, file, loop.iter, path, before)
                    return
            if isinstance(outer, Function) and not isinstance(outer, ast.ClassDef):
                bound = list(_assigned(outer, name.id))
                if len(bound) > 1:
                    yield from self._no(file, name, f"{name.id} is set {len(bound)} times")
                    return
                if bound:
                    yield from self.of_expression(level, file, bound[0], before)
                    return
                if not isinstance(outer, ast.Module) and name.id in _parameters(outer):
                    yield from self._of_parameter(level, file, outer, name.id, before)
                    return
        yield from self._no(file, name, f"the value comes from {name.id}")

    def _of_parameter(
        self, level: int, file: ProgramFile, function: Function, name: str, before: Any
    ) -> Iterator[Spot]:
        assert not isinstance(function, (ast.ClassDef, ast.Module))
        default = _default(function, name)
        parameters = _parameters(function)
        bound = isinstance(next(file.around(function), None), ast.ClassDef)
        if level + 1 < len(self.calls):
            yield from self.of_argument(level + 1, name, parameters[1:] if bound else parameters, before)
        if default is not None:
            yield from self.of_expression(level, file, default, before)
        elif level + 1 >= len(self.calls):
            yield from self._no(file, function, f"the value is the argument {name}")

    def _of_attribute(self, level: int, file: ProgramFile, node: ast.Attribute, before: Any) -> Iterator[Spot]:
        """Yield where an attribute of an object is set: ``self.width`` in its class, ``cfg.width`` in its own."""
        owner = next((o for o in file.around(node) if isinstance(o, ast.ClassDef)), None)
        text = ast.unparse(node)
        if owner is not None and isinstance(node.value, ast.Name) and node.value.id == "self":
            bound = [value for target, value in _assignments(owner) if ast.unparse(target) == text]
            if len(bound) == 1:
                yield from self.of_expression(level, file, bound[0], before)
                return
        if isinstance(node.value, ast.Name):
            for call in _values_of(file, node, node.value.id):
                if isinstance(call, ast.Call):
                    given = [k.value for k in call.keywords if k.arg == node.attr]
                    named = [c for c in file.tree.body if isinstance(c, ast.ClassDef)
                             and c.name == ast.unparse(call.func)]  # fmt: skip
                    defaults = [s.value for c in named for s in c.body if isinstance(s, ast.AnnAssign)
                                and s.value is not None and ast.unparse(s.target) == node.attr]  # fmt: skip
                    for value in (given or defaults)[:1]:
                        yield from self.of_expression(level, file, value, before)
                        return
            named = [c for c in file.tree.body if isinstance(c, ast.ClassDef) and c.name == node.value.id]
            fields = [v for c in named for t, v in _assignments(c) if ast.unparse(t) == node.attr]
            if len(fields) == 1:
                yield from self.of_expression(level, file, fields[0], before)
                return
        yield from self._no(file, node, f"the value comes from {text}")

    # -- tables and loops

    def _of_item(self, level: int, file: ProgramFile, node: ast.Subscript, before: Any) -> Iterator[Spot]:
        table = self._table(file, node.value)
        try:
            index = _evaluated(node.slice, self.calls[level].values)
        except ValueError:
            index = None
        item = _item(table, index)
        if item is None:
            yield from self._no(file, node, f"the value comes from {ast.unparse(node)}")
        else:
            yield from self.of_expression(level, file, item, before)

    def _table(self, file: ProgramFile, node: ast.expr) -> ast.expr | None:
        """Return the list or dictionary that is written for an expression."""
        for _ in range(_MOST_STEPS):
            if isinstance(node, (ast.List, ast.Tuple, ast.Dict)):
                return node
            if isinstance(node, ast.Name):
                found = list(_values_of(file, node, node.id))
            elif isinstance(node, ast.Attribute):
                text = ast.unparse(node)
                found = [v for t, v in _assignments(file.tree) if ast.unparse(t) == text]
            elif isinstance(node, ast.Subscript):
                inner = self._table(file, node.value)
                try:
                    item = _item(inner, _evaluated(node.slice, {}))
                except ValueError:
                    return None
                found = [item] if item is not None else []
            else:
                return None
            if len(found) != 1:
                return None
            node = found[0]
        return None

    def _of_loop(
        self, level: int, file: ProgramFile, over: ast.expr, path: tuple[int, ...], before: Any
    ) -> Iterator[Spot]:
        """Yield the elements of what is looped over that have the value; ``path`` leads to it inside of an element."""
        if isinstance(over, ast.Call) and ast.unparse(over.func) == "enumerate" and path[:1] == (1,):
            over, path = over.args[0], path[1:]
        elif isinstance(over, ast.Call) and ast.unparse(over.func) == "zip" and path and path[0] < len(over.args):
            over, path = over.args[path[0]], path[1:]
        elif isinstance(over, ast.Call) and ast.unparse(over.func) == "reversed" and over.args:
            over = over.args[0]
        if isinstance(over, ast.Subscript) and isinstance(over.slice, ast.Slice):
            over = over.value
        table = self._table(file, over)
        found = False
        for element in table.elts if isinstance(table, (ast.List, ast.Tuple)) else ():
            inside: ast.expr | None = element
            for step in path:
                inside = _item(inside, step)
            if inside is not None and _is_literal(inside) and same_value(ast.literal_eval(inside), before):
                found = True
                yield from self._found(file.replacing(inside, repr(self.after)))
        if not found:
            yield from self._no(file, over, f"the value comes from a loop over {ast.unparse(over)}")

    def _of_product(self, level: int, file: ProgramFile, node: ast.BinOp, before: Any) -> Iterator[Spot]:
        """Yield the other value of the one factor that is no number, if that gives a whole one."""
        sides = [(node.left, node.right), (node.right, node.left)]
        for side, other in sides:
            whole = isinstance(before, int) and isinstance(self.after, int) and not isinstance(side, ast.Constant)
            if whole and isinstance(other, ast.Constant) and type(other.value) is int and other.value:
                if before % other.value or self.after % other.value:
                    break
                wished, self.after = self.after, self.after // other.value
                yield from self.of_expression(level, file, side, before // other.value)
                self.after = wished
                return
        yield from self._no(file, node, f"the value comes from {ast.unparse(node)}")


def _added(file: ProgramFile, call: ast.Call, text: str) -> Spot:
    """Return the spot that adds an argument to a call."""
    arguments = [*call.args, *(k.value for k in call.keywords)]
    if arguments:
        last = max(arguments, key=lambda a: (a.end_lineno, a.end_col_offset))
        return file.after(last, f", {text}")
    _, end = file.span(call)
    return Spot(file.path, end - 1, end - 1, text)


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return not isinstance(node, ast.Name)


def same_value(written: Any, value: Any) -> bool:
    """Return whether what is written means a value: a list is as good as a tuple, one number as several alike.

    >>> same_value([2, 2], 2), same_value(2, (2, 2)), same_value(2, True)
    (True, True, False)
    """
    if isinstance(written, (list, tuple)) and isinstance(value, (list, tuple)):
        return len(written) == len(value) and all(map(same_value, written, value))
    if isinstance(written, (list, tuple)) and written and isinstance(value, int):
        return all(same_value(one, value) for one in written)
    if isinstance(value, tuple) and value and isinstance(written, int):
        return all(same_value(written, one) for one in value)
    return type(written) is type(value) and bool(written == value)


def _assignments(scope: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield what is assigned in a scope: the targets, one by one, and their values."""
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, (ast.Tuple, ast.List)) and isinstance(node.value, (ast.Tuple, ast.List)) and \
                        len(target.elts) == len(node.value.elts):  # fmt: skip
                    yield from zip(target.elts, node.value.elts, strict=True)
                else:
                    yield target, node.value
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr, ast.AugAssign)) and node.value is not None:
            yield node.target, node.value


def _assigned(scope: Function, name: str) -> Iterator[ast.expr]:
    """Yield the values that a name gets in a scope, but for those inside of functions and classes in it."""
    inner = [n for n in ast.walk(scope) if n is not scope and isinstance(n, Function)]
    hidden = {id(part) for one in inner for part in ast.walk(one)}
    for target, value in _assignments(scope):
        if id(target) not in hidden and isinstance(target, ast.Name) and target.id == name:
            yield value


def _values_of(file: ProgramFile, node: ast.AST, name: str) -> Iterator[ast.expr]:
    """Yield the values that a name has where a node stands: those of the innermost scope that sets it."""
    for outer in file.around(node):
        if isinstance(outer, Function) and not isinstance(outer, ast.ClassDef):
            found = list(_assigned(outer, name))
            if not found and not isinstance(outer, ast.Module) and name in _parameters(outer):
                default = _default(outer, name)
                found = [default] if default is not None else []
                yield from found
                return
            if found:
                yield from found
                return


def _parameters(function: ast.AST) -> list[str]:
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return []
    given = function.args
    return [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def _default(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, name: str) -> ast.expr | None:
    given = function.args
    positional = [a.arg for a in (*given.posonlyargs, *given.args)]
    by_name: dict[str, ast.expr | None] = dict(
        zip(positional[len(positional) - len(given.defaults) :], given.defaults, strict=True)
    )
    by_name.update(zip((a.arg for a in given.kwonlyargs), given.kw_defaults, strict=True))
    return by_name.get(name)


def _path_to(target: ast.expr, name: str) -> tuple[int, ...] | None:
    """Return where a name stands in the target of a loop."""
    if isinstance(target, ast.Name):
        return () if target.id == name else None
    for i, one in enumerate(target.elts if isinstance(target, (ast.Tuple, ast.List)) else ()):
        inside = _path_to(one, name)
        if inside is not None:
            return (i, *inside)
    return None


def _item(table: ast.expr | None, index: Any) -> ast.expr | None:
    if isinstance(table, (ast.List, ast.Tuple)) and type(index) is int and -len(table.elts) <= index < len(table.elts):
        return None if any(isinstance(one, ast.Starred) for one in table.elts) else table.elts[index]
    if isinstance(table, ast.Dict):
        found = [v for k, v in zip(table.keys, table.values, strict=True)
                 if isinstance(k, ast.Constant) and type(k.value) is type(index) and k.value == index]  # fmt: skip
        return found[0] if len(found) == 1 else None
    return None


def _evaluated(node: ast.expr, values: Mapping[str, int]) -> Any:
    """Return the value of an index: a literal, a name whose number is known, sums and differences of such.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(node, ast.Name) and node.id in values:
        return values[node.id]
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        left, right = _evaluated(node.left, values), _evaluated(node.right, values)
        if type(left) is int and type(right) is int:
            return left + right if isinstance(node.op, ast.Add) else left - right
    return ast.literal_eval(node)
