"""Changes of joins whose sizes differ: one side cropped, padded or resized to the other, or a shortcut projected."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence

from ..dims import Var
from ..errors import ConvsolveError
from ..network import Layer, Network
from ..operators import Add, CenterCrop, Concat, Conv, Linear, Operator, Pad, Upsample
from ..operators.base import spatial_names
from ..rules import CONCAT_SIZES_AGREE, SIZES_AGREE
from .edits import Change, Edit
from .evaluated_network import Situation, judge
from .insertions import insertion, resizable

__all__ = ["every_join", "joins", "projections"]


def _failing_joins(now: Situation) -> list[Layer]:
    return [x for x in now.failing(SIZES_AGREE, CONCAT_SIZES_AGREE) if isinstance(x.operator, (Add, Concat))]


def _spatial(now: Situation, tensor: str) -> tuple[int, ...]:
    return now.shape(tensor)[1:]


def joins(now: Situation) -> Iterator[Change]:
    """Yield one side of a join brought to the size of the other, and so for each join that fails after it."""
    for layer in _failing_joins(now)[:1]:
        for position in range(len(layer.inputs)):
            for magnitude, way in enumerate(_WAYS, start=1):
                change = _all_joins(now, layer.name, position, way, magnitude)
                if change is not None:
                    yield change


_Made = tuple[Operator, tuple[str, ...], str]
"""An operator to be inserted, its further inputs, and what it does."""
_Way = Callable[[Layer, int, int, int], _Made]


def _all_joins(now: Situation, first: str, position: int, way: _Way, magnitude: int) -> Change | None:
    """Return the change that mends the first failing join, and each that fails after it, in one way."""
    made: list[Callable[[Network], Network]] = []
    edits: list[Edit] = []
    while True:
        failing = _failing_joins(now)
        if not failing or len(edits) > len(now.network.layers):
            break
        layer = failing[0]
        if not edits and layer.name != first:
            return None
        others = [i for i in range(len(layer.inputs)) if i != position]
        if position >= len(layer.inputs) or not others:
            return None
        differ = _differ(now, layer, position, others[0])
        if not any(differ) or (way is _cropped and max(differ) > 0):
            return None
        if way is _resized and not resizable(now.network, len(differ)):
            return None
        operator, also, what = way(layer, position, others[0], len(differ))
        change = insertion(now.network, "fit_skip", layer.name, position, operator, f"{layer.name}_fit", also, what)
        edits += change.edits
        made.append(change.make)
        try:
            now = judge(dataclasses.replace(now.problem, network=change.make(now.network)))
        except ConvsolveError:
            return None

    if not edits:
        return None
    return Change(tuple(edits), tuple(e.layer for e in edits), magnitude * len(edits), _in_turn(made))


def _differ(now: Situation, layer: Layer, position: int, other: int) -> list[int]:
    """Return by how much one input is smaller than another along each axis; empty where that is not known."""
    mine, wished = _spatial(now, layer.inputs[position]), _spatial(now, layer.inputs[other])
    return [b - a for a, b in zip(mine, wished, strict=True)] if len(mine) == len(wished) else []


def _cropped(layer: Layer, position: int, other: int, axes: int) -> _Made:
    mine, wished = layer.inputs[position], layer.inputs[other]
    return CenterCrop(), (wished,), f"{mine} cropped to the size of {wished}"


def _padded(layer: Layer, position: int, other: int, axes: int) -> _Made:
    mine, wished = layer.inputs[position], layer.inputs[other]
    # the difference stays a formula, so that it fits whatever the size of the input is; below 0 it crops
    amounts = tuple(
        (0, Var(f"{wished}.{axis}", interval=(1, None)) - Var(f"{mine}.{axis}", interval=(1, None)))
        for axis in spatial_names(axes)
    )
    return Pad(padding=amounts), (), f"{mine} padded to the size of {wished}"


def _resized(layer: Layer, position: int, other: int, axes: int) -> _Made:
    mine, wished = layer.inputs[position], layer.inputs[other]
    return Upsample(), (wished,), f"{mine} resized to the size of {wished}"


def every_join(now: Situation) -> Iterator[Change]:
    """Yield one side of all joins with two inputs brought to the size of the other, also where they agree as it is.

    That is for ranges of sizes, at some of which others fail than at the one that is looked at.
    """
    found = [x for x in now.network.ordered if isinstance(x.operator, (Add, Concat)) and len(x.inputs) == 2]
    found = [x for x in found if all(len(now.shape(i)) > 1 for i in x.inputs)]
    for position in (0, 1) if len(found) > 1 else ():
        for magnitude, way in enumerate(_WAYS, start=1):
            if way is _resized and not all(resizable(now.network, len(now.shape(x.inputs[0])) - 1) for x in found):
                continue
            made = []
            for layer in found:
                operator, also, what = way(layer, position, 1 - position, len(now.shape(layer.inputs[0])) - 1)
                made.append(
                    insertion(now.network, "fit_skip", layer.name, position, operator, f"{layer.name}_fit", also, what)
                )
            edits = tuple(edit for change in made for edit in change.edits)
            steps = [change.make for change in made]
            yield Change(edits, tuple(e.layer for e in edits), magnitude * len(edits), _in_turn(steps))


def _in_turn(steps: Sequence[Callable[[Network], Network]]) -> Callable[[Network], Network]:
    def make(network: Network) -> Network:
        for step in steps:
            network = step(network)
        return network

    return make


_WAYS: tuple[_Way, ...] = (_cropped, _padded, _resized)
"""Cropping loses a border, padding invents one, resizing changes every value."""


def projections(now: Situation) -> Iterator[Change]:
    """Yield one side of an addition brought to the shape of the other by a layer.

    That is a 1x1 convolution, with a stride where the side is a whole number of times as large; of features it is a
    linear layer.
    """
    for layer in _failing_joins(now)[:1]:
        if not isinstance(layer.operator, Add) or len(layer.inputs) != 2:
            continue
        for position in (0, 1):
            mine, wished = now.shape(layer.inputs[position]), now.shape(layer.inputs[1 - position])
            if len(mine) != len(wished) or not mine or any(a < b for a, b in zip(mine[1:], wished[1:], strict=True)):
                continue
            strides = {math.ceil(a / b) for a, b in zip(mine[1:], wished[1:], strict=True)}
            if len(strides) > 1:
                continue
            made: Operator = Linear(out_features=wished[0])
            what = f"linear layer to {wished[0]} features before {layer.name}"
            if strides:
                made = Conv(out_channels=wished[0], kernel_size=1, stride=(stride := strides.pop()))
                what = f"conv 1x1 with stride {stride} before {layer.name}"
            yield insertion(now.network, "project", layer.name, position, made, f"{layer.name}_fit", (), what)
