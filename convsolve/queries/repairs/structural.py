"""Structural changes: what a repair inserts, turns or resizes, where the sizes that failed give a reason to.

Each is offered only where the network has its occasion (a join whose sizes differ, a linear layer behind several
axes ...); whether it mends the network is found out by trying.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ...network import Layer, Network, tensor_layer
from ...operators import (
    AdaptiveAvgPool,
    CenterCrop,
    Conv,
    ConvLstm,
    DepthwiseConv,
    Flatten,
    Input,
    Linear,
    Operator,
    Rnn,
    Upsample,
)
from ...operators.base import to_canonical
from ...operators.rules import RANK
from .edits import Change, Edit
from .inserting import at_output, fresh, insertion
from .joining import joins, projections
from .situation import Situation, judge

__all__ = [
    "COLOURS", "batch_axes", "flattens", "layouts", "missing_axes", "replaced", "sequences", "structural_changes",
    "swaps", "turned",
]  # fmt: skip


COLOURS = (1, 3, 4)
"""Numbers of channels that pictures usually have."""

_USUAL_KERNEL = 11
"""The largest kernel that well-known networks have (AlexNet)."""


def structural_changes(now: Situation) -> Iterator[Change]:
    """Yield the structural changes for which a network gives occasion, but for those of the input's size."""
    yield from layouts(now)
    yield from batch_axes(now)
    yield from missing_axes(now)
    yield from sequences(now)
    yield from flattens(now)
    yield from swaps(now)
    yield from joins(now)
    yield from projections(now)
    yield from _global_pools(now)


def replaced(network: Network, operators: Mapping[str, Operator]) -> Network:
    """Return the network with other operators in some layers."""
    layers = (
        dataclasses.replace(x, operator=operators[x.name]) if x.name in operators else x for x in network.layers)
    return dataclasses.replace(network, layers=tuple(layers))


def _put(operators: dict[str, Operator]) -> Callable[[Network], Network]:
    return lambda network: replaced(network, operators)


def turned(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape that was written channels last with the channels first.

    >>> turned((210, 160, 3))
    (3, 210, 160)
    """
    return (shape[-1], *shape[:-1])


# -- the input


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
        yield Change((edit,), (layer.name,), 0, lambda n: dataclasses.replace(n, data_format=other))
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
    yield Change(tuple(edits), (layer.name,), 0, _put(operators))


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
        for x in now.network.layers if isinstance(x.operator, Flatten) and x.operator.start_axis > 0}
    if late and now.network.framework == "torch":
        edit = Edit("batch_axis", layer.name, "batch axis", "missing", f"1x{'x'.join(map(str, shape))}")
        yield Change((edit,), (layer.name,), 0, _put(late))
    if len(shape) == 2 and now.network.framework != "keras":
        edit = Edit("batch_axis", layer.name, "shape", shape, (1, *shape))
        yield Change((edit,), (layer.name,), 0, _put({layer.name: Input(shape=(1, *shape))}))


def missing_axes(now: Situation) -> Iterator[Change]:
    """Yield the axis of channels, or of steps, that the input of a Keras network lacks.

    That is where the layer that fails first wants one axis more. Of an input that ends in as many channels as pictures
    have, steps in front are the likelier.
    """
    found, first = _only_input(now), _short_of_an_axis(now)
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
        yield Change((edit,), (layer.name,), 0, _put({layer.name: Input(shape=wished)}))


def _short_of_an_axis(now: Situation) -> Layer | None:
    """Return the first layer that fails because it gets a tensor with one axis too few."""
    failed = now.failed[0] if now.failed else None
    layer = now.network.by_name.get(failed.layer) if failed is not None and failed.rule is RANK else None
    if layer is None:
        return None
    wanted = layer.rank if layer.rank is not None else 2 if isinstance(layer.operator, Rnn) else None
    return layer if wanted == len(now.arriving(layer)) + 1 else None


def sequences(now: Situation) -> Iterator[Change]:
    """Yield that the recurrent layers give all their steps behind which a layer lacks an axis."""
    operators: dict[str, Operator] = {}
    there = now
    while (short := _short_of_an_axis(there)) is not None:
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
            for name in operators)
        yield Change(edits, tuple(operators), 0, _put(operators))


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
    yield Change(edits, (user.name,), 0, _put(operators))


# -- heads


def flattens(now: Situation) -> Iterator[Change]:
    """Yield a flatten before each linear layer that gets several axes, and flattens that begin at the first axis."""
    for layer in now.network.ordered:
        operator = layer.operator
        if isinstance(operator, Flatten) and operator.with_batch:
            kept = dataclasses.replace(operator, with_batch=False)
            edit = Edit("flatten", layer.name, "with_batch", True, False)
            yield Change((edit,), (layer.name,), 0, _put({layer.name: kept}))
        elif isinstance(operator, Flatten) and operator.start_axis != 0:
            whole = dataclasses.replace(operator, start_axis=0)
            edit = Edit("flatten", layer.name, "start_axis", operator.start_axis, 0)
            yield Change((edit,), (layer.name,), 0, _put({layer.name: whole}))
        elif isinstance(operator, Linear) and len(now.arriving(layer)) > 1:
            yield insertion(now.network, "flatten", layer.name, 0, Flatten(), "flatten")


def _global_pools(now: Situation) -> Iterator[Change]:
    """Pooling to the size that a fixed head was made for, or that the target has."""
    for layer in now.network.ordered:
        operator = layer.operator
        behind = [x for x in now.users.get(layer.name, []) if isinstance(x.operator, Linear)]
        shape = now.arriving(layer)
        if isinstance(operator, Flatten) and behind and len(shape) > 1:
            features = behind[0].operator.in_features  # type: ignore[attr-defined]
            side = _root(features // shape[0], len(shape) - 1) if isinstance(features, int) else None
            if side and features == shape[0] * side ** (len(shape) - 1):
                pool = AdaptiveAvgPool(output_size=side)
                yield insertion(now.network, "global_pool", layer.name, 0, pool, "pool", (),
                                 f"{pool.kind} to {side} before {layer.name}")  # fmt: skip
    wished = _target(now)
    shape = now.shape(now.network.outputs[0])
    if wished and len(wished) == len(shape) > 1 and wished[0] == shape[0]:
        small = wished[1] if len(set(wished[1:])) == 1 else wished[1:]
        name, pool = fresh(now.network, "fit_output"), AdaptiveAvgPool(output_size=small)
        if all(a <= b for a, b in zip(wished[1:], shape[1:], strict=True)):
            edit = Edit("global_pool", name, "", None, f"{pool.kind} to {small} at the output")
            yield Change((edit,), (name,), 1, lambda n: at_output(n, pool, name))
        if all(b // 2 <= a <= b for a, b in zip(wished[1:], shape[1:], strict=True)):
            crop = CenterCrop(size=wished[1:])
            edit = Edit("fit_skip", name, "", None, f"crop to {'x'.join(map(str, wished[1:]))} at the output")
            yield Change((edit,), (name,), 1, lambda n: at_output(n, crop, name))
        if all(b // 2 <= a <= 2 * b for a, b in zip(wished[1:], shape[1:], strict=True)):
            resize = Upsample(size=wished[1:])
            edit = Edit("fit_skip", name, "", None, f"resize to {'x'.join(map(str, wished[1:]))} at the output")
            yield Change((edit,), (name,), 2, lambda n: at_output(n, resize, name))


def _root(n: int, degree: int) -> int | None:
    side = round(n ** (1 / degree)) if n > 0 else 0
    return side if side and side**degree == n else None


def _target(now: Situation) -> tuple[int, ...]:
    """Return the shape that the output should have, channels first; empty where nothing says so."""
    for text in now.problem.requirements:
        head, _, wished = text.partition("output.shape == ")
        parts = wished.split("x")
        if not head and all(p.isdigit() for p in parts):
            return to_canonical(now.network.data_format, tuple(map(int, parts)))
    return ()
