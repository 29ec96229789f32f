"""The places of a module that a mutation run changes: one comparison, number, sign or flag at a time.

Budgets (numbers that a module gives a name, such as how many cases are tried) are left alone: whether they are 64 or 65
is no mistake that a test could find. So is ``strict`` of ``zip``, which asserts what is always so.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

PACKAGE = Path(__file__).parents[2] / "convsolve"

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One changed place of one module."""

    module: str
    place: int
    text: str
    lines: tuple[int, int]
    """The first and the last line of the statement (of the head of a loop or branch) that holds it."""


class _Places(ast.NodeTransformer):
    """Counts the places that can be changed, and changes the one that is wished."""

    def __init__(self, wished: int = -1) -> None:
        self.wished = wished
        self.found: list[str] = []
        self.lines: list[tuple[int, int]] = []
        self._statements: list[tuple[int, int]] = [(1, 1)]

    def visit(self, node: ast.AST) -> Any:
        if not isinstance(node, ast.stmt):
            return super().visit(node)
        body = [part for part in getattr(node, "body", ()) if isinstance(part, ast.stmt)]
        self._statements.append((node.lineno, body[0].lineno - 1 if body else node.end_lineno or node.lineno))
        try:
            return super().visit(node)
        finally:
            self._statements.pop()

    def _at(self, node: Any, what: str) -> bool:
        self.found.append(f"{node.lineno}: {what}")
        first, last = self._statements[-1]
        self.lines.append((first, max(first, last)))
        return len(self.found) - 1 == self.wished

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        named = all(isinstance(t, ast.Name) and t.id.isupper() for t in node.targets)
        if (named and not any(isinstance(n, ast.Call) for n in ast.walk(node.value))) or (
            isinstance(node.targets[0], ast.Name) and node.targets[0].id.startswith("__")
        ):
            return node
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.body = [self.visit(statement) for statement in node.body]
        node.args.defaults = [self.visit(default) for default in node.args.defaults]
        node.args.kw_defaults = [default and self.visit(default) for default in node.args.kw_defaults]
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.body = [self.visit(statement) for statement in node.body]  # not the decorators: frozen=True, kw_only=True
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        return node if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        before = ast.unparse(node)
        for i, operator in enumerate(node.ops):
            if type(operator) in SWAPPED and self._at(node, before):
                node.ops[i] = SWAPPED[type(operator)]()
                self.found[-1] += f"  ->  {ast.unparse(node)}"
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        before = ast.unparse(node)
        if isinstance(node.op, ast.BitOr) or _is_text(node.left) or _is_text(node.right):
            return node
        if type(node.op) in SWAPPED and self._at(node, before):
            node.op = SWAPPED[type(node.op)]()
            self.found[-1] += f"  ->  {ast.unparse(node)}"
        return self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        if isinstance(node.op, ast.USub) and self._at(node, ast.unparse(node)):
            self.found[-1] += f"  ->  {ast.unparse(node.operand)}"
            return node.operand
        return self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        return node if node.arg == "strict" else self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, (bool, int)) and self._at(node, repr(node.value)):
            value = not node.value if isinstance(node.value, bool) else node.value + 1
            self.found[-1] += f"  ->  {value}"
            return ast.copy_location(ast.Constant(value), node)
        return node


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def path_of(module: str) -> Path:
    """Return the file of a module."""
    path = PACKAGE.parent / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def mutants(room: str) -> Iterator[Mutant]:
    """Yield every change of one place in a room's modules."""
    paths = sorted((PACKAGE / room).rglob("*.py")) if (PACKAGE / room).is_dir() else [PACKAGE / f"{room}.py"]
    for path in paths:
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        places = _Places()
        places.visit(ast.parse(path.read_text()))
        yield from (Mutant(module, i, *both) for i, both in enumerate(zip(places.found, places.lines, strict=True)))


def changed(mutant: Mutant) -> tuple[CodeType, str]:
    """Return a mutant's module as code, and what was changed."""
    path = path_of(mutant.module)
    places = _Places(mutant.place)
    tree = ast.fix_missing_locations(places.visit(ast.parse(path.read_text())))
    return compile(tree, str(path), "exec"), places.found[mutant.place]


def unchanged(module: str) -> CodeType:
    """Return a module's code as it stands."""
    path = path_of(module)
    return compile(ast.parse(path.read_text()), str(path), "exec")
