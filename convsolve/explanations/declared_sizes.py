"""Explaining messages behind which none of the rules stands: sizes that are open, or other than what was declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..messages import ParsedError
from ..operators import Flatten, GlobalAvgPool, Linear, Permute, Upsample
from .finding import ExplainedMessage, Fix, headline, mends
from .missing_facts import ask_network
from .single_layer import Branch, known, order_of, sane, tried
from .wording import by, framework_name

__all__ = ["DECLARED"]


def _says(c: ParsedError, what: str) -> str:
    found = headline(c, "", failure=what)
    return found if c.layer or c.node else f"{framework_name(c.framework)}: {what}"


def _smallest(c: ParsedError) -> ExplainedMessage:
    least = tuple(c.numbers[name] for name in ("least_height", "least_width") if name in c.numbers)
    shape = known(c.shapes[0]) if c.shapes else None
    ways: list[Fix] = []
    if shape and len(shape) == 3 and len(least) == 2 and sane(least):
        wanted = (*(max(n, m) for n, m in zip(shape[:2], least, strict=True)), shape[2])
        if shape[0] in (1, 3, 4) and shape[2] not in (1, 3, 4):  # channels in front
            wanted = (shape[0], *(max(n, m) for n, m in zip(shape[1:], least, strict=True)))
        now, trial = (tried(c, [], size, order=order_of(c)) for size in (shape, wanted))
        ways = mends(f"input_shape={wanted}, and pictures that are resized to it", now, trial, wanted)
    return ExplainedMessage(
        complaint=c, ways=tuple(ways), needs=least,
        headline=_says(c, "the input is smaller than this application of Keras accepts"),
        arithmetic=f"{by(shape)} is given, {by(least)} is the least" if shape and least else "",
        asks=() if shape else ("the input_shape that is given",))  # fmt: skip


def _open_flatten(c: ParsedError) -> ExplainedMessage:
    return ExplainedMessage(
        complaint=c, headline=_says(c, "a flatten needs to know all sizes"),
        arithmetic=f"{by(c.shapes[0])} arrives" if c.shapes else "",
        meaning="A layer behind it needs weights for each of the features.", ways=tuple(_closed(c)),
        asks=() if c.shapes else ("the shape that arrives: model.summary() shows it",))  # fmt: skip


def _open_weights(c: ParsedError) -> ExplainedMessage:
    units = c.weight[-1] if c.weight and len(c.weight) == 2 else None
    return ExplainedMessage(
        complaint=c, headline=_says(c, "the weights of a layer need sizes that are open"),
        arithmetic=f"weights of {by(c.weight)} are wanted" if c.weight else "",
        meaning="Behind a flatten, the number of features is open if one of the sizes is.",
        ways=tuple(_closed(c, units)),
        asks=("the layers before it: model.summary(), up to this one, shows the shapes",))  # fmt: skip


def _closed(c: ParsedError, units: int | None = None) -> list[Fix]:
    """Return what makes the features independent of the size of the input, or fixes that."""
    shape = c.shapes[0] if c.shapes else (None, None, None)
    channels = shape[-1] or 8
    ways = []
    if len(shape) > 1 and sane((channels, units or 1)):
        sizes = tuple(n or 7 for n in shape[:-1])  # any will do: the output does not depend on them
        layers = [Linear(out_features=units)] if units else []
        now, trial = (tried(c, [first, *layers], (*sizes, channels)) for first in (Flatten(), GlobalAvgPool()))
        ways = mends(f"GlobalAveragePooling{len(sizes)}D() in place of the Flatten: any size then works", now, trial,
                     trial.output if shape[-1] or units else ())  # fmt: skip
        given = (224,) * len(sizes)
        ways += mends(f"an Input of fixed size, such as Input({(*given, 3)})", tried(c, [], (*sizes, 3)),
                      tried(c, [], (*given, 3)), ())  # fmt: skip
    return ways


def _inferred(c: ParsedError) -> ExplainedMessage:
    first, second = c.numbers.get("first"), c.numbers.get("second")
    ways: list[Fix] = []
    if first and second and sane((first, second)):
        now, trial = (tried(c, [], (1, first), target=(1, size), order="channels_first") for size in (second, first))
        ways = mends(
            f"declare {first} there in place of {second}, or leave the size open (a dim_param)", now, trial, ()
        )
    return ExplainedMessage(
        complaint=c, ways=tuple(ways),
        headline=_says(c, "a size that the graph declares is not the one that its operators give"),
        arithmetic=f"on axis {c.axis}, {first} comes out, {second} is declared" if first and second else "",
        causes=("the model was exported at one input size, and the input was then declared with another",),
        asks=(ask_network(c, "which tensor declares it"),))  # fmt: skip


def _other_input(c: ParsedError) -> ExplainedMessage:
    """Explain a model that is called with another shape than the one it was declared with."""
    wanted, given = c.target, known(c.shapes[0]) if c.shapes else None
    ways: list[Fix] = []
    goal = known(wanted)
    if goal and given and len(goal) == len(given) == 3:
        now = tried(c, [], given, target=goal)
        for order in ((1, 2, 0), (2, 0, 1)):
            trial = tried(c, [], Branch(given, (Permute(order=order),)), target=goal)
            said = f"keras.ops.transpose(x, {(0, *(i + 1 for i in order))})"
            ways += mends(f"turn the axes: {said}", now, trial) if sorted(given) == sorted(goal) else []
        if given[-1] == goal[-1]:
            trial = tried(c, [], Branch(given, (Upsample(size=goal[:2]),)), target=goal)
            ways += mends(f"resize the pictures to {by(goal[:2])}: {trial.said(c)}", now, trial)
    if given and wanted and all(n is None or 0 < n for n in wanted):
        wanted_there = tuple(n or 1 for n in wanted)  # an open size stands for any
        ways += mends(f"declare the model with Input({given})", tried(c, [], wanted_there), tried(c, [], given), ())
    return ExplainedMessage(
        complaint=c, ways=tuple(ways), headline=_says(c, "the model was declared for another input"),
        arithmetic=f"{by((c.batch, *given))} arrives, {by((None, *wanted))} was declared" if given and wanted else "",
        asks=(ask_network(c, "whether the layers take that size"),))  # fmt: skip


def _caffe(c: ParsedError) -> ExplainedMessage:
    return ExplainedMessage(
        complaint=c,
        headline="Caffe: Caffe ends with signal 8 where a layer's output would be empty (its pooling rounds sizes up)",
        asks=("the lines of the log with `Top shape`, up to the end: the last one names the layer and what it got",
              "the .prototxt, and the size of the input"))  # fmt: skip


DECLARED: Mapping[str, Callable[[ParsedError], ExplainedMessage]] = {
    "keras.smallest_input": _smallest, "keras.flatten_open": _open_flatten, "keras.open_weights": _open_weights,
    "keras.input_shape": _other_input, "keras.input_tensor": _other_input, "keras.input_array": _other_input,
    "onnx.inferred": _inferred, "caffe.signal": _caffe,
}  # fmt: skip
"""The templates of such messages, and what explains them."""
