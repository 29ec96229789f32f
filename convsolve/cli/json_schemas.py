"""The schemas of what ``--json`` prints, by command; ``convsolve schema COMMAND`` shows one.

Every document says the ``version`` of these schemas and its ``command``; one whose ``status`` is ``error`` stands in
the place of any other.
"""

from __future__ import annotations

from typing import Any

__all__ = ["DOCUMENTS", "VERSION", "document_schema"]

VERSION = 1
"""Changes when a key goes or means something else; keys may be added without that."""

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_WHOLE: Schema = {"type": "integer"}
_TRUTH: Schema = {"type": "boolean"}
_ANY: Schema = {}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _map(schema: Schema) -> Schema:
    return {"type": "object", "additionalProperties": schema}


def _record(optional: tuple[str, ...] = (), /, **keys: Schema) -> Schema:
    required = [key for key in keys if key not in optional]
    return {"type": "object", "properties": keys, "required": required, "additionalProperties": False}


def _either(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


_SHAPE = _list(_or_null(_WHOLE))
_FAILURE_KEYS: dict[str, Schema] = {
    "layer": _TEXT, "code": _TEXT, "requirement": _TEXT, "message": _TEXT, "axes": _list(_TEXT), "note": _TEXT,
    "needs": _map(_WHOLE), "smallest_input": _or_null(_ANY), "nearest_input": _or_null(_ANY), "mends_all": _TRUTH,
    "source": _TEXT,
}  # fmt: skip
_CAUSE = _record(kind=_TEXT, layer=_TEXT, reported_by=_TEXT, message=_TEXT, evidence=_list(_TEXT), certain=_TRUTH,
                 chain=_list(_SHAPE))  # fmt: skip
_ROW = _record(
    name=_TEXT, operator=_TEXT, shape=_or_null(_SHAPE), params=_or_null(_WHOLE), macs=_or_null(_WHOLE),
    activations=_or_null(_WHOLE), formula=_TEXT, fails=_TRUTH,
)  # fmt: skip
_REPORT_KEYS: dict[str, Schema] = {
    "ok": _TRUTH, "output": _or_null(_SHAPE), "params": _or_null(_WHOLE), "macs": _or_null(_WHOLE),
    "activations": _or_null(_WHOLE), "receptive_field": _or_null(_either(_WHOLE, _list(_WHOLE))), "layers": _list(_ROW),
    "failures": _list(_record(**_FAILURE_KEYS)), "unknown": _list(_record(layer=_TEXT, code=_TEXT, message=_TEXT)),
    "notes": _list(_TEXT),
}  # fmt: skip
_REPORT = _record(**_REPORT_KEYS)
_UNKNOWN = _record(status={"const": "unknown"}, reason=_TEXT)
_RANGE = {"type": "array", "items": _WHOLE, "minItems": 2, "maxItems": 2}
_SIZES_KEYS: dict[str, Schema] = {
    "text": _TEXT, "minimum": _or_null(_WHOLE), "threshold": _or_null(_WHOLE), "period": _or_null(_WHOLE),
    "residues": _list(_RANGE), "exceptions": _list(_RANGE),
}  # fmt: skip
_SIZES = _record(**_SIZES_KEYS)
_DIMENSIONS = _list(_record(text=_TEXT, sizes=_TEXT))
_AXIS = _record(**_SIZES_KEYS, minimum_set_by=_list(_TEXT), period_set_by=_list(_TEXT), torch_export=_DIMENSIONS,
                onnx=_DIMENSIONS)  # fmt: skip
_GOAL = _record(sense={"enum": ["minimize", "maximize"]}, expression=_TEXT, value=_ANY, proven=_TRUTH, bound=_ANY)

DOCUMENTS: dict[str, Schema] = {
    "check": _either(
        _record(("costs",), **_REPORT_KEYS, costs=_map(_WHOLE), causes=_list(_CAUSE)),
        _UNKNOWN,
        _record(networks=_list(_record(
            name=_TEXT, source=_TEXT, found=_list(_TEXT),
            status={"enum": ["valid", "invalid", "not known", "not read"]},
            network=_or_null(_REPORT), counterexample=_or_null(_map(_WHOLE)))))),
    "lint": _record(ok=_TRUTH, findings=_list(_record(
        **_FAILURE_KEYS, level={"enum": ["warning", "hint"]}, mend=_TEXT))),
    "explain": _either(
        _record(
            understood=_TRUTH, codes=_list(_TEXT), findings=_list(_ANY), network=_or_null(_REPORT),
            reported=_or_null(_TEXT), causing=_list(_TEXT), causes=_list(_TEXT), repairs=_list(_TEXT),
            notes=_list(_TEXT), asks=_list(_TEXT)),
        _UNKNOWN),
    "rule": _either(
        _record(code=_TEXT, demand=_TEXT, failure=_TEXT, decides=_ANY, meaning=_TEXT, mend=_TEXT,
                example=_or_null(_TEXT), mended=_or_null(_TEXT), level=_TEXT, source=_or_null(_TEXT)),
        _record(rules=_map(_TEXT))),
    "diff": _either(
        _record(status={"enum": ["same", "different"]}, lost=_list(_map(_SIZES)), gained=_list(_map(_SIZES)),
                changed=_list(_map(_SIZES)), example=_or_null(_record(sizes=_SHAPE, outputs=_list(_or_null(_SHAPE))))),
        _UNKNOWN),
    "counterexample": _either(
        _record(status={"const": "proven"}, counterexample={"type": "null"}),
        _record(status={"const": "refuted"}, counterexample=_record(
            sizes=_map(_WHOLE), input_shapes=_list(_SHAPE), network=_REPORT)),
        _UNKNOWN),
    "sizes": _either(
        _record(
            axes=_map(_AXIS), coupled=_list(_map(_SIZES)), smallest=_or_null(_list(_SHAPE)),
            near=_or_null(_record(
                asked=_map(_WHOLE), valid=_TRUTH, failures=_list(_record(layer=_TEXT, code=_TEXT, message=_TEXT)),
                nearest=_map(_list(_WHOLE)), nearest_point=_or_null(_list(_WHOLE)))),
            unresolved=_list(_TEXT), never=_list(_TEXT), unknown=_list(_TEXT), proved=_TRUTH),
        _record(status={"const": "solved"}, smallest=_list(_SHAPE), assignment=_map(_WHOLE), proven=_TRUTH),
        _record(status={"const": "infeasible"}, core=_list(_TEXT)),
        _UNKNOWN),
    "repair": _record(causes=_list(_CAUSE), repairs=_list(_record(
        edits=_list(_record(kind=_TEXT, layer=_TEXT, parameter=_or_null(_TEXT), before=_ANY, after=_ANY)),
        kinds=_list(_TEXT),
        cost=_record(layers=_WHOLE, ranks=_ANY, magnitude=_ANY, params=_list(_or_null(_WHOLE)),
                     macs=_list(_or_null(_WHOLE)), output=_list(_or_null(_SHAPE))),
        proven=_TRUTH, network=_REPORT))),
    "synth": _either(
        _record(("reason",), status={"const": "solved"}, reason=_TEXT, solutions=_list(_record(
            assignment=_map(_WHOLE), proven=_TRUTH, plainest=_TRUTH, reason=_TEXT, objectives=_list(_GOAL),
            network=_REPORT))),
        _record(("reason",), status={"const": "infeasible"}, core=_list(_TEXT), minimal=_TRUTH, reason=_TEXT,
                relaxations=_list(_record(change=_TEXT, instead_of=_TEXT, least=_TRUTH))),
        _record(status={"const": "unknown"}, reason=_TEXT, bound=_ANY, unmet=_list(_TEXT)),
        _record(objectives=_list(_TEXT), complete=_TRUTH, reason=_TEXT, points=_list(_record(
            values=_list(_ANY), assignment=_map(_WHOLE))))),
    "design": _either(
        _record(status={"const": "solved"}, problem=_TEXT, solutions=_list(_record(
            assignment=_map(_WHOLE), proven=_TRUTH, network=_REPORT))),
        _record(status={"enum": ["infeasible", "unknown"]}, reason=_TEXT)),
    "sample": _record(architectures=_list(_map(_WHOLE)), bins=_list(_record(
        costs=_RANGE, low=_WHOLE, high=_or_null(_WHOLE), drawn=_WHOLE))),
    "enumerate": _record(architectures=_list(_map(_WHOLE))),
    "count": _record(count=_WHOLE, exact=_TRUTH, low=_WHOLE, high=_or_null(_WHOLE), of=_or_null(_WHOLE),
                     share=_or_null({"type": "number"})),
}  # fmt: skip
"""What each command prints, the head aside."""

_ERROR = _record(status={"const": "error"}, exit_code=_WHOLE, message=_TEXT, mistakes=_list(_record(
    file=_TEXT, line=_WHOLE, column=_WHOLE, message=_TEXT)))  # fmt: skip


def document_schema(command: str) -> Schema:
    """Return the JSON Schema of what a command prints with ``--json``."""
    body = DOCUMENTS[command]
    head: Schema = {"version": {"const": VERSION}, "command": {"const": command}}
    known = [*body.get("anyOf", [body]), _ERROR]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"convsolve {command} --json, version {VERSION}",
        "anyOf": [_record(*_optional(one), **head, **one["properties"]) for one in known],
    }


def _optional(record: Schema) -> tuple[tuple[str, ...]]:
    return (tuple(key for key in record["properties"] if key not in record["required"]),)
