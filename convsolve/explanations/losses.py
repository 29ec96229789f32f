"""Explaining losses: the output of the network does not fit the target that it is compared with."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..messages import ParsedError
from ..operators import AdaptiveAvgPool, Flatten, Linear, Operator, Permute, Reduce, Squeeze, Unsqueeze, Upsample
from .finding import ExplainedMessage, Fix, headline, mends
from .missing_facts import ask_layer, ask_network
from .single_layer import Branch, LayerTrial, failing, known, order_of, sane, tried
from .wording import by, counted, dialect

__all__ = ["explain_target"]

_FAILURE = "the output of the network does not fit the target of the loss"
_BY_CLASS = ("cross_entropy", "sparse_cross_entropy")


def explain_target(c: ParsedError) -> ExplainedMessage:
    """Explain a loss that gets an output and a target which do not go together."""
    ways = [*_batches(c), *_places(c), *_classes(c), *_shapes(c)]
    return ExplainedMessage(
        complaint=c, code="CS026", headline=headline(c, "CS026", failure=_FAILURE),
        arithmetic=_arithmetic(c), meaning=_meaning(c), ways=tuple(ways), causes=tuple(_causes(c)),
        mend="give the output the shape that the target asks for, or make a target for the output that there is",
        asks=(*_asks(c), *ask_layer(c)), sketch=failing(_now(c)))  # fmt: skip


def _now(c: ParsedError) -> LayerTrial | None:
    """Return the comparison as it is, where both shapes are known: with classes, the output's axis of them apart."""
    output, target = known(c.output), known(c.target)
    if output is None or target is None or c.numbers:
        return None
    axis = {"cross_entropy": 1, "sparse_cross_entropy": len(output)}.get(c.operator or "")
    apart = [] if axis is None else [Reduce(axes=(axis,))]
    return _fits(c, (_batch(c), *output), (_batch(c), *target), *apart)


def _whole(c: ParsedError, shape: tuple[int | None, ...]) -> str:
    return by((c.batch, *shape))


def _arithmetic(c: ParsedError) -> str:
    numbers = c.numbers
    if c.template == "torch.target_places" and c.shapes and c.target is not None:
        return f"the target is {_whole(c, c.target)}, and {_whole(c, c.shapes[0])} is wanted"
    parts = []
    if c.output is not None and c.target is not None:
        batches = (numbers.get("output_batch", c.batch), numbers.get("target_batch", c.batch))
        parts.append(f"the output is {by((batches[0], *c.output))}, the target {by((batches[1], *c.target))}")
    elif "output_batch" in numbers and "target_batch" in numbers:
        samples = counted(numbers["output_batch"], "sample")
        parts.append(f"the output has {samples}, the target {numbers['target_batch']}")
    if "elements" in numbers and "target" in numbers:
        parts.append(f"the output has {counted(numbers['elements'], 'element')}, the target {numbers['target']}")
    if "found" in numbers:
        parts.append(f"the target has {counted(numbers['found'], 'axis')}, 3 are wanted: batch, height, width")
    if (label := numbers.get("label")) is not None:
        parts.append(f"the target names class {label}, and the output has {label} classes at most, 0 to {label - 1}")
    return ", ".join(parts)


def _meaning(c: ParsedError) -> str:
    if c.operator == "sparse_cross_entropy":
        return "This loss wants the number of a class for each place: the shape of the output without its last axis."
    if c.operator == "cross_entropy":
        return ("Cross entropy wants an output of (batch, classes, ...) and a target of (batch, ...), with the number "
                "of a class for each place.")  # fmt: skip
    if c.operator is None:
        return ""
    return "This loss compares element by element: output and target must have the same shape."


# -- repairs


def _fits(c: ParsedError, output: tuple[int, ...], target: tuple[int, ...], *operators: Operator) -> LayerTrial:
    """Return whether an output, after operators, has the shape that a loss wants; shapes have their batch axis."""
    return tried(c, [], Branch(output, operators), target=target, order="channels_first")


def _fitted(
    c: ParsedError, change: str, output: tuple[int, ...], target: tuple[int, ...], operator: Operator
) -> Iterator[Fix]:
    """Yield an operator between an output and a target, or on the target, that makes them go together."""
    yield from mends(change, _fits(c, output, target), _fits(c, output, target, operator), ())


def _batch(c: ParsedError) -> int:
    return c.batch if c.batch else 2


def _batches(c: ParsedError) -> Iterator[Fix]:
    """Yield what is to be done where the two batches differ, as far as the two numbers show where that comes from."""
    output, target = c.numbers.get("output_batch"), c.numbers.get("target_batch")
    if not output or not target or not sane((output, target)):
        return
    if output > target and output % target == 0:
        times = output // target
        flat = "Flatten()" if dialect(c) == "keras" else "x.flatten(1)"
        yield from _fitted(c, f"{flat} in the network, if a reshape there makes {times} samples of each",
                           (target, times, 2), (target, times * 2), Flatten(start_axis=1))  # fmt: skip
    elif target > output and target % output == 0:
        times = target // output
        if len(c.output or ()) == 1 and times == (c.output or (0,))[0]:
            yield from _fitted(c, f"labels as numbers of classes: labels.reshape(-1, {times}).argmax(-1), if they are "
                               "one-hot", (output, times), (output,), Reduce(axes=(1,)))  # fmt: skip


def _places(c: ParsedError) -> Iterator[Fix]:
    """Yield the move of the classes to axis 1, for an output that has them at its end."""
    wanted, target = known(c.shapes[0]) if c.shapes else None, known(c.target)
    if c.template != "torch.target_places" or not wanted or not target or len(wanted) != 1 or len(target) != 1:
        return
    (n,), (m,), batch = target, wanted, _batch(c)
    yield from _fitted(c, f"output.transpose(1, 2), if the output is (batch, {n}, {m}), with {m} classes at its end",
                       (batch, n, m), (batch, m, n), Permute(order=(0, 2, 1)))  # fmt: skip


def _classes(c: ParsedError) -> Iterator[Fix]:
    """Yield what targets are to be like, where they are no numbers of classes."""
    label = c.numbers.get("label")
    if label is not None and sane((label,)):
        now, trial = (tried(c, [Linear(out_features=n)], (8,)) for n in (label, label + 1))
        yield from mends(f"{label + 1} classes or more from the last layer, such as nn.Linear(..., {label + 1}), if "
                         f"{label} is the largest label", now, trial, ())  # fmt: skip
    side = _map_side(c)
    if side:
        now, trial = (tried(c, [], Branch((1, side, side), (*pool, Flatten())), target=(1,))
                      for pool in ((), (AdaptiveAvgPool(output_size=1),)))  # fmt: skip
        yield from mends(f"one number for each map of {side}x{side} at the end: nn.AdaptiveAvgPool2d(1), then "
                         "nn.Flatten()", now, trial, ())  # fmt: skip
    if c.template == "torch.target_not_classes":
        yield from _fitted(c, "target.squeeze(1), if it is (batch, 1)", (2, 1), (2,), Squeeze(axis=1))
        yield from _fitted(c, "target.argmax(1), if it is one-hot", (2, 3), (2,), Reduce(axes=(1,)))
    if c.template != "torch.target_axes":
        return
    found, target = c.numbers.get("found"), known(c.target)
    shape = (2, *(target if target and len(target) == 3 else (1, 8, 8)))
    if found == 4 and (target is None or shape[1] == 1):
        yield from _fitted(c, "target.squeeze(1), if it is (batch, 1, height, width)",
                           shape, (2, *shape[2:]), Squeeze(axis=1))  # fmt: skip
    if found == 4 and (target is None or shape[1] > 1):
        yield from _fitted(c, "target.argmax(1), if it is one-hot, (batch, classes, height, width)",
                           shape, (2, *shape[2:]), Reduce(axes=(1,)))  # fmt: skip
    if found == 1:
        yield from _fitted(c, "one row of classes for each sample, (batch, classes), if there is one label for each: "
                           "output.mean((2, 3)), or a pool to 1x1 and a flatten",
                           (2, 5, 8, 8), (2, 5), Reduce(axes=(2, 3)))  # fmt: skip


def _map_side(c: ParsedError) -> int:
    """Return how high and wide the maps are of which each meets one entry of the target, as far as it looks so."""
    elements, target = c.numbers.get("elements"), c.numbers.get("target")
    if not elements or not target or not sane((elements, target)) or elements % target:
        return 0
    side = math.isqrt(elements // target)
    return side if 1 < side < 4096 and side**2 * target == elements else 0


def _shapes(c: ParsedError) -> Iterator[Fix]:
    """Yield what makes the output as the target wants it, where both are known."""
    output, target = known(c.output), known(c.target)
    if output is None or target is None or c.numbers:
        return
    whole, goal = (_batch(c), *output), (_batch(c), *target)
    if c.operator in _BY_CLASS:
        yield from _one_hot(c, whole, goal)
        yield from _resized(c, output, target)
        return
    for change, operator in _axis_changes(c, whole, goal):
        yield from _fitted(c, change, whole, goal, operator)
    if dialect(c) == "keras" and len(output) == 1 and output[0] > 1 and target in ((), (1,)):
        yield from _fitted(c, "sparse_categorical_crossentropy, if the target holds numbers of classes",
                           whole, goal, Reduce(axes=(1,), keepdims=bool(target)))  # fmt: skip
    if len(output) == len(target) == 1:
        layer = f"Dense({target[0]})" if dialect(c) == "keras" else f"nn.Linear(..., {target[0]})"
        yield from _fitted(c, f"{layer} as the last layer (now {output[0]})",
                           output, target, Linear(out_features=target[0]))  # fmt: skip
    yield from _resized(c, output, target)


def _axis_changes(c: ParsedError, output: tuple[int, ...], target: tuple[int, ...]) -> Iterator[tuple[str, Operator]]:
    """Yield the axes of size 1 that the output has more or less than the target."""
    squeeze, unsqueeze = ("output.squeeze({})", "output.unsqueeze({})") if dialect(c) == "torch" else (
        "keras.ops.squeeze(output, {})", "keras.ops.expand_dims(output, {})")  # fmt: skip
    if len(output) == len(target) + 1:
        for axis in (i for i, n in enumerate(output) if n == 1 and i):
            if (*output[:axis], *output[axis + 1 :]) == target:
                yield f"{squeeze.format(axis)} (or target.unsqueeze({axis}))" if dialect(c) == "torch" else \
                    squeeze.format(axis), Squeeze(axis=axis)  # fmt: skip
                return
    if len(output) + 1 == len(target):
        for axis in (i for i, n in enumerate(target) if n == 1 and i):
            if (*target[:axis], *target[axis + 1 :]) == output:
                yield f"target.squeeze({axis}) (or {unsqueeze.format(axis)})" if dialect(c) == "torch" else \
                    unsqueeze.format(axis), Unsqueeze(axis=axis)  # fmt: skip
                return
    if len(output) > 2 and len(target) == 2:
        yield ("Flatten() in the network" if dialect(c) == "keras" else "output.flatten(1)"), Flatten(start_axis=1)


def _one_hot(c: ParsedError, output: tuple[int, ...], target: tuple[int, ...]) -> Iterator[Fix]:
    """Yield what is to be done with a target that has the shape of the output: one-hot, mostly."""
    if output == target and dialect(c) == "keras":
        one_hot = _fits(c, output, target)  # nothing is taken apart by class
        yield from mends("categorical_crossentropy, which takes one-hot targets", _now(c), one_hot, ())
        yield from _fitted(c, "target.argmax(-1), the numbers of the classes",
                           target, target[:-1], Reduce(axes=(len(target) - 1,)))  # fmt: skip


def _resized(c: ParsedError, output: tuple[int, ...], target: tuple[int, ...]) -> Iterator[Fix]:
    """Yield the resizing of the maps to the size of the target."""
    first = order_of(c) == "channels_first"
    if not output:
        return
    maps = output[1:] if first else output[:-1]
    wanted = target if c.operator in _BY_CLASS else target[1:] if first else target[:-1]
    channels = output[0] if first else output[-1]
    same = c.operator in _BY_CLASS or (target[:1] if first else target[-1:]) == (channels,)
    if not maps or len(maps) != len(wanted) or maps == wanted or not same:
        return
    goal = (channels, *wanted) if first else (*wanted, channels)
    now, trial = (tried(c, [], Branch(output, fit), target=goal) for fit in ((), (Upsample(size=wanted),)))
    said = f"F.interpolate(output, size={wanted if len(wanted) > 1 else wanted[0]})" if dialect(c) == "torch" else \
        trial.said(c)  # fmt: skip
    yield from mends(f"resize the output to {by(wanted)}{f': {said}' if said else ''}; or the target to {by(maps)}",
                     now, trial, goal)  # fmt: skip


# -- what else there is to say


def _causes(c: ParsedError) -> Iterator[str]:
    few, many = sorted((c.numbers.get("output_batch", 0), c.numbers.get("target_batch", 0)))
    if few and many and dialect(c) == "torch":
        if many % few == 0:
            yield (f"{many} = {many // few} * {few}: a reshape with fixed numbers took elements of one sample for "
                   "several samples, or several for one: x.view(-1, n) does that where n is not what a sample "
                   "has")  # fmt: skip
        else:
            yield "a reshape with fixed numbers changed the batch, or output and target are from different batches"
    elif side := _map_side(c):
        yield (f"{c.numbers['elements']} = {c.numbers['target']} * {side}*{side}: the last map is {side}x{side} where "
               "one number is wanted, as if the network was made for a smaller input")  # fmt: skip
    elif "label" in c.numbers:
        yield "labels are counted from 0: where they begin with 1, target - 1 is meant"
    elif c.output is not None and c.target is not None and len(c.output) == len(c.target) > 1:
        yield ("the network does not give back the size that the target has: convolutions without padding take from "
               "it, or a size was rounded on the way down (`convsolve sizes` says which inputs avoid "
               "that)")  # fmt: skip


def _asks(c: ParsedError) -> Iterator[str]:
    if c.target is None or (c.output is None and not c.shapes):
        yield "the shapes of both: print output.shape and target.shape in front of the loss"
    yield ask_network(c, "how the output got its shape")
