"""Source code as a formatter would leave it: calls that are broken where they do not fit a line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....errors import NetworkError

__all__ = [
    "WIDTH",
    "CallText",
    "Chained",
    "Code",
    "Statement",
    "brief",
    "literal",
    "maps",
    "module",
    "shape_text",
    "statement",
]

WIDTH = 88
"""The longest line, that of Black and Ruff."""


@dataclass(frozen=True)
class Code:
    """A piece of source that stands as it is; in it, ``{x}`` and ``{0}``, ``{1}`` ... stand for tensors."""

    text: str


@dataclass(frozen=True)
class CallText:
    """A call: ``head(args, options)`` followed by ``tail``."""

    head: str
    args: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    tail: str = ""

    def pieces(self) -> list[str]:
        """Return the arguments as text."""
        named = (f"{name}={literal(value)}" for name, value in self.options.items())
        return [*map(literal, self.args), *named]


@dataclass(frozen=True)
class Chained:
    """Operands with the same operator between them, such as ``a + b + c``."""

    operands: tuple[str, ...]
    operator: str


@dataclass(frozen=True)
class Statement:
    """One step of what a layer does: a module of its own, or a plain expression.

    Of a module, ``code`` is the call that makes it and ``use`` how it is applied: ``{m}`` is the module.
    Only the first stage of a layer may speak of its inputs ``{0}``, ``{1}``; ``{x}`` is the first input, or
    what the stage before has made. ``suffix`` tells the modules of one layer apart. ``learns`` is False of a
    module that learns nothing, whatever the layer does: the padding before a convolution.
    """

    code: CallText | Code | Chained
    module: bool = False
    suffix: str = ""
    use: str = "{m}({x})"
    learns: bool = True

    @property
    def plain(self) -> bool:
        """Whether it is a module that is applied to one tensor and gives one."""
        return self.module and self.use == "{m}({x})"


def module(head: str, *args: Any, suffix: str = "", use: str = "{m}({x})", **options: Any) -> Statement:
    """Return a stage that is a module, made by a call."""
    return Statement(CallText(head, args, options), True, suffix, use)


def literal(value: Any) -> str:
    """Return a parameter as source: numbers, flags, words, tuples of them, or code.

    >>> literal((3, 3)), literal("same"), literal(True), literal(Code("x.shape[2:]"))
    ('(3, 3)', '"same"', 'True', 'x.shape[2:]')
    """
    if isinstance(value, Code):
        return value.text
    if isinstance(value, CallText):
        return f"{value.head}({', '.join(value.pieces())}){value.tail}"
    if isinstance(value, float) and not math.isfinite(value):
        raise NetworkError(f"{value} cannot be a parameter: write a finite number")
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    if isinstance(value, str):
        assert value.isascii() and value.isprintable() and '"' not in value and "\\" not in value
        return f'"{value}"'
    entries = [literal(v) for v in value]
    if isinstance(value, list):
        return f"[{', '.join(entries)}]"
    return f"({entries[0]},)" if len(entries) == 1 else f"({', '.join(entries)})"


def brief(values: Sequence[Any]) -> Any:
    """Return one value for each axis as one number where all are the same.

    >>> brief((3, 3)), brief((1, 2))
    (3, (1, 2))
    """
    return values[0] if len(set(values)) == 1 else tuple(values)


def shape_text(*shapes: Iterable[int]) -> str:
    """Return shapes as a comment shows them.

    >>> shape_text((16, 5, 5)), shape_text((1, 8), (2, 8))
    ('16x5x5', '1x8, 2x8')
    """
    return ", ".join("x".join(map(str, shape)) or "1" for shape in shapes)


def maps(verb: str, ins: Iterable[Sequence[int]], outs: Iterable[Sequence[int]]) -> list[str]:
    """Return a docstring that says what goes in and comes out, batch included, indented by four.

    >>> maps("Maps", [(3, 8, 8)], [(10,), (4, 2)])
    ['    \"""Maps (N, 3, 8, 8) to (N, 10) and (N, 4, 2).\"""']
    """
    given, made = (
        " and ".join(f"({', '.join(['N', *map(str, shape)])})" for shape in shapes) for shapes in (ins, outs)
    )
    line = f'    """{verb} {given} to {made}."""'
    return [line] if len(line) <= WIDTH else [f'    """{verb} {given}', f"    to {made}.", '    """']


def statement(
    indent: int, before: str, code: CallText | Code | Chained, after: str = "", comment: str = ""
) -> list[str]:
    """Return the lines of ``before code after  # comment``, broken where they are too long.

    >>> print(*statement(0, "x = ", CallText("f", (1,), {"padding": (1, 2)}), "(x)", "8x8"), sep="\\n")
    x = f(1, padding=(1, 2))(x)  # 8x8
    """
    space, behind = " " * indent, f"  # {comment}" if comment else ""
    if isinstance(code, CallText):
        pieces = code.pieces()
        after = f"{code.tail}{after}"
        whole = f"{space}{before}{code.head}({', '.join(pieces)}){after}{behind}"
        if len(whole) <= WIDTH or not pieces:
            return [whole]
        inner = f"{space}    {', '.join(pieces)}"
        # where the first pair of brackets fits, a formatter would break the second one: a last comma prevents it
        first = f"{space}{before}{code.head}({', '.join(pieces)})"
        behind_alone = bool(after) and after[0] in "([" and len(first) < WIDTH
        middle = [inner]
        if len(inner) > WIDTH or behind_alone:
            middle = [line for piece in pieces for line in _piece(indent + 4, piece)]
        return [f"{space}{before}{code.head}(", *middle, f"{space}){after}{behind}"]
    text = f" {code.operator} ".join(code.operands) if isinstance(code, Chained) else code.text
    whole = f"{space}{before}{text}{after}{behind}"
    if isinstance(code, Code) or len(whole) <= WIDTH:
        return [whole]
    first, *rest = code.operands
    lines = [f"{space}    {first}", *(f"{space}    {code.operator} {operand}" for operand in rest)]
    return [f"{space}{before}(", *lines, f"{space}){after}{behind}"]


def _piece(indent: int, piece: str) -> list[str]:
    """Return one argument on a line of its own, a list that is too long with an entry a line."""
    line = f"{' ' * indent}{piece},"
    if len(line) <= WIDTH or not piece.startswith("["):
        return [line]
    entries = piece[1:-1].split(", ")
    return [f"{' ' * indent}[", *(f"{' ' * (indent + 4)}{entry}," for entry in entries), f"{' ' * indent}],"]
