"""Errors that a program may catch: the ``try`` statements in which a call stands."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from types import CodeType, FrameType

from .source_locations import is_program, is_start, source_of

__all__ = ["may_catch"]

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.ClassDef, ast.Lambda)

_Lines = tuple[range, ...]


def may_catch(frame: FrameType | None) -> bool:
    """Return whether the program may catch an error of a call that a frame makes.

    So it may inside of a ``try`` with an ``except`` that goes on, or of ``contextlib.suppress``. Frameworks pass errors
    on.
    """
    while frame is not None and not is_start(code := frame.f_code):
        if code.co_exceptiontable and any(frame.f_lineno in lines for lines in _caught(code)):
            return True
        frame = frame.f_back
    return False


@functools.cache
def _caught(code: CodeType) -> _Lines:
    """Return the lines of a function on which an error may be caught."""
    found = _functions(source_of(code.co_filename)) if is_program(code) else {}
    return found.get((code.co_firstlineno, code.co_name), ())


@functools.cache
def _functions(source: ast.Module) -> dict[tuple[int, str], _Lines]:
    """Return the lines of each function of a file on which an error may be caught, by its first line and name."""
    found = {}
    for node in ast.walk(source):
        if isinstance(node, _FUNCTIONS):
            first = min(n.lineno for n in (node, *node.decorator_list))
            found[first, node.name] = tuple(_lines(node))
    return found


def _lines(node: ast.AST) -> Iterator[range]:
    """Yield the lines under a node on which an error may be caught; those of functions inside of it are left out."""
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, _SCOPES):
            continue
        if _handles(inner) or _suppresses(inner):
            body = inner.body  # type: ignore[attr-defined]
            yield range(body[0].lineno, (body[-1].end_lineno or body[-1].lineno) + 1)
        yield from _lines(inner)


def _handles(node: ast.AST) -> bool:
    """Return whether a statement is a ``try`` of which some ``except`` does not end in raising an error."""
    handlers = node.handlers if isinstance(node, (ast.Try, ast.TryStar)) else []
    return not all(isinstance(handler.body[-1], ast.Raise) for handler in handlers)


def _suppresses(node: ast.AST) -> bool:
    """Return whether a statement is ``with suppress(...):``."""
    calls = [item.context_expr for item in node.items] if isinstance(node, ast.With) else []
    names = [ast.unparse(call.func) for call in calls if isinstance(call, ast.Call)]
    return any(name.rpartition(".")[2] == "suppress" for name in names)
