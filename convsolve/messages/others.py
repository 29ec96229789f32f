"""The messages of JAX and Flax, MXNet, Caffe and DL4J."""

from __future__ import annotations

import re

from .parsed_error import SeenShape
from .template import Facts, Groups, Template, all_clear, shape_of, template, told

__all__ = ["CONTEXTS", "TEMPLATES"]


def _shapes(g: Groups) -> Facts:
    found = [shape_of(text) for text in re.findall(r"\([^()]*\)", g.match.groupdict().get("shapes") or "")]
    shapes = all_clear([shape[1:] if shape else None for shape in found])
    return {"shapes": shapes if len(shapes) > 1 else (), "axis": g.number("axis")}  # of one, the others were cut off


def _contracting(g: Groups) -> Facts | None:
    """Return the two sizes: which of them is a weight's depends on the library, which stands in front or does not."""
    a, b = g.known("a"), g.known("b")
    if not a or not b or len(a) != 1 or len(b) != 1:
        return {}
    return None if a == b else {"numbers": {"first": a[0], "second": b[0]}}


def _parameter(g: Groups) -> tuple[SeenShape | None, SeenShape | None]:
    """Return the shape that the input asks for, and the one that a stored parameter has."""
    wanted, had = (
        next((x for i in ("", "2", "3") if (x := g.shape(f"{name}{i}"))), None) for name in ("wanted", "had")
    )
    return wanted, had


def _kernel(g: Groups) -> Facts | None:
    """Return a kernel that is for other features, or channels, than arrive; None where something else differs."""
    wanted, had = _parameter(g)
    kernel = next((x for i in ("", "2", "3") if (x := g.text(f"parameter{i}"))), "") == "kernel"
    whole = kernel and wanted and had and None not in (*wanted, *had) and len(wanted) == len(had) > 1
    if not whole or wanted[-2] == had[-2]:  # type: ignore[index]
        return None
    conv = len(had) > 2  # type: ignore[arg-type]
    names = ("channels", "declared") if conv else ("features", "in_features")
    return {"weight": had, "target": wanted, "operator": "conv" if conv else "linear", "layer": _layer(g),
            "code": "CS010" if conv else "CS011", "kernel_size": had[:-2] if conv else None,  # type: ignore[index]
            "numbers": dict(zip(names, (wanted[-2], had[-2]), strict=True))}  # type: ignore[index]  # fmt: skip


def _layer(g: Groups) -> str | None:
    return next((x for i in ("", "2", "3") if (x := g.text(f"node{i}"))), "").strip("/") or None


def _other_parameter(g: Groups) -> Facts | None:
    wanted, had = _parameter(g)
    if (wanted is not None and wanted == had) or _kernel(g) is not None:
        return None
    return {"weight": wanted, "output": had, "layer": _layer(g)}


def _grouped_channels(g: Groups) -> Facts | None:
    numbers = g.numbers("channels", "groups", "per_group")
    if len(numbers) < 3 or numbers["groups"] < 1:
        return {}
    if numbers["channels"] == numbers["per_group"] * numbers["groups"]:
        return None
    return {"numbers": {"channels": numbers["channels"], "declared": numbers["per_group"] * numbers["groups"]}}


def _ranks(g: Groups) -> Facts | None:
    a, b = g.shape("a"), g.shape("b")
    if a is None or b is None:
        return {}
    return None if len(a) == len(b) else {"numbers": {"found": len(a), "wanted": len(b)}, "tensors": (a, b)}


def _dl4j(g: Groups) -> Facts | None:
    window, size, padding = g.number("window"), g.number("size"), g.number("padding")
    if window is None or size is None or padding is None:
        return {}
    padded = size + 2 * padding
    return None if window <= padded else {"numbers": {"window": window, "padded": padded}}


_FLAX = (
    r"(?: For parameter ['\"]{word:parameter}['\"] in ['\"]{word:node}['\"], the given initializer is expected to"
    r" generate shape {shape:wanted}, but the existing parameter it received has shape {shape:had}"
    r" | Initializer expected to generate shape {shape:wanted2} but got shape {shape:had2} instead for parameter"
    r" ['\"]{word:parameter2}['\"] in ['\"]{word:node2}['\"]"
    r" | Inconsistent shapes between value and initializer for parameter ['\"]{word:parameter3}['\"] in"
    r" ['\"]{word:node3}['\"] (?: : {shape:had3}, {shape:wanted3} )? )"
)
_JAX: Facts = {"framework": "jax"}
_MXNET: Facts = {"framework": "mxnet"}

CONTEXTS: tuple[Template, ...] = (
    template("jax.library", r"[/\\.](?P<library>equinox|flax)[/\\](?:_?nn|linen)[/\\]",
             lambda g: {"library": (g.text("library") or "").lower()}),
)  # fmt: skip

TEMPLATES: tuple[Template, ...] = (
    template("jax.add", r"(?P<op>add|sub|mul|div) got incompatible shapes for broadcasting: {shape:a}, {shape:b}",
             lambda g: {"operator": g.text("op"), "shapes": all_clear([g.inside("a"), g.inside("b")])},
             code="CS012", **_JAX),
    template("jax.concat",
             r"Cannot concatenate arrays with shapes that differ in dimensions other than the one being concatenated:"
             r" concatenating along dimension {int:axis} for shapes (?P<shapes>(?:\([^()]{0,99}\),?){1,30})",
             _shapes, code="CS013", operator="concat", **_JAX),
    template("jax.contracting",
             r"dot_general requires contracting dimensions to have the same shape, got {shape:a} and {shape:b}",
             _contracting, code="CS011", operator="linear", **_JAX),
    template("flax.parameter", _FLAX, _kernel, **_JAX),
    template("flax.weights", _FLAX, _other_parameter, **_JAX),
    template("jax.conv_channels",
             r"conv_general_dilated lhs feature dimension size divided by feature_group_count must equal the rhs input"
             r" feature dimension size, but {int:channels} // {int:groups} != {int:per_group}",
             _grouped_channels, code="CS010", operator="conv", **_JAX),
    template("jax.conv_axes",
             r"conv_general_dilated lhs and rhs must have the same number of dimensions, but got {shape:a} and"
             r" {shape:b}",
             _ranks, operator="conv", **_JAX),
    template("jax.broadcast",
             r"Incompatible shapes for broadcasting: (?: shapes=\[ )? {shape:a} (?: and requested shape | , )"
             r" {shape:b}",
             told(tensors=("a", "b")), **_JAX),
    template("jax.reshape", r"cannot reshape array of shape {shape:a} (?: \(size {int:elements}\) )? into shape"
                            r" {shape:target}",
             lambda g: {"target": g.shape("target"), "shapes": all_clear([g.shape("a")]),
                        "numbers": g.numbers("elements")},
             code="CS014", operator="reshape", **_JAX),
    template("mxnet.kernel", r"kernel size exceed(?:s)? input", code="CS001", **_MXNET),
    template("dl4j.kernel",
             r"Got effective kernel (?P<axis_name>height|width|depth) = {int:window}, input (?:height|width|depth)"
             r" = {int:size} and padding (?:height|width|depth) = {int:padding} which",
             _dl4j, code="CS001", operator="conv", framework="dl4j", layout="channels_first"),
    template("caffe.signal", r"SIGFPE | exit(?:ed with)? (?: code | status )? -8(?!\d) | Floating point exception",
             framework="caffe"),
)  # fmt: skip
