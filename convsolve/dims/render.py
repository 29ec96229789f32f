"""The text reader: an expression as a person would write it, with names or with numbers in their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .expr import Var, fold

__all__ = ["TEXT", "render", "template"]

_Piece = tuple[str, int]  # a text, and how tightly its outermost operation binds

_LONGEST = 4096
"""Parts that an expression shares are written out each time they are used: a text may be exponentially long."""

_OR, _AND, _NOT, _COMPARE, _ADD, _MUL, _ATOM = range(7)


def _within(text: str) -> str:
    """Return a text, or the ends of one that nobody would read."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 2 :]}"


def _at_least(piece: _Piece, binding: int) -> str:
    text, own = piece
    return text if own >= binding else f"({text})"


def _infix(symbol: str, binding: int, *, tighter_right: bool = False) -> Callable[[list[_Piece]], _Piece]:
    def read(args: list[_Piece]) -> _Piece:
        first, *rest = args
        texts = [_at_least(first, binding), *(_at_least(a, binding + tighter_right) for a in rest)]
        return _within(symbol.join(texts)), binding

    return read


def _call(name: str) -> Callable[[list[_Piece]], _Piece]:
    return lambda args: (_within(f"{name}({', '.join(text for text, _ in args)})"), _ATOM)


def _compare(symbol: str) -> Callable[[list[_Piece]], _Piece]:
    return lambda args: (_within(f"{_at_least(args[0], _ADD)} {symbol} {_at_least(args[1], _ADD)}"), _COMPARE)


def _not(args: list[_Piece]) -> _Piece:
    return f"not {_at_least(args[0], _COMPARE)}", _NOT


TEXT: dict[str, Callable[[list[_Piece]], _Piece]] = {
    "add": _infix(" + ", _ADD),
    "sub": _infix(" - ", _ADD, tighter_right=True),
    "mul": _infix("*", _MUL, tighter_right=True),
    "floordiv": _infix("//", _MUL, tighter_right=True),
    "mod": _infix(" % ", _MUL, tighter_right=True),
    "min": _call("min"),
    "max": _call("max"),
    "where": _call("where"),
    "eq": _compare("=="),
    "lt": _compare("<"),
    "le": _compare("<="),
    "and": _infix(" and ", _AND),
    "or": _infix(" or ", _OR),
    "not": _not,
}


def _number(a: Any) -> _Piece:
    return str(a), _ATOM if not isinstance(a, int) or a >= 0 else _ADD


def render(x: Any, values: Mapping[str, int] | None = None) -> str:
    """Return the expression as text; unknowns that have a value in ``values`` are shown as that number.

    >>> from convsolve.dims import hole
    >>> rule = (hole("n", 28) + 2 - 5) // 2 + 1
    >>> render(rule), render(rule, {"n": 28})
    ('(n + 2 - 5)//2 + 1', '(28 + 2 - 5)//2 + 1')
    """
    known = values or {}

    def leaf(a: Any) -> _Piece:
        if isinstance(a, Var):
            if a.name not in known:
                return a.name, _ATOM
            a = known[a.name]
        return _number(a)

    text: str = fold(x, TEXT, leaf)[0]
    return text


def template(x: Any, mark: Callable[[str], str]) -> str:
    """Return the expression as text with marks in place of its unknowns, for numbers that are known later.

    Where a negative number needs parentheses, the mark stands in them: a number that is not negative drops them.

    >>> from convsolve.dims import hole
    >>> n = hole("n", 28)
    >>> template((n - 5) // 2 * n, lambda name: f"<{name}>")
    '(<n> - 5)//2*(<n>)'
    """
    text: str = fold(x, TEXT, lambda a: (mark(a.name), _ADD) if isinstance(a, Var) else _number(a))[0]
    return text
