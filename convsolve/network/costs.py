"""Costs that follow from the sizes of a trace: operations, bytes, and the memory that tensors take.

Each is one entry of ``DERIVED``: its name, its unit, how those of layers make that of a block and of the network, and
how a layer's is computed. What speaks of costs (requirements, objectives, ``check --costs``) reads this list.

The memory of a network is what its live tensors take, as in Liberis and Lane, "Neural networks on microcontrollers:
saving memory at inference via operator reordering" (2019): while a layer is computed, its inputs, its outputs, and
whatever an earlier layer has made that a later one reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Literal

from ..dims import Cond, Dim, all_of, any_of, eq, maximum, minimum, negation, product, total, where
from ..errors import NetworkError
from ..operators import Choice
from .latency import timings
from .network import BYTES, Layer, Network, tensor_layer
from .trace import Trace

__all__ = ["DERIVED", "Define", "DerivedCost"]

Define = Callable[[str, Dim], Dim]
"""Gives a value a name of its own, so that expressions stay shallow."""

_MOST_STATES = 2_000
"""Of partial orders of a network's layers: more are not compared."""

_RETURNED = "(returned)"
"""What reads a network's outputs, after all layers."""


@dataclass(frozen=True)
class DerivedCost:
    """A cost that is computed where it is asked for.

    ``of_layers`` gives it for each layer, or for the whole network alone, then under an empty name.
    """

    name: str
    unit: str
    combine: Literal["sum", "max"]
    of_layers: Callable[[Trace, Define], Mapping[str, Dim]]
    meaning: str
    known: Callable[[Trace], Mapping[str, Cond]] | None = None
    """Where some layers may have none: the condition under which each layer's is known."""

    def together(self, values: Iterable[Dim]) -> Dim:
        """Return the cost of several layers."""
        return total(values) if self.combine == "sum" else maximum(0, *values)


def _computing(traced: Trace) -> Iterator[Layer]:
    """Yield the layers whose rules have run, without inputs and without what only passes tensors on."""
    for layer in traced.network.ordered:
        if layer.operator.arity != (0, 0) and layer.operator.kind != "choice" and traced.shapes[layer.name] is not None:
            yield layer


def _scaled(cost: str, factor: Callable[[Network], int]) -> Callable[[Trace, Define], Mapping[str, Dim]]:
    def of_layers(traced: Trace, define: Define) -> Mapping[str, Dim]:
        known = {d.name: d.value for d in traced.definitions}
        times = factor(traced.network)
        return {layer.name: known[f"{layer.name}.{cost}"] * times for layer in _computing(traced)}

    return of_layers


# -- live tensors


@dataclass(frozen=True)
class _Tensor:
    """What takes memory: its maker, its elements (0 where it is not made), and who reads it under which condition."""

    maker: str
    elements: Dim
    readers: tuple[tuple[str, Cond], ...]

    def live(self, layer: Layer, done: Callable[[str], bool]) -> Dim:
        """Return what it takes while a layer is computed; ``done`` says which readers have finished before."""
        if self.maker == layer.name:
            return self.elements
        return where(any_of(*(when for reader, when in self.readers if not done(reader))), self.elements, 0)


def _tensors(traced: Trace, in_place: bool) -> list[_Tensor]:
    """Return the tensors of a network that take memory.

    A choice takes none: who reads it reads what is chosen. Nor does a layer that writes over its first input, in place.
    """
    network = traced.network
    readers: dict[str, list[tuple[str, Cond]]] = {output: [(_RETURNED, True)] for output in network.outputs}
    overwritten = _overwritten(network) if in_place else frozenset()
    found = []
    for layer in reversed(network.ordered):
        passed_on = _passed_on(traced, layer, layer.name in overwritten)
        outputs = _outputs(traced, layer.name)
        for i, name in enumerate(outputs):
            own = [*readers.get(name, ()), *(readers.get(layer.name, ()) if i == 0 and name != layer.name else ())]
            for source, when in passed_on:
                under = ((reader, all_of(when, condition)) for reader, condition in own)
                readers.setdefault(source, []).extend((r, c) for r, c in under if c is not False)
            shape = traced.shapes[name]
            if shape is not None and not isinstance(layer.operator, Choice):
                new = all_of(layer.when, negation(any_of(*(when for _, when in passed_on))))
                found.append(_Tensor(layer.name, where(new, product(shape), 0), tuple(own)))
        for name in () if isinstance(layer.operator, Choice) else {*layer.inputs}:
            readers.setdefault(name, []).append((layer.name, layer.when))
    return found


def _outputs(traced: Trace, layer: str) -> list[str]:
    """Return the names of a layer's outputs."""
    several = takewhile(traced.shapes.__contains__, (f"{layer}[{i}]" for i in count()))
    return list(several) or [layer]


def _overwritten(network: Network) -> frozenset[str]:
    """Return the layers that may write over their first input: nothing else reads it, or what was chosen for it."""
    read = Counter(name for layer in network.layers for name in {*layer.inputs})
    read.update(network.outputs)

    def alone(name: str) -> bool:
        maker = network.by_name[tensor_layer(name)]
        return read[name] == 1 and (not isinstance(maker.operator, Choice) or all(map(alone, maker.inputs)))

    return frozenset(layer.name for layer in network.layers if layer.operator.in_place and alone(layer.inputs[0]))


def _passed_on(traced: Trace, layer: Layer, overwrites: bool) -> list[tuple[str, Cond]]:
    """Return the inputs whose memory a layer's output is, each with the condition under which it is so."""
    if isinstance(layer.operator, Choice):
        conditions = (*layer.operator.conditions, True)
        return [(name, all_of(layer.when, *map(negation, conditions[:i]), conditions[i]))
                for i, name in enumerate(layer.inputs)]  # fmt: skip
    read, made = (traced.shapes.get(name) for name in (layer.inputs[0] if overwrites else "", layer.name))
    if read is None or made is None:
        return []
    return [(layer.inputs[0], all_of(layer.when, eq(product(read), product(made))))]


def _in_order(in_place: bool, factor: Callable[[Network], int] = lambda network: 1) -> Callable[..., Mapping[str, Dim]]:
    """Return a function that gives for each layer what lives while it is computed, in the order of execution."""

    def of_layers(traced: Trace, define: Define) -> Mapping[str, Dim]:
        order = {layer.name: i for i, layer in enumerate(traced.network.ordered)} | {_RETURNED: len(traced.shapes)}
        tensors = _tensors(traced, in_place)
        inputs = {layer.name for layer in traced.network.inputs}
        last = {id(t): max((order[r] for r, _ in t.readers), default=-1) for t in tensors}
        found = {}
        times = factor(traced.network)
        for layer in _computing(traced):
            now = order[layer.name]
            about = [t for t in tensors if t.maker == layer.name
                     or ((order[t.maker] < now or t.maker in inputs) and last[id(t)] >= now)]  # fmt: skip
            live = total(t.live(layer, lambda reader, now=now: order[reader] < now) for t in about)  # type: ignore[misc]
            found[layer.name] = where(layer.when, live, 0) * times
        return found

    return of_layers


def _best_order(traced: Trace, define: Define) -> Mapping[str, Dim]:
    """Return the smallest peak over all orders in which the layers can be computed.

    Over sets of finished layers, as in Liberis and Lane: the least peak on the way to a set is that of the best last
    layer. What only passes tensors on is finished as soon as it can be, which costs nothing.
    """
    network = traced.network
    tensors = _tensors(traced, in_place=False)
    computing = {layer.name: layer for layer in _computing(traced)}
    needs = {layer.name: {tensor_layer(name) for name in layer.inputs} for layer in network.ordered}

    def closed(done: frozenset[str]) -> frozenset[str]:
        grown = set(done)
        for layer in network.ordered:  # in order: what one lets through is seen by the next
            if layer.name not in computing and needs[layer.name] <= grown:
                grown.add(layer.name)
        return frozenset(grown)

    states: dict[frozenset[str], Dim] = {closed(frozenset()): 0}
    seen = 0
    for step in range(len(computing)):
        reached: dict[frozenset[str], list[Dim]] = {}
        for done, peak in states.items():
            for name, layer in computing.items():
                if name in done or not needs[name] <= done:
                    continue
                live = total(t.live(layer, done.__contains__) for t in tensors if t.maker in done or t.maker == name)
                reached.setdefault(closed(done | {name}), []).append(maximum(peak, where(layer.when, live, 0)))
        seen += len(reached)
        if seen > _MOST_STATES:
            raise NetworkError(f"peak_memory_best_order compares at most {_MOST_STATES:,} sets of finished layers, and "
                               "this network's branches allow more: peak_memory takes the layers in order")  # fmt: skip
        states = {done: define(f"peak_memory_best_order.{step}.{i}", minimum(*peaks))
                  for i, (done, peaks) in enumerate(reached.items())}  # fmt: skip
    return {"": minimum(*states.values())}


def _times(traced: Trace, define: Define) -> Mapping[str, Dim]:
    return {layer: timing.nanoseconds for layer, timing in timings(traced).items()}


def _times_known(traced: Trace) -> Mapping[str, Cond]:
    return {layer: timing.known for layer, timing in timings(traced).items()}


DERIVED: dict[str, DerivedCost] = {
    cost.name: cost
    for cost in (
        DerivedCost("flops", "", "sum", _scaled("macs", lambda network: 2),
                    "floating-point operations: two for each multiply-accumulate"),
        DerivedCost("weights_bytes", "bytes", "sum", _scaled("params", lambda network: BYTES[network.dtype]),
                    "what the parameters take, in the problem's dtype"),
        DerivedCost("peak_memory", "elements", "max", _in_order(in_place=False),
                    "the most elements of tensors that live at once, layers computed in order"),
        DerivedCost("peak_memory_bytes", "bytes", "max", _in_order(False, lambda network: BYTES[network.dtype]),
                    "the same in bytes, in the problem's dtype"),
        DerivedCost("peak_memory_in_place", "elements", "max", _in_order(in_place=True),
                    "the same where element-wise layers and views write over an input that nothing else reads"),
        DerivedCost("peak_memory_best_order", "elements", "max", _best_order,
                    "the smallest peak over all orders in which the layers can be computed"),
        DerivedCost("latency", "ns", "sum", _times, "measured times of the problem's table, layer after layer; between "
                    "its rows interpolated", known=_times_known),
    )
}  # fmt: skip
"""Costs beside those that are in every trace, by name."""
