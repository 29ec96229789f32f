"""What stands in ONNX's protocol buffers: files, shapes, attributes and small tensors."""

from __future__ import annotations

from fractions import Fraction
from math import isfinite, prod
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UnreadableError
from .values import Known, NotReadError

__all__ = ["attributes_of", "known_of", "load", "sizes_of"]

_LARGEST_FILE = 2**31
"""Protocol buffers end there."""

_MOST_NODES = 200_000
"""So many nodes have the functions of a graph at most, once they are written out."""

_MOST_VALUES = 4096
_FLOAT = ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16")
_INT = ("INT64", "INT32", "INT16", "INT8", "UINT8", "UINT16", "UINT32", "UINT64")


def load(path: Path, name: str) -> Any:
    """Return the proto in a file; data that stands in other files is not read."""
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError:
        raise UnreadableError("reading ONNX files needs the package onnx: pip install 'convsolve[onnx]'") from None
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE)
    except OSError as error:
        raise UnreadableError(f"{name} cannot be read: {error.strerror or error}") from None
    if len(content) >= _LARGEST_FILE:
        raise UnreadableError(f"{name} is too large: ONNX files have at most 2 GiB")
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(content)
    except (DecodeError, RecursionError, ValueError):
        raise UnreadableError(f"{name} is no ONNX file, or it is damaged") from None
    if not proto.graph.node:
        raise UnreadableError(f"{name} is no ONNX file with a network: it has no nodes")
    return _inlined(proto)


def _inlined(proto: Any) -> Any:
    """Return the proto with the functions that it defines itself written out."""
    if not proto.functions:
        return proto
    from onnx import checker, inliner

    nodes, size = _written_out(proto)
    if nodes > _MOST_NODES or size > _LARGEST_FILE:
        raise UnreadableError(f"its functions make {nodes} nodes of {size} bytes: at most {_MOST_NODES} are read")
    try:
        return inliner.inline_local_functions(proto)
    except (checker.ValidationError, RuntimeError) as error:
        raise UnreadableError(f"its functions cannot be written out: {str(error).splitlines()[0]}") from None


def _written_out(proto: Any) -> tuple[int, int]:
    """Return how many nodes and bytes a graph has when the functions that it calls are written out."""
    functions = {(f.domain, f.name, f.overload): f for f in proto.functions}
    known: dict[tuple[str, str, str], tuple[int, int] | None] = {}

    def of(nodes: Any) -> tuple[int, int]:
        count = size = 0
        for node in nodes:
            count, size = count + 1, size + node.ByteSize()
            parts = [of(graph.node) for a in node.attribute for graph in ((a.g,) if a.HasField("g") else a.graphs)]
            key = (node.domain, node.op_type, node.overload)
            if key in functions:
                if key not in known:
                    known[key] = None
                    known[key] = of(functions[key].node)
                inside = known[key]
                if inside is None:
                    raise UnreadableError(f"its function {node.op_type!r} calls itself")
                parts.append(inside)
            count, size = count + sum(n for n, _ in parts), size + sum(n for _, n in parts)
        return count, size

    return of(proto.graph.node)


def sizes_of(info: Any) -> list[int | str | None] | None:
    """Return the sizes of a tensor: numbers, names, or None; None in all where it has no shape."""
    if not info.type.HasField("tensor_type") or not info.type.tensor_type.HasField("shape"):
        return None
    return [
        d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else d.dim_param or None
        for d in info.type.tensor_type.shape.dim
    ]


def known_of(tensor: Any, *, learned: bool = False) -> Known:
    """Return what is known of a tensor in the file: its shape and, of few numbers, the values."""
    from onnx import TensorProto, numpy_helper

    shape = tuple(int(n) for n in tensor.dims)
    kind = TensorProto.DataType.Name(tensor.data_type) if tensor.data_type in TensorProto.DataType.values() else ""
    floating = kind in _FLOAT
    if any(n < 0 for n in shape):
        raise UnreadableError(f"the tensor {tensor.name!r} has a negative size: {list(shape)}")
    few = prod(shape) <= _MOST_VALUES and tensor.data_location != TensorProto.EXTERNAL
    if not few or not (floating or kind in _INT or kind == "BOOL"):
        return Known(shape, None, learned and floating)
    try:
        values = numpy_helper.to_array(tensor).ravel().tolist()
    except (ValueError, TypeError) as error:
        raise UnreadableError(f"the tensor {tensor.name!r} is damaged: {error}") from None
    if floating and not all(isfinite(v) for v in values):
        return Known(shape, None, learned)
    items = np.empty(len(values), object)
    for i, value in enumerate(values):
        items[i] = Fraction(value) if floating else value if kind == "BOOL" else int(value)
    return Known(shape, items.reshape(shape), learned and floating)


def attributes_of(node: Any) -> dict[str, Any]:
    """Return a node's attributes by name, as plain values."""
    from onnx import AttributeProto, TensorProto

    found: dict[str, Any] = {}
    for a in node.attribute:
        if a.type == AttributeProto.GRAPHS:
            raise NotReadError("it has graphs of its own inside")
        if a.type == AttributeProto.GRAPH:
            found[a.name] = a.g
        elif a.type == AttributeProto.INT:
            found[a.name] = int(a.i)
        elif a.type == AttributeProto.INTS:
            found[a.name] = [int(n) for n in a.ints]
        elif a.type == AttributeProto.FLOAT:
            found[a.name] = float(a.f)
        elif a.type == AttributeProto.FLOATS:
            found[a.name] = [float(f) for f in a.floats]
        elif a.type == AttributeProto.STRING:
            found[a.name] = a.s.decode("utf-8", "replace")
        elif a.type == AttributeProto.TENSOR:
            found[a.name] = known_of(a.t)
    if node.op_type == "Cast" and isinstance(found.get("to"), int):
        name = TensorProto.DataType.Name(found["to"]) if found["to"] in TensorProto.DataType.values() else ""
        found["to"] = "float" if name in _FLOAT else "int" if name in _INT else name.lower()
    return found
