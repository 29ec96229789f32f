"""The JSON Schema of problem files, for editors; made from the same declarations that the reader uses."""

from __future__ import annotations

from typing import Any

from ..lints import LINTS
from ..network import BYTES
from ..operators import OPERATORS, Choice, Operator
from ..operators.parameters import Kind, Padding, PerAxis, Sizes, WholeNumber
from .layout import BY_COPY, EXPECT_KEYS, LAYER_KEYS, TOP_KEYS, VERDICTS

__all__ = ["schema"]

_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_DOMAIN = {
    "description": "a domain, most preferred value first: 3 | 5 | 7, 0..3, 8..64 step 8",
    "anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "array", "items": {"type": "integer"}, "minItems": 1}],
}
_TABLE = {
    "description": "a table of settings, of which one row is chosen: $name.column in a layer",
    "type": "array",
    "minItems": 1,
    "items": {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1},
}
_HOLE = {
    "description": "a domain, what follows from other holes (64*$alpha//100), or a table",
    "anyOf": [_DOMAIN, _TABLE],
}


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a problem file.

    >>> sorted(schema()["required"])
    ['layers']
    """
    shape = {"anyOf": [{"type": "string"}, Sizes().schema()]}
    top: dict[str, Any] = {
        "description": {"type": "string"},
        "framework": {"enum": ["torch", "keras", "onnx"]},
        "data_format": {"enum": ["channels_first", "channels_last"]},
        "training": {"type": "boolean"},
        "batch_size": {"type": "integer", "minimum": 1},
        "dtype": {"enum": list(BYTES)},
        "latency": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}, {"type": "object"}]},
        "input": shape,
        "inputs": {"type": "object", "additionalProperties": shape, "minProperties": 1},
        "holes": {"type": "object", "additionalProperties": _HOLE},
        "templates": {"type": "object", "additionalProperties": _template()},
        "layers": {"$ref": "#/$defs/layers"},
        "output": _TEXTS,
        "outputs": _TEXTS,
        "require": _TEXTS,
        "for_all": {"type": "object", "additionalProperties": _DOMAIN, "minProperties": 1},
        "minimize": _TEXTS,
        "maximize": _TEXTS,
        "pareto": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 3},
        "sensible": {"anyOf": [{"type": "boolean"}, {"type": "array", "items": {"enum": list(LINTS)}}]},
        "prefer": {"const": "sensible"},
        "expect": _expect(),
    }
    assert top.keys() == TOP_KEYS.keys()
    for key, meaning in TOP_KEYS.items():
        top[key] = {"description": meaning, **top[key]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "convsolve problem",
        "type": "object",
        "properties": top,
        "required": ["layers"],
        "oneOf": [{"required": ["input"]}, {"required": ["inputs"]}],
        "additionalProperties": False,
        "$defs": {
            "layers": {"type": "array", "items": {"$ref": "#/$defs/entry"}},
            "entry": {"anyOf": [_bare(), _choose(), _repeat(), _use(), *map(_operator, [*OPERATORS.values(), Choice])]},
        },
    }


def _bare() -> dict[str, Any]:
    """An operator that needs no parameters may stand by its name alone."""
    return {"enum": [kind for kind, operator in OPERATORS.items() if not operator.required()]}


def _operator(operator: type[Operator]) -> dict[str, Any]:
    properties = {name: _parameter(kind) for name, kind in operator.parameters().items()}
    common: dict[str, dict[str, Any]] = {
        "name": {"type": "string"},
        "inputs": _TEXTS,
        "optional": {"type": "boolean"},
        "rank": {"type": "integer", "minimum": 1},
        "shares": {"type": "string"},
        "within": _TEXTS,
        "when": {"type": "string"},
    }
    assert common.keys() == LAYER_KEYS.keys()
    body = {
        "type": "object",
        "properties": {**{k: {"description": LAYER_KEYS[k], **v} for k, v in common.items()}, **properties},
        "required": operator.required(),
        "additionalProperties": False,
    }
    allowed = [body] if operator.required() else [body, {"type": "null"}]
    return {
        "type": "object",
        "description": (operator.__doc__ or "").split("\n")[0],
        "properties": {operator.kind: {"anyOf": allowed}},
        "required": [operator.kind],
        "additionalProperties": False,
    }


def _parameter(kind: Kind) -> dict[str, Any]:
    """Return the schema of a parameter's value, which copies of a block may each have for themselves."""
    own = kind.schema()
    return {"anyOf": [*own["anyOf"], _by_copy(own)]} if isinstance(kind, (WholeNumber, PerAxis, Padding)) else own


def _by_copy(value: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "inside `repeat`: what the first copy has, and what each further one",
        "properties": dict.fromkeys(BY_COPY, value),
        "required": [*BY_COPY],
        "additionalProperties": False,
    }


def _choose() -> dict[str, Any]:
    entry = {"$ref": "#/$defs/entry"}
    return {
        "type": "object",
        "description": "one of several alternatives, each a layer or a list of layers",
        "properties": {
            "choose": {"type": "array", "items": {"anyOf": [entry, {"$ref": "#/$defs/layers"}]}, "minItems": 1},
            "name": {"type": "string"},
            "optional": {"type": "boolean"},
        },
        "required": ["choose"],
        "additionalProperties": False,
    }


def _repeat() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "a list of layers, one after the other as often as `repeat` says",
        "properties": {
            "repeat": _DOMAIN,
            "layers": {"$ref": "#/$defs/layers"},
            "name": {"type": "string"},
            "holes": {"type": "object", "additionalProperties": {"anyOf": [*_HOLE["anyOf"], _by_copy(_DOMAIN)]}},
        },
        "required": ["repeat", "layers"],
        "additionalProperties": False,
    }


def _template() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "layers in which `$name` stands for an argument",
        "properties": {"with": {"type": "object"}, "layers": {"type": "array"}},
        "required": ["layers"],
        "additionalProperties": False,
    }


def _use() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "the layers of a template, as a block",
        "properties": {"use": {"type": "string"}, "with": {"type": "object"}, "name": {"type": "string"}},
        "required": ["use"],
        "additionalProperties": False,
    }


def _expect() -> dict[str, Any]:
    properties: dict[str, Any] = {
        "verdict": {"enum": list(VERDICTS)},
        "fails_at": {"type": ["string", "null"]},
        "code": {"type": "string"},
        "shapes": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "integer"}}},
        "objective": {"type": "integer"},
        "assignment": {"type": "object", "additionalProperties": {"type": "integer"}},
        "core": {"type": "array", "items": {"type": "string"}},
    }
    assert properties.keys() == EXPECT_KEYS.keys()
    return {"type": "object", "properties": properties, "additionalProperties": False}
