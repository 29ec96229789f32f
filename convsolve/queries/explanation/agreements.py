"""Explaining sizes that must agree and do not: joins, channels, features, elements, reflected padding."""

from __future__ import annotations

from dataclasses import replace

from ...messages import Complaint
from ...messages.complaint import SeenShape
from ...operators import Add, CenterCrop, Concat, Conv, ConvTranspose, Linear, Pad
from ...operators.base import DataFormat
from .finding import Finding, Way, headline
from .shown import by
from .trial import rules_of, tried

__all__ = ["explain_channels", "explain_elements", "explain_features", "explain_join", "explain_reflection"]

_LARGEST = 2**40


def _order(c: Complaint) -> DataFormat:
    if c.layout in ("channels_first", "channels_last"):
        return c.layout  # type: ignore[return-value]
    return "channels_first" if c.framework in ("torch", "onnx") else "channels_last"


def _known(shape: SeenShape) -> tuple[int, ...] | None:
    """Return a shape all of whose sizes are known and such as a network has, or None."""
    good = all(n is not None and 1 <= n < _LARGEST for n in shape)
    return shape if good else None  # type: ignore[return-value]


# -- joins


def explain_join(c: Complaint) -> Finding:
    """Explain two tensors that are to be added or concatenated, and whose sizes differ."""
    concat = c.code == "CS013"
    shapes = [known for shape in c.shapes if (known := _known(shape)) is not None]
    a, b = (shapes[0], shapes[1]) if len(shapes) == len(c.shapes) == 2 else ((), ())
    ways = _joined(c, a, b, concat) if a and len(a) == len(b) >= 2 else []
    arithmetic = f"{by(a)} and {by(b)}" if a else ""
    numbers = {k: n for k, n in c.numbers.items() if k in ("first", "second")}
    if not arithmetic and len(numbers) == 2:
        on = f" on axis {c.axis}" if c.axis is not None else ""
        arithmetic = f"{numbers['first']} and {numbers['second']}{on}: they differ by " \
                     f"{abs(numbers['first'] - numbers['second'])}"  # fmt: skip
        ways = _joined_axis(c, numbers["first"], numbers["second"])
    pairs = list(zip(a, b, strict=False)) if a else [tuple(numbers.values())] if len(numbers) == 2 else []
    causes = []
    if not a and c.framework == "torch" and not concat and c.axis == 1:
        causes.append("in a batch, axis 1 holds the channels: the shortcut then needs a convolution of kernel_size 1 "
                      "to the channels of the other side")  # fmt: skip
    elif any(abs(x - y) == 1 for x, y in pairs):
        causes.append("an odd size was halved on the way down: doubling it again gives one more or one less than "
                      "the skip has; `convsolve sizes` says which inputs avoid that")  # fmt: skip
    elif any(max(x, y) == 2 * min(x, y) for x, y in pairs if min(x, y) > 0):
        causes.append("one side was halved once more than the other: a stride or a pool on one path only")
    if c.framework == "torch" and not concat:
        causes.append("the same message comes from a loss that compares the output with a target of another size: the "
                      "last line of your own program in the traceback would tell")  # fmt: skip
    return Finding(
        complaint=c, code=c.code or "", layer=c.layer or "", headline=headline(c, c.code or "CS012"),
        arithmetic=arithmetic, ways=tuple(ways), causes=tuple(causes),
        meaning="Every axis but the joined one must have the same size on both sides." if concat
        else "Every axis must have the same size on both sides, or size 1 on one of them.",
        asks=("how the two sides got their sizes: give the network (--model) and its input size (--input)",))


def _joined(c: Complaint, a: tuple[int, ...], b: tuple[int, ...], concat: bool) -> list[Way]:
    """Return crops and paddings of one side after which the two go together."""
    order = _order(c)
    join = Concat() if concat else Add()
    first, second = (shape[:-1] if order == "channels_last" else shape[1:] for shape in (a, b))
    if not all(x <= y for x, y in zip(first, second, strict=True)):
        a, b, first, second = b, a, second, first
    if first == second or not all(x <= y for x, y in zip(first, second, strict=True)):
        return []
    ways = []
    halves = tuple(((y - x) // 2, (y - x + 1) // 2) for x, y in zip(first, second, strict=True))
    changes = (
        (f"crop {by(b)} to {by(first)}", CenterCrop(size=first), b, a),
        (f"pad {by(a)} to {by(second)}", Pad(padding=halves), a, b),
    )
    for text, operator, changed, other in changes:
        moved = tried([operator], changed, framework=rules_of(c.framework), data_format=order)
        if moved.ok:
            trial = tried([join], moved.output, other, framework=rules_of(c.framework), data_format=order)
            ways += [Way(text, trial.output)] if trial.ok else []
    return ways


def _joined_axis(c: Complaint, x: int, y: int) -> list[Way]:
    """Return the crop and the padding of one axis of which only the two sizes are known, where it may be spatial."""
    spatial = c.axis is None or (c.framework == "torch" and c.axis >= 2)
    low, high = sorted((x, y))
    if not spatial or not 1 <= low < high < min(2 * low, _LARGEST):  # half of a tensor is no seam to be trimmed
        return []
    changes = ((f"crop {high} to {low}", CenterCrop(size=(low,)), high, low),
               (f"pad {low} to {high}", Pad(padding=((0, high - low),)), low, high))  # fmt: skip
    return [Way(f"{text} on that axis, before they are joined") for text, operator, size, wanted in changes
            if tried([operator], (1, size), framework=rules_of(c.framework)).output == (1, wanted)]  # fmt: skip


# -- channels, features, elements


def explain_channels(c: Complaint) -> Finding:
    """Explain a layer that takes another number of channels than arrives."""
    got, wanted = c.numbers.get("channels"), c.numbers.get("declared")
    ways, causes = [], []
    shape = _known(c.shapes[0]) if c.shapes else None
    if got and wanted and shape and len(shape) >= 2 and c.kernel_size and len(c.kernel_size) == len(shape) - 1:
        kind = ConvTranspose if c.operator == "conv_transpose" else Conv
        out = (c.weight or (1,))[1 if kind is ConvTranspose and len(c.weight or ()) > 1 else 0]
        if out and out < _LARGEST and all(1 <= k < _LARGEST for k in c.kernel_size):
            trial = tried([kind(out_channels=out, kernel_size=c.kernel_size, in_channels=got)], shape,
                          framework=rules_of(c.framework), data_format=_order(c))  # fmt: skip
            if trial.ok:
                note = "" if c.stride else " (with stride 1, no padding)"
                ways.append(Way(f"in_channels={got} in this layer (now {wanted}){note}", trial.output))
    if shape and wanted and len(shape) >= 3:
        if shape[-1] == wanted and _order(c) == "channels_first":
            causes.append(f"{by(shape)} has {wanted} at the end, where channels last would have the channels: if "
                          "these are pictures, move the channels to the front, x.permute(0, 3, 1, 2)")  # fmt: skip
        elif shape[0] == wanted and _order(c) == "channels_last":
            causes.append(f"{by(shape)} has {wanted} in front, where channels first would have the channels: if "
                          "these are pictures, move the channels to the end")  # fmt: skip
    if {got, wanted} == {1, 3}:
        causes.append("grey pictures have 1 channel, colour pictures 3: load them as the network was made for")
    causes.append("the layer before has another number of output channels than this one takes, as after a "
                  "concatenation")
    return Finding(
        complaint=c, code=c.code or "CS010", layer=c.layer or "", headline=headline(c, c.code or "CS010"),
        arithmetic=f"{got} channels arrive, the weight is for {wanted}" if got and wanted else "", ways=tuple(ways),
        causes=tuple(causes), asks=("which layer makes these channels: give the network (--model) or its code",))


def explain_features(c: Complaint) -> Finding:
    """Explain a linear layer that takes another number of features than arrives."""
    got, wanted = c.numbers.get("features"), c.numbers.get("in_features")
    rows = c.numbers.get("rows")
    ways, causes = [], []
    if got and wanted and got < _LARGEST:
        out = (c.weight or (None, None))[-1]
        trial = tried([Linear(out_features=out if out and 0 < out < _LARGEST else 1, in_features=got)], (got,))
        if trial.ok:
            ways.append(Way(f"in_features={got} in this layer (now {wanted})", trial.output if out else ()))
        if rows and rows > 1 and rows * got == wanted:
            causes.append(f"{rows} * {got} = {wanted}: the first axis was kept as if it were the batch. Either the "
                          "input has no batch axis (x.unsqueeze(0)), or a flatten is missing (flatten from axis "
                          "1)")  # fmt: skip
        if rows == 1 and got % wanted == 0 and got > wanted:
            causes.append(f"{got} = {got // wanted} * {wanted}: a batch of {got // wanted} was flattened into the "
                          "features; flatten from axis 1 (nn.Flatten(), x.flatten(1))")  # fmt: skip
        causes.append(f"the input has another size than the one for which in_features={wanted} was computed: a pool "
                      "to a fixed size in front (adaptive or global) makes it independent of that")  # fmt: skip
    numbers = {k: n for k, n in c.numbers.items() if k in ("features", "in_features")}
    return Finding(
        complaint=c, code="CS011", layer=c.layer or "",
        headline=headline(replace(c, numbers=numbers), "CS011"),
        arithmetic=f"{got} features arrive, the weight is for {wanted}" if got and wanted else "", ways=tuple(ways),
        causes=tuple(causes), asks=("the size of the network's input: give the network (--model) and --input",))


def explain_elements(c: Complaint) -> Finding:
    """Explain a reshape to another number of elements."""
    count, target = c.numbers.get("elements"), c.target
    if count is None and c.shapes and None not in c.shapes[0]:
        count = 1
        for n in c.shapes[0]:
            count *= n or 0
    known, arithmetic = 1, ""
    for n in target or ():
        known *= n if n is not None and n > 0 else 1
    if target and count is not None and 0 < known < _LARGEST:
        open_axis = any(n is None or n < 0 for n in target)
        arithmetic = (f"{count} = {count // known} * {known} + {count % known}" if open_axis else
                      f"{count} elements arrive, {'*'.join(map(str, target))} = {known} are wanted")  # fmt: skip
    return Finding(
        complaint=c, code="CS014", layer=c.layer or "", headline=headline(c, "CS014"), arithmetic=arithmetic,
        meaning="A new shape must have as many elements as the old one.",
        causes=("the input has another size than the one for which the new shape was written: flatten(1) keeps "
                "whatever there is, and a pool to a fixed size in front makes the count independent of the input",),
        asks=("the size of the network's input: give the network (--model) and --input",))  # fmt: skip


def explain_reflection(c: Complaint) -> Finding:
    """Explain a reflected padding that is not smaller than the input."""
    padding, size = c.numbers.get("padding"), c.numbers.get("size")
    ways: list[Way] = []
    if padding and size and max(padding, size) < _LARGEST:
        most = min(padding, size - 1)
        trials = [(f"a padding of at most {most} on this axis", Pad(padding=most, mode="reflect")),
                  ("another mode (replicate or constant)", Pad(padding=padding, mode="replicate"))]  # fmt: skip
        for text, operator in trials:
            trial = tried([operator], (1, size), framework=rules_of(c.framework))
            ways += [Way(text, trial.output[1:])] if trial.ok and (most or operator.mode != "reflect") else []
    return Finding(
        complaint=c, code="CS005", layer=c.layer or "", headline=headline(c, "CS005"),
        arithmetic=f"{padding} >= {size}" if padding and size else "",
        meaning="Reflection does not repeat the border itself: it can add at most one less than there is.",
        ways=tuple(ways), needs=(padding + 1,) if padding and size else (),
        asks=("which layer shrank it so far: give the network (--model) and its input size (--input)",))  # fmt: skip
