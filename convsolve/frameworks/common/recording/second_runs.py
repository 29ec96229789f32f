"""Second runs: what a recording says of other sizes is held against running the program there."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from ....dims import Cond, Dim, Domain, Var, eq, evaluate
from ....errors import UnreadableError
from ....network import Guard, Layer, Network
from ....network.trace import Requirement, Trace, run, trace
from ....operators import axis_names
from ....operators.base import DataFormat, to_written
from ....rules import BRANCH, REFUSAL

__all__ = ["SeenLayers", "Shapes", "bound", "confirmed"]

_FEW_LAYERS = 40
"""Networks of so many layers at most are held against a third run."""

Shapes = tuple[tuple[int, ...], ...]


class SeenLayers:
    """Which layers and guards the runs of a program have made, and for which shapes of its inputs."""

    def __init__(self) -> None:
        self._at: dict[Layer | Cond, set[Shapes]] = {}

    def add(self, network: Network, shapes: Shapes) -> None:
        """Keep what a run at these shapes has made."""
        for one in self._told(network):
            self._at.setdefault(one, set()).add(shapes)

    def elsewhere(self, network: Network, shapes: Shapes) -> bool:
        """Return whether each layer and guard was made by runs at far other sizes, too: others in every axis.

        It being the same, the sizes in it are not numbers of one run. What has no inputs counts, too: a constant has a
        shape. Sizes are far where one is the double of the other at least: a number that is rounded stays the same
        nearby.
        """
        axes = [(i, place) for i, shape in enumerate(shapes) for place, _ in _free(network.data_format, len(shape))]
        return all(
            any(_far(other[i][place], shapes[i][place]) for other in self._at.get(one, ()))
            for one in self._told(network)
            for i, place in axes
        )

    @staticmethod
    def _told(network: Network) -> list[Layer | Cond]:
        """Return what a run says of other sizes, too: all but what its inputs are."""
        inputs = {layer.name for layer in network.inputs}
        layers = [layer for layer in network.layers if layer.name not in inputs]
        return [*layers, *(guard.condition for guard in network.guards)]


def _far(one: int, other: int) -> bool:
    return one >= 2 * other or other >= 2 * one


def confirmed(
    network: Network, shapes: Shapes, record: Callable[[Shapes], Network], seen: SeenLayers | None = None
) -> Network:
    """Return the network if runs at other sizes agree with it; otherwise bound to the sizes of this one.

    Expressions are lost unseen where a program turns sizes into plain numbers by way of code that is not
    Python's (the index of a list). Then another run makes other layers or shapes than the network foretells. Where its
    guards allow none of the usual other sizes, the farthest that they allow are run, and an axis of which they allow no
    other is bound. A small network is held against smaller sizes in any case: what is lost may come to the same number
    at all that are large. A larger one of which each layer was ``seen`` at other sizes needs no run of its own.
    """
    few = len(network.layers) <= _FEW_LAYERS
    if seen is not None and not few and not network.refusal and seen.elsewhere(network, shapes):
        return network
    foretold = _Foretold(network)
    usual = foretold.first_of(_other_sizes(network.data_format, shapes))
    axes = [(i, place) for i, shape in enumerate(shapes) for place, _ in _free(network.data_format, len(shape))]
    runs = [usual] if usual else [foretold.farthest(shapes, axes, steps) for steps in (_larger, _smaller)]
    for i, place in axes:
        if all(others[i][place] == shapes[i][place] for others in runs):
            runs += [foretold.farthest(shapes, [(i, place)], steps) for steps in (_larger, _smaller)]
    if usual and few:
        runs.append(foretold.farthest(shapes, axes, _smaller, working=True))
    for others in dict.fromkeys(runs):
        if others != shapes and not foretold.comes_true(others, record):
            return bound(network, shapes)
    return network if usual else bound(network, shapes, allowed=runs)


class _Foretold:
    """What a recorded network foretells of other sizes than those recorded: its rules are run once, for all sizes."""

    def __init__(self, network: Network) -> None:
        self.network = network
        opened: list[Any] = []
        for layer in network.inputs:
            shape: list[Dim] = list(network.input_shapes[layer.name])
            for place, _ in _free(network.data_format, len(shape)):
                shape[place] = Var(f"{layer.name}[{place}]", Domain.range(1, None))
            opened.append(shape)
        self.trace = trace(network.with_input(*opened))
        self.needed = self.trace.needed(*(r.condition for r in self.trace.requirements))

    def first_failing(self, shapes: Shapes) -> Requirement | None:
        """Return the first requirement that does not hold at other sizes."""
        values = self._sizes(shapes)
        for step in self.trace.steps:
            if isinstance(step, Requirement):
                if not evaluate(step.condition, values):
                    return step
            elif step.name in self.needed:
                values[step.name] = evaluate(step.value, values)
        return None

    def allows(self, shapes: Shapes) -> bool:
        """Return whether the guards allow other sizes, as far as the program gets before a layer fails."""
        failing = self.first_failing(shapes)
        return failing is None or failing.rule is not BRANCH

    def first_of(self, choices: Sequence[Shapes]) -> Shapes | None:
        """Return the first sizes that are allowed, if some are those at which no layer fails: they tell most."""
        failing = [(others, self.first_failing(others)) for others in choices]
        allowed = [(others, r) for others, r in failing if r is None or r.rule is not BRANCH]
        return next((others for others, r in allowed if r is None or r.rule is REFUSAL),
                    allowed[0][0] if allowed else None)  # fmt: skip

    def comes_true(self, shapes: Shapes, record: Callable[[Shapes], Network]) -> bool:
        """Return whether a run at other sizes makes what is foretold."""
        try:
            second = trace(record(shapes))
        except UnreadableError:
            return False
        return self.allows(shapes) and _agree(self.trace, run(self.trace, self._sizes(shapes)), second)

    def farthest(
        self,
        shapes: Shapes,
        axes: Sequence[tuple[int, int]],
        steps: Callable[[int], Sequence[int]],
        *,
        working: bool = False,
    ) -> Shapes:
        """Return the sizes farthest from those recorded that are allowed, axis by axis; ``steps`` are those to try.

        ``working``: nothing may fail at them.
        """
        found = shapes
        for i, place in axes:
            choices = [(*found[:i], (*found[i][:place], size, *found[i][place + 1 :]), *found[i + 1 :])
                       for size in steps(shapes[i][place]) if size != shapes[i][place]]  # fmt: skip
            if working:
                choices = [others for others in choices if self.first_failing(others) is None]
            found = self.first_of(choices) or found
        return found

    def _sizes(self, shapes: Shapes) -> dict[str, int]:
        return {f"{layer.name}[{place}]": shape[place] for layer, shape in zip(self.network.inputs, shapes, strict=True)
                for place, _ in _free(self.network.data_format, len(shape))}  # fmt: skip


def _larger(size: int) -> Sequence[int]:
    return [size + step for step in (64, 8, 1)]


def _smaller(size: int) -> Sequence[int]:
    return [max(n, 1) for n in (1, size // 2, size - 1)]


def _other_sizes(data_format: DataFormat, shapes: Shapes) -> list[Shapes]:
    """Return other sizes for all axes but the channels, those first that most programs take."""
    steps = (64, 96, 32)

    def changed(change: Callable[[int, int], int]) -> Shapes:
        found = []
        for shape in shapes:
            own = list(shape)
            for i, (place, _) in enumerate(_free(data_format, len(shape))):
                own[place] = change(shape[place], steps[i % 3])
            found.append(tuple(own))
        return tuple(found)

    return [changed(lambda size, step: size + step), changed(lambda size, step: size * 2)]


def _free(data_format: DataFormat, rank: int) -> list[tuple[int, str]]:
    """Return the places and names of the axes of an input whose sizes may be others: all but the channels."""
    names = to_written(data_format, axis_names(rank))
    return [(place, name) for place, name in enumerate(names) if name != "channels"]


def _agree(foretold: Trace, values: dict[str, int], second: Trace) -> bool:
    """Return whether two traces have the same layers with the same sizes, and the same first failure or refusal.

    What comes after a layer that fails is left out, and what rests on one that is opaque: nothing is foretold of it.
    """
    others = run(second, {})
    failed = _failed(foretold, values)
    refused = [bool(traced.network.refusal) for traced in (foretold, second)]
    if failed != _failed(second, others) or (not failed and refused[0] is not refused[1]):
        return False
    layers, names = foretold.network.layers, [layer.name for layer in second.network.layers]
    if failed:
        layers, names = _up_to(layers, failed), names[: names.index(failed) + 1]
    if [layer.name for layer in layers] != names:
        return False
    here = {layer.name for layer in layers if layer.name != failed}
    unknown = {layer.name for layer in layers if layer.operator.kind == "opaque"}
    for layer in layers:
        if unknown.intersection(layer.needs()):
            unknown.add(layer.name)
    return all(
        values[d.name] == others.get(d.name) for d in foretold.definitions if d.layer in here and d.layer not in unknown
    )


def _failed(traced: Trace, values: dict[str, int]) -> str | None:
    """Return the first layer that fails."""
    return next(
        (
            r.layer
            for r in traced.steps
            if isinstance(r, Requirement) and r.layer and r.rule.decides and not evaluate(r.condition, values)
        ),
        None,
    )


def _up_to(layers: tuple[Layer, ...], name: str) -> tuple[Layer, ...]:
    return layers[: next(i for i, layer in enumerate(layers) if layer.name == name) + 1]


def bound(network: Network, shapes: Shapes, allowed: Sequence[Shapes] = ()) -> Network:
    """Return the network with guards that its sizes are those recorded, but for axes that others are allowed of."""
    guards = [
        Guard(eq(Var(f"{layer.name}.{axis}", interval=(1, None)), shape[place]), "a size is used where it cannot be "
              "followed")
        for i, (layer, shape) in enumerate(zip(network.inputs, shapes, strict=True))
        for place, axis in _free(network.data_format, len(shape))
        if all(others[i][place] == shape[place] for others in allowed)
    ]  # fmt: skip
    return dataclasses.replace(network, guards=(*network.guards, *guards))
