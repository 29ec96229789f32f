"""The messages of JAX and Flax, MXNet, Caffe and DL4J."""

from __future__ import annotations

import re

from .template import Facts, Groups, Template, all_clear, shape_of, template

__all__ = ["TEMPLATES"]


def _shapes(g: Groups) -> Facts:
    found = [shape_of(text) for text in re.findall(r"\([^()]*\)", g.match.groupdict().get("shapes") or "")]
    shapes = all_clear([shape[1:] if shape else None for shape in found])
    return {"shapes": shapes if len(shapes) > 1 else (), "axis": g.number("axis")}  # of one, the others were cut off


def _contracting(g: Groups) -> Facts | None:
    a, b = g.known("a"), g.known("b")
    if not a or not b or len(a) != 1 or len(b) != 1:
        return {}
    return None if a == b else {"numbers": {"features": a[0], "in_features": b[0]}}


def _parameter(g: Groups) -> Facts:
    wanted, had = g.shape("wanted"), g.shape("had")
    facts: Facts = {"weight": had, "target": wanted}
    if wanted and had and len(wanted) == len(had) == 2 and wanted[0] is not None and had[0] is not None:
        facts |= {"operator": "linear", "numbers": {"features": wanted[0], "in_features": had[0]}}
    return facts


def _dl4j(g: Groups) -> Facts | None:
    window, size, padding = g.number("window"), g.number("size"), g.number("padding")
    if window is None or size is None or padding is None:
        return {}
    padded = size + 2 * padding
    return None if window <= padded else {"numbers": {"window": window, "padded": padded}}


_JAX: Facts = {"framework": "jax"}
_MXNET: Facts = {"framework": "mxnet"}

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
    template("flax.parameter",
             r"For parameter ['\"]{word:parameter}['\"] in ['\"]{word:node}['\"], the given initializer is expected to"
             r" generate shape {shape:wanted}, but the existing parameter it received has shape {shape:had}",
             _parameter, code="CS011", **_JAX),
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
