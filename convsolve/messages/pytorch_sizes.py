"""The messages of PyTorch's joins, products, reshapes and normalisation: sizes that must agree, from 0.3 on."""

from __future__ import annotations

import math
from collections.abc import Callable

from .parsed_error import SeenShape
from .template import Facts, Groups, Template, all_clear, indivisible, shape_of, template

__all__ = ["TEMPLATES"]


def _product(g: Groups) -> Facts | None:
    return _inner(g.shape("a"), g.shape("b"))


def _inner(a: SeenShape | None, b: SeenShape | None) -> Facts | None:
    if a is None or b is None or len(a) != 2 or len(b) != 2 or a[1] is None or b[0] is None:
        return {}
    if a[1] == b[0]:
        return None
    return {
        "shapes": (a[1:],),
        "weight": b,
        "numbers": {"features": a[1], "in_features": b[0], **({} if a[0] is None else {"rows": a[0]})},
    }


def _differing(g: Groups) -> Facts | None:
    """Return two numbers, by whichever of their names they were found."""
    first, second = (next((g.number(f"{name}{i}") for i in ("", "2", "3") if g.text(f"{name}{i}")), None)
                     for name in ("first", "second"))  # fmt: skip
    if first == second and first is not None:
        return None
    found = {name: n for name, n in (("first", first), ("second", second)) if n is not None}
    axis = next((g.number(name) for name in ("axis", "axis3") if g.text(name)), None)
    return {"numbers": found, "axis": axis}


def _entries(g: Groups) -> Facts | None:
    a, b = g.shape("a"), g.shape("b")
    return None if a == b and a is not None else {"shapes": all_clear([a, b])}


def _batched(g: Groups) -> Facts | None:
    """Return the first two sizes of the second factor: the batch, and what the first factor's last axis must be."""
    wanted, got = g.known("wanted"), g.known("got")
    if not wanted or not got or len(wanted) != 2 or len(got) != 2:
        return {}
    if wanted == got:
        return None
    if wanted[0] == got[0]:
        return {"batch": wanted[0], "numbers": {"first": wanted[1], "second": got[1]}}
    numbers = {"first_batch": wanted[0], "second_batch": got[0]}
    return {"numbers": numbers | ({"first": wanted[1], "second": got[1]} if wanted[1] != got[1] else {})}


def _matrix_and_vector(g: Groups) -> Facts | None:
    matrix, length = shape_of(f"({g.match['matrix']})"), g.number("length")
    if matrix is None or len(matrix) != 2 or matrix[1] is None or length is None:
        return {}
    return None if matrix[1] == length else {"weight": matrix, "numbers": {"first": matrix[1], "second": length}}


def _elements(g: Groups) -> Facts | None:
    target, whole = g.shape("target"), g.known("target")
    if whole and min(whole) >= 0 and math.prod(whole) == g.number("elements"):
        return None
    return {"target": target, "numbers": g.numbers("elements")}


def _parts(g: Groups) -> Facts | None:
    parts, size = g.known("parts"), g.number("size")
    if parts is None or size is None:
        return {}
    return None if sum(parts) == size else {"target": parts, "axis": g.number("axis"),
                                            "numbers": {"size": size, "parts": sum(parts)}}  # fmt: skip


def _normalised(g: Groups) -> Facts | None:
    wanted, given = g.known("wanted"), g.known("given")
    if wanted is None or given is None or len(given) <= len(wanted):
        return {"weight": wanted}
    off = [(n, w) for n, w in zip(given[len(given) - len(wanted) :], wanted, strict=True) if n != w]
    if not off:
        return None
    return {"weight": wanted, "batch": given[0], "shapes": (given[1:],),
            "numbers": dict(zip(("features", "in_features"), off[0], strict=True))}  # fmt: skip


def _grouped(g: Groups) -> Facts | None:
    given, groups = g.known("given"), g.number("groups")
    channels = given[1] if given and len(given) > 1 else None
    if channels is None or groups is None:
        return {}
    if groups > 0 and channels % groups == 0:
        return None
    assert given is not None
    return {"shapes": (given[1:],), "batch": given[0], "numbers": {"channels": channels, "groups": groups}}


def _per_channel(g: Groups) -> Facts | None:
    given, weight = g.known("given"), g.known("weight")
    if not given or not weight or len(given) < 2 or len(weight) != 1:
        return {}
    return (
        None
        if given[1] == weight[0]
        else {"shapes": (given[1:],), "batch": given[0], "numbers": {"channels": given[1], "declared": weight[0]}}
    )


def _expected(*names: str) -> Callable[[Groups], Facts | None]:
    """Return a reader of two numbers that must not be the same."""

    def read(g: Groups) -> Facts | None:
        found = g.numbers(*names)
        return None if len(found) == 2 and len(set(found.values())) == 1 else {"numbers": found}

    return read


_TORCH: Facts = {"framework": "torch"}

TEMPLATES: tuple[Template, ...] = (
    # -- linear layers and products
    template("torch.linear_features", r"mat1 and mat2 shapes cannot be multiplied \({word:m1} and {word:m2}\)",
             lambda g: _inner(shape_of(g.match["m1"]), shape_of(g.match["m2"])),
             code="CS011", operator="linear", **_TORCH),
    template("torch.linear_features_old", r"size mismatch, m1: {shape:a}, m2: {shape:b}",
             _product, code="CS011", operator="linear", **_TORCH),
    template("torch.linear_features_unsaid", r"mat1 dim 1 must match mat2 dim 0",
             code="CS011", operator="linear", **_TORCH),
    template("torch.linear_features_meta",
             r"a and b must have same reduction dim, but got {shape:a} X {shape:b}",
             _product, code="CS011", operator="linear", **_TORCH),
    template("torch.batched_product",
             r"Expected size for first two dimensions of batch2 tensor to be: {shape:wanted} but got: {shape:got}",
             _batched, code="CS020", operator="matmul", **_TORCH),
    template("torch.matrix_and_vector",
             r"size mismatch, got input \(\d+\), mat \((?P<matrix>\d+x\d+)\), vec \({int:length}\)",
             _matrix_and_vector, code="CS020", operator="matmul", **_TORCH),
    template("torch.recurrent_features",
             r"input\.size\(-1\) must be equal to input_size\. Expected {int:in_features}, got {int:features}",
             _expected("features", "in_features"), code="CS011", operator="rnn", **_TORCH),
    template("torch.attention_features",
             r"was expecting embedding dimension of {int:in_features}, but got {int:features}",
             _expected("features", "in_features"), code="CS011", operator="attention", **_TORCH),
    # -- joins
    template("torch.concat",
             r"Sizes of tensors must match except in dimension {int:joined}\.? (?:"
             r" Expected (?: size )? {int:first} (?: in dimension {int:axis} )? but got (?: size )? {int:second}"
             r" for tensor number {int:which} in the list"
             r" | Got {int:first2}\ ?and\ ?{int:second2} (?: in dimension {int:axis3} )?"
             r" (?: \(The offending index is {int:offending}\) )? )",  # the index of a tensor, not of an axis
             _differing, code="CS013", operator="concat", **_TORCH),
    template("torch.concat_unsaid", r"inconsistent tensor sizes", code="CS013", operator="concat", **_TORCH),
    template("torch.concat_rank",
             r"(?: Tensors must have same number of dimensions: got {int:first}\ ?and\ ?{int:second}"
             r" | Number of dimensions of tensors must match\. Expected {int:first2}-D tensors, but got {int:second2}-D"
             r" for tensor number {int:which} in the list )",
             _differing, code="CS022", operator="concat", **_TORCH),
    template("torch.stack",
             r"stack expects each tensor to be equal size, but got {shape:a} at entry {int:i} and {shape:b} at entry"
             r" {int:j}",
             _entries, code="CS013", operator="stack", **_TORCH),
    template("torch.add",
             r"The size of tensor a \({int:first}\) must match the size of tensor b \({int:second} (?: \) (?: at"
             r" non-singleton dimension {int:axis} )? )?",
             _differing, code="CS012", operator="add", **_TORCH),
    template("torch.add_meta",
             r"Attempting to broadcast a dimension of length {int:second} at {int:axis}! (?: Mismatching argument at"
             r" index {int:which} had {shape:b}; but expected shape should be broadcastable to {shape:a} )?",
             lambda g: {"axis": g.number("axis"), "shapes": all_clear([g.inside("a"), g.inside("b")]),
                        "numbers": g.numbers("second")}, code="CS012", operator="add", **_TORCH),
    # -- reshapes
    template("torch.view", r"shape '{list:target}' is invalid for input of size {int:elements}",
             _elements, code="CS014", operator="reshape", **_TORCH),
    template("torch.unflatten",
             r"unflatten: Provided sizes {shape:target} don't multiply up to the size of dim {int:axis}"
             r" \({int:elements}\) in the input tensor",
             _elements, code="CS014", operator="unflatten", **_TORCH),
    template("torch.split",
             r"split_with_sizes expects split_sizes to sum exactly to {int:size} \(input tensor's size at dimension"
             r" {int:axis}\), but got split_sizes={shape:parts}",
             _parts, code="CS014", operator="split", **_TORCH),
    # -- normalisation
    template("torch.one_value", r"Expected more than 1 (?P<what> value per channel | spatial element ) when training,"
                                r" got input size {shape:given}",
             lambda g: {"shapes": all_clear([g.inside("given")]), "batch": g.batch("given"),
                        "operator": "instance_norm" if g.match["what"].startswith("spatial") else None},
             code="CS016", **_TORCH),
    template("torch.batch_norm",
             r"running_mean should contain {int:channels} elements not {int:declared}",
             _expected("channels", "declared"), code="CS010", operator="batch_norm", **_TORCH),
    template("torch.instance_norm",
             r"expected input's size at dim={int:dim} to match num_features \({int:declared}\), but got:"
             r" {int:channels}",
             _expected("channels", "declared"), code="CS010", operator="instance_norm", **_TORCH),
    template("torch.group_norm",
             r"Expected number of channels in input to be divisible by num_groups, but got input of shape {shape:given}"
             r" and num_groups={int:groups}",
             _grouped, code="CS008", operator="group_norm", **_TORCH),
    template("torch.group_norm_made", r"num_channels \({int:channels}\) must be divisible by num_groups"
                                      r" \({int:groups}\)",
             indivisible("channels", "groups"), code="CS008", operator="group_norm", **_TORCH),
    template("torch.group_norm_channels",
             r"Expected weight to be a vector of size equal to the number of channels in input, but got weight of shape"
             r" {shape:weight} and input of shape {shape:given}",
             _per_channel, code="CS010", operator="group_norm", **_TORCH),
    template("torch.layer_norm",
             r"Given normalized_shape={shape:wanted}, expected input with shape \[\* ,? .{0,60}?\], but got input of"
             r" size {shape:given}",
             _normalised, code="CS011", operator="layer_norm", **_TORCH),
    template("torch.norm_rank",
             r"expected (?: \dD or \dD | {int:wanted}D ) input \(got {int:found}D input\)",
             _expected("wanted", "found"), code="CS022", operator="batch_norm", **_TORCH),
)  # fmt: skip
