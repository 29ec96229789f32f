"""The messages of TensorFlow: of its graphs (1.x and 2.x), and of operations that run at once."""

from __future__ import annotations

import re

from .parsed_error import SeenShape
from .template import Facts, Groups, Template, all_clear, indivisible, shape_of, template, told, without_batch

__all__ = ["OPERATORS", "TEMPLATES", "layer_of_node", "operator_of"]

OPERATORS = {
    "conv1d": "conv", "conv2d": "conv", "conv3d": "conv", "convolution": "conv", "conv": "conv",
    "depthwiseconv2dnative": "depthwise_conv", "depthwiseconv2d": "depthwise_conv", "depthwise": "depthwise_conv",
    "depthwiseconv1d": "depthwise_conv",
    "conv2dbackpropinput": "conv_transpose", "conv3dbackpropinputv2": "conv_transpose",
    "convtranspose": "conv_transpose",
    "conv1dtranspose": "conv_transpose", "conv2dtranspose": "conv_transpose", "conv3dtranspose": "conv_transpose",
    "maxpool": "max_pool", "maxpool3d": "max_pool", "maxpoolv2": "max_pool", "maxpooling1d": "max_pool",
    "maxpooling2d": "max_pool", "maxpooling3d": "max_pool", "avgpool": "avg_pool", "avgpool3d": "avg_pool",
    "averagepool": "avg_pool", "averagepooling1d": "avg_pool", "averagepooling2d": "avg_pool",
    "averagepooling3d": "avg_pool", "lppool": "lp_pool",
    "concat": "concat", "concatv2": "concat", "concatenate": "concat", "add": "add", "addv2": "add", "sum": "add",
    "sub": "sub", "mul": "mul", "div": "div", "matmul": "matmul", "gemm": "linear", "dense": "linear",
    "reshape": "reshape", "flatten": "flatten", "pad": "pad", "mirrorpad": "pad", "cropping1d": "crop",
    "cropping2d": "crop", "cropping3d": "crop", "upsampling2d": "upsample", "resize": "upsample",
}  # fmt: skip
"""Our operators by the names that graphs and layers have for them, in lower case."""

_INNER = {
    *OPERATORS, "biasadd", "tensordot", "expanddims", "squeeze", "batchtospacend", "spacetobatchnd", "withspacetobatch",
    "separable_conv2d", "conv2d_transpose", "depthwise_conv2d",
}  # fmt: skip


def operator_of(name: str | None) -> str | None:
    """Return our operator for the name of a graph's operation or of a layer's class.

    >>> operator_of("Conv2D"), operator_of("AvgPool"), operator_of("Bucketize")
    ('conv', 'avg_pool', None)
    """
    return OPERATORS.get(name.lower()) if name else None


def layer_of_node(node: str | None) -> str | None:
    """Return the layer that made a node: what stands in front of the operation's own name.

    >>> layer_of_node("conv2d_7/Conv2D"), layer_of_node("model/maxpool1/MaxPool"), layer_of_node("AvgPool_10")
    ('conv2d_7', 'maxpool1', None)
    """
    parts = (node or "").split("/")
    while len(parts) > 1 and re.sub(r"_\d+$", "", parts[-1].lower()) in _INNER:
        parts.pop()
        if len(parts) == 1 or re.sub(r"_\d+$", "", parts[-1].lower()) not in ("convolution", "withspacetobatch"):
            return parts[-1]
    return None


# -- the node that complains


_NODE = (
    r" (?: for (?: node )? ['\"]? (?: \{\{node (?P<node>[\w./-]{1,300})\}\} | (?P<node2>[\w./-]{1,300}) )"
    r" (?: ['\"\s]* \(op: ['\"]?(?P<op>\w+)['\"]?\) | = (?P<op2>\w+)(?P<attributes>\[.{0,900}?\])\("
    r" .{0,600}? \) ['\"] | (?<=\}\}) | ['\"] | (?<=/Conv2D|/Conv3D)$ | (?<=/MaxPool|/AvgPool)$ | (?<=/convolution)$ )"
    r" (?: with input shapes: (?P<shapes>\[[^\[\]]{0,99}\](?:,\[[^\[\]]{0,99}\]){0,3}) )? )?"
)
"""How a graph names the node that complains, and the shapes that go into it."""


def _input_shapes(g: Groups) -> list[SeenShape | None]:
    return [shape_of(text) for text in re.findall(r"\[[^\[\]]*\]", g.match.groupdict().get("shapes") or "")]


def _node(g: Groups) -> Facts:
    """Return which node of a graph complains, and what it does as far as its name or its operation tells."""
    node = g.text("node") or g.text("node2")
    named = (node or "").rpartition("/")[2].split("_")[0] or None
    return {"node": node, "layer": layer_of_node(node), "operator": operator_of(g.text("op") or g.text("op2") or named)}


# -- what a shape, an attribute and a kernel say together


def _attribute(attributes: str | None, name: str) -> SeenShape | None:
    found = re.search(rf"(?<![a-z_]){name}=(\[[^\]]*\])", attributes or "")
    return shape_of(found[1]) if found else None


def _layout(attributes: str | None) -> str | None:
    found = re.search(r'data_format="(N?[A-Z]+)"', attributes or "", re.IGNORECASE)
    return None if not found else "channels_first" if found[1].upper().startswith("NC") else "channels_last"


def _per_axis(values: SeenShape | None, layout: str | None) -> tuple[int, ...] | None:
    """Return the entries for the spatial axes of an attribute that has one for each axis."""
    if values is None or layout is None or len(values) < 3 or None in values:
        return None
    return values[2:] if layout == "channels_first" else values[1:-1]  # type: ignore[return-value]


def _negative(g: Groups) -> Facts | None:
    k, n = g.number("k"), g.number("n")
    if k is not None and n is not None and k <= n:
        return None
    attributes = g.text("attributes")
    facts = _node(g)
    operator = facts["operator"]
    facts["numbers"] = {"window": k, "padded": n} if k is not None and n is not None else {}
    shapes = _input_shapes(g)
    given = without_batch(shapes[0]) if shapes else None
    weight = shapes[1] if len(shapes) > 1 else None
    facts["layout"] = layout = _layout(attributes)
    facts["shapes"] = (given,) if given else ()
    kernel = _kernel(attributes, weight, layout)
    facts["weight"] = weight
    padding = re.search(r'padding="(\w+)"', attributes or "", re.IGNORECASE)
    facts["padding"] = "valid"  # the subtraction is made for this padding alone
    if padding and padding[1].lower() != "valid":
        return None
    facts["stride"] = _per_axis(_attribute(attributes, "strides"), layout)
    facts["dilation"] = dilation = _per_axis(_attribute(attributes, "dilations"), layout)
    if kernel is None or dilation is None or len(dilation) != len(kernel):
        dilation = None
    sizes = _sizes(given, layout, weight, kernel, operator)
    if sizes and kernel and len(sizes) == len(kernel) and k is not None and n is not None:
        window = tuple(d * (size - 1) + 1 for size, d in zip(kernel, dilation or (1,) * len(kernel), strict=True))
        if (k, n) in zip(window, sizes, strict=True):
            facts.update(sizes=sizes, window=window, kernel_size=kernel)
        elif dilation is None and any(k > w and m == n for w, m in zip(window, sizes, strict=True)):
            facts.update(sizes=sizes, kernel_size=kernel)  # TensorFlow 1 does not print the dilation
    elif sizes and n in sizes:
        facts["sizes"] = sizes
    return _on_one_axis(facts)


_ONE_AXIS = re.compile(r"(?P<conv>conv1d)|pool(?:ing)?1d", re.IGNORECASE)


def _on_one_axis(facts: Facts) -> Facts:
    """Return facts about a layer of one axis, which TensorFlow computes on maps with one more axis of size 1."""
    found = _ONE_AXIS.search(facts["node"] or "")
    given = facts["shapes"][0] if facts["shapes"] else None
    if not found or given is None or len(given) != 3:
        return facts
    i = 0 if found["conv"] else 1
    kernel = facts.get("kernel_size") or facts.get("window")
    if given[i] != 1 or (kernel and kernel[i] != 1):
        return facts
    made = dict(facts)
    for name in ("sizes", "kernel_size", "window", "stride", "dilation"):
        if (values := facts.get(name)) and len(values) == 2:
            made[name] = (values[1 - i],)
    weight = facts.get("weight")
    made["shapes"] = ((*given[:i], *given[i + 1 :]),)
    made["weight"] = weight[1:] if weight and len(weight) == 4 else weight
    return made


def _kernel(attributes: str | None, weight: SeenShape | None, layout: str | None) -> tuple[int, ...] | None:
    pooled = _attribute(attributes, "ksize")
    if pooled:
        return _per_axis(pooled, layout)
    if weight is None or len(weight) < 3 or None in weight:
        return None
    return weight[:-2]  # type: ignore[return-value]


def _sizes(
    given: SeenShape | None,
    layout: str | None,
    weight: SeenShape | None,
    kernel: SeenShape | None,
    operator: str | None,
) -> SeenShape | None:
    if given is None or len(given) < 2:
        return None
    if layout is None and weight is not None and len(weight) > 2 and given[-1] == weight[-2]:
        layout = "channels_last"  # only the last axis of the input has the size that the weight takes
    if layout is None and weight is None and operator in ("max_pool", "avg_pool"):
        layout = "channels_last"  # TensorFlow 1 turns pools to this order before it says so
    if layout is None:
        return None
    return given[1:] if layout == "channels_first" else given[:-1]


_BY_OPERATOR = {
    "matmul": "CS011", "linear": "CS011", "conv": "CS010", "depthwise_conv": "CS010",
    "add": "CS012", "sub": "CS012", "mul": "CS012", "div": "CS012",
}  # fmt: skip


def _equal(g: Groups) -> Facts:
    """Return two numbers that an operation wants to be equal: which rule that is depends on the operation."""
    facts, numbers = _node(g), g.numbers("first", "second")
    code, shapes = _BY_OPERATOR.get(facts["operator"] or ""), _input_shapes(g)
    a, b = shapes if len(shapes) == 2 else (None, None)
    facts |= {"code": code, "numbers": numbers, **({"operator": "linear"} if code == "CS011" else {})}
    if code in (None, "CS012"):
        return {**facts, "shapes": (a[1:], b[1:]) if a and b and len(a) == len(b) else ()}
    declared = None if b is None else b[0] if code == "CS011" and b else b[-2] if len(b) > 2 else None
    if not a or b is None or [a[-1], declared] != [*numbers.values()]:
        return facts  # turned another way: which of the two is declared is not clear
    names = ("features", "in_features") if code == "CS011" else ("channels", "declared")
    both = {**numbers, **dict(zip(names, numbers.values(), strict=True))}
    facts |= {"shapes": (a[1:],), "weight": b, "numbers": both}
    return facts if code == "CS011" else {**facts, "layout": "channels_last", "kernel_size": b[:-2]}


def _channels(g: Groups) -> Facts:
    facts: Facts = {**_node(g), "operator": "conv", "numbers": g.numbers("channels", "declared")}
    shapes = _input_shapes(g)
    a, b = shapes if len(shapes) == 2 else (None, None)
    if not a or not b:
        return facts
    last = len(b) > 2 and [a[-1], b[-2]] == [*facts["numbers"].values()]
    more = {"layout": "channels_last", "kernel_size": b[:-2]} if last else {}
    return {**facts, "shapes": (a[1:],), "weight": b, **more}


def _two_shapes(g: Groups) -> Facts:
    a, b = g.inside("a"), g.inside("b")
    return {"shapes": all_clear([a, b]), "axis": g.number("axis"), "numbers": g.numbers("first", "second"),
            "node": g.text("node"), "layer": layer_of_node(g.text("node"))}  # fmt: skip


def _assigned(g: Groups) -> Facts | None:
    """Return the weight of a model, and the one that was saved and is to be put there."""
    own, saved = g.shape("own"), g.shape("saved")
    return None if own is not None and own == saved else {"weight": own, "output": saved, "node": g.text("node")}


def _incompatible(g: Groups) -> Facts | None:
    a, b = g.shape("a"), g.shape("b")
    if a is None or b is None:
        return {}
    alike = len(a) == len(b) and all(n == m or None in (n, m) for n, m in zip(a, b, strict=True))
    return None if alike else {"tensors": (a, b)}


def _matrices(g: Groups) -> Facts | None:
    a, b = g.shape("a"), g.shape("b")
    if a is None or b is None or len(a) != 2 or len(b) != 2 or a[1] is None or b[0] is None:
        return {}
    numbers = {} if a[1] == b[0] else {"features": a[1], "in_features": b[0]}  # a transposed one: no saying
    return {"shapes": (a[1:],), "weight": b, "numbers": numbers}


def _reflected(g: Groups) -> Facts | None:
    before, after, size = g.number("before"), g.number("after"), g.number("size")
    if before is None or after is None or size is None:
        return {}
    if max(before, after) < size:
        return None
    return {"padding": (before, after), "numbers": {"padding": max(before, after), "size": size}}


def _told(g: Groups) -> Facts:
    """Return what a node says about itself."""
    node, attributes = g.text("node"), g.text("attributes")
    layout = _layout(attributes)
    word = re.search(r'padding="(\w+)"', attributes or "", re.IGNORECASE)
    return {"framework": "tensorflow", "node": node, "layer": layer_of_node(node), "layout": layout,
            "kernel_size": _kernel(attributes, None, layout), "padding": word[1].lower() if word else None,
            "stride": _per_axis(_attribute(attributes, "strides"), layout)}  # fmt: skip


def _eager(g: Groups) -> Facts:
    size, window, stride = g.number("size"), g.number("window"), g.number("stride")
    facts: Facts = {"operator": operator_of(g.text("op") or g.text("op2")), "output": None}
    if g.text("node"):
        facts |= _told(g)
    if g.text("size"):  # Keras begins a message with the same words
        facts["framework"] = "tensorflow"
    if size is not None and window is not None:
        facts["numbers"] = {"window": window, "padded": size}
    if stride is not None:
        facts["stride"] = (stride,)
    if (output := g.number("output")) is not None:
        facts["output"] = (output,)
    return facts


_TF: Facts = {"framework": "tensorflow"}

TEMPLATES: tuple[Template, ...] = (
    template("tensorflow.negative_dimension",
             r"Negative dimension size caused? by subtracting {int:k} from {int:n}(?![\d\n])" + _NODE,
             _negative, code="CS001", **_TF),
    template("tensorflow.computed_output_negative",
             r"Computed output size would be negative:? (?: {int:output} \[input_size: {int:size},"
             r" effective_filter_size: {int:window}, stride: {int:stride}\] (?: \[Op:(?P<op>\w+)\] )? )?"
             r" (?: \[\[ Node: (?P<node>[\w./-]{1,300}?) = (?P<op2>[A-Z][a-zA-Z]*[a-z](?:2D|3D)?) \[?T=(?P<attributes>"
             r" DT_\w+ , .{0,900}? strides=\[[^\[\]]{0,60}\] ) )?",
             _eager, code="CS001"),
    template("tensorflow.channels",
             r"Depth of input \({int:channels}\) is not a multiple of input depth of filter \({int:declared}\)" + _NODE,
             _channels, code="CS010", **_TF),
    template("tensorflow.concat",
             r"ConcatOp : Dimension {int:axis} in both shapes must be equal: shape\[0\] = {shape:a}"
             r" vs\. shape\[\d+\] = {shape:b}",
             _two_shapes, code="CS013", operator="concat", **_TF),
    template("tensorflow.weights",
             r"Dimension {int:axis} in both shapes must be equal, but are {int:first} and {int:second}"
             r" (?: \. Shapes are .{0,90}? )?\.?"
             r" for ['\"]? (?: \{\{node )? (?P<node>[\w./-]{0,200}Assign\w*) .{0,300}? with input shapes: {shape:own},"
             r" {shape:saved}",
             _assigned, **_TF),
    template("tensorflow.concat_sizes",
             r"ConcatOp : Dimensions of inputs should match: shape\[0\] = {shape:a} vs\. shape\[\d+\] = {shape:b}",
             _two_shapes, code="CS013", operator="concat", **_TF),
    template("tensorflow.incompatible", r"(?<!Incompatible)Shapes {shape:a} and {shape:b} are incompatible",
             _incompatible, **_TF),
    template("tensorflow.same_size",
             r"logits and labels must be (?: same size | the same size ): logits_size={shape:output}"
             r" labels_size={shape:target}",
             lambda g: {} if (a := g.shape("output")) is None or (b := g.shape("target")) is None else
             None if a == b else {"output": a[1:], "target": b[1:],
                                  "numbers": {"output_batch": a[0], "target_batch": b[0]} if a[0] != b[0] else {}},
             code="CS026", operator="loss", **_TF),
    template("tensorflow.channels_last_only",
             r"(?: only supports (?: the )? NHWC (?: tensor format )? on (?: the | device type ) CPU"
             r" | (?: Conv | Pool )\w{0,30} op currently only supports the NHWC tensor format )",
             **_TF),
    template("tflite.input",
             r"Cannot set tensor: Dimension mismatch\. Got {int:found} but expected {int:wanted} for dimension"
             r" {int:axis} of input",
             told("wanted", "found", "axis", fails=lambda w, f, _: w != f), **_TF),
    template("tensorflow.dimension_in_both_shapes",
             r"Dimension {int:axis} in both shapes must be equal, but are {int:first} and {int:second}\."
             r" (?: Shapes are {shape:a} and {shape:b} )?",
             _two_shapes, code="CS013", **_TF),
    template("tensorflow.dimensions_must_be_equal",
             r"Dimensions must be equal, but are {int:first} and {int:second}(?![\d\n])" + _NODE, _equal, **_TF),
    template("tensorflow.incompatible_shapes", r"Incompatible shapes: {shape:a} vs\. {shape:b}",
             _two_shapes, code="CS012", **_TF),
    template("tensorflow.linear_features",
             r"Matrix size-incompatible: In\[0\]: {shape:a}, In\[1\]: {shape:b}",
             _matrices, code="CS011", operator="linear", **_TF),
    template("tensorflow.reshape_multiple",
             r"Input to reshape is a tensor with {int:elements} values, but the requested shape"
             r" (?: requires a multiple of {int:multiple} | has {int:wanted} )",
             lambda g: {"numbers": g.numbers("elements", "multiple", "wanted")}, code="CS014", operator="reshape",
             **_TF),
    template("tensorflow.reflect_padding",
             r"paddings must be (?: less than | no greater than ) the dimension size: {int:before}, {int:after}"
             r" (?: not less than | greater than ) {int:size}",
             _reflected, code="CS005", operator="pad", **_TF),
    template("tensorflow.not_divisible_by_block",
             r"padded_shape\[{int:axis}\]={int:size} is not divisible by block_shape\[\d+\]={int:divisor}",
             indivisible("size", "divisor"), code="CS015", **_TF),
)  # fmt: skip
