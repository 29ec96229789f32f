"""The rewriting reader: an expression with other expressions in place of some of its unknowns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .expr import (
    Var,
    all_of,
    any_of,
    eq,
    fold_all,
    maximum,
    minimum,
    negation,
    total,
    variables,
    where,
)

__all__ = ["REWRITE", "rewrite", "rewrite_all"]

REWRITE: dict[str, Callable[[list[Any]], Any]] = {
    "add": total,
    "sub": lambda a: a[0] - a[1],
    "mul": lambda a: a[0] * a[1],
    "floordiv": lambda a: a[0] // a[1],
    "mod": lambda a: a[0] % a[1],
    "min": lambda a: minimum(*a),
    "max": lambda a: maximum(*a),
    "where": lambda a: where(*a),
    "eq": lambda a: eq(*a),
    "lt": lambda a: a[0] < a[1],
    "le": lambda a: a[0] <= a[1],
    "and": lambda a: all_of(*a),
    "or": lambda a: any_of(*a),
    "not": lambda a: negation(a[0]),
}


def rewrite(x: Any, replacements: Mapping[str, Any]) -> Any:
    """Return the expression with each unknown that ``replacements`` names replaced, and simplified.

    A replacement must lie within the bounds of what it replaces.

    >>> from convsolve.dims import hole
    >>> rewrite((hole("n", 28) - hole("k", 3, 5)) // 2 + 1, {"k": 3})
    (n - 3)//2 + 1
    """
    if all(replacements.get(v.name, v) is v for v in variables(x)):
        return x
    return rewrite_all((x,), replacements)[0]


def rewrite_all(expressions: Sequence[Any], replacements: Mapping[str, Any]) -> list[Any]:
    """Return several expressions rewritten, what they share once."""
    return fold_all(
        expressions, REWRITE, lambda leaf: replacements.get(leaf.name, leaf) if isinstance(leaf, Var) else leaf
    )
