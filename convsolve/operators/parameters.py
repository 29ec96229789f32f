"""What an operator's parameters may be: one declaration serves construction, files, schema and search.

Every kind knows how to check a value (``check``), which values a bare ``any`` stands for (``usual``)
and how it looks in a JSON Schema (``schema``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..dims import Condition, Dim, Domain, Expr, Var, bounds, evaluate, variables
from ..dims.rewrite import rewrite
from ..errors import NetworkError
from ..support.suggestions import quoted

__all__ = [
    "Conditions",
    "WholeNumber",
    "Flag",
    "Inner",
    "Kind",
    "Number",
    "Padding",
    "PerAxis",
    "Scale",
    "Shapes",
    "Sizes",
    "Text",
    "Word",
    "dims_in",
    "parameter",
    "replaced",
    "substitute",
    "usual_domain",
]

_LARGEST = 2**40
"""No parameter or size may exceed this: beyond it lie typing errors, not networks."""

_EXPRESSION = {"type": "string", "description": "a domain (`3 | 5 | 7`, `0..3`, `any`) or an expression over `$holes`"}
_CONDITION = {"type": "string", "description": "`any`, or a condition over `$holes`"}


def parameter(kind: Kind, *, edit: str = "", **options: Any) -> Any:
    """Return a dataclass field that holds a parameter of this kind; give ``default=`` for an optional one.

    ``edit`` says what kind of edit it is when a repair changes it; empty for what says which computation is meant.
    """
    return dataclasses.field(metadata={"kind": kind, "edit": edit}, **options)


@dataclass(frozen=True)
class Kind:
    """What values a parameter may have."""

    usual: tuple[int, ...] = dataclasses.field(default=(), kw_only=True)

    def check(self, name: str, value: Any) -> Any:
        """Return the value in its normal form, or raise NetworkError."""
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of a value in a file."""
        raise NotImplementedError


def _dim(name: str, value: Any, minimum: int | None) -> Dim:
    if isinstance(value, bool) or not isinstance(value, (int, Expr)):
        raise NetworkError(f"{name} must be a whole number, got {quoted(value)}")
    low, high = bounds(value)
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise NetworkError(f"{name} is {value}, which is more than any network needs (at most {_LARGEST})")
    plain = isinstance(value, (int, Var))
    if minimum is not None and plain and low is not None and low < minimum:
        raise NetworkError(f"{name} must be at least {minimum}, got {_shown(value)}")
    if isinstance(value, Var) and high is not None and high > _LARGEST:
        raise NetworkError(f"{name} may reach {high}, which is more than any network needs (at most {_LARGEST})")
    return value


def _shown(value: Dim) -> str:
    return str(value.domain) if isinstance(value, Var) and value.domain is not None else str(value)


@dataclass(frozen=True)
class WholeNumber(Kind):
    """One whole number of at least ``minimum``."""

    minimum: int | None = 1
    optional: bool = False

    def check(self, name: str, value: Any) -> Any:
        return None if value is None and self.optional else _dim(name, value, self.minimum)

    def schema(self) -> dict[str, Any]:
        number: dict[str, Any] = {"type": "integer"}
        if self.minimum is not None:
            number["minimum"] = self.minimum
        return {"anyOf": [number, _EXPRESSION]}


@dataclass(frozen=True)
class PerAxis(Kind):
    """One whole number for all spatial axes, or a list with one for each."""

    minimum: int | None = 1
    optional: bool = False  # None (for an entry, too) means "as the operator says"

    def check(self, name: str, value: Any) -> Any:
        if value is None and self.optional:
            return None
        if isinstance(value, (list, tuple)):
            if not value:
                raise NetworkError(f"{name} must not be an empty list")
            return tuple(
                None if v is None and self.optional else _dim(f"{name}[{i}]", v, self.minimum)
                for i, v in enumerate(value)
            )
        return _dim(name, value, self.minimum)

    def schema(self) -> dict[str, Any]:
        one = WholeNumber(self.minimum).schema()["anyOf"]
        entry = {"anyOf": [*one, {"type": "null"}]} if self.optional else {"anyOf": one}
        return {"anyOf": [*entry["anyOf"], {"type": "array", "items": entry, "minItems": 1}]}


HALF = "half"
"""What problem files write for a padding of half the window: ``window // 2``, of whatever kernel is chosen."""


@dataclass(frozen=True)
class Padding(Kind):
    """Padding: a number, one for each axis (or a pair ``[before, after]``), or the name of a mode."""

    modes: tuple[str, ...] = ()
    minimum: int | None = 0

    def check(self, name: str, value: Any) -> Any:
        if isinstance(value, str):
            if value.lower() in self.modes:
                return value.lower()
            wanted = " or ".join(repr(m) for m in self.modes) if self.modes else "no name"
            raise NetworkError(f"{name} takes numbers or {wanted}, got {quoted(value)}")
        if not isinstance(value, (list, tuple)):
            return _dim(name, value, self.minimum)
        if not value:
            raise NetworkError(f"{name} must not be an empty list")
        entries: list[Any] = []
        for i, entry in enumerate(value):
            where = f"{name}[{i}]"
            if isinstance(entry, (list, tuple)):
                if len(entry) != 2:
                    raise NetworkError(f"{where} must be a number or a pair [before, after], got {quoted(list(entry))}")
                entries.append(tuple(_dim(where, e, self.minimum) for e in entry))
            else:
                entries.append(_dim(where, entry, self.minimum))
        return tuple(entries)

    def schema(self) -> dict[str, Any]:
        one = WholeNumber(self.minimum).schema()["anyOf"]
        pair = {"type": "array", "items": {"anyOf": one}, "minItems": 2, "maxItems": 2}
        return {"anyOf": [*one, {"type": "array", "items": {"anyOf": [*one, pair]}, "minItems": 1}]}


@dataclass(frozen=True)
class Sizes(Kind):
    """A list of whole numbers, such as a shape or an order of axes."""

    minimum: int | None = 1
    optional: bool = False
    empty: bool = False

    def check(self, name: str, value: Any) -> Any:
        if value is None and self.optional:
            return None
        if not isinstance(value, (list, tuple)) or not (value or self.empty):
            raise NetworkError(f"{name} must be a list of whole numbers, got {quoted(value)}")
        return tuple(_dim(f"{name}[{i}]", v, self.minimum) for i, v in enumerate(value))

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": WholeNumber(self.minimum).schema(), "minItems": 0 if self.empty else 1}


@dataclass(frozen=True)
class Flag(Kind):
    """True or false; where it ``may_be_open``, also a condition over holes."""

    may_be_open: bool = False

    def check(self, name: str, value: Any) -> Any:
        if not isinstance(value, (bool, Condition) if self.may_be_open else bool):
            raise NetworkError(f"{name} must be true or false, got {quoted(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "boolean"}, _CONDITION]} if self.may_be_open else {"type": "boolean"}


@dataclass(frozen=True)
class Word(Kind):
    """One of a few words."""

    options: tuple[str, ...] = ()

    def check(self, name: str, value: Any) -> Any:
        if not isinstance(value, str) or value not in self.options:
            raise NetworkError(f"{name} must be one of {', '.join(self.options)}, got {quoted(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.options)}


@dataclass(frozen=True)
class Number(Kind):
    """A plain number that no shape depends on, such as a dropout rate."""

    def check(self, name: str, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise NetworkError(f"{name} must be a number, got {quoted(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "number"}


@dataclass(frozen=True)
class Scale(Kind):
    """A scale factor: a whole number (which may be open), a fraction like 3/2, or a decimal; or a list."""

    def check(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, (list, tuple)):
            if not value:
                raise NetworkError(f"{name} must not be an empty list")
            return tuple(self._one(f"{name}[{i}]", v) for i, v in enumerate(value))
        return self._one(name, value)

    def _one(self, name: str, value: Any) -> Any:
        if isinstance(value, str):
            try:
                value = Fraction(value)
            except (ValueError, ZeroDivisionError):
                raise NetworkError(f"{name} must be a number or a fraction like 3/2, got {quoted(value)}") from None
        if isinstance(value, (float, Fraction)):
            if not 0 < value < _LARGEST:  # also false for nan
                raise NetworkError(f"{name} must be above 0, got {value}")
            return int(value) if value == int(value) else value
        return _dim(name, value, 1)

    def schema(self) -> dict[str, Any]:
        one = [{"type": "number", "exclusiveMinimum": 0}, _EXPRESSION]
        return {"anyOf": [*one, {"type": "array", "items": {"anyOf": one}, "minItems": 1}]}


@dataclass(frozen=True)
class Text(Kind):
    """Free text, for people."""

    def check(self, name: str, value: Any) -> Any:
        if not isinstance(value, str):
            raise NetworkError(f"{name} must be text, got {quoted(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


@dataclass(frozen=True)
class Shapes(Kind):
    """A list of shapes, each a list of known sizes."""

    def check(self, name: str, value: Any) -> Any:
        known = isinstance(value, (list, tuple)) and all(isinstance(shape, (list, tuple)) for shape in value)
        if not known or not all(type(n) is int and 0 <= n <= _LARGEST for shape in value for n in shape):
            raise NetworkError(f"{name} must be a list of shapes like [[64, 7, 7]], got {quoted(value)}")
        return tuple(tuple(shape) for shape in value)

    def schema(self) -> dict[str, Any]:
        size = {"type": "integer", "minimum": 0, "maximum": _LARGEST}
        return {"type": "array", "items": {"type": "array", "items": size}}


@dataclass(frozen=True)
class Conditions(Kind):
    """A list of conditions over holes."""

    def check(self, name: str, value: Any) -> Any:
        if not isinstance(value, (list, tuple)) or not all(isinstance(v, (bool, Condition)) for v in value):
            raise NetworkError(f"{name} must be a list of conditions, got {quoted(value)}")
        return tuple(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string"}}


@dataclass(frozen=True)
class Inner(Kind):
    """Another operator."""

    def check(self, name: str, value: Any) -> Any:
        if not hasattr(value, "infer"):
            raise NetworkError(f"{name} must be an operator, such as {{conv: {{...}}}}, got {quoted(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"$ref": "#/$defs/entry"}


def dims_in(value: Any) -> Iterator[Expr | Condition]:
    """Yield the expressions inside a parameter's value."""
    if isinstance(value, (Expr, Condition)):
        yield value
    elif isinstance(value, tuple):
        for v in value:
            yield from dims_in(v)
    elif hasattr(value, "unknowns"):
        yield from value.unknowns()


def replaced(value: Any, replacements: dict[str, Any]) -> Any:
    """Return the parameter with other expressions in place of some unknowns."""
    if isinstance(value, tuple):
        return tuple(replaced(v, replacements) for v in value)
    if hasattr(value, "unknowns"):
        return value.replace(replacements)
    return rewrite(value, replacements)


def substitute(value: Any, values: dict[str, int]) -> Any:
    """Return the parameter with numbers in place of the unknowns that have values."""
    if isinstance(value, (Expr, Condition)):
        known = all(v.name in values for v in variables(value))
        found = evaluate(value, values) if known else rewrite(value, values)
        return bool(found) if known and isinstance(value, Condition) else found
    if isinstance(value, tuple):
        return tuple(substitute(v, values) for v in value)
    return value.substitute(values) if hasattr(value, "unknowns") else value


def usual_domain(kind: Kind) -> Domain | None:
    """Return the domain that ``any`` stands for, if the parameter has one."""
    return Domain.of(*kind.usual) if kind.usual else None
