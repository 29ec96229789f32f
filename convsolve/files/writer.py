"""Writing problems as documents: what is written reads back as the same problem."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ..dims import Cond, Condition, Domain, Expr, Var, render, variables
from ..lints import SENSIBLE
from ..network import Network
from ..operators import Choice, Input, Operator
from ..operators.parameters import dims_in
from ..problem import Problem, as_problem
from ..support.arguments import checked
from ..support.suggestions import known_word

__all__ = ["dump", "to_document"]

_PLAIN = re.compile(r"[A-Za-z_]\w*(\[\d+\])*(\.\w+(\[\d+\])*)*")


@checked
def dump(problem: Problem, format: str = "yaml") -> str:
    """Return a problem as the text of a file ("yaml" or "json").

    Blocks (``choose``, ``repeat``, ``optional``) are written out: each alternative as a layer with a
    ``when``, followed by a ``choice``.

    >>> from convsolve.files import parse
    >>> print(dump(parse("{input: [1, 8, 8], layers: [relu, {max_pool: {kernel_size: 2 | 4}}]}")), end="")
    input: [1, 8, 8]
    layers:
    - relu
    - max_pool: {kernel_size: 2 | 4}
    """
    known_word("format", format, ("yaml", "json"))
    document = to_document(problem)
    if format == "json":
        return json.dumps(document, indent=2) + "\n"
    at = list(document).index("layers")
    before, after = dict(list(document.items())[:at]), dict(list(document.items())[at + 1 :])
    layers = [f"- {layer if isinstance(layer, str) else _flow(layer)[1:-1]}\n" for layer in document["layers"]]
    return _block(before) + "layers:\n" + "".join(layers) + _block(after)


def _block(entries: dict[str, Any]) -> str:
    """Return entries as YAML, one a line."""
    import yaml

    if not entries:
        return ""
    nested = any(isinstance(value, (list, dict)) for value in entries.values())  # else all would stand in braces
    flow = None if nested else False
    text: str = yaml.safe_dump(entries, sort_keys=False, width=110, default_flow_style=flow, allow_unicode=True)
    return text


def _flow(layer: dict[str, Any]) -> str:
    """Return a layer as YAML on one line."""
    import yaml

    text: str = yaml.safe_dump(layer, sort_keys=False, width=10**6, default_flow_style=True, allow_unicode=True)
    return text.strip()


def to_document(problem: Problem) -> dict[str, Any]:
    """Return a problem as plain dictionaries and lists."""
    problem = as_problem(problem)
    network = problem.network
    document: dict[str, Any] = {}
    if problem.description:
        document["description"] = problem.description
    for key, default in (("framework", "torch"), ("data_format", "channels_first"), ("training", False),
                         ("batch_size", 1), ("dtype", "float32")):  # fmt: skip
        if getattr(network, key) != default:
            document[key] = getattr(network, key)
    natural = _natural_holes(network)
    named: dict[str, Any] = {name: _domain(h.domain) for name, h in network.holes.items() if name not in natural}
    named |= {name: _value(value, natural) for name, value in network.named if name not in named}
    if network.latency is not None:
        table = network.latency
        document["latency"] = table.source or [
            {"operator": row.operator + row.fused * "-fused", **dict(row.settings), "latency_ns": row.nanoseconds}
            for row in table.rows
        ]
    shapes = {name: _list(shape, natural) for name, shape in network.input_shapes.items()}
    document.update({"input": shapes["input"]} if list(shapes) == ["input"] else {"inputs": shapes})
    if named:
        document["holes"] = named
    document["layers"] = _layers(network, natural)
    if network.outputs != (network.layers[-1].name,):
        document["outputs"] = list(network.outputs)
    if problem.requirements:
        document["require"] = list(problem.requirements)
    if problem.for_all:
        document["for_all"] = {axis: _domain(domain) for axis, domain in problem.for_all.items()}
    if problem.sensible:
        document["sensible"] = True if problem.sensible == SENSIBLE else list(problem.sensible)
    for sense, texts in _objectives(problem).items():
        document[sense] = texts[0] if len(texts) == 1 else texts
    if problem.pareto:
        document["pareto"] = list(problem.pareto)
    if problem.expect:
        document["expect"] = dict(problem.expect)
    return document


def _objectives(problem: Problem) -> dict[str, list[str]]:
    """Return the objectives by sense, in order; senses that alternate are all written as the first one."""
    found: dict[str, list[str]] = {}
    previous = ""
    for objective in problem.objectives:
        if objective.sense in found and objective.sense != previous:
            first = problem.objectives[0].sense
            return {first: [o.text if o.sense == first else f"-({o.text})" for o in problem.objectives]}
        previous = objective.sense
        found.setdefault(objective.sense, []).append(objective.text)
    return found


def _natural_holes(network: Network) -> set[str]:
    """Return the holes that are named after the one parameter which they fill: their domain stands there."""
    uses: dict[str, int] = {}
    places: set[str] = set()
    for layer in network.layers:
        entries = [d for name in layer.operator.parameters() for d in dims_in(getattr(layer.operator, name))]
        for unknown in (v for entry in (*entries, layer.when) for v in variables(entry)):
            uses[unknown.name] = uses.get(unknown.name, 0) + 1
        for name in layer.operator.parameters():
            prefix = layer.name if isinstance(layer.operator, Input) else f"{layer.name}.{name}"
            places.update(_natural_places(prefix, getattr(layer.operator, name)))
    spoken_of = {unknown.name for _, value in network.named for unknown in variables(value)}
    return {name for name in network.holes if name in places and uses[name] == 1 and name not in spoken_of}


def _natural_places(name: str, value: Any) -> set[str]:
    if isinstance(value, Var):
        return {name} if value.name == name else set()
    if isinstance(value, tuple):
        return {found for i, v in enumerate(value) for found in _natural_places(f"{name}[{i}]", v)}
    return set()


def _layers(network: Network, natural: set[str]) -> list[Any]:
    written: list[Any] = []
    previous = network.inputs[0].name if network.inputs else ""
    counters: dict[str, int] = {}
    for layer in network.layers:
        if type(layer.operator) is Input:
            continue
        body: dict[str, Any] = {}
        kind = layer.operator.kind
        counters[kind] = counters.get(kind, 0) + 1
        if layer.name != f"{kind}{counters[kind]}":
            counters[kind] -= 1
            body["name"] = layer.name
        if layer.inputs != (previous,) and layer.operator.arity[1] != 0:
            body["inputs"] = list(layer.inputs)
        if layer.shares:
            body["shares"] = layer.shares
        if layer.within:
            body["within"] = list(layer.within)
        if layer.rank is not None:
            body["rank"] = layer.rank
        if layer.when is not True:
            body["when"] = _text(layer.when)
        body.update(_parameters(layer.operator, natural))
        written.append({kind: body} if body else kind)
        previous = layer.name
    return written


def _parameters(operator: Operator, natural: set[str]) -> dict[str, Any]:
    names = operator.parameters() if isinstance(operator, Choice) else operator.stated()
    return {name: _value(getattr(operator, name), natural) for name in names}


def _value(value: Any, natural: set[str]) -> Any:
    if isinstance(value, tuple):
        return _list(value, natural)
    if isinstance(value, Var) and value.name in natural:
        return _domain(value.domain)
    if isinstance(value, (Expr, Condition)):
        return _text(value)
    if isinstance(value, Operator):
        inner = _parameters(value, natural)
        return {value.kind: inner} if inner else value.kind
    return str(value) if isinstance(value, Fraction) else value


def _list(values: Any, natural: set[str]) -> list[Any]:
    return [_value(v, natural) for v in values]


def _domain(domain: Domain | None) -> Any:
    assert domain is not None
    return domain.lower if domain.size == 1 else str(domain)


def _text(x: Expr | Cond) -> str:
    """Return an expression with its holes marked, as the grammar reads it."""
    marked: Mapping[str, Any] = {v.name: _Mark(_name(v)) for v in variables(x)}
    return render(x, marked)


def _name(unknown: Var) -> str:
    """Return the name of a hole, or of a layer's dimension, as the grammar reads it: odd letters in backquotes."""
    sign = "" if unknown.domain is None else "$"
    if _PLAIN.fullmatch(unknown.name):
        return sign + unknown.name
    layer, bracket, rest = unknown.name.partition("[")
    if not bracket:
        layer, bracket, rest = unknown.name.rpartition(".")
    return f"{sign}`{layer}`{bracket}{rest}"


class _Mark(str):
    """A name as it is written in a file."""
