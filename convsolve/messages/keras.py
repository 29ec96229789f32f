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
        "code": ("CS011" if flat else "CS010") if given else None,
        "numbers": {} if wanted is None or got is None else dict(zip(names, (got, wanted), strict=True)),
    }  # fmt: skip


def _rank(g: Groups) -> Facts | None:
    wanted, found, given = g.number("wanted"), g.number("found"), g.shape("given")
    if wanted is not None and wanted == found:
        return None
    return {"layer": g.text("layer"), "shapes": all_clear([without_batch(given)]) if given else (),
            "numbers": g.numbers("wanted", "found")}  # fmt: skip


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
    template("keras.target",
             r"Error when checking (?: model )? target: expected (?P<layer>[^\s'\"]{1,200}?) to have shape"
             r" {shape:a} but got array with shape {shape:b}",
             lambda g: {"layer": g.text("layer"), "target": g.shape("b"), "output": g.shape("a")}, **_KERAS),
    template("keras.target_2",
             r"A target array with shape {shape:b} was passed for an output of shape {shape:a} while using as loss",
             lambda g: {"target": g.shape("b"), "output": g.shape("a")}, **_KERAS),
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
             r"Values in '?cropping'? argument should be (?: smaller | greater ) than the corresponding spatial"
             r" dimension of the input\. Received: input_shape={shape:given},"
             r" cropping=(?P<cropping>\((?:\([^()]{0,40}\),?){1,3}\))",
             lambda g: {"shapes": all_clear([g.inside("given")])}, code="CS019", operator="crop", **_KERAS),
    template("keras.groups",
             r"The number of input channels must be evenly divisible by the number of groups\. Received"
             r" groups={int:groups}, but the input has {int:channels} channels \(full input shape is {shape:given}\)",
             lambda g: {"numbers": g.numbers("channels", "groups"), "shapes": all_clear([g.inside("given")])},
             code="CS008", operator="conv", **_KERAS),
    template("keras.output_padding",
             r"output_padding must be strictly less than strides for all dimensions\. At dimension \d+, output_padding"
             r" is {int:output_padding} but strides is {int:stride}\. ",
             lambda g: {"numbers": g.numbers("output_padding", "stride")},
             code="CS004", operator="conv_transpose", **_KERAS),
)  # fmt: skip
