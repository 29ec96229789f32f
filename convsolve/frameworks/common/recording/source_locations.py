"""Where in a program a call stands: files and lines, those of the frameworks and ours left out."""

from __future__ import annotations

import ast
import functools
import itertools
import linecache
import os
import re
import sys
from collections.abc import Sequence
from types import CodeType, FrameType

__all__ = ["asking", "is_message", "is_ours", "is_program", "is_start", "place_of", "shortened", "source_of"]

_FRAMEWORKS = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
_RUNS = os.path.join(_FRAMEWORKS, "torch", "recorded_programs.py")
_OURS = _FRAMEWORKS + os.sep
_CONTAINERS = os.path.join("torch", "nn", "modules", "container.py")
"""Where PyTorch makes names of numbers; elsewhere, it puts them into messages."""
_PRINTS = re.compile(r"print|warn|(self\.)?_?(log|logger|logging|warnings)\.\w+", re.IGNORECASE)
_ASSERTS = re.compile(r"(torch\.)?_assert|torch\._check\w*")
"""Functions that take a condition, and what is said where it does not hold."""
_SOURCES: dict[str, tuple[int, ast.Module]] = {}
"""By file: how many lines it had when it was read, and what was written there."""


def place_of(frame: FrameType | None) -> str:
    """Return the file and line of the program in which a frame stands: frameworks' and our own are left out.

    Whoever asks for a recording is no part of the program.
    """
    while frame is not None and not is_program(frame.f_code):
        frame = None if is_start(frame.f_code) else frame.f_back
    return "" if frame is None else f"{shortened(frame.f_code.co_filename)}:{frame.f_lineno}"


def asking(frame: FrameType | None) -> FrameType | None:
    """Return the innermost frame that is not our own: a program's or a framework's."""
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return frame


def is_start(code: CodeType) -> bool:
    """Return whether code is that which runs the program."""
    return code.co_filename == _RUNS


def is_program(code: CodeType) -> bool:
    """Return whether code is the program's, not a framework's or our own."""
    return not code.co_filename.startswith((*_frameworks(), _OURS, "<"))


def is_message(frame: FrameType) -> bool:
    """Return whether text that is made in a frame is for people: on the program's side, in a statement that says it.

    That is what is raised, what is printed, warned or logged, and the text behind the comma of an ``assert``.
    """
    if not is_program(frame.f_code):
        return not frame.f_code.co_filename.endswith(_CONTAINERS)
    line, _, column, _ = next(itertools.islice(frame.f_code.co_positions(), frame.f_lasti // 2, None))
    place = (line or frame.f_lineno, column or 0)
    return any(
        (node.lineno, node.col_offset) <= place <= (node.end_lineno or 0, node.end_col_offset or 0)  # type: ignore[attr-defined]
        for node in _for_people(source_of(frame.f_code.co_filename))
    )


@functools.cache
def _for_people(source: ast.Module) -> tuple[ast.AST, ...]:
    """Return the parts of a source that only people read: what is raised, printed, warned, logged or asserted with."""
    return tuple(part for node in ast.walk(source) for part in _said(node))


def _said(node: ast.AST) -> Sequence[ast.AST]:
    if isinstance(node, ast.Raise):
        return [node]
    if isinstance(node, ast.Assert):
        return [node.msg] if node.msg else []
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return []
    called = ast.unparse(node.value.func)
    return [node] if _PRINTS.fullmatch(called) else node.value.args[1:] if _ASSERTS.fullmatch(called) else []


def source_of(path: str) -> ast.Module:
    """Return what is written in a file of Python, the same as long as it is; nothing where it cannot be read."""
    lines = linecache.getlines(path)
    if path not in _SOURCES or _SOURCES[path][0] != len(lines):
        try:
            tree = ast.parse("".join(lines))
        except (SyntaxError, ValueError, RecursionError):
            tree = ast.Module([], [])
        _SOURCES[path] = len(lines), tree
    return _SOURCES[path][1]


def is_ours(error: BaseException) -> bool:
    """Return whether an error comes out of our own code."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(_OURS)


def _frameworks() -> list[str]:
    """Return the folders of the frameworks that are loaded."""
    loaded = (getattr(sys.modules.get(name), "__file__", None) for name in ("torch", "keras"))
    return [os.path.dirname(path) + os.sep for path in loaded if path]


def shortened(path: str) -> str:
    """Return a path as seen from the working directory, or inside the package that is installed."""
    _, packages, inside = path.rpartition("site-packages" + os.sep)
    if packages:
        return inside
    here = os.getcwd() + os.sep
    return path.removeprefix(here)
