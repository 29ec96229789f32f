"""Causes at the end of a network: fixed heads, missing flattens, channels, and outputs that are not what is wanted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..network.trace import Requirement
from ..operators import ConvTranspose, Flatten, Upsample
from ..repairs.evaluated_network import Situation
from ..repairs.input_resizing import resized_inputs, sizes_taken
from ..repairs.parameter_values import parameter_changes
from ..repairs.structural import flattens
from .causes import Cause, chain_to
from .input_causes import mends, reporter
from .join_causes import roundings

__all__ = ["channels", "elements", "features", "of_target", "rank"]


def _other_input(now: Situation) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return the input's shape, and the nearest for which everything works; None where no other size does."""
    taken = sizes_taken(now.problem)
    for change in resized_inputs(now, taken) if taken is not None else ():
        return change.edits[0].before, change.edits[0].after
    return None


def _flatten(now: Situation, reported: str) -> Cause | None:
    for change in flattens(now):
        if mends(now, change):
            edit = change.edits[0]
            return Cause(
                "missing_flatten",
                edit.layer if edit.parameter else reported,
                reported,
                f"the batch is flattened, too, by {edit.layer}"
                if edit.parameter == "with_batch"
                else f"all axes are to be flattened before {reported}",
                (f"tried: {edit}, and every layer works",),
            )
    return None


def features(now: Situation, group: Sequence[Requirement]) -> Iterator[Cause]:
    """Yield why another number of features arrives than a linear layer declares."""
    first = group[0]
    layer = now.network.by_name[first.layer]
    declared = getattr(layer.operator, "in_features", None)
    arriving = now.arriving(layer)
    chain = chain_to(now, layer.name)
    missing = _flatten(now, layer.name)
    if missing is not None:
        yield missing
        return
    counted = f"{layer.name} declares {declared} features, but {'x'.join(map(str, arriving))} arrive"
    wrong = Cause("wrong_flatten_size", layer.name, layer.name, counted, _product(now, layer.inputs[0]), True, chain)
    other = _other_input(now)
    if other is None:
        yield wrong
        return
    before, after = other
    shape = "x".join(map(str, after))
    head = Cause(
        "wrong_input_for_head",
        now.network.inputs[0].name,
        layer.name,
        f"{layer.name} was made for another input: with {shape} its {declared} features arrive",
        (counted, f"tried: an input of {shape} works", "what is wanted decides it: the input, or the head?"),
        False,
        chain,
    )
    wrong = Cause(wrong.kind, wrong.layer, wrong.reported_by, wrong.message, wrong.evidence, False, chain)
    near = all(a <= 2 * b <= 4 * a for a, b in zip(before, after, strict=True))
    yield from (head, wrong) if near else (wrong, head)


def _product(now: Situation, tensor: str) -> tuple[str, ...]:
    """Return how the features come about, where a flatten makes them."""
    layer = now.network.by_name.get(tensor)
    if layer is None or not isinstance(layer.operator, Flatten):
        return ()
    shape = now.arriving(layer)
    return (f"{layer.name} makes {math.prod(shape)} of {'x'.join(map(str, shape))}",) if shape else ()


def elements(now: Situation, group: Sequence[Requirement]) -> Iterator[Cause]:
    """Yield why a reshape gets another number of elements."""
    first = group[0]
    layer = now.network.by_name[first.layer]
    count = math.prod(now.arriving(layer))
    other = _other_input(now)
    message = f"{layer.name} gets {count} elements, which do not make its shape"
    chain = chain_to(now, layer.name)
    if other is not None:
        shape = "x".join(map(str, other[1]))
        yield Cause(
            "wrong_input_for_head",
            now.network.inputs[0].name,
            layer.name,
            f"{layer.name} was made for another input, such as {shape}",
            (message, f"tried: an input of {shape} works"),
            False,
            chain,
        )
    yield Cause("reshape_mismatch", layer.name, layer.name, message, (), other is None, chain)


def channels(now: Situation, group: Sequence[Requirement]) -> Iterator[Cause]:
    """Yield why another number of channels arrives."""
    first = group[0]
    layer = now.network.by_name[first.layer]
    arriving = now.arriving(layer)
    declared = getattr(layer.operator, "in_channels", None)
    count = arriving[0] if arriving else "others"
    yield Cause(
        "channel_count",
        layer.name,
        layer.name,
        f"{layer.name} declares {declared} channels, but {count} arrive from {layer.inputs[0]}",
        (),
        True,
        chain_to(now, layer.name),
    )


def rank(now: Situation, group: Sequence[Requirement]) -> Iterator[Cause]:
    """Yield why a layer gets a tensor with a number of axes that it cannot work on."""
    first = group[0]
    found = _flatten(now, first.layer)
    if found is not None:
        yield found
        return
    yield Cause("wrong_axes", first.layer, first.layer, f"{first.layer}: {first.note}")


def of_target(now: Situation, group: Sequence[Requirement]) -> Iterator[Cause]:
    """Yield why the output is not what the loss, or another requirement of the problem, expects."""
    first = group[0]
    if not first.text.startswith("output."):
        return
    reported = reporter(now, first)
    shape = now.shape(now.network.outputs[0])
    output = f": the output is {'x'.join(map(str, shape))} (channels first)" if shape else ""
    message = f"`{first.text}` does not hold{output}"
    chain = (*chain_to(now, reported), *((shape[1:],) if len(shape) > 1 else ()))
    growing = [x for x in now.behind(reported) if isinstance(x.operator, (ConvTranspose, Upsample))]
    ambiguous = list(_ambiguous(now, reported, message, chain))
    if ambiguous:
        yield from ambiguous
        return
    other = _other_input(now)
    if growing:
        yield Cause(
            "decoder_mismatch",
            growing[-1].name,
            reported,
            message,
            tuple(f"{x.name} makes {'x'.join(map(str, now.shape(x.name)[1:]))}" for x in growing),
            True,
            chain,
        )
    elif other is not None:
        wanted = "x".join(map(str, other[1]))
        yield Cause(
            "wrong_input_for_head",
            now.network.inputs[0].name,
            reported,
            message,
            (f"tried: an input of {wanted} gives what is wanted",),
            False,
            chain,
        )
    else:
        missing = _flatten(now, reported)
        yield missing or Cause("target_mismatch", reported, reported, message, (), True, chain)


def _ambiguous(now: Situation, reported: str, message: str, chain: tuple[tuple[int, ...], ...]) -> Iterator[Cause]:
    """A transposed convolution of which another output padding gives what is wanted."""
    for layer in now.behind(reported):
        if not isinstance(layer.operator, ConvTranspose):
            continue
        for _, change in parameter_changes(now.network, layer, now.arriving(layer), True):
            if change.kinds == {"output_padding"} and mends(now, change):
                lost = [str(r) for x in now.behind(layer.name) for r in roundings(now, x)]
                yield Cause(
                    "transposed_ambiguity",
                    layer.name,
                    reported,
                    message,
                    (
                        *lost,
                        f"tried: {change.edits[0]} gives what is wanted",
                        "several sizes come to the same one under a stride; output_padding says which it was",
                    ),
                    True,
                    chain,
                )
                return
