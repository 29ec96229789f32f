"""Exported programs written by hand, as ``torch.export.save`` would, or as nobody would."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["call", "described", "tensor", "written"]

Json = Any


def tensor(*sizes: Any, dtype: int = 7) -> Json:
    """Describe a tensor; a size that is a name is a dynamic one, which was 8 (the batch: 2)."""
    found = [
        {"as_int": n}
        if isinstance(n, int)
        else {
            "as_expr": {
                "expr_str": f"Symbol('{n}', positive=True, integer=True)",
                "hint": {"as_int": 2 if n == "n" else 8},
            }
        }
        for n in sizes
    ]
    return {
        "dtype": dtype,
        "sizes": found,
        "requires_grad": False,
        "device": {"type": "cpu", "index": None},
        "strides": [{"as_int": 1} for _ in sizes],
        "storage_offset": {"as_int": 0},
        "layout": 7,
    }


def _argument(given: Any) -> Json:
    """Write an argument: tensors by name (``"x"``), sizes by name (``"%s"``), what is written already as it is."""
    if isinstance(given, dict):
        return given
    if isinstance(given, str):
        return {"as_sym_int": {"as_name": given[1:]}} if given.startswith("%") else {"as_tensor": {"name": given}}
    if given is None or isinstance(given, (bool, int, float)):
        return {
            {type(None): "as_none", bool: "as_bool", int: "as_int", float: "as_float"}[type(given)]: given is None
            or given
        }
    names = all(isinstance(g, str) for g in given) and given
    return {"as_tensors": [{"name": g} for g in given]} if names else {"as_ints": list(given)}


def call(target: str, *given: Any, to: Any = "y", **named: Any) -> Json:
    """Describe a call; ``to`` names what comes out: a tensor, several in a list, a size (``"%s"``), or nothing (None)."""
    inputs = [{"name": "self", "arg": _argument(g), "kind": 1} for g in given]
    inputs += [{"name": name, "arg": _argument(g), "kind": 2} for name, g in named.items()]
    outputs = [] if to is None else [_argument(one) for one in ([to] if isinstance(to, (str, dict)) else to)]
    return {"target": target, "inputs": inputs, "outputs": outputs, "metadata": {}, "is_hop_single_tensor_return": None}


def described(
    nodes: Sequence[Json],
    *,
    tensors: Mapping[str, Json] | None = None,
    output: str = "y",
    parameters: Sequence[str] = (),
    **more: Any,
) -> Json:
    """Describe a program that takes ``x``, 2x3x8x8, and gives one tensor."""
    known = {"x": tensor("n", 3, "h", "w"), "y": tensor("n", 3, "h", "w"), **(tensors or {})}
    specs = [{"parameter": {"arg": {"name": name}, "parameter_name": name}} for name in parameters]
    specs.append({"user_input": {"arg": {"as_tensor": {"name": "x"}}}})
    graph = {
        "inputs": [],
        "outputs": [],
        "nodes": list(nodes),
        "tensor_values": known,
        "sym_int_values": {},
        "sym_bool_values": {},
        "is_single_tensor_return": False,
        "custom_obj_values": {},
    }
    signature = {"input_specs": specs, "output_specs": [{"user_output": {"arg": {"as_tensor": {"name": output}}}}]}
    return {
        "graph_module": {"graph": graph, "signature": signature, "module_call_graph": []},
        "opset_version": {"aten": 10},
        "range_constraints": {},
        "schema_version": {"major": 8, "minor": 20},
        **more,
    }


def written(path: Path, description: Json, **members: bytes) -> Path:
    """Write a program's description as a file, with other members beside it."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{path.stem}/models/model.json", json.dumps(description))
        for name, content in members.items():
            archive.writestr(f"{path.stem}/{name}", content)
    return path
