"""The messages of PyTorch, from 0.3 on (``torch`` would be the name of the package itself)."""

from __future__ import annotations

import re

from .complaint import SeenShape
from .template import Facts, Groups, Template, all_clear, shape_of, template

__all__ = ["TEMPLATES"]


def _conv_window(g: Groups) -> Facts | None:
    padded, window = g.known("padded"), g.known("window")
    if padded and window and (len(padded) != len(window) or all(w <= p for p, w in zip(padded, window, strict=True))):
        return None
    return {"padded": padded, "window": window, "numbers": _worst(padded, window)}


def _worst(padded: tuple[int, ...] | None, window: tuple[int, ...] | None) -> dict[str, int]:
    if not padded or not window:
        return {}
    i = max(range(len(padded)), key=lambda i: window[i] - padded[i])
    return {"window": window[i], "padded": padded[i]}


def _given_and_calculated(g: Groups) -> Facts | None:
    given, output = g.shape("given"), g.shape("output")
    if given and output and len(given) != len(output):
        return None
    kept = bool(given and output and given[0] == output[0])
    return {
        "operator": "pool" if kept else "conv" if given and output else None,  # a pool keeps the channels
        "shapes": all_clear([given]), "sizes": given[1:] if given else None, "output": output,
    }  # fmt: skip


def _weighted(g: Groups) -> Facts | None:
    weight, given, groups = g.shape("weight"), g.shape("given"), g.number("groups")
    if g.text("bare"):  # of old: "weight of size 64 3 3 3"
        bare = g.match["bare"]
        weight = None if "\n" in bare else tuple(int(n) for n in re.findall(r"\d+", bare))
    transposed = g.number("transposed") == 1
    wanted, got = g.number("declared"), g.number("channels")
    if weight is not None and wanted is not None and len(weight) > 1:
        inner = weight[0] if transposed else (weight[1] or 0) * (groups or 1)
        if inner != wanted:
            weight = None
    unbatched = given is not None and weight is not None and len(given) == len(weight) - 1
    if given is not None:
        shape = given if unbatched else given[1:]
        if got is not None and got not in given:
            return None
    numbers = g.numbers("channels", "declared")
    if wanted is not None and wanted == got:
        return None
    return {
        "operator": "conv_transpose" if transposed else "conv", "weight": weight, "numbers": numbers,
        "shapes": () if given is None else (shape,), "kernel_size": weight[2:] if weight else None,
        "sizes": shape[1:] if given is not None else None,
    }  # fmt: skip


def _product(g: Groups) -> Facts | None:
    return _inner(g.shape("a"), g.shape("b"))


def _inner(a: SeenShape | None, b: SeenShape | None) -> Facts | None:
    if a is None or b is None or len(a) != 2 or len(b) != 2 or a[1] is None or b[0] is None:
        return {}
    if a[1] == b[0]:
        return None
    return {"shapes": (a[1:],), "weight": b, "numbers": {
        "features": a[1], "in_features": b[0], **({} if a[0] is None else {"rows": a[0]})}}


def _concat(g: Groups) -> Facts | None:
    first, second = (g.number(name) if g.text(name) else g.number(f"{name}_") for name in ("first", "second"))
    if first == second and first is not None:
        return None
    found = {name: n for name, n in (("first", first), ("second", second)) if n is not None}
    return {"numbers": found, "axis": g.number("axis") if g.text("axis") else g.number("offending")}


def _elements(g: Groups) -> Facts:
    return {"target": g.shape("target"), "numbers": g.numbers("elements")}


def _padded_dimension(g: Groups) -> Facts | None:
    given, padding, axis = g.shape("given"), g.known("padding"), g.number("axis")
    size = given[axis] if given is not None and axis is not None and axis < len(given) else None
    numbers = {} if padding is None or size is None else {"padding": max(padding), "size": size}
    if numbers and numbers["padding"] < numbers["size"]:
        return None
    return {"shapes": all_clear([given[1:] if given else None]), "padding": padding, "axis": axis, "numbers": numbers}


def _small_volume(g: Groups) -> Facts:
    size, window = g.numbers("t", "h", "w"), g.numbers("kt", "kh", "kw")
    whole = len(size) == 3 and len(window) == 3
    sizes, kernel = tuple(size.values()), tuple(window.values())
    return {"sizes": sizes, "kernel_size": kernel, "window": kernel} if whole else {}


def _out_of_reach(g: Groups) -> Facts:
    wished, least, greatest = g.known("wished"), g.known("least"), g.known("greatest")
    numbers = {}
    if wished and least and greatest:
        numbers = {"output_size": wished[0], "least": least[0], "greatest": greatest[0]}
    return {"target": wished, "sizes": g.shape("given"), "numbers": numbers}


def _blocks(g: Groups) -> Facts:
    return {"sizes": g.shape("given"), "kernel_size": g.known("kernel"), "dilation": g.known("dilation"),
            "padding": g.known("padding"), "output": g.shape("output")}  # fmt: skip


def _targets(g: Groups) -> Facts:
    return {"shapes": all_clear([g.inside("first"), g.inside("second")])}


_TORCH: Facts = {"framework": "torch"}
_CONV: Facts = {**_TORCH, "operator": "conv", "layout": "channels_first"}

TEMPLATES: tuple[Template, ...] = (
    template("torch.kernel_larger_than_input",
             r"Calculated padded input size per channel: {shape:padded}\. Kernel size: {shape:window}\."
             r"(?: Kernel size can't (?: be )? greater than actual input size)?",
             _conv_window, code="CS001", **_CONV),
    template("torch.output_too_small",
             r"Given input size: {shape:given}\. Calculated output size: {shape:output}\. Output size is too small",
             _given_and_calculated, code="CS002", layout="channels_first", **_TORCH),
    template("torch.transposed_output_too_small",
             r"Given input size per channel: {shape:sizes}\. Calculated output size per channel: {shape:output}\."
             r" Output size is too small",
             lambda g: {"sizes": g.shape("sizes"), "output": g.shape("output")},
             code="CS002", operator="conv_transpose", layout="channels_first", **_TORCH),
    template("torch.max_pool1d_empty", r"max_pool1d\(\) Invalid computed output size: {int:output}",
             lambda g: {"output": None if (n := g.number("output")) is None else (n,)},
             code="CS002", operator="max_pool", **_TORCH),
    template("torch.avg_pool3d_unpadded",
             r"input image \(T: {int:t} H: {int:h} W: {int:w}\) smaller than kernel size"
             r" \(kT: {int:kt} kH: {int:kh} kW: {int:kw}\)",
             _small_volume, code="CS025", operator="avg_pool", **_TORCH),
    template("torch.pool_padding",
             r"pad should be (?: at most half of (?: effective )? kernel size | smaller than (?: or equal to )? half of"
             r" kernel size) (?: ,? but got (?: pad(?:[WH])?={int:padding})?"
             r" (?: ,? kernel_size={int:kernel_size})? (?: and dilation={int:dilation} )? )?",
             lambda g: {"numbers": g.numbers("padding", "kernel_size", "dilation")},
             code="CS007", operator="pool", **_TORCH),
    template("torch.empty_adaptive_pool",
             r"adaptive_(?P<which>avg|max)_pool[123]d\(\): Expected input to have non-zero size for non-batch"
             r" dimensions, but input has sizes {shape:given} with dimension {int:axis} being empty",
             lambda g: {"operator": f"adaptive_{(g.text('which') or '').lower()}_pool", "axis": g.number("axis"),
                        "shapes": all_clear([g.inside("given")])}, code="CS002", **_TORCH),
    template("torch.channels",
             r"Given (?: groups={int:groups} | transposed={int:transposed} ), weight of size"
             r" (?: {shape:weight} | (?P<bare>\d[\d\n\x20]*) ), expected input {shape:given}"
             r" to have {int:declared} channels, but got {int:channels} channels instead",
             _weighted, code="CS010", layout="channels_first", **_TORCH),
    template("torch.output_padding",
             r"output padding must be smaller than either stride or dilation, but got"
             r" (?: output_padding_depth: {int:depth} )? output_padding_height: {int:height}"
             r" output_padding_width: {int:width} (?: stride_depth: {int:sd} )? stride_height: {int:sh}"
             r" stride_width: {int:sw} (?: dilation_depth: {int:dd} )? dilation_height: {int:dh}"
             r" dilation_width: {int:dw}",
             lambda g: {"numbers": {} if None in (n := (g.number("height"), g.number("sh"), g.number("dh"))) else
                        dict(zip(("output_padding", "stride", "dilation"), n, strict=True))},
             code="CS004", operator="conv_transpose", **_TORCH),
    template("torch.output_size_out_of_reach",
             r"requested an output size of {shape:wished}, but valid sizes range from {shape:least} to {shape:greatest}"
             r" \(for an input of {shape:given}\)",
             _out_of_reach,
             code="CS021", operator="conv_transpose", **_TORCH),
    template("torch.rank",
             r"Expected (?: {int:unbatched}D \(unbatched\) or )? {int:rank}[-]?D \(batched\) input to"
             r" (?P<which>conv(?:_transpose)?)(?P<axes>[123])d, but got input of size: {shape:given}",
             lambda g: {"operator": g.text("which"), "shapes": all_clear([g.shape("given")]),
                        "numbers": g.numbers("rank", "unbatched")},
             code="CS022", **_TORCH),
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
    template("torch.concat",
             r"Sizes of tensors must match except in dimension {int:joined}\. (?: Expected size {int:first} but got"
             r" size {int:second} for tensor number {int:which} in the list | Got {int:first_}\ ?and\ ?{int:second_}"
             r" (?: in dimension {int:axis} | \(The offending index is {int:offending}\) )? )",
             _concat, code="CS013", operator="concat", **_TORCH),
    template("torch.concat_unsaid", r"inconsistent tensor sizes", code="CS013", operator="concat", **_TORCH),
    template("torch.add",
             r"The size of tensor a \({int:first}\) must match the size of tensor b \({int:second}\) at non-singleton"
             r" dimension {int:axis}",
             lambda g: None if g.number("first") == g.number("second") else
             {"numbers": g.numbers("first", "second"), "axis": g.number("axis")}, code="CS012", operator="add",
             **_TORCH),
    template("torch.add_meta",
             r"Attempting to broadcast a dimension of length {int:second} at {int:axis}! (?: Mismatching argument at"
             r" index {int:which} had {shape:b}; but expected shape should be broadcastable to {shape:a} )?",
             lambda g: {"axis": g.number("axis"), "shapes": all_clear([g.inside("a"), g.inside("b")]),
                        "numbers": g.numbers("second")}, code="CS012", operator="add", **_TORCH),
    template("torch.view", r"shape '{list:target}' is invalid for input of size {int:elements}",
             _elements, code="CS014", operator="reshape", **_TORCH),
    template("torch.unflatten",
             r"unflatten: Provided sizes {shape:target} don't multiply up to the size of dim {int:axis}"
             r" \({int:elements}\) in the input tensor",
             _elements, code="CS014", operator="unflatten", **_TORCH),
    template("torch.reflect_padding",
             r"Argument \#\d+: Padding size should be less than the corresponding input dimension, but got: padding"
             r" {shape:padding} at dimension {int:axis} of input {shape:given}",
             _padded_dimension, code="CS005", operator="pad", **_TORCH),
    template("torch.circular_padding", r"Padding value causes wrapping around more than once",
             code="CS006", operator="pad", **_TORCH),
    template("torch.one_value", r"Expected more than 1 (?: value per channel | spatial element ) when training, got"
             r" input size {shape:given}",
             lambda g: {"shapes": all_clear([g.inside("given")])}, code="CS016", **_TORCH),
    template("torch.same_stride", r"padding='same' is not supported for strided convolutions",
             code="CS017", operator="conv", **_TORCH),
    template("torch.blocks",
             r"Given input with spatial size {shape:given}, kernel_size={shape:kernel}, dilation={shape:dilation},"
             r" padding={shape:padding}, calculated shape of the array of sliding blocks as {shape:output}",
             _blocks, code="CS001", **_TORCH),
    template("torch.resized_to_nothing",
             r"Input and output sizes should be greater than 0, but got input \(H: {int:h}, W: {int:w}\) output"
             r" \(H: {int:oh}, W: {int:ow}\)",
             lambda g: {"sizes": (g.number("h"), g.number("w")), "output": (g.number("oh"), g.number("ow"))},
             code="CS002", operator="upsample", **_TORCH),
    template("torch.pixel_shuffle",
             r"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor,"
             r" but input\.size\(-3\)={int:size} is not divisible by {int:divisor}",
             lambda g: {"numbers": g.numbers("size", "divisor")}, code="CS015", operator="pixel_shuffle", **_TORCH),
    template("torch.target_elements",
             r"Target and input must have the same number of elements\. target nelement \({int:target}\) != input"
             r" nelement \({int:elements}\)",
             lambda g: {"numbers": g.numbers("target", "elements")}, **_TORCH),
    template("torch.target_size",
             r"Using a target size \({shape:second}\) that is different to the input size \({shape:first}\)",
             _targets, **_TORCH),
)  # fmt: skip

