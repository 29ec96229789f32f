"""The text of a program as what is edited in it is found: its files, their syntax, places in them as bytes."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import NetworkError
from ..network.constructions import ProgramCall

__all__ = ["Function", "ProgramFile", "Spot", "line_starts", "read_file"]

_LARGEST = 4 << 20
"""Bytes of a source file that is read."""

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef | ast.Module


@dataclass(frozen=True)
class Spot:
    """Bytes of a file that are replaced, and by what."""

    path: Path
    start: int
    end: int
    new: str


@dataclass(frozen=True)
class ProgramFile:
    """A file of a program."""

    path: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> ProgramFile:
        """Read a file, or raise NetworkError."""
        return cls(path, read_file(path)[0])

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        try:
            return ast.parse(self.text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise NetworkError(f"{self.path} is not Python: {error}") from None

    @cached_property
    def _outer(self) -> dict[ast.AST, ast.AST]:
        return {inner: outer for outer in ast.walk(self.tree) for inner in ast.iter_child_nodes(outer)}

    @cached_property
    def _starts(self) -> list[int]:
        return line_starts(self.text)

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what a node stands in, from the innermost out."""
        while node in self._outer:
            node = self._outer[node]
            yield node

    def call(self, place: ProgramCall) -> ast.Call | None:
        """Return the call at a place."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and (node.lineno, node.col_offset) == place.start and \
                    (node.end_lineno, node.end_col_offset) == place.end:  # fmt: skip
                return node
        return None

    def span(self, node: ast.expr | ast.stmt | ast.alias) -> tuple[int, int]:
        """Return where a node begins and ends, in bytes."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def source(self, node: ast.expr | ast.stmt | ast.alias) -> str:
        """Return what is written there."""
        start, end = self.span(node)
        return self.text.encode()[start:end].decode()

    def replacing(self, node: ast.expr | ast.stmt | ast.alias, new: str) -> Spot:
        """Return the spot that puts something else in the place of a node."""
        return Spot(self.path, *self.span(node), new)

    def before(self, node: ast.expr | ast.stmt | ast.alias, new: str) -> Spot:
        """Return the spot that puts something in front of a node."""
        start, _ = self.span(node)
        return Spot(self.path, start, start, new)

    def after(self, node: ast.expr | ast.stmt | ast.alias, new: str) -> Spot:
        """Return the spot that puts something behind a node."""
        _, end = self.span(node)
        return Spot(self.path, end, end, new)

    def at(self, node: ast.AST) -> str:
        """Return where a node stands, for people."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"


def read_file(path: Path) -> tuple[str, str]:
    """Return the text of a source file, with its ends of lines, and its encoding.

    Raises:
        NetworkError: it cannot be read, or would not stay as it is.
    """
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


def line_starts(text: str) -> list[int]:
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
