"""The messages of PyTorch's convolutions, pools, padding and upsampling, from 0.3 on."""

from __future__ import annotations

import re

from .template import Facts, Groups, Template, all_clear, indivisible, template

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


def _pool_padding(g: Groups) -> Facts | None:
    """Return the padding and the kernel; where they are printed for each axis, they are in the order of the axes."""
    axes = [axis for axis in ("t", "h", "w", "h2", "w2") if g.text(f"p{axis}") and g.text(f"k{axis}")]
    if not axes:
        padding, kernel = g.number("padding"), g.number("kernel_size")
        numbers = g.numbers("padding", "kernel_size", "dilation")
        return None if padding and kernel and 2 * padding <= kernel else {"numbers": numbers}
    pairs = [(g.number(f"p{axis}"), g.number(f"k{axis}")) for axis in axes]
    if any(p is None or k is None for p, k in pairs):
        return {}
    if all(2 * p <= k for p, k in pairs):  # type: ignore[operator]
        return None
    worst = max(pairs, key=lambda pair: 2 * pair[0] - pair[1])  # type: ignore[operator]
    return {"padding": tuple(p for p, _ in pairs), "kernel_size": tuple(k for _, k in pairs),
            "numbers": dict(zip(("padding", "kernel_size"), worst, strict=True))}  # fmt: skip


def _weighted(g: Groups) -> Facts | None:
    weight, given, groups = g.shape("weight"), g.shape("given"), g.number("groups")
    if g.text("bare"):  # of old: "weight of size 64 3 3 3"
        weight = _bare(g.match["bare"])
    transposed = g.number("transposed") == 1
    wanted, got = g.number("declared"), g.number("channels")
    if weight is not None and wanted is not None and len(weight) > 1:
        inner = weight[0] if transposed else (weight[1] or 0) * (groups or 1)
        if inner != wanted:
            weight = None
    unbatched = given is not None and weight is not None and len(given) == len(weight) - 1
    if given is not None:
        shape = given if unbatched else given[1:]
        if got is not None and (got not in given if weight is None else shape[:1] != (got,)):
            return None
    numbers = g.numbers("channels", "declared") | (g.numbers("groups") if (groups or 1) > 1 else {})
    if wanted is not None and wanted == got:
        return None
    return {
        "operator": "conv_transpose" if transposed else "conv", "weight": weight, "numbers": numbers,
        "shapes": () if given is None else (shape,), "kernel_size": weight[2:] if weight else None,
        "sizes": shape[1:] if given is not None else None, "batch": None if unbatched else g.batch("given"),
    }  # fmt: skip


def _bare(text: str) -> tuple[int, ...] | None:
    """Return a shape that is printed without brackets; None where a line break may stand inside of a number."""
    return None if "\n" in text else tuple(int(n) for n in re.findall(r"\d+", text))


def _output_padding(g: Groups) -> Facts | None:
    axes = [axis for axis in "dhw" if g.text(axis)]
    found = [tuple(g.number(kind + axis) for axis in axes) for kind in ("", "s", "l")]
    if any(n is None for values in found for n in values):
        return {}
    extra, stride, dilation = found
    over = [e - max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)]  # type: ignore[type-var, operator]
    worst = over.index(max(over))
    if over[worst] < 0:
        return None
    return {"output_padding": extra, "stride": stride, "dilation": dilation, "numbers": {
        "output_padding": extra[worst], "stride": stride[worst], "dilation": dilation[worst]}}  # fmt: skip


def _rank(g: Groups) -> Facts | None:
    given, wanted = g.shape("given"), g.number("rank")
    if given is not None and wanted is not None and len(given) == wanted:
        return None
    found = g.match.groupdict()
    operator = found.get("which") or "conv"  # of old, it was not said
    weight = _bare(found["bare"]) if found.get("bare") else g.shape("weight")
    if weight is not None and len(weight) != wanted:
        weight = None
    return {
        "operator": operator,
        "shapes": all_clear([given]),
        "weight": weight,
        "numbers": {
            **({} if wanted is None else {"wanted": wanted}),
            **({} if given is None else {"found": len(given)}),
        },
    }


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


def _out_of_reach(g: Groups) -> Facts | None:
    wished, least, greatest = g.known("wished"), g.known("least"), g.known("greatest")
    facts: Facts = {"target": wished, "sizes": g.shape("given"), "numbers": {}}
    if wished and least and greatest and len(wished) == len(least) == len(greatest):
        reach = zip(wished, least, greatest, strict=True)
        i = next((i for i, (n, low, high) in enumerate(reach) if not low <= n <= high), None)
        if i is None:
            return None
        facts["numbers"] = {"output_size": wished[i], "least": least[i], "greatest": greatest[i]}
        facts |= {"output": least, "stride": tuple(high - low + 1 for low, high in zip(least, greatest, strict=True))}
    return facts


def _blocks(g: Groups) -> Facts:
    return {"sizes": g.shape("given"), "kernel_size": g.known("kernel"), "dilation": g.known("dilation"),
            "padding": g.known("padding"), "output": g.shape("output")}  # fmt: skip


def _resized(g: Groups) -> Facts:
    axes = [axis for axis in "dhw" if g.text(axis)]
    return {"sizes": tuple(g.number(axis) for axis in axes), "output": tuple(g.number(f"o{axis}") for axis in axes)}


_TORCH: Facts = {"framework": "torch"}
_CONV: Facts = {**_TORCH, "operator": "conv", "layout": "channels_first"}

TEMPLATES: tuple[Template, ...] = (
    template("torch.kernel_larger_than_input",
             r"Calculated padded input size per channel: {shape:padded}\. Kernel size: {shape:window}\.?"
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
             r"pad(?:ding)? should be (?: at most half of (?: effective )? kernel size | smaller than"
             r" (?: or equal to )? half of kernel size) (?: ,? but got (?:"
             r" kT: {int:kt} kW: {int:kw} kH: {int:kh} padT: {int:pt} padW: {int:pw} padH: {int:ph}"
             r" | padW={int:pw2}, padH={int:ph2}, kW={int:kw2}, kH={int:kh2}"
             r" | pad(?:ding)?={int:padding} ,? (?: and )? kernel_size={int:kernel_size}"
             r" (?: and dilation={int:dilation} )? ) )?",
             _pool_padding, code="CS007", operator="pool", **_TORCH),
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
    template("torch.groups", r"(?<![a-z_])in_channels must be divisible by groups", code="CS008", operator="conv",
             **_TORCH),
    template("torch.groups_of_output", r"(?<![a-z_])out_channels must be divisible by groups", code="CS009",
             operator="conv", **_TORCH),
    template("torch.groups_of_weight",
             r"Given groups={int:groups}, expected weight to be (?: at least {int:least} at dimension 0 | divisible by"
             r" {int:divisor} at dimension 0 ), but got weight of size \[?{shape:weight}\]? instead",
             lambda g: {"weight": (weight := g.shape("weight")), "numbers": g.numbers("groups") | (
                 {"out_channels": weight[0]} if weight and weight[0] is not None else {})},
             code="CS009", **_CONV),
    template("torch.channel_shuffle",
             r"Number of channels must be divisible by groups\. Got {int:channels} channels and {int:groups} groups",
             indivisible("channels", "groups"), code="CS008", operator="channel_shuffle", **_TORCH),
    template("torch.output_padding",
             r"output padding must be smaller than either stride or dilation, but got"
             r" (?: output_padding_depth: {int:d} )? output_padding_height: {int:h}"
             r" output_padding_width: {int:w} (?: stride_depth: {int:sd} )? stride_height: {int:sh}"
             r" stride_width: {int:sw} (?: dilation_depth: {int:ld} )? dilation_height: {int:lh}"
             r" dilation_width: {int:lw}",
             _output_padding, code="CS004", operator="conv_transpose", **_TORCH),
    template("torch.output_size_out_of_reach",
             r"requested an output size of {shape:wished}, but valid sizes range from {shape:least} to {shape:greatest}"
             r" \(for an input of {shape:given}\)",
             _out_of_reach,
             code="CS021", operator="conv_transpose", **_TORCH),
    template("torch.rank",
             r"Expected (?: {int:unbatched}D \(unbatched\) or )? {int:rank}[-]?D \(batched\) input to"
             r" (?P<which>conv(?:_transpose)?){int:axes}d, but got input of size: {shape:given}",
             _rank, code="CS022", **_TORCH),
    template("torch.rank_old",
             r"Expected {int:rank}-dimensional input for {int:axes}-dimensional weight"
             r" (?: {shape:weight} | (?P<bare>\d[\d\n\x20]*) ), but got (?: {int:found}-dimensional )? input of size"
             r" {shape:given}",
             _rank, code="CS022", **_TORCH),
    template("torch.pool_rank", r"non-empty {int:unbatched}D or {int:wanted}D (?: \(batch mode\) )? (?: input )? tensor"
                                r" expected (?: for input )? (?: ,? but got (?: input with )? ndim: ?{int:found} )?",
             lambda g: {"numbers": g.numbers("wanted", "found")}, code="CS022", operator="pool", **_TORCH),
    template("torch.reflect_padding",
             r"Argument \#\d+: Padding size should be less than the corresponding input dimension, but got: padding"
             r" {shape:padding} at dimension {int:axis} of input {shape:given}",
             _padded_dimension, code="CS005", operator="pad", **_TORCH),
    template("torch.circular_padding", r"Padding value causes wrapping around more than once",
             code="CS006", operator="pad", **_TORCH),
    template("torch.same_stride", r"padding='same' is not supported for strided convolutions",
             code="CS017", operator="conv", **_TORCH),
    template("torch.blocks",
             r"Given input with spatial size {shape:given}, kernel_size={shape:kernel}, dilation={shape:dilation},"
             r" padding={shape:padding}, calculated shape of the array of sliding blocks as {shape:output}",
             _blocks, code="CS001", **_TORCH),
    template("torch.resized_to_nothing",
             r"Input and output sizes should be greater than 0, but got input"
             r" \( (?: (?: D: {int:d}, )? H: {int:h}, )? W: {int:w}\) (?: and )?"
             r" output \( (?: (?: D: {int:od}, )? H: {int:oh}, )? W: {int:ow}\)",
             _resized, code="CS002", operator="upsample", **_TORCH),
    template("torch.pixel_shuffle",
             r"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor,"
             r" but input\.size\(-3\)={int:size} is not divisible by {int:divisor}",
             indivisible("size", "divisor"), code="CS015", operator="pixel_shuffle", **_TORCH),
    template("torch.pixel_unshuffle",
             r"pixel_unshuffle expects (?P<which>height|width) to be divisible by downscale_factor, but"
             r" input\.size\(-[12]\)={int:size} is not divisible by {int:divisor}",
             indivisible("size", "divisor"), code="CS015", operator="pixel_unshuffle", **_TORCH),
)  # fmt: skip
