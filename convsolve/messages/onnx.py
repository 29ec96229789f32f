"""The messages of onnxruntime, and of ONNX's shape inference when a session loads a graph."""

from __future__ import annotations

import re

from .template import Facts, Groups, Template, all_clear, template
from .tensorflow import operator_of

__all__ = ["CONTEXTS", "TEMPLATES"]


def _gemm(g: Groups) -> Facts | None:
    weight, features, n = g.shape("weight"), g.number("features"), g.number("n")
    if weight is None or features is None or len(weight) != 2:
        return {}
    rows = [size for size in weight if size != n] if n is not None else []
    numbers = {"features": features, "in_features": rows[0]} if len(rows) == 1 and rows[0] is not None else {}
    return {"weight": weight, "numbers": numbers}


def _merge(g: Groups) -> Facts | None:
    numbers = g.numbers("first", "second")
    if len(numbers) == 2 and numbers["first"] == numbers["second"]:
        return None
    return {"numbers": numbers, "axis": g.number("axis")}


def _reflected(g: Groups) -> Facts:
    most = g.number("most")
    numbers = g.numbers("padding")
    if most is not None:
        numbers["size"] = most + 1
    return {"numbers": numbers, "axis": g.number("axis")}


def _wrong_sizes(g: Groups) -> Facts | None:
    """Return the first axis whose size is not the one that a model declares, and all the others as two shapes."""
    found = [tuple(map(int, entry)) for entry in re.findall(r"index:(\d+)Got:(\d+)Expected:(\d+)", g.text("all") or "")]
    if not found or any(got == wanted for _, got, wanted in found):
        return None
    axis, got, wanted = found[0]
    return {"axis": axis, "numbers": {"found": got, "wanted": wanted},
            "tensors": tuple(zip(*found, strict=True))}  # fmt: skip


def _ranks(g: Groups) -> Facts | None:
    numbers = g.numbers("wanted", "found")
    return None if len(set(numbers.values())) == 1 < len(numbers) else {"numbers": numbers}


_ORT: Facts = {"framework": "onnx"}

CONTEXTS: tuple[Template, ...] = (
    template(
        "onnx.running",
        r"while running (?P<op>\w+?) node\. Name:'(?P<node>[^']{0,300})'",
        lambda g: {"operator": operator_of(g.text("op")), "node": g.text("node") or None},
    ),
    template(
        "onnx.loading",
        r"Node \((?P<node>[^()]{0,300})\) Op \((?P<op>\w+)\)",
        lambda g: {"operator": operator_of(g.text("op")), "node": g.text("node") or None},
    ),
)

TEMPLATES: tuple[Template, ...] = (
    template("onnx.input_size",
             r"Got invalid dimensions for input: (?P<name>[^\s]{1,120}?) for the following indices (?P<all>(?: index:"
             r" \d+ Got: \d+ Expected: \d+ ){1,8})",
             _wrong_sizes, **_ORT),
    template("onnx.input_rank", r"Invalid rank for input: (?P<name>[^\s]{1,120}?) Got: {int:found} Expected:"
             r" {int:wanted}",
             _ranks, **_ORT),
    template("onnx.conv", r"Status Message: Invalid input shape: {shape:sizes}",
             lambda g: {"sizes": g.shape("sizes")}, code="CS001", operator="conv", layout="channels_first", **_ORT),
    template("onnx.pool", r"Calculated output dimension is negative\. Check kernel_shape, pads, strides and dilations",
             code="CS001", operator="pool", layout="channels_first", **_ORT),
    template("onnx.channels",
             r"Input channels C is not equal to kernel channels \* group\. C: {int:channels} kernel channels:"
             r" {int:per_group} group: {int:groups}",
             lambda g: {"numbers": {**g.numbers("channels"), **_declared(g)}},
             code="CS010", operator="conv", layout="channels_first", **_ORT),
    template("onnx.concat",
             r"Non concat axis dimensions must match: Axis {int:axis} has mismatched dimensions of {int:first}"
             r" and {int:second}",
             _merge, code="CS013", operator="concat", **_ORT),
    template("onnx.broadcast", r"Attempting to broadcast an axis by a dimension other than 1\. {int:first} by"
                               r" {int:second}",
             _merge, code="CS012", **_ORT),
    template("onnx.linear_features",
             r"GEMM: Dimension mismatch, W: {shape:weight} K: {int:features} N:\ ?{int:n}",
             _gemm, code="CS011", operator="linear", **_ORT),
    template("onnx.matmul", r"MatMul dimension mismatch", code="CS020", operator="matmul", **_ORT),
    template("onnx.reshape",
             r"The input tensor cannot be reshaped to the requested shape\. Input shape:{shape:given}, requested"
             r" shape:{shape:target}",
             lambda g: {"shapes": all_clear([g.inside("given")]), "target": g.shape("target")},
             code="CS014", operator="reshape", **_ORT),
    template("onnx.reflect_padding",
             r"Pad reflect: (?:pre|post)-pad \({int:padding}\) exceeds maximum allowed \({int:most}\) for axis"
             r" {int:axis}",
             _reflected, code="CS005", operator="pad", **_ORT),
    template("onnx.reflect_too_small", r"Pad reflect requires axis length >= 2 after slicing\. Input"
                                       r" shape:{shape:given}",
             lambda g: {"shapes": all_clear([g.inside("given")])}, code="CS005", operator="pad", **_ORT),
    template("onnx.inferred",
             r"Can't merge shape info\. .{0,120}? Inferred={int:first} Declared={int:second} Dimension={int:axis}",
             _merge, **_ORT),
    template("onnx.unification", r"Dimension mismatch in unification between {int:first} and {int:second}",
             _merge, code="CS011", **_ORT),
    template("onnx.incompatible", r"\[ShapeInferenceError\] Incompatible dimensions", code="CS012", **_ORT),
)  # fmt: skip


def _declared(g: Groups) -> dict[str, int]:
    per_group, groups = g.number("per_group"), g.number("groups")
    return {} if per_group is None or groups is None else {"declared": per_group * groups}
