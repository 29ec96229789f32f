"""Changes of what goes into a network: the order and the number of its axes, its batch, the colours of pictures.

Each is offered only where the network gives a reason to think of it; whether it mends the network is found by trying.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..network import Layer, Network, tensor_layer
from ..operators import Conv, ConvLstm, DepthwiseConv, Flatten, Input, Operator, Rnn, Slice, Tile
from ..operators.base import to_canonical
from ..rules import CHANNELS_MATCH, ONE_VALUE_TRAINING
from .axis_repairs import short_of_an_axis
from .channel_demands import demands
from .edits import Change, Edit
from .evaluated_network import Situation, judge
from .insertions import insertion, replaced, replacing

__all__ = [
    "COLOURS", "batch_axes", "batches", "colours", "layouts", "missing_axes", "sequences", "swaps", "turned",
]  # fmt: skip


COLOURS = (1, 3, 4)
"""Numbers of channels that pictures usually have."""

_USUAL_KERNEL = 11
"""The largest kernel that well-known networks have (AlexNet)."""

_PICTURE = 16
"""Smaller maps are no pictures."""


def turned(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape that was written channels last with the channels first.

    >>> turned((210, 160, 3))
    (3, 210, 160)
    """
    return (shape[-1], *shape[:-1])


def _only_input(now: Situation) -> tuple[Layer, tuple[int, ...]] | None:
    inputs = now.network.inputs
    if len(inputs) != 1:
        return None
    shape: tuple[int, ...] = inputs[0].operator.shape  # type: ignore[attr-defined]
    return inputs[0], shape


def layouts(now: Situation) -> Iterator[Change]:
    """Yield the other order of axes: Keras reads the same data otherwise, elsewhere the data is turned."""
    found = _only_input(now)
    if found is None or len(found[1]) < 2:
        return
    layer, shape = found
    if not _looks_turned(now, shape):
        return
    if now.network.framework == "keras":
        other: Any = "channels_first" if now.network.data_format == "channels_last" else "channels_last"
        edit = Edit("layout", layer.name, "data_format", now.network.data_format, other)
        free = _derived_counts(now)

        def turn(network: Network) -> Network:
            return dataclasses.replace(replaced(network, free), data_format=other)

        yield Change((edit,), (layer.name,), 0, turn)
        return
    if now.network.data_format == "channels_last":
        return
    channels, new = shape[0], turned(shape)
    if new == shape:
        return
    edits = [Edit("layout", layer.name, "shape", shape, new)]
    operators: dict[str, Operator] = {layer.name: Input(shape=new)}
    for user in now.users.get(layer.name, []):  # who reads the number of channels off the data gets it wrong, too
        operator = user.operator
        if isinstance(operator, (Conv, DepthwiseConv)) and operator.in_channels == channels:
            operators[user.name] = dataclasses.replace(operator, in_channels=new[0])
            edits.append(Edit("layout", user.name, "in_channels", channels, new[0]))
    yield Change(tuple(edits), (layer.name,), 0, replacing(operators))


def _derived_counts(now: Situation) -> dict[str, Operator]:
    """Return the layers of a Keras network that declare what arrives, less that: building computed it from there."""
    free: dict[str, Operator] = {}
    for layer in now.network.layers:
        arriving = now.arriving(layer) if layer.inputs else ()
        for name, place in (("in_channels", 0), ("in_features", -1)):
            declared = getattr(layer.operator, name, None)
            if declared is not None and arriving and declared == arriving[place]:
                free[layer.name] = dataclasses.replace(layer.operator, **{name: None})
    return free


def _looks_turned(now: Situation, written: tuple[int, ...]) -> bool:
    """Whether something but the failure itself speaks for the other order of the input's axes.

    That is: a layer declares as many channels as the other order has; or what is read as space has an axis as short
    as pictures have channels, or comes to have one beside longer ones where the first layer fails.
    """
    last = now.network.data_format == "channels_last"
    present = to_canonical(now.network.data_format, written)
    channels = written[0] if last else written[-1]
    declared = {getattr(x.operator, "in_channels", None) for x in now.users.get(now.network.inputs[0].name, [])}
    failing = now.network.by_name.get(now.failed[0].layer) if now.failed else None
    arriving = now.arriving(failing)[1:] if failing is not None else ()
    uneven = len(set(arriving)) > 1 and min(arriving) in COLOURS
    return (channels in declared and present[0] not in declared) or min(present[1:]) in COLOURS or uneven


def batch_axes(now: Situation) -> Iterator[Change]:
    """Yield a batch axis where a flatten leaves out the first axis, or an axis of channels that is missing."""
    found = _only_input(now)
    if found is None:
        return
    layer, shape = found
    late: dict[str, Operator] = {
        x.name: dataclasses.replace(x.operator, start_axis=x.operator.start_axis - 1)
        for x in now.network.layers
        if isinstance(x.operator, Flatten) and x.operator.start_axis > 0
    }
    if late and now.network.framework == "torch":
        edit = Edit("batch_axis", layer.name, "batch axis", "missing", f"1x{'x'.join(map(str, shape))}")
        yield Change((edit,), (layer.name,), 0, replacing(late))
    if len(shape) == 2 and now.network.framework != "keras":
        edit = Edit("batch_axis", layer.name, "shape", shape, (1, *shape))
        yield Change((edit,), (layer.name,), 0, replacing({layer.name: Input(shape=(1, *shape))}))


def missing_axes(now: Situation) -> Iterator[Change]:
    """Yield the axis of channels, or of steps, that the input of a Keras network lacks.

    That is where the layer that fails first wants one axis more. Of an input that ends in as many channels as pictures
    have, steps in front are the likelier.
    """
    found, first = _only_input(now), short_of_an_axis(now)
    if found is None or first is None or now.network.framework != "keras":
        return
    layer, shape = found
    if len(now.arriving(first)) != len(shape):
        return
    declared = getattr(first.operator, "in_channels", None)
    channels = (*shape, declared if isinstance(declared, int) else 1)
    steps = (1, *shape)
    if now.network.data_format == "channels_first":
        channels = (channels[-1], *shape)
    film = len(shape) > 2 and to_canonical(now.network.data_format, shape)[0] in COLOURS
    for wished in dict.fromkeys((steps, channels) if film else (channels,)):
        what = "axis of steps" if film and wished == steps else "channel axis"
        why = f"the {what} is missing: {'x'.join(map(str, wished))}"
        edit = Edit("missing_axis", layer.name, "shape", shape, wished, why)
        yield Change((edit,), (layer.name,), 0, replacing({layer.name: Input(shape=wished)}))


def sequences(now: Situation) -> Iterator[Change]:
    """Yield that the recurrent layers give all their steps behind which a layer lacks an axis."""
    operators: dict[str, Operator] = {}
    there = now
    while (short := short_of_an_axis(there)) is not None:
        layer = there.network.by_name[tensor_layer(short.inputs[0])]
        while layer.operator.pointwise and layer.inputs:
            layer = there.network.by_name[tensor_layer(layer.inputs[0])]
        if not isinstance(layer.operator, (ConvLstm, Rnn)) or layer.operator.return_sequences:
            return
        operators[layer.name] = dataclasses.replace(layer.operator, return_sequences=True)
        there = judge(dataclasses.replace(now.problem, network=replaced(now.network, operators)))
    if operators:
        edits = tuple(
            Edit("return_sequences", name, "return_sequences", False, True, "return_sequences=True")
            for name in operators
        )
        yield Change(edits, tuple(operators), 0, replacing(operators))


def swaps(now: Situation) -> Iterator[Change]:
    """Yield the data and the weights of a functional convolution, which is all that there is, swapped."""
    found = _only_input(now)
    convolutions = [x for x in now.network.layers if x is not (found and found[0])]
    if found is None or len(convolutions) != 1 or now.network.framework != "torch":
        return
    layer, shape = found
    user, operator = convolutions[0], convolutions[0].operator
    if not isinstance(operator, Conv) or operator.in_channels != shape[0] or operator.groups != 1:
        return
    kernel = operator.kernel_size
    kernels = kernel if isinstance(kernel, tuple) else (kernel,) * (len(shape) - 1)
    if len(kernels) != len(shape) - 1:
        return
    if not all(isinstance(k, int) and k > _USUAL_KERNEL >= n for k, n in zip(kernels, shape[1:], strict=True)):
        return  # an ordinary kernel gives no reason to think that it was meant as data
    swapped = dataclasses.replace(operator, kernel_size=shape[1:] if len(shape) > 2 else shape[1])
    edits = (
        Edit("swap_arguments", layer.name, "shape", shape, (shape[0], *kernels)),
        Edit("swap_arguments", user.name, "kernel_size", kernel, swapped.kernel_size),
    )
    operators: dict[str, Operator] = {layer.name: Input(shape=(shape[0], *kernels)), user.name: swapped}
    yield Change(edits, (user.name,), 0, replacing(operators))


def batches(now: Situation) -> Iterator[Change]:
    """Yield a batch of two, and evaluation in place of training, where normalisation has a single value."""
    if not now.network.training or not any(r.rule is ONE_VALUE_TRAINING for r in now.failed):
        return
    name = now.network.inputs[0].name
    for magnitude, (setting, value) in enumerate((("batch_size", 2), ("training", False))):
        edit = Edit("batch", name, setting, getattr(now.network, setting), value)
        yield Change((edit,), (name,), magnitude, _with(setting, value))


def _with(setting: str, value: Any) -> Callable[[Network], Network]:
    return lambda network: dataclasses.replace(network, **{setting: value})


def colours(now: Situation) -> Iterator[Change]:
    """Yield pictures with the channels that the first layer takes: grey ones repeated, colours or alpha left out.

    Of pictures that are as many as the channels are wanted to be fewer, the first axis may be the batch.
    """
    found = _only_input(now)
    for demand in demands(now):
        layer, operator = demand.layer, demand.layer.operator
        if found is None or demand.rule is not CHANNELS_MATCH or layer.inputs != (found[0].name,) or \
                not isinstance(operator, (Conv, DepthwiseConv)):  # fmt: skip
            continue
        shape = to_canonical(now.network.data_format, found[1])
        wanted, last = demand.wanted[0], now.network.data_format == "channels_last"
        if len(shape) > 1 and min(shape[1:]) < _PICTURE:
            continue
        repeats = (*(1,) * (len(shape) - 1), 3) if last else (3, *(1,) * (len(shape) - 1))
        made: dict[tuple[int, int], tuple[Operator, str]] = {
            (1, 3): (Tile(repeats=repeats), "the one channel of grey pictures repeated"),
            (4, 3): (Slice(axis=-1 if last else 0, stop=3), "pictures without their alpha channel"),
            (3, 1): (Slice(axis=-1 if last else 0, stop=1), "pictures in grey"),
        }
        if (shape[0], wanted) in made:
            what = made[shape[0], wanted]
            yield insertion(now.network, "colours", layer.name, 0, what[0], f"{layer.name}_fit", (), what[1])
        if wanted == 1 < shape[0] and now.network.framework == "torch" and now.network.batch_size == 1 and \
                len(shape) == 3:  # fmt: skip
            sample = (1, *shape[1:])
            edit = Edit("batch_axis", found[0].name, "shape", shape, sample, f"the {shape[0]} are samples of a batch")
            yield Change((edit,), (found[0].name,), 0, replacing({found[0].name: Input(shape=sample)}))
