"""The messages of NumPy, and of Python itself where a shape is unpacked."""

from __future__ import annotations

from operator import ne

from .template import Facts, Groups, Template, template, told

__all__ = ["TEMPLATES"]


def _reshaped(g: Groups) -> Facts:
    return {"target": g.shape("target"), "numbers": g.numbers("elements")}


def _aligned(g: Groups) -> Facts | None:
    a, b = g.known("a"), g.known("b")
    facts = told("first", "second", fails=ne)(g)
    return None if facts is None else {**facts, "shapes": (a, b) if a and b and len(a) == len(b) == 2 else ()}


_NUMPY: Facts = {"framework": "numpy"}

TEMPLATES: tuple[Template, ...] = (
    template("python.unpack",
             r"(?: not enough values to unpack \(expected (?:at least)? {int:wanted}, got {int:found}\)"
             r" | too many values to unpack \(expected {int:wanted2} (?: , got {int:found2} )? \) )",
             told("wanted", "found", fails=ne)),
    template("numpy.concat",
             r"all the input array dimensions (?: except | exept ) for the concatenation axis must match exactly"
             r" (?: , but along dimension {int:axis}, the array at index \d+ has size {int:first} and the array at"
             r" index \d+ has size {int:second} )?",
             told("first", "second", "axis", fails=lambda a, b, _: a != b), code="CS013", operator="concat", **_NUMPY),
    template("numpy.concat_axes",
             r"all the input arrays must have same number of dimensions (?: , but the array at index \d+ has"
             r" {int:first} dimension\(s\) and the array at index \d+ has {int:second} dimension )?",
             told("first", "second", fails=ne), code="CS022", operator="concat", **_NUMPY),
    template("numpy.reshape", r"cannot reshape array of size {int:elements} into shape {shape:target}",
             _reshaped, code="CS014", operator="reshape", **_NUMPY),
    template("numpy.matmul",
             r"matmul: Input operand 1 has a mismatch in its core dimension 0, .{0,90}? \(size {int:second} is"
             r" different from {int:first}\)",
             told("first", "second", fails=ne), code="CS020", operator="einsum", **_NUMPY),
    template("numpy.dot",
             r"shapes {shape:a} and {shape:b} not aligned: {int:first} \(dim \d+\) != {int:second} \(dim \d+\)",
             _aligned, code="CS020", operator="einsum", **_NUMPY),
    template("numpy.stack", r"all input arrays must have the same shape", operator="stack", **_NUMPY),
    template("numpy.ragged",
             r"The requested array has an inhomogeneous shape after {int:axes} dimensions\. The detected shape was"
             r" {shape:given}",
             told("axes", tensors=("given",)), **_NUMPY),
    template("numpy.transpose", r"axes don't match array", **_NUMPY),
    template("numpy.assign", r"could not broadcast input array from shape {shape:given} into shape {shape:target}",
             told(tensors=("given", "target")), **_NUMPY),
    template("numpy.axis", r"axis {int:asked} is out of bounds for array of dimension {int:found}",
             told("asked", "found", fails=lambda axis, n: not -n <= axis < n), **_NUMPY),
    template("numpy.indices",
             r"too many indices for array: array is {int:found}-dimensional, but {int:wanted} were indexed",
             told("found", "wanted", fails=lambda f, w: w > f), **_NUMPY),
)  # fmt: skip
