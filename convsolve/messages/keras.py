"""The messages of Keras: 1 and 2 on their own, tf.keras, and Keras 3 on any backend."""

from __future__ import annotations

import re

from .complaint import SeenShape
from .template import Facts, Groups, Template, all_clear, shape_of, template, without_batch
from .tensorflow import operator_of

__all__ = ["CONTEXTS", "TEMPLATES"]


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


def _join(g: Groups) -> Facts:
    """Return the shapes in a list of shapes; its first axis is the batch."""
    shapes = [shape_of(text) for text in re.findall(r"\([^()]*\)", g.match.groupdict().get("shapes") or "")]
    return {"shapes": all_clear([without_batch(shape) for shape in shapes])}


def _two(g: Groups) -> Facts:
    return {"shapes": all_clear([g.shape("a"), g.shape("b")])}


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


def _dot(g: Groups) -> Facts | None:
    a, b = g.inside("a"), g.inside("b")
    numbers = g.numbers("first", "second")
    if len(numbers) == 2 and numbers["first"] == numbers["second"]:
        return None
    return {"shapes": all_clear([a, b]), "numbers": numbers}


def _matmul(g: Groups) -> Facts | None:
    a, b = g.shape("a"), g.shape("b")
    if a is None or b is None or len(a) < 2 or len(b) < 2 or a[-1] is None or b[-2] is None:
        return {}
    if a[-1] == b[-2]:
        return None
    batched = len(a) == len(b) > 2
    return {"shapes": (a[1:], b[1:]) if batched else (a, b) if len(a) == len(b) == 2 else (),
            "numbers": {"first": a[-1], "second": b[-2]}}  # fmt: skip


def _entries(g: Groups) -> Facts | None:
    """Return the shapes of two tensors to be stacked, the first one first."""
    first, other = g.shape("first"), g.shape("other")
    return None if first == other and first is not None else {"shapes": all_clear([first, other])}


def _output_padding(g: Groups) -> Facts | None:
    numbers = g.numbers("output_padding", "stride")
    if len(numbers) == 2 and numbers["output_padding"] < numbers["stride"]:
        return None
    return {"numbers": numbers, "output_padding": g.known("all_padding"), "stride": g.known("all_strides")}


def _declared_input(g: Groups) -> Facts | None:
    """Return what a model was declared for and what it got; where that is a rule of ours depends on what differs."""
    wanted, found = g.inside("wanted"), g.inside("found")
    if wanted is None or found is None:
        return {}
    if len(wanted) == len(found) and all(a is None or b is None or a == b for a, b in zip(wanted, found, strict=True)):
        return None
    return {"layer": g.text("layer"), "target": wanted, "shapes": (found,), "batch": g.batch("found"),
            "code": "CS022" if len(wanted) != len(found) else None}  # fmt: skip


def _strided_and_dilated(g: Groups) -> Facts | None:
    stride, dilation = g.known("stride"), g.known("dilation")
    if not stride or not dilation:
        return {}
    if max(stride) == 1 or max(dilation) == 1:
        return None
    return {"stride": stride, "dilation": dilation, "numbers": {"stride": max(stride), "dilation": max(dilation)}}


def _filters(g: Groups) -> Facts | None:
    groups, filters = g.number("groups"), g.number("filters")
    if groups and filters is not None and filters % groups == 0:
        return None
    found = {"groups": groups, "out_channels": filters}
    return {"numbers": {name: n for name, n in found.items() if n is not None}}


def _grouped(g: Groups) -> Facts | None:
    numbers = g.numbers("channels", "groups")
    if len(numbers) == 2 and numbers["groups"] > 0 and numbers["channels"] % numbers["groups"] == 0:
        return None
    return {"numbers": numbers, "shapes": all_clear([g.inside("given")]) if g.text("given") else ()}


def _incompatible(g: Groups) -> Facts | None:
    wanted, given = g.number("wanted"), g.inside("given")
    axis = g.number("axis")
    got = given[axis] if given and axis is not None and -len(given) <= axis < len(given) else None
    if wanted is not None and got == wanted:
        return None
    flat = given is not None and len(given) == 1
    names = ("features", "in_features") if flat else ("channels", "declared")
    return {
        "layer": g.text("layer"), "shapes": all_clear([given]) if given else (), "axis": axis,
        "batch": g.batch("given"), "code": ("CS011" if flat else "CS010") if given else None,
        "numbers": {} if wanted is None or got is None else dict(zip(names, (got, wanted), strict=True)),
    }  # fmt: skip


def _rank(g: Groups) -> Facts | None:
    wanted, found, given = g.number("wanted"), g.number("found"), g.shape("given")
    if wanted is not None and wanted == found:
        return None
    return {"layer": g.text("layer"), "shapes": all_clear([without_batch(given)]) if given else (),
            "batch": g.batch("given"), "numbers": g.numbers("wanted", "found")}  # fmt: skip


def _smallest(g: Groups) -> Facts:
    return {"shapes": all_clear([g.shape("given")]) if g.text("given") else (), "target": g.shape("least"),
            "numbers": g.numbers("least_height", "least_width")}  # fmt: skip


_KERAS: Facts = {"framework": "keras"}
_INPUT = (r"Input {int:index} (?: with name '[^']{0,200}' )? (?: of layer | is incompatible with layer )"
          r" ['\"]?(?P<layer>[^\s'\":\[\]()]{1,200}?)['\"]?:? (?: is incompatible with the layer: )?")  # fmt: skip

CONTEXTS: tuple[Template, ...] = (
    template("keras.calling",
             r"Exception encountered when calling (?: layer )? (?: ['\"](?P<layer>[^'\"]{1,200})['\"]"
             r" (?: \(type (?P<type>\w+)\) )? | (?P<class>[A-Z]\w+)\.call\(\) )",
             lambda g: {"layer": g.text("layer"), "operator": operator_of(g.text("type") or g.text("class"))}),
)

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
    template("keras.concat",
             r"(?: A )? ['\"]?Concatenate['\"]? layer requires inputs with matching shapes except for the"
             r" concat(?: enation )? axis\. (?: Got inputs shapes: | Received: input_shape= )"
             r"(?P<shapes>\[(?:\([^()]{0,99}\),?){1,30}\])",
             _join, code="CS013", operator="concat", **_KERAS),
    template("keras.concat_1",
             r"\"concat\" mode can only merge layers with matching output shapes except for the concat axis\."
             r" Layer shapes: (?P<shapes>\[(?:\([^()]{0,99}\),?){1,30}\])",
             _join, code="CS013", operator="concat", **_KERAS),
    template("keras.add_old", r"Operands could not be broadcast together with shapes {shape:a} {shape:b}",
             _two, code="CS012", operator="add"),
    template("keras.add", r"Inputs have incompatible shapes\. Received shapes {shape:a} and {shape:b}",
             _two, code="CS012", operator="add", **_KERAS),
    template("keras.input_axis",
             _INPUT + r" expected axis {int:axis} of input shape to have value {int:wanted} ,? but (?: got shape |"
             r" received input with shape ) {shape:given}",
             _incompatible, **_KERAS),
    template("keras.input_rank",
             _INPUT + r" expected (?: min_ | max_ )? ndim={int:wanted}, found ndim={int:found}"
             r" (?: \. Full shape received: {shape:given} )?",
             _rank, code="CS022", **_KERAS),
    template("keras.reshape",
             r"The total size of the tensor must be unchanged (?: , however, the input size cannot (?: be | by )"
             r" divided by the specified dimensions in target_shape )? \. Received: input_shape={shape:given},"
             r" target_shape={shape:target}",
             lambda g: {"shapes": all_clear([g.shape("given")]), "target": g.shape("target")},
             code="CS014", operator="reshape", **_KERAS),
    template("keras.reshape_old", r"total size of new array must be unchanged",
             code="CS014", operator="reshape", **_KERAS),
    template("keras.flatten_open",
             r"The shape of the input to \"?Flatten\"? is not fully defined (?: \(got {shape:given} )?",
             lambda g: {"shapes": all_clear([g.shape("given")]) if g.text("given") else ()},
             operator="flatten", **_KERAS),
    template("keras.open_weights",
             r"Shapes used to initialize variables must be fully-defined \(no '?None'? dimensions\)"
             r" (?: \. Received: shape={shape:weight} (?: for variable path='{word:layer}' )? )?",
             lambda g: {"weight": g.shape("weight"), "layer": (g.text("layer") or "").rpartition("/")[0] or None},
             **_KERAS),
    template("keras.smallest_input",
             r"Input size must be at least {int:least_height}x{int:least_width} (?: ; Received:"
             r" input_shape={shape:given} )?",
             _smallest, **_KERAS),
    template("keras.crop",
             r"(?: Values in '?cropping'? argument should be (?: smaller | greater ) than the corresponding spatial"
             r" dimension of the input\. | '?cropping'? parameter of '?Cropping1D'? layer must be (?: smaller | greater )"
             r" than the input length\. ) Received: input(?: _shape | s?\.shape )={shape:given},"
             r" cropping=(?P<cropping>\((?:\([^()]{0,40}\),?){1,3}\)|\([^()]{0,40}\))",
             _cropped, code="CS019", operator="crop", **_KERAS),
    template("keras.groups",
             r"The number of input channels must be evenly divisible by the number of groups\. Received"
             r" groups={int:groups}, but the input has {int:channels} channels \(full input shape is {shape:given}\)",
             _grouped, code="CS008", operator="conv", **_KERAS),
    template("keras.filters",
             r"The number of filters must be evenly divisible by the number of groups\. Received: groups={int:groups},"
             r" filters={int:filters}(?!\d)",
             _filters, code="CS009", operator="conv", **_KERAS),
    template("keras.group_norm",
             r"Number of groups \({int:groups}\) (?: must be a multiple of | cannot be more than ) the number of channels"
             r" \({int:channels}\)",
             _grouped, code="CS008", operator="group_norm", **_KERAS),
    template("keras.output_padding",
             r"output_padding must be strictly less than strides for all dimensions\. At dimension \d+, output_padding"
             r" is {int:output_padding} but strides is {int:stride}\. (?: Received:"
             r" output_padding={shape:all_padding}, strides={shape:all_strides} )?",
             _output_padding, code="CS004", operator="conv_transpose", **_KERAS),
    template("keras.stride_and_dilation",
             r"strides > 1 not supported in conjunction with dilation_rate > 1\. (?: Received: strides={shape:stride} and"
             r" dilation_rate={shape:dilation} )?",
             _strided_and_dilated, code="CS018", operator="conv", **_KERAS),
    template("keras.kernel_rank",
             r"Kernel shape must have the same length as input, but received kernel of shape {shape:weight} and input of"
             r" shape {shape:given}",
             lambda g: {"weight": (weight := g.shape("weight")), "shapes": all_clear([given := g.inside("given")]),
                        "numbers": {} if weight is None or given is None else
                        {"wanted": len(weight), "found": len(given) + 1}}, code="CS022", operator="conv", **_KERAS),
    template("keras.input_shape",
             _INPUT + r" expected shape={shape:wanted}, found shape={shape:found}", _declared_input, **_KERAS),
    template("keras.dot",
             r"Incompatible input shapes: axis values {int:first} \(at axis {int:axis}\) != {int:second} \(at axis"
             r" {int:other}\)\. Full input shapes: {shape:a}, {shape:b}",
             _dot, code="CS020", operator="dot", **_KERAS),
    template("keras.matmul",
             r"Inner dimensions \(x1\.shape\[-1\] and x2\.shape\[-2\]\) must be equal, but received"
             r" x1\.shape={shape:a} and x2\.shape={shape:b}",
             _matmul, code="CS020", operator="matmul", **_KERAS),
    template("keras.stack",
             r"Every value in x must have the same shape\. But found element of shape {shape:other}, which is different"
             r" from the first element's shape {shape:first}",
             _entries, code="CS013", operator="stack", **_KERAS),
    template("keras.broadcast",
             r"Cannot broadcast shape, the failure dim has value {int:first}, which cannot be broadcasted to"
             r" {int:second}\. Input shapes are: {shape:a} and {shape:b}",
             lambda g: {"shapes": all_clear([g.inside("a"), g.inside("b")]) if g.match["a"].count(",") ==
                        g.match["b"].count(",") else (), "numbers": g.numbers("first", "second")},
             code="CS012", operator="add", **_KERAS),
)  # fmt: skip
