"""Conditions that a program joins by ``and`` or ``or``: of those behind one that decides, Python asks nothing more.

A program that pads an image ``if h % 7 or w % 7`` does the same whichever it is. Recorded as Python asks, that would be
a branch of its own for each; so what follows in such a line is asked, too, where that changes nothing.
"""

from __future__ import annotations

import ast
import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType

from .source_locations import source_of

__all__ = ["Joined", "joined_at"]

_COMPARES = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_HARMLESS = (
    *_COMPARES, ast.Compare, ast.Name, ast.Attribute, ast.Constant, ast.BinOp, ast.operator, ast.UnaryOp, ast.USub,
    ast.Subscript, ast.Tuple, ast.expr_context)  # fmt: skip
_CALLED = {"abs", "ceil", "floor", "int", "len", "max", "min", "size"}
"""Functions and methods that change nothing."""

_Place = tuple[int | None, int | None, int | None, int | None]


@dataclass(frozen=True)
class Joined:
    """A condition and those behind it that it is joined to: all come out as ``decides`` as soon as one does."""

    decides: bool
    conditions: tuple[CodeType, ...]


def joined_at(frame: FrameType) -> Joined | None:
    """Return the condition that a frame decides and what is joined to it; None where nothing is, or might do more."""
    return _joined_in(frame.f_code).get(frame.f_lasti // 2)


@functools.cache
def _joined_in(code: CodeType) -> dict[int, Joined]:
    """Return conditions, with what stands behind them, by the number of a function's instruction that decides them.

    A comparison is decided where it is made, anything else by the instruction behind that which computes it.
    """
    operands = _operands(source_of(code.co_filename))
    places: list[_Place] = list(code.co_positions()) if operands else []
    found = {}
    for i, (before, place) in enumerate(itertools.pairwise(places), start=1):
        for where, compares in ((place, True), (before, False)):
            join, position = operands.get(where, (None, 0))
            if join is not None and isinstance(join.values[position], ast.Compare) is compares:
                own = (compile(ast.Expression(v), code.co_filename, "eval") for v in join.values[position:])
                found[i] = Joined(isinstance(join.op, ast.Or), tuple(own))
    return found


@functools.cache
def _operands(source: ast.Module) -> dict[_Place, tuple[ast.BoolOp, int]]:
    """Return, by its place in a file, each condition that others are joined to: what joins them, and which it is."""
    joins = (node for node in _joins(source, False) if all(map(_changes_nothing, node.values)))
    return {(v.lineno, v.end_lineno, v.col_offset, v.end_col_offset): (join, i)
            for join in joins for i, v in enumerate(join.values[:-1])}  # fmt: skip


def _joins(node: ast.AST, truth: bool) -> Iterator[ast.BoolOp]:
    """Yield what joins conditions, where nothing counts but whether they hold; so it is of the node, if ``truth``."""
    if isinstance(node, ast.BoolOp) and (truth or all(isinstance(v, ast.Compare) for v in node.values)):
        yield node
    negates = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    for name, value in ast.iter_fields(node):
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, ast.AST):
                passed_on = truth and isinstance(node, ast.BoolOp)
                yield from _joins(inner, negates or passed_on or name in ("test", "ifs"))


def _changes_nothing(condition: ast.expr) -> bool:
    """Return whether it changes nothing to ask a condition, and it is asked all at once."""
    if isinstance(condition, ast.Compare) and len(condition.ops) > 1:
        return False
    return all(isinstance(node, _HARMLESS) or (isinstance(node, ast.Call) and _name(node.func) in _CALLED)
               for node in ast.walk(condition))  # fmt: skip


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
