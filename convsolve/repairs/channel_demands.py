"""Demands: how many channels, or features, a layer that fails would take, and who could give them.

They may come from the layer that makes them, which is then another one (:func:`widths`), or from a new layer in front
of the one that fails, which keeps its weights (:func:`bridges`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..dims import evaluate
from ..network import Layer, tensor_layer
from ..network.trace import Requirement
from ..operators import Conv, Linear, Matmul, Operator, Reshape, Unflatten
from ..operators.base import to_written
from ..rules import (
    CHANNELS_MATCH,
    DIVISIBLE,
    ELEMENTS_MATCH,
    FEATURES_MATCH,
    GROUPS_DIVIDE_INPUT,
    GROUPS_DIVIDE_OUTPUT,
    INNER_SIZES_AGREE,
    SIZES_AGREE,
    Rule,
)
from .edits import Change
from .evaluated_network import Situation
from .insertions import insertion
from .output_repairs import target_of
from .parameter_values import width_of

__all__ = ["ChannelDemand", "arriving_written", "bridges", "demands", "numbers", "widths"]


@dataclass(frozen=True)
class ChannelDemand:
    """An input of a layer that brings ``got`` channels or features, where one of the numbers ``wanted`` would do.

    ``last`` says that they are counted on the last axis, as written, and not on that of the channels.
    """

    layer: Layer
    position: int
    rule: Rule
    got: int
    wanted: tuple[int, ...]
    last: bool = False


def numbers(now: Situation, requirement: Requirement) -> dict[str, int]:
    """Return the numbers of a requirement by name."""
    return {name: value if isinstance(value, int) else evaluate(value, now.values)
            for name, value in requirement.values}  # fmt: skip


def arriving_written(now: Situation, layer: Layer) -> tuple[int, ...]:
    """Return the shape of a layer's first input as the network writes it; empty where it is not known."""
    return to_written(now.network.data_format, now.arriving(layer))


def _multiples(n: int, divisor: int) -> tuple[int, ...]:
    """Return the nearest multiples, the one above and the one below."""
    return tuple(m for m in (-(-n // divisor) * divisor, n // divisor * divisor) if m)


def demands(now: Situation) -> Iterator[ChannelDemand]:
    """Yield what the failures of a network ask for, where that is a number of channels or features of an input."""
    for failed in now.failed:
        if failed.layer:
            yield from _demands(now, now.network.by_name[failed.layer], failed)


def _demands(now: Situation, layer: Layer, failed: Requirement) -> Iterator[ChannelDemand]:
    n = numbers(now, failed)
    if failed.rule is GROUPS_DIVIDE_INPUT:
        yield ChannelDemand(layer, 0, failed.rule, n["channels"], _multiples(n["channels"], n["groups"]))
    elif failed.rule is DIVISIBLE and failed.axis == "channels":
        yield ChannelDemand(layer, 0, failed.rule, n["channels"], _multiples(n["channels"], n["divisor"]))
    elif failed.rule is CHANNELS_MATCH:
        yield ChannelDemand(layer, 0, failed.rule, n["channels"], (n["declared"],))
    elif failed.rule is FEATURES_MATCH and "in_features" in n:
        yield ChannelDemand(layer, 0, failed.rule, n["features"], (n["in_features"],), last=True)
    elif failed.rule is INNER_SIZES_AGREE and isinstance(layer.operator, Matmul):
        yield ChannelDemand(layer, 0, failed.rule, n["first"], (n["second"],), last=True)
    elif failed.rule is SIZES_AGREE and failed.axis in ("channels", "features") and len(layer.inputs) == 2:
        for position in (0, 1):
            mine, other = (now.shape(layer.inputs[p]) for p in (position, 1 - position))
            if mine and len(mine) == len(other):
                yield ChannelDemand(layer, position, failed.rule, mine[0], (other[0],))
    elif failed.rule is ELEMENTS_MATCH and isinstance(layer.operator, (Reshape, Unflatten)):
        shape = now.arriving(layer)
        if len(shape) == 1:
            wanted = (n["wished"],) if "wished" in n else _multiples(shape[0], n["divisor"])
            yield ChannelDemand(layer, 0, failed.rule, shape[0], tuple(w for w in wanted if w > 0), last=True)


def bridges(now: Situation) -> Iterator[Change]:
    """Yield the new layer in front of one that fails that gives it as many channels, or features, as it takes."""
    for demand in demands(now):
        if len(demand.layer.inputs) > 1 and not isinstance(demand.layer.operator, Matmul):
            continue  # joins are mended side by side
        if isinstance(demand.layer.operator, Linear):
            continue  # two linear layers in a row are one
        rank = len(now.shape(demand.layer.inputs[demand.position]))
        for wanted in demand.wanted:
            linear = demand.last or rank == 1
            made: Operator = Linear(out_features=wanted) if linear else Conv(out_channels=wanted, kernel_size=1)
            name = demand.layer.name
            what = f"{'linear layer' if linear else 'conv 1x1'} to {wanted} {'features' if linear else 'channels'}"
            yield insertion(now.network, "project", name, demand.position, made, f"{name}_fit", (),
                            f"{what} before {name}", abs(wanted - demand.got))  # fmt: skip


def widths(now: Situation) -> dict[str, set[int]]:
    """Return by layer the numbers of channels, or features, that it could give for a failure to be mended."""
    taken = [(x.layer.inputs[x.position], x.got, x.wanted) for x in demands(now)]
    output, wished = now.shape(now.network.outputs[0]), target_of(now)
    if output and len(output) == len(wished):
        taken.append((now.network.outputs[0], output[0], wished[:1]))
    found: dict[str, set[int]] = {}
    for tensor, got, wanted in taken:
        maker = _maker(now, tensor, got)
        if maker is not None:
            found.setdefault(maker.name, set()).update(wanted)
    for failed in now.failed:
        if failed.rule is GROUPS_DIVIDE_OUTPUT:
            n = numbers(now, failed)
            found.setdefault(failed.layer, set()).update(_multiples(n["out_channels"], n["groups"]))
    return found


def _maker(now: Situation, tensor: str, channels: int) -> Layer | None:
    """Return the layer that makes the channels or features of a tensor, through layers that keep them."""
    while True:
        layer = now.network.by_name[tensor_layer(tensor)]
        if made := width_of(layer.operator):
            return layer if getattr(layer.operator, made) == channels else None
        if len(layer.inputs) != 1 or channels not in now.arriving(layer):
            return None
        tensor = layer.inputs[0]
