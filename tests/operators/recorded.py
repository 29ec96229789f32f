"""Cases of operators with what frameworks made of them, and what our rules say of a case."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from convsolve.dims import evaluate
from convsolve.errors import NetworkError
from convsolve.network import Layer, Network
from convsolve.network.receptive_field import receptive_field
from convsolve.network.trace import run, trace
from convsolve.operators import OPERATORS, Input

Row = dict[str, Any]

GIVEN = ("operator", "inputs", "network")
FOUND = ("outputs", "params", "macs", "fails", "sees")


@cache
def rows() -> list[Row]:
    """Return the recorded cases; ``python -m tests.conformance.record`` writes them."""
    return json.loads((Path(__file__).parent / "recorded.json").read_text())


def computed(row: Row) -> Row:
    """Return what our rules say of a recorded case: outputs (None where something fails), costs, requirements that
    fail (with those that only training adds), and how far an output sees along each axis."""
    parameters = {key: value for key, value in row.items() if key not in (*GIVEN, *FOUND)}
    inputs = [Layer(f"x{i}", Input(shape=tuple(shape))) for i, shape in enumerate(row["inputs"])]
    try:
        layer = Layer("op", OPERATORS[row["operator"]](**parameters), tuple(x.name for x in inputs))
        traced = trace(Network((*inputs, layer), **row["network"]))
    except NetworkError as error:
        return {"outputs": None, "params": 0, "macs": 0, "fails": [f"error {type(error).__name__}"], "sees": None}
    values = run(traced, {})
    fails = [f"{r.rule.code} {r.axis}".strip() for r in traced.requirements if not evaluate(r.condition, values)]
    training = [f"{r.rule.code} in training" for r in traced.training if not evaluate(r.condition, values)]
    tensors = [t for t in traced.shapes if t.startswith("op[")] or ["op"]
    outputs = [[evaluate(n, values) for n in traced.written(t) or ()] for t in tensors]
    known = dict(values)

    def define(name: str, value: Any) -> Any:
        known[name] = evaluate(value, known)
        return known[name]

    sees: Any = None
    if not fails:
        fields = receptive_field(traced, "op", define)
        sees = (
            None
            if isinstance(fields, str)
            else {
                axis: [part if part is None else evaluate(part, known) for part in extent]
                for axis, extent in fields.items()
            }
        )
    return {"outputs": None if fails else outputs, "params": values.get("op.params", 0),
            "macs": values.get("op.macs", 0), "fails": fails + training, "sees": sees}  # fmt: skip
