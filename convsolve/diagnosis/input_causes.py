"""Causes that lie in the input, or in how the whole network was written; each is tried out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from ..errors import ConvsolveError
from ..network.trace import Requirement
from ..operators import Conv, DepthwiseConv
from ..operators.base import to_canonical
from ..repairs.edits import Change
from ..repairs.evaluated_network import Situation, judge
from ..repairs.input_repairs import COLOURS, batch_axes, layouts, missing_axes, sequences, swaps
from ..repairs.insertions import replaced
from .causes import Cause, chain_to

__all__ = ["mends", "of_input", "reporter"]


def of_input(now: Situation) -> Iterator[Cause]:
    """Yield the causes whose remedy, tried out, makes the whole network work."""
    first = now.failed[0]
    for change in layouts(now):
        if mends(now, change):
            yield _layout(now, first)
    for change in batch_axes(now):
        if mends(now, change):
            edit = change.edits[0]
            yield Cause(
                "unbatched_input",
                edit.layer,
                first.layer,
                f"with one more axis in front of the input, every layer works ({edit.parameter}: {edit.after})",
                ("tried: the network is valid then", "the data decides it: has it an axis for the batch?"),
                False,
                chain_to(now, first.layer) if first.layer else (),
            )
    yield from _lacking(now, first)
    yield from _positional(now, first)
    for change in swaps(now):
        if mends(now, change) and first.layer:
            yield Cause(
                "swapped_args",
                first.layer,
                first.layer,
                f"if the two tensors of the call to {first.layer} are swapped, the kernel fits",
                ("tried: the network is valid then", "the call decides it: is it functional, and which comes first?"),
                False,
                chain_to(now, first.layer),
            )


def _lacking(now: Situation, first: Requirement) -> Iterator[Cause]:
    """Yield the axis that the input lacks, or the recurrent layers that give one step alone."""
    for change in missing_axes(now):
        edit = change.edits[0]
        tried = "every layer works" if mends(now, change) else f"{first.layer} gets the axes that it wants"
        yield Cause(
            "missing_axis",
            edit.layer,
            first.layer,
            edit.why,
            (
                f"tried: with an input of {'x'.join(map(str, edit.after))}, {tried}",
                "the data decides it: what are its axes?",
            ),
            False,
        )
    for change in sequences(now):
        tried = "every layer works" if mends(now, change) else "the layers behind get the axes that they want"
        yield Cause(
            "return_sequences",
            change.layers[0],
            first.layer,
            f"{', '.join(change.layers)} gives its last step alone, and {first.layer} wants all: return_sequences=True"
            if len(change.layers) == 1
            else f"{', '.join(change.layers)} give their last steps alone, and the layers behind want all: "
            f"return_sequences=True",
            (f"tried: with return_sequences=True, {tried}",),
            mends(now, change),
        )


def mends(now: Situation, change: Change) -> bool:
    """Return whether a change makes everything work, by trying it."""
    try:
        return judge(dataclasses.replace(now.problem, network=change.make(now.network))).ok
    except ConvsolveError:
        return False


def reporter(now: Situation, requirement: Requirement) -> str:
    """Return the layer that reports a failure: for a requirement of the problem, the one that makes the output."""
    return requirement.layer or now.network.outputs[0].partition("[")[0]


def _layout(now: Situation, first: Requirement) -> Cause:
    layer = now.network.inputs[0]
    written: tuple[int, ...] = layer.operator.shape  # type: ignore[attr-defined]
    present = to_canonical(now.network.data_format, written)
    last = now.network.data_format == "channels_last"
    other = written if last else to_canonical("channels_last", written)
    names = ("channels last", "channels first") if last else ("channels first", "channels last")

    def reading(shape: tuple[int, ...]) -> str:
        return f"{shape[0]} channels of {'x'.join(map(str, shape[1:]))}"

    declared = {
        x.operator.in_channels for x in now.users.get(layer.name, []) if isinstance(x.operator, (Conv, DepthwiseConv))
    }
    named = other[0] in declared and present[0] not in declared
    certain = named or (other[0] in COLOURS and present[0] not in COLOURS and min(present[1:]) in COLOURS)
    evidence = [
        f"read {names[0]}, the input {'x'.join(map(str, written))} is {reading(present)}",
        f"tried: read {names[1]}, it is {reading(other)}, and every layer works",
    ]
    if not certain:
        evidence.append("the data decides it: which of its axes are the channels?")
    return Cause(
        "layout",
        layer.name,
        reporter(now, first),
        f"the input looks {names[1]}, but is read {names[0]}",
        tuple(evidence),
        certain,
        chain_to(now, first.layer) if first.layer else (),
    )


def _positional(now: Situation, first: Requirement) -> Iterator[Cause]:
    """Strides that equal the kernel in several convolutions, where stride 1 mends everything."""
    meant = {}
    for layer in now.network.ordered:
        operator = layer.operator
        if isinstance(operator, (Conv, DepthwiseConv)) and _sole(operator.kernel_size) == _sole(operator.stride) > 1:
            meant[layer.name] = dataclasses.replace(operator, stride=1)
    if len(meant) < 2:
        return
    try:
        there = judge(dataclasses.replace(now.problem, network=replaced(now.network, meant)))
    except ConvsolveError:
        return
    if there.ok:
        kernel = _sole(meant[next(iter(meant))].kernel_size)
        output = "x".join(map(str, there.shape(there.network.outputs[0])))
        yield Cause(
            "api_positional_stride",
            next(iter(meant)),
            reporter(now, first),
            f"the stride of {', '.join(meant)} equals the kernel: {kernel}, {kernel} given by position mean kernel "
            f"{kernel}, stride {kernel}; in Keras 1 they meant a kernel of {kernel}x{kernel}",
            (
                f"tried: with stride 1 in all of them every layer works, and the output is {output} (channels first)",
                "the calls decide it: is the stride given by position?",
            ),
            False,
            chain_to(now, first.layer) if first.layer else (),
        )


def _sole(value: object) -> int:
    """Return a parameter's one value; 0 where it differs from axis to axis."""
    if isinstance(value, tuple):
        return value[0] if len(set(value)) == 1 and isinstance(value[0], int) else 0
    return value if isinstance(value, int) else 0
