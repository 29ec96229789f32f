"""The messages of Keras about inputs, joins and reshapes: 1 and 2 on their own, tf.keras, Keras 3 on any backend."""

from __future__ import annotations

import re

from .template import Facts, Groups, Template, all_clear, shape_of, template, without_batch
from .tensorflow import operator_of

__all__ = ["CONTEXTS", "TEMPLATES"]


def _join(g: Groups) -> Facts:
    """Return the shapes in a list of shapes; its first axis is the batch."""
    shapes = [shape_of(text) for text in re.findall(r"\([^()]*\)", g.match.groupdict().get("shapes") or "")]
    return {"shapes": all_clear([without_batch(shape) for shape in shapes])}


def _two(g: Groups) -> Facts:
    return {"shapes": all_clear([g.shape("a"), g.shape("b")])}


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


def _declared_input(g: Groups) -> Facts | None:
    """Return what a model was declared for and what it got; where that is a rule of ours depends on what differs."""
    wanted, found = g.inside("wanted"), g.inside("found")
    if wanted is None or found is None:
        return {}
    if len(wanted) == len(found) and all(a is None or b is None or a == b for a, b in zip(wanted, found, strict=True)):
        return None
    return {"layer": g.text("layer"), "target": wanted, "shapes": (found,), "batch": g.batch("found"),
            "code": "CS022" if len(wanted) != len(found) else None}  # fmt: skip


def _incompatible(g: Groups) -> Facts | None:
    wanted, given = g.number("wanted"), g.inside("given")
    axis = g.number("axis")
    got = given[axis] if given and axis is not None and -len(given) <= axis < len(given) else None
    if wanted is not None and got == wanted:
        return None
    layer = g.text("layer")
    operator = operator_of(re.sub(r"_\d+$", "", layer or ""))  # the name that Keras gives it by itself
    flat = operator == "linear" or (given is not None and len(given) == 1)
    names = ("features", "in_features") if flat else ("channels", "declared")
    return {
        "layer": layer, "operator": operator, "shapes": all_clear([given]) if given else (), "axis": axis,
        "batch": g.batch("given"), "code": ("CS011" if flat else "CS010") if given else None,
        "numbers": {} if wanted is None or got is None else dict(zip(names, (got, wanted), strict=True)),
    }  # fmt: skip


def _rank(g: Groups) -> Facts | None:
    wanted, found, given = g.number("wanted"), g.number("found"), g.shape("given")
    if wanted is not None and wanted == found:
        return None
    return {"layer": g.text("layer"), "shapes": all_clear([without_batch(given)]) if given else (),
            "batch": g.batch("given"), "numbers": g.numbers("wanted", "found")}  # fmt: skip


def _array_rank(g: Groups) -> Facts | None:
    wanted, given = g.number("wanted"), g.shape("given")
    if wanted is None or given is None:
        return {"layer": g.text("layer")}
    if wanted == len(given):
        return None
    return {"layer": g.text("layer"), "shapes": all_clear([given[1:]]), "batch": given[0] if given else None,
            "numbers": {"wanted": wanted, "found": len(given)}}  # fmt: skip


def _array_shape(g: Groups) -> Facts | None:
    """Return what an input was declared for and the samples that it got; both without the batch axis."""
    wanted, given = g.shape("wanted"), g.shape("given")
    if wanted is None or given is None:
        return {"layer": g.text("layer")}
    if len(wanted) == len(given) and all(n == m or n is None for n, m in zip(wanted, given, strict=True)):
        return None
    return {"layer": g.text("layer"), "target": wanted, "shapes": (given,),
            "code": "CS022" if len(wanted) != len(given) else None}  # fmt: skip


def _weights(g: Groups) -> Facts | None:
    """Return the weight of a model and the one that was saved, however the version says it."""
    own, saved = (next((x for i in ("", "2", "3") if (x := g.shape(f"{name}{i}"))), None) for name in ("own", "saved"))
    layer = g.text("layer") or g.text("layer2")
    return None if own is not None and own == saved else {"layer": layer, "weight": own, "output": saved}


def _smallest(g: Groups) -> Facts:
    return {"shapes": all_clear([g.shape("given")]) if g.text("given") else (), "target": g.shape("least"),
            "numbers": g.numbers("least_height", "least_width")}  # fmt: skip


_KERAS: Facts = {"framework": "keras"}
_INPUT = (r"Input {int:index} (?: with name '[^']{0,200}' )? (?: of layer | is incompatible with layer )"
          r" ['\"]?(?P<layer>[^\s'\":\[\]()]{1,200}?)['\"]?:? (?: is incompatible with the layer: )?")  # fmt: skip

CONTEXTS: tuple[Template, ...] = (
    template(
        "keras.calling",
        r"Exception encountered when calling (?: layer )? (?: ['\"](?P<layer>[^'\"]{1,200})['\"]"
        r" (?: \(type (?P<type>\w+)\) )? | (?P<class>[A-Z]\w+)\.call\(\) )",
        lambda g: {"layer": g.text("layer"), "operator": operator_of(g.text("type") or g.text("class"))},
    ),
)

TEMPLATES: tuple[Template, ...] = (
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
    template("keras.input_shape",
             _INPUT + r" expected shape={shape:wanted}, found shape={shape:found}", _declared_input, **_KERAS),
    template("keras.input_array_rank",
             r"Error when checking (?: model )? input: expected (?P<layer>[^\s'\"]{1,200}?) to have {int:wanted}"
             r" dimensions, but got array with shape {shape:given}",
             _array_rank, code="CS022", **_KERAS),
    template("keras.input_array",
             r"Error when checking (?: model )? input: expected (?P<layer>[^\s'\"]{1,200}?) to have shape"
             r" {shape:wanted} but got array with shape {shape:given}",
             _array_shape, **_KERAS),
    template("keras.input_tensor",
             r"Invalid input shape for input .{0,300}? Expected shape {shape:wanted}, but input has incompatible shape"
             r" {shape:found}",
             _declared_input, **_KERAS),
    template("keras.weights",
             r"(?: Shape mismatch in layer \#\d+ \(named (?P<layer>[^\s'\"()]{1,200}?)\) for weight .{0,200}?\. Weight"
             r" expects shape {shape:own}\. Received saved weight with shape {shape:saved}"
             r" | Layer \#\d+ \(named ['\"]?(?P<layer2>[^\s'\"()]{1,200}?)['\"]?\)(?: in the current model)?, weight"
             r" .{0,300}? has shape {shape:own2}, but the saved weight has shape {shape:saved2}"
             r" | in variable\.assign\(value\) must match\. variable\.shape={shape:own3}, Received:"
             r" value\.shape={shape:saved3} )",
             _weights, **_KERAS),
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
