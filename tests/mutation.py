"""A mutation run: does a test fail when one comparison, number, sign or flag of the code is changed?

``python -m tests.mutation operators receptive_field --sample 200`` changes one place at a time, runs the tests of that
room (none of which needs a framework) in a process of its own, and prints what survived. It is no part of the default
run: each survivor costs as long as the tests of its room take. Budgets (numbers that a module gives a name, such as how
many cases are tried) are left alone: whether they are 64 or 65 is no mistake that a test could find. So is ``strict`` of
``zip``, which asserts what is always so.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.machinery
import os
import random
import resource
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1] / "convsolve"

ROOMS = {
    "operators": (
        "operators/test_recorded.py",
        "operators",
        "network/test_receptive_field.py",
        "network/test_trace.py",
        "checks/test_check.py",
    ),
    "receptive_field": ("network/test_receptive_field.py", "test_problem.py", "checks/test_check.py"),
    "dims": ("dims", "network/test_trace.py", "operators"),
    "solver": ("solver", "synthesis/test_solve.py", "synthesis/test_pareto.py"),
}
"""The tests that hold each room, the ones that find most first."""

SLOW = ("five_thousand", "long_chain", "is_no_network")
"""Tests, by words in their names, that take long and hold speed or words rather than rules."""

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


class _Places(ast.NodeTransformer):
    """Counts the places that can be changed, and changes the one that is wished."""

    def __init__(self, wished: int = -1) -> None:
        self.wished = wished
        self.found: list[str] = []

    def _at(self, node: Any, what: str) -> bool:
        self.found.append(f"{node.lineno}: {what}")
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


def _tree(module: str) -> ast.Module:
    path = PACKAGE.parent / Path(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(path.read_text())


def mutants(room: str) -> Iterator[Mutant]:
    """Yield every change of one place in a room's modules."""
    paths = sorted((PACKAGE / room).rglob("*.py")) if (PACKAGE / room).is_dir() else [PACKAGE / f"{room}.py"]
    for path in paths:
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        places = _Places()
        places.visit(_tree(module))
        yield from (Mutant(module, i, text) for i, text in enumerate(places.found))


def changed(mutant: Mutant) -> tuple[ast.Module, str]:
    """Return a mutant's module, and what was changed."""
    places = _Places(mutant.place)
    tree = ast.fix_missing_locations(places.visit(_tree(mutant.module)))
    return tree, places.found[mutant.place]


class _Finder(importlib.abc.MetaPathFinder):
    """Imports one module in its changed form."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self.module, self.tree = module, tree

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name == self.module else None
        if spec is not None:
            assert spec.origin is not None
            spec.loader = _Loader(name, spec.origin, self.tree)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    """Runs a tree in place of a file's text."""

    def __init__(self, name: str, path: str, tree: ast.Module) -> None:
        super().__init__(name, path)
        self.tree = tree

    def get_code(self, fullname: str) -> Any:
        return compile(self.tree, self.path, "exec")


_MOST_MEMORY = 4 << 30
"""Bytes that the tests of one change may take: some make a loop that collects without end."""


def caught(mutant: Mutant, tests: tuple[str, ...], seconds: int) -> bool:
    """Return whether a test fails (or runs out of time) where a place is changed; in a process of its own."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
    try:  # everything from here on is the child's
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
        signal.alarm(10 * seconds)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1), os.dup2(silence, 2)
        import pytest

        sys.meta_path.insert(0, _Finder(mutant.module, changed(mutant)[0]))
        paths = [str(Path(__file__).parent / test) for test in tests]
        without = " and ".join(f"not {word}" for word in SLOW)
        # without rewritten assertions: pytest would import the package of its plugin itself, unchanged
        options = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist", "-k", without]
        code = pytest.main([*options, *paths])
    except BaseException:
        code = 1
    os._exit(int(code != 0))


def main() -> None:
    parser = argparse.ArgumentParser(description="Change one place at a time; which changes does no test see?")
    parser.add_argument("rooms", nargs="*", default=list(ROOMS))
    parser.add_argument("--sample", type=int, help="try only so many, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=120, help="CPU seconds for the tests of one change")
    options = parser.parse_args()
    import hypothesis  # noqa: F401  # loaded once, for all the processes that are forked
    import networkx  # noqa: F401
    import numpy  # noqa: F401
    import pytest  # noqa: F401
    import z3  # noqa: F401

    wished = [(room, mutant) for room in options.rooms for mutant in mutants(room)]
    if options.sample:
        wished = sorted(random.Random(options.seed).sample(wished, min(options.sample, len(wished))), key=repr)
    survivors = 0
    for number, (room, mutant) in enumerate(wished, 1):
        if not caught(mutant, ROOMS[room], options.seconds):
            survivors += 1
            print(f"survived: {mutant.module}:{changed(mutant)[1]}", flush=True)
        if number % 20 == 0:
            print(f"{number} of {len(wished)}: {survivors} survived", file=sys.stderr, flush=True)
    print(f"{len(wished)} changes, {len(wished) - survivors} caught ({1 - survivors / max(len(wished), 1):.1%})")


if __name__ == "__main__":
    main()
