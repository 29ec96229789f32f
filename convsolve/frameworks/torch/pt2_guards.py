"""The conditions under which an exported program takes an input, as the file tells them: read, and never evaluated."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...dims import Cond, Dim, Var, bounds, eq, evaluate, variables
from ...dims.grammar import parse_condition
from ...dims.normal import normal
from ...errors import ConvsolveError, ExpressionError

__all__ = ["conditions"]

_SIZE = re.compile(r"L\['(\w{1,200})'\]\.size\(\)\[(\d{1,2})\]")
_SYMBOL = re.compile(r"(?:Mul\(Integer\((\d{1,9})\), )?Symbol\('(\w{1,200})'(?:, \w+=True)*\)(?(1)\))")
_LONGEST = 200_000
"""Characters of all conditions together; those of networks of hundreds of layers have some 20,000."""

_FARTHEST = 500
_ALWAYS_TAKEN = 2
"""PyTorch takes sizes of 0 and 1, too, where it says that they are at least 2."""


def conditions(
    description: Mapping[str, Any], sizes: Mapping[str, Sequence[Any]], axes: Mapping[str, Sequence[Dim]]
) -> list[Cond] | None:
    """Return what has to hold of an exported program's inputs, None where that cannot be read.

    ``sizes`` describe the inputs in the file, ``axes`` are the dimensions that they are in the network: a number for
    the batch.
    """
    texts, ranges = description.get("guards_code") or [], description.get("range_constraints") or {}
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return None
    if sum(len(text) + 1 for text in texts) > _LONGEST:
        return None
    found: list[Cond] = []
    seen: dict[str, Dim] = {}
    for name, own in axes.items():
        for described, axis in zip(sizes[name], own, strict=True):
            if "as_int" in described or not isinstance(axis, Var):
                continue
            symbol = _SYMBOL.fullmatch(described["as_expr"]["expr_str"])
            factor = int(symbol[1] or 1) if symbol is not None else 0
            if symbol is None or factor < 1:
                return None
            found.append(eq(axis % factor, 0))
            if symbol[2] in seen:
                found.append(eq(axis // factor, seen[symbol[2]]))
                continue
            seen[symbol[2]] = axis // factor
            limits = ranges.get(symbol[2] if factor == 1 else f"{factor}*{symbol[2]}", {})
            low, high = limits.get("min_val"), limits.get("max_val")
            if isinstance(low, int) and low > _ALWAYS_TAKEN:
                found.append(axis >= low)
            if isinstance(high, int):
                found.append(axis <= high)
    try:
        found = [normal(c) for c in (*found, *(c for text in texts for c in _read(text, axes)))]
        tight = {name: [_from_lowest(axis, found) for axis in own] for name, own in axes.items()}
        joint = {normal(c): t for text in texts for c, t in zip(_read(text, axes), _read(text, tight), strict=True)}
    except ConvsolveError:
        return None
    return [c for c in dict.fromkeys(found) if bounds(c)[0] != 1 and (_alone(c) or bounds(joint.get(c, c))[0] != 1)]


def _alone(condition: Cond) -> bool:
    return len({v.name for v in variables(condition)}) < 2


def _from_lowest(axis: Dim, found: Sequence[Cond]) -> Dim:
    """Return a dimension from the smallest size on at which the conditions hold that speak of it alone."""
    if not isinstance(axis, Var):
        return axis
    own = [c for c in found if {v.name for v in variables(c)} == {axis.name}]
    sizes = range(1, _FARTHEST)
    lowest = next((n for n in sizes if all(evaluate(c, {axis.name: n}) for c in own)), _FARTHEST)
    return Var(axis.name, interval=(lowest, None))


def _read(text: str, axes: Mapping[str, Sequence[Dim]]) -> list[Cond]:
    """Return a condition of the file: that the sizes it divides by are not 0, and what it says."""
    names: dict[str, Dim] = {}

    def named(match: re.Match[str]) -> str:
        name, axis = match[1], int(match[2])
        if name not in axes or axis >= len(axes[name]):
            raise ExpressionError(f"there is no {match[0]}")
        names[f"size_{name}_{axis}"] = axes[name][axis]
        return f"size_{name}_{axis}"

    def resolve(name: str, column: int) -> Dim:
        if name not in names:
            raise ExpressionError(f"there is no {name!r}", column)
        return names[name]

    plain, divisors = _positive(_SIZE.sub(named, text))
    return [parse_condition(one, resolve) for one in (*(f"{divisor} >= 1" for divisor in divisors), *_divided(plain))]


def _divided(text: str) -> list[str]:
    """Return ``low < low*n`` as what it says of sizes, that ``low`` is at least 1 and ``n`` more; others unchanged."""
    low, _, high = text.partition(" < ")
    for factor in (f"({low})*", f"{low}*" if low.startswith("max(") else ""):
        rest = high.removeprefix(factor)
        if factor and rest != high and _is_product(rest):
            return [f"{low} >= 1", f"{rest} > 1"]
    return [text]


def _is_product(text: str) -> bool:
    """Return whether there is nothing but factors in a text: sums, quotients and comparisons have spaces."""
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0 or (depth == 0 and letter == " "):
            return False
    return depth == 0


def _positive(text: str) -> tuple[str, list[str]]:
    """Return a text in which nothing in brackets that is divided by is below 1, and what that is."""
    divisors: list[str] = []
    written, at = "", 0
    for match in re.finditer(r"(//|%) (?=\()", text):
        if match.end() < at:
            continue  # inside of a divisor
        depth, end = 0, match.end()
        for end in range(match.end(), len(text)):
            depth += (text[end] == "(") - (text[end] == ")")
            if depth == 0:
                break
        divisor = text[match.end() : end + 1]
        divisors.append(divisor)
        written += f"{text[at : match.end()]}max(1, {divisor})"
        at = end + 1
    return written + text[at:], divisors
