"""What a layer's settings must be, as its constructor demands, and in the form in which operators write them best.

(Keras ``keras.src.utils.argument_validation``.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...dims import Expr
from ...support.suggestions import quoted
from .call import LayerCall, RefusedSettingError

__all__ = ["count", "counts", "plain", "sides", "word"]


def plain(value: Any) -> Any:
    """Return one number where all axes have the same.

    >>> plain([3, 3]), plain([[1, 2], [0, 0]])
    (3, ((1, 2), 0))
    """
    if isinstance(value, (list, tuple)):
        entries = tuple(plain(v) for v in value)
        return entries[0] if entries and all(e == entries[0] for e in entries) else entries
    return value


def _counted(value: Any, least: int) -> bool:
    """Return whether a value is a whole number of at least so many; where sizes are followed, it may be unknown."""
    if isinstance(value, Expr):
        return True
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _above(least: int) -> str:
    return "of at least 0" if least == 0 else "above 0"


def count(call: LayerCall, name: str, default: Any = None) -> Any:
    """Return a setting that must be a whole number above 0."""
    value = call.need(name) if default is None else call.config.get(name, default)
    if not _counted(value, 1):
        raise RefusedSettingError(f"{name} must be a whole number above 0, got {quoted(value)}")
    return value


def counts(
    call: LayerCall, name: str, length: int, default: Any = None, *, least: int = 1, optional: bool = False
) -> Any:
    """Return a setting that must be a whole number, or a list of so many; None where ``optional`` says so."""
    value = call.need(name) if default is None and not optional else call.config.get(name, default)
    if value is None and optional:
        return None
    listed = list(value) if isinstance(value, (list, tuple)) else [value] * length
    if len(listed) != length or not all(_counted(n, least) for n in listed):
        wanted = "a whole number" if length == 1 else f"a whole number or a list of {length}"
        raise RefusedSettingError(f"{name} must be {wanted}, {_above(least)}, got {quoted(value)}")
    return plain(listed)


def sides(call: LayerCall, name: str, axes: int, default: Any, *, negative: bool = False) -> Any:
    """Return an amount for both sides of each axis: one number for all, one for each axis, or a pair for each.

    ``negative``: one number for all may be below 0.
    """
    value = call.config.get(name, default)
    if negative and type(value) is int and axes > 1:
        return value
    listed: Sequence[Any] = value if isinstance(value, (list, tuple)) else [value] * axes
    if axes == 1 and listed is value:
        listed = [value]
    pairs = [list(n) if isinstance(n, (list, tuple)) else [n, n] for n in listed]
    if len(pairs) != axes or not all(len(pair) == 2 and all(_counted(n, 0) for n in pair) for pair in pairs):
        each = "a pair" if axes == 1 else f"a list of {axes} numbers or pairs"
        raise RefusedSettingError(f"{name} must be a whole number or {each}, of at least 0, got {quoted(value)}")
    return tuple(map(tuple, pairs)) if any(a != b for a, b in pairs) else plain([a for a, _ in pairs])


def word(call: LayerCall, name: str, words: Sequence[str], default: str, *, lowered: bool = True) -> str:
    """Return a setting that must be one of some words; capitals are ``lowered`` where Keras does that."""
    value = call.config.get(name, default)
    found = value.lower() if isinstance(value, str) and lowered else value
    if found not in words:
        raise RefusedSettingError(f"{name} must be {' or '.join(map(repr, words))}, got {quoted(value)}")
    return str(found)
