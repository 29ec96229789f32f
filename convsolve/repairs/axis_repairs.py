"""Changes of axes: moved to where a layer takes them, added, merged, split otherwise, or a layer for other axes.

Each is offered only where a layer fails because of them; whether it mends the network is found out by trying.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from ..network import Layer, Network
from ..operators import Flatten, Input, Linear, Matmul, Operator, Permute, Reshape, Rnn, Split, Unflatten, Unsqueeze
from ..operators.base import to_canonical, to_written
from ..rules import CHANNELS_MATCH, ELEMENTS_MATCH, FEATURES_MATCH, INNER_SIZES_AGREE, RANK
from .channel_demands import ChannelDemand, arriving_written, demands
from .edits import Change, Edit
from .evaluated_network import Situation
from .insertions import insertion, replacing

__all__ = ["axes_moved", "axes_of_a_layer", "regrouped", "reshaped", "short_of_an_axis"]

_PER_AXIS = ("kernel_size", "stride", "padding", "dilation", "output_padding")


# -- moved


def axes_moved(now: Situation) -> Iterator[Change]:
    """Yield the axis that is as long as a layer declares moved to where the layer takes it, if just one is."""
    for demand in demands(now):
        if demand.rule in (CHANNELS_MATCH, FEATURES_MATCH) and len(demand.layer.inputs) == 1:
            yield from _moved(now, demand)
    for layer in now.failing(INNER_SIZES_AGREE):
        if isinstance(layer.operator, Matmul):
            for position in (1, 0):
                rank = len(now.shape(layer.inputs[position]))
                order = (*range(rank - 2), rank - 1, rank - 2)
                what = f"the last two axes of {layer.inputs[position]} swapped"
                yield insertion(now.network, "layout", layer.name, position, Permute(order=order),
                                f"{layer.name}_axes", (), what)  # fmt: skip


def _moved(now: Situation, demand: ChannelDemand) -> Iterator[Change]:
    shape = arriving_written(now, demand.layer)
    last = demand.last or now.network.data_format == "channels_last"
    place = len(shape) - 1 if last else 0
    spots = [i for i, n in enumerate(shape) if n == demand.wanted[0] and i != place]
    if len(spots) == 1:
        rest = [i for i in range(len(shape)) if i != spots[0]]
        order = (*rest, spots[0]) if last else (spots[0], *rest)
        what = f"axis {spots[0]} of {'x'.join(map(str, shape))} moved to the {'end' if last else 'front'}"
        yield insertion(now.network, "layout", demand.layer.name, 0, Permute(order=order),
                        f"{demand.layer.name}_axes", (), what)  # fmt: skip


# -- more, or fewer


def wanted_axes(layer: Layer) -> int | None:
    """Return how many axes beside the batch a layer works on, where it says so."""
    if layer.rank is not None:
        return layer.rank
    kernel = getattr(layer.operator, "kernel_size", None)
    return 2 if isinstance(layer.operator, Rnn) else len(kernel) + 1 if isinstance(kernel, tuple) else None


def short_of_an_axis(now: Situation) -> Layer | None:
    """Return the first layer that fails because it gets a tensor with one axis too few."""
    failed = now.failed[0] if now.failed else None
    layer = now.network.by_name.get(failed.layer) if failed is not None and failed.rule is RANK else None
    return layer if layer is not None and wanted_axes(layer) == len(now.arriving(layer)) + 1 else None


def axes_of_a_layer(now: Situation) -> Iterator[Change]:
    """Yield axes of size 1 in front of a layer that gets too few, axes merged where it gets too many, or another layer.

    A first axis that is taken for the batch may be one of the sample's: the batch is then of one.
    """
    for layer in now.failing(RANK):
        shape, wanted = arriving_written(now, layer), wanted_axes(layer)
        if not shape or len(layer.inputs) != 1:
            continue
        if wanted is None:  # one axis beside the channels is the least that it works on
            for missing in (1, 2) if len(shape) == 1 else ():
                yield from _more_axes(now, layer, shape, missing)
            continue
        if wanted > len(shape):
            yield from _more_axes(now, layer, shape, wanted - len(shape))
        elif wanted >= 1:
            merged = (*shape[: wanted - 1], math.prod(shape[wanted - 1 :]))
            what = f"{'x'.join(map(str, shape))} flattened to {'x'.join(map(str, merged))}"
            yield insertion(now.network, "flatten", layer.name, 0, Flatten(start_axis=wanted - 1),
                            f"{layer.name}_axes", (), what)  # fmt: skip
        yield from _for_these_axes(layer, wanted, len(shape))


def _more_axes(now: Situation, layer: Layer, shape: tuple[int, ...], missing: int) -> Iterator[Change]:
    first = now.network.data_format == "channels_first"
    if missing == 1:
        what = f"an axis of size 1 {'in front' if first else 'at the end'} of {'x'.join(map(str, shape))}"
        yield insertion(now.network, "missing_axis", layer.name, 0, Unsqueeze(axis=0 if first else len(shape)),
                        f"{layer.name}_axes", (), what)  # fmt: skip
    source = now.network.by_name.get(layer.inputs[0])
    if source is None or type(source.operator) is not Input:
        return
    if now.network.batch_size > 1 and missing <= 2:
        sample = (now.network.batch_size, *shape)
        yield _other_input(source, "batch_axis", sample if missing == 1 else (1, *sample) if first else (*sample, 1))
    side = math.isqrt(shape[0])
    if missing == 2 and len(shape) == 1 and side > 1 and side**2 == shape[0]:
        map_of_one = to_written(now.network.data_format, (1, side, side))
        what = f"{shape[0]} as a map of {side}x{side} with one channel"
        yield insertion(now.network, "reshape", layer.name, 0, Reshape(shape=map_of_one), f"{layer.name}_axes", (),
                        what)  # fmt: skip


def _other_input(source: Layer, kind: str, shape: tuple[int, ...]) -> Change:
    """Return the change to a sample that has the first axis, too, which was taken for the batch."""
    edit = Edit(kind, source.name, "shape", source.operator.shape, shape)  # type: ignore[attr-defined]

    def make(network: Network) -> Network:
        return dataclasses.replace(replacing({source.name: Input(shape=shape)})(network), batch_size=1)

    return Change((edit,), (source.name,), 0, make)


def _for_these_axes(layer: Layer, wanted: int, got: int) -> Iterator[Change]:
    """Yield the same layer for as many axes as arrive, if what it has for each axis is alike along all of them."""
    values = {name: getattr(layer.operator, name) for name in _PER_AXIS if hasattr(layer.operator, name)}
    kernel = values.get("kernel_size")
    per_axis = {name: value for name, value in values.items() if isinstance(value, tuple)}
    if kernel is None or got < 2 or any(len(set(value)) > 1 for value in per_axis.values()):
        return
    operator = dataclasses.replace(layer.operator, **{name: v[:1] * (got - 1) for name, v in per_axis.items()})
    edit = Edit("rank", layer.name, "rank", wanted - 1, got - 1)

    def make(network: Network) -> Network:
        layers = (dataclasses.replace(x, operator=operator, rank=got if x.rank is not None else None)
                  if x.name == layer.name else x for x in network.layers)  # fmt: skip
        return dataclasses.replace(network, layers=tuple(layers))

    yield Change((edit,), (layer.name,), abs(wanted - got), make)


# -- merged, or split otherwise


def regrouped(now: Situation) -> Iterator[Change]:
    """Yield rows of as many features as a linear layer takes, where several axes hold just those, or several rows."""
    for layer in now.failing(FEATURES_MATCH):
        shape = arriving_written(now, layer)
        features = getattr(layer.operator, "in_features", None)
        if not isinstance(layer.operator, Linear) or not isinstance(features, int) or len(shape) < 2:
            continue
        count, got = math.prod(shape), shape[-1]
        rows = count // features
        merged = features % got == 0 and got * got <= features  # a map is not wider than its height times its channels
        if count == rows * features and rows > 1 and (merged or count == got):
            what = f"{'x'.join(map(str, shape))} as {rows} rows of {features}"
            yield insertion(now.network, "flatten", layer.name, 0, Reshape(shape=(-1, features)),
                            f"{layer.name}_axes", (), what)  # fmt: skip


def reshaped(now: Situation) -> Iterator[Change]:
    """Yield other shapes and parts than those that a reshape or a split cannot give: one row, or parts that add up."""
    for layer in now.failing(ELEMENTS_MATCH):
        shape = arriving_written(now, layer)
        operator: Any = layer.operator
        if not shape:
            continue
        if isinstance(operator, Reshape) and operator.shape != (-1,):
            yield _replaced(layer, "flatten", "shape", Reshape(shape=(-1,)), len(operator.shape))
        if isinstance(operator, Unflatten) and operator.sizes != (-1,):
            yield _replaced(layer, "flatten", "sizes", dataclasses.replace(operator, sizes=(-1,)), len(operator.sizes))
        if isinstance(operator, Split):
            size = shape[operator.axis % len(shape)] if operator.axis is not None else to_canonical(
                now.network.data_format, shape)[0]  # fmt: skip
            for parts in _parts(operator.sizes, size):
                changed = sum(abs(a - b) for a, b in zip_longest(parts, operator.sizes, fillvalue=0))
                yield _replaced(layer, "reshape", "sizes", dataclasses.replace(operator, sizes=parts),
                                changed + abs(len(parts) - len(operator.sizes)))  # fmt: skip


def _parts(sizes: Sequence[int], size: int) -> Iterator[tuple[int, ...]]:
    """Yield the parts with another last one, and as many as it takes of the size of the first."""
    last = size - sum(sizes[:-1])
    if last > 0:
        yield (*sizes[:-1], last)
    if size <= 4096:
        yield tuple(min(sizes[0], size - i) for i in range(0, size, sizes[0]))


def _replaced(layer: Layer, kind: str, name: str, operator: Operator, magnitude: int) -> Change:
    edit = Edit(kind, layer.name, name, getattr(layer.operator, name), getattr(operator, name))
    return Change((edit,), (layer.name,), magnitude, replacing({layer.name: operator}))
