"""The messages of single layers of Keras: convolutions, pools, crops and what else looks at its own arguments."""

from __future__ import annotations

import re

from .parsed_error import SeenShape
from .template import Facts, Groups, Template, all_clear, indivisible, template

__all__ = ["TEMPLATES"]


def _numbers(values: SeenShape | None, rank: int) -> tuple[int, ...] | None:
    """Return the entries of a parameter for that many spatial axes, or None."""
    if values is None or None in values or len(values) not in (1, rank):
        return None
    return tuple(values) * rank if len(values) == 1 else values  # type: ignore[return-value]


def _padding(text: str | None) -> str | None:
    return text.lower() if text and text.lower() in ("valid", "same", "causal") else None


def _conv(g: Groups) -> Facts | None:
    given, weight = g.inside("given"), g.known("weight")
    if given is None or weight is None or len(weight) != len(given) + 1:
        return {"shapes": all_clear([given]) if given else (), "padding": _padding(g.text("padding"))}
    rank = len(given) - 1
    kernel, dilation = weight[:-2], _numbers(g.shape("dilation"), rank)
    last, first = given[:-1], given[1:]
    window = None
    if dilation:
        window = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    fits = {
        "channels_last": _takes(given[-1], weight[-2]) and _too_small(last, window),
        "channels_first": _takes(given[0], weight[-2]) and _too_small(first, window),
    }
    orders = [order for order, possible in fits.items() if possible]
    layout = orders[0] if len(orders) == 1 else None
    if not orders:
        return None
    return {
        **_worst(window, *([last] if layout == "channels_last" else [first] if layout else [last, first])),
        "shapes": (given,), "weight": weight, "layout": layout,
        "kernel_size": kernel, "dilation": dilation, "window": window, "padding": _padding(g.text("padding")),
        "stride": _numbers(g.shape("stride"), rank), "sizes": last if layout == "channels_last" else
        first if layout else last if last == first else None,
    }  # fmt: skip


def _takes(channels: int | None, per_group: int) -> bool:
    return channels is None or (per_group > 0 and channels % per_group == 0)


def _too_small(sizes: SeenShape, window: tuple[int, ...] | None) -> bool:
    return window is None or any(n is None or n < w for n, w in zip(sizes, window, strict=True))


def _worst(window: tuple[int, ...] | None, *orders: SeenShape) -> Facts:
    """Return the axis that misses most, where it is the same for each order that the axes may have."""
    found = set()
    for sizes in orders:
        pairs = [(n - w, n, w) for n, w in zip(sizes, window or (), strict=False) if n is not None]
        found.add(min(pairs)[1:] if pairs else None)
    worst = found.pop() if len(found) == 1 else None
    return {} if worst is None else {"numbers": {"window": worst[1], "padded": worst[0]}}


def _pool(g: Groups) -> Facts | None:
    given, rank = g.inside("given"), len(g.inside("given") or (0,)) - 1
    kernel = _numbers(g.shape("kernel"), rank) if rank > 0 else None
    stride = _numbers(g.shape("stride"), rank) if rank > 0 else None
    facts: Facts = {"shapes": all_clear([given]), "kernel_size": kernel, "window": kernel, "stride": stride,
                    "padding": _padding(g.text("padding"))}  # fmt: skip
    if given and kernel:
        last, first = _too_small(given[:-1], kernel), _too_small(given[1:], kernel)
        if not last and not first:
            return None
        if last != first:
            facts["layout"] = "channels_last" if last else "channels_first"
            facts["sizes"] = given[:-1] if last else given[1:]
        facts |= _worst(kernel, *([given[:-1]] if last else []), *([given[1:]] if first else []))
    return facts


def _cropped(g: Groups) -> Facts | None:
    """Return a crop; where only one axis is cropped, it is printed without a bracket for each axis."""
    given = g.inside("given")
    pairs = re.findall(r"\((\d+),(\d+)\)", g.match["cropping"])
    cropping = tuple((int(before), int(after)) for before, after in pairs)
    if given is None or len(given) != len(cropping) + 1:
        return {"shapes": all_clear([given])}
    fits = [all(n is None or sum(pair) < n for n, pair in zip(sizes, cropping, strict=True))
            for sizes in (given[:-1], given[1:])]  # fmt: skip
    if all(fits):
        return None
    layout = None if not any(fits) else "channels_first" if fits[0] else "channels_last"
    return {"shapes": (given,), "cropping": cropping, "layout": layout}


def _output_padding(g: Groups) -> Facts | None:
    numbers = g.numbers("output_padding", "stride")
    if len(numbers) == 2 and numbers["output_padding"] < numbers["stride"]:
        return None
    return {"numbers": numbers, "output_padding": g.known("all_padding"), "stride": g.known("all_strides")}


def _strided_and_dilated(g: Groups) -> Facts | None:
    stride, dilation = g.known("stride"), g.known("dilation")
    if not stride or not dilation:
        return {}
    if max(stride) == 1 or max(dilation) == 1:
        return None
    return {"stride": stride, "dilation": dilation, "numbers": {"stride": max(stride), "dilation": max(dilation)}}


def _grouped(g: Groups) -> Facts | None:
    facts = indivisible("channels", "groups")(g)
    return None if facts is None else {**facts, "shapes": all_clear([g.inside("given")])}


_KERAS: Facts = {"framework": "keras"}

TEMPLATES: tuple[Template, ...] = (
    template("keras.downsampling",
             r"One of the dimensions in the output is <= 0 due to downsampling in (?P<layer>[^\s'\"]{1,200}?)\."
             r" Consider increasing the input size\. Received input shape {shape:given} which would produce output"
             r" shape with a zero or negative value in a dimension",
             lambda g: {"layer": g.text("layer"), "shapes": all_clear([g.inside("given")])},
             code="CS001", operator="conv", **_KERAS),
    template("keras.conv",
             r"Computed output size would be (?: zero or )? negative\. Received:? inputs shape={shape:given},"
             r" kernel shape={shape:weight}, dilation_rate=(?P<dilation>\[[^\[\]]{0,60}\]|\([^()]{0,60}\)|\d+)"
             r" (?: , strides=(?P<stride>\([^()]{0,60}\)|\[[^\[\]]{0,60}\]|\d+),"
             r" padding=(?P<padding>\w+?)(?=\.|'|\W|$) )?",
             _conv, code="CS001", operator="conv", **_KERAS),
    template("keras.pool",
             r"Computed output size would be (?: zero or )? negative\. Received:? inputs\.shape={shape:given}"
             r" (?: and | , ) pool_size=(?P<kernel>\([^()]{0,60}\)|\[[^\[\]]{0,60}\]|\d+)"
             r" (?: , strides=(?P<stride>\([^()]{0,60}\)|\[[^\[\]]{0,60}\]|\d+),"
             r" padding=(?P<padding>\w+?)(?=\.|'|\W|$) )?",
             _pool, code="CS001", operator="pool", **_KERAS),
    template("keras.crop",
             r"(?: Values in '?cropping'? argument should be (?: smaller | greater ) than the corresponding spatial"
             r" dimension of the input\. | '?cropping'? parameter of '?Cropping1D'? layer must be"
             r" (?: smaller | greater ) than the input length\. ) Received: input(?: _shape | s?\.shape )"
             r"={shape:given}, cropping=(?P<cropping>\((?:\([^()]{0,40}\),?){1,3}\)|\([^()]{0,40}\))",
             _cropped, code="CS019", operator="crop", **_KERAS),
    template("keras.groups",
             r"The number of input channels must be evenly divisible by the number of groups\. Received"
             r" groups={int:groups}, but the input has {int:channels} channels \(full input shape is {shape:given}\)",
             _grouped, code="CS008", operator="conv", **_KERAS),
    template("keras.filters",
             r"The number of filters must be evenly divisible by the number of groups\. Received: groups={int:groups},"
             r" filters={int:out_channels}(?!\d)",
             indivisible("out_channels", "groups"), code="CS009", operator="conv", **_KERAS),
    template("keras.group_norm",
             r"Number of groups \({int:groups}\) (?: must be a multiple of | cannot be more than ) the number of"
             r" channels \({int:channels}\)",
             indivisible("channels", "groups"), code="CS008", operator="group_norm", **_KERAS),
    template("keras.output_padding",
             r"output_padding must be strictly less than strides for all dimensions\. At dimension \d+, output_padding"
             r" is {int:output_padding} but strides is {int:stride}\. (?: Received:"
             r" output_padding={shape:all_padding}, strides={shape:all_strides} )?",
             _output_padding, code="CS004", operator="conv_transpose", **_KERAS),
    template("keras.stride_and_dilation",
             r"strides >? 1 not supported in conjunction with dilation_rate >? 1\. (?: Received: strides={shape:stride}"
             r" and dilation_rate={shape:dilation} )?",
             _strided_and_dilated, code="CS018", operator="conv", **_KERAS),
    template("keras.kernel_rank",
             r"Kernel shape must have the same length as input, but received kernel of shape {shape:weight} and input"
             r" of shape {shape:given}",
             lambda g: {"weight": (weight := g.shape("weight")), "shapes": all_clear([given := g.inside("given")]),
                        "numbers": {} if weight is None or given is None else
                        {"wanted": len(weight), "found": len(given) + 1}}, code="CS022", operator="conv", **_KERAS),
)  # fmt: skip
