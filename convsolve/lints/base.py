"""What a lint is, and the view of a layer that it judges.

A lint is a condition that good networks meet, although networks that break it work. As a shape rule does, it states
the condition over dimensions and never decides: read with integers it is a finding, read by a solver a requirement.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from ..dims import Cond, Dim, Var, all_of, any_of, bounds, evaluate, negation, product
from ..network import Layer, Network, tensor_layer
from ..network.trace import Trace
from ..operators import Choice, Operator, Rule, Shape
from ..operators.base import to_written

__all__ = ["LINTS", "LintDemand", "Level", "Lint", "Look", "View", "lint"]

Level = Literal["warning", "hint"]
"""A warning says that something is lost or wasted for certain; a hint, that there is usually a better way."""


@dataclass(frozen=True)
class LintDemand:
    """What a lint asks of a layer: the condition, along which axis, and the numbers that a message shows."""

    condition: Cond
    axis: str = ""
    values: Mapping[str, Dim] = field(default_factory=dict)


@dataclass(frozen=True)
class Lint:
    """A kind of finding: its rule, whose advice it is, and what states the conditions for a layer."""

    rule: Rule
    source: str
    level: Level
    find: Callable[[Look], Iterator[LintDemand]]


LINTS: dict[str, Lint] = {}
"""Every lint by its code."""


def lint(
    code: str,
    demand: str,
    failure: str,
    *,
    level: Level,
    source: str,
    meaning: str,
    mend: str,
    example: str,
    wrong: str,
    right: str,
) -> Callable[[Callable[[Look], Iterator[LintDemand]]], Callable[[Look], Iterator[LintDemand]]]:
    """Register a function as the lint of a code."""

    def register(find: Callable[[Look], Iterator[LintDemand]]) -> Callable[[Look], Iterator[LintDemand]]:
        assert code not in LINTS and example.count(wrong) == 1
        rule = Rule(code, demand, failure, meaning, mend, example, wrong, right, poisons=False)
        LINTS[code] = Lint(rule, source, level, find)
        return find

    return register


class View:
    """A network as lints look at it: its trace, and who reads what, through choices that are still open."""

    def __init__(
        self, traced: Trace, values: Mapping[str, int] | None = None, define: Callable[[str, Dim], Dim] | None = None
    ) -> None:
        self.trace = traced
        self.network: Network = traced.network
        self.values = values
        """The value of every name of the trace, where nothing is open."""
        self._define = define
        self.memory: dict[Any, Any] = {}
        """What a lint has found out about the whole network, by the lint."""

    def value(self, dim: Dim) -> int | None:
        """Return the number that a dimension is, or None while that is open."""
        if isinstance(dim, int):
            return dim
        return None if self.values is None else int(evaluate(dim, self.values))

    def cost(self, name: str) -> Dim:
        """Return a cost by its name in the trace, such as ``params`` or ``conv1.macs``."""
        return next(Var(d.name, interval=bounds(d.value)) for d in self.trace.definitions if d.name == name)

    def define(self, name: str, dim: Dim) -> Dim:
        """Give a dimension a name, so that expressions stay shallow; where nothing is open, return its number."""
        if self.values is not None:
            return int(evaluate(dim, self.values))
        return dim if self._define is None else self._define(name, dim)

    @cached_property
    def readers(self) -> dict[str, tuple[tuple[Cond, Layer], ...] | None]:
        """The layers that work on each layer's output, and when; None where the network always returns that.

        Layers that pass a tensor on (dropout, an identity, a choice) are looked through.
        """
        return {name: None if self.returned[name] is True else tuple(read) for name, read in self._passed_on.items()}

    @cached_property
    def returned(self) -> dict[str, Cond]:
        """When the network returns what each layer makes, perhaps passed on by others."""
        found: dict[str, Cond] = dict.fromkeys((layer.name for layer in self.network.layers), False)
        found.update(dict.fromkeys(map(tensor_layer, self.network.outputs), True))
        for layer in reversed(self.network.ordered):
            for position, reference in enumerate(layer.inputs if self.passes_on(layer) else ()):
                name, chosen = tensor_layer(reference), all_of(layer.when, _chosen(layer.operator, position))
                found[name] = any_of(found[name], all_of(chosen, found[layer.name]))
        return found

    @cached_property
    def _passed_on(self) -> dict[str, list[tuple[Cond, Layer]]]:
        found: dict[str, list[tuple[Cond, Layer]]] = {layer.name: [] for layer in self.network.layers}
        for layer in reversed(self.network.ordered):
            passes = self.passes_on(layer)
            for position, reference in enumerate(layer.inputs):
                name = tensor_layer(reference)
                when = all_of(layer.when, _chosen(layer.operator, position))
                if not passes:
                    found[name].append((when, layer))
                    continue
                found[name] += [(all_of(when, then), reader) for then, reader in found[layer.name]]
        return found

    @staticmethod
    def passes_on(layer: Layer) -> bool:
        """Return whether a layer passes its input on as it is."""
        return layer.operator.kind in ("choice", "dropout", "identity")

    def makers(self, reference: str) -> Iterator[tuple[Cond, Layer]]:
        """Yield the layers that may have made a tensor, and when they have; what passes it on is looked through."""
        todo: list[tuple[Cond, str]] = [(True, reference)]
        while todo:
            when, name = todo.pop()
            layer = self.network.by_name[tensor_layer(name)]
            if not self.passes_on(layer):
                yield when, layer
                continue
            for position, before in enumerate(layer.inputs):
                chosen = all_of(when, _chosen(layer.operator, position))
                if chosen is not False:
                    todo.append((chosen, before))

    def look(self, layer: Layer) -> Look | None:
        """Return the view of one layer, or None where it, or what it reads, has no shape."""
        shapes = self.trace.shapes
        inputs = [shapes[reference] for reference in layer.inputs]
        output = shapes.get(layer.name)
        if output is None or any(shape is None for shape in inputs):
            return None
        return Look(self, layer, tuple(s for s in inputs if s is not None), output)


def _chosen(operator: Operator, position: int) -> Cond:
    """Return when a layer passes this input on."""
    if not isinstance(operator, Choice):
        return True
    earlier = [negation(condition) for condition in operator.conditions[:position]]
    return all_of(*earlier, *operator.conditions[position : position + 1])


@dataclass(frozen=True)
class Look:
    """One layer in its network: the operator, and its shapes in canonical order (channels first)."""

    view: View
    layer: Layer
    inputs: tuple[Shape, ...]
    output: Shape

    @property
    def operator(self) -> Operator:
        """What the layer does."""
        return self.layer.operator

    @cached_property
    def alone(self) -> Cond:
        """When no other layer reads what this one reads, nor what that was made of place by place.

        Otherwise what this layer leaves out is not lost.
        """
        return self.alone_but_for(lambda layer: False)

    def read_by(self, kinds: Collection[str]) -> Cond:
        """Return when a layer of one of these kinds reads what this one makes."""
        readers = self.view.readers[self.layer.name] or ()
        return any_of(*(when for when, reader in readers if reader.operator.kind in kinds))

    def alone_but_for(self, like: Callable[[Layer], Cond]) -> Cond:
        """Return when no other layer reads what this one reads, but for those that leave out the same."""
        others: list[Cond] = []
        todo = [(self.layer.name, reference) for reference in self.layer.inputs]
        seen: set[str] = set()
        while todo:
            reader, reference = todo.pop()
            name = tensor_layer(reference)
            readers = self.view.readers[name]
            if readers is None:
                return False
            others += [all_of(when, other.when, negation(like(other))) for when, other in readers
                       if other.name not in (reader, *seen)]  # fmt: skip
            others.append(self.view.returned[name])
            maker = self.view.network.by_name[name]
            if maker.operator.pointwise and len(maker.inputs) == 1 and name not in seen:
                seen.add(name)
                todo.append((name, maker.inputs[0]))
        return negation(any_of(*others))

    @property
    def arriving(self) -> Shape:
        """The shape of the first input in the order in which the network writes it."""
        return to_written(self.view.network.data_format, self.inputs[0])

    @property
    def written(self) -> Shape:
        """The shape of the output in the order in which the network writes it."""
        return to_written(self.view.network.data_format, self.output)

    @cached_property
    def returned(self) -> Cond:
        """When the network returns what the layer makes, perhaps behind element-wise functions."""
        found: list[Cond] = []
        todo: list[tuple[Cond, Layer]] = [(True, self.layer)]
        seen: set[str] = set()
        while todo:
            when, layer = todo.pop()
            found.append(all_of(when, self.view.returned[layer.name]))
            for then, reader in self.view.readers[layer.name] or ():
                if reader.operator.pointwise and len(reader.inputs) == 1 and reader.name not in seen:
                    seen.add(reader.name)
                    todo.append((all_of(when, then), reader))
        return any_of(*found)

    @property
    def elements(self) -> tuple[Dim, Dim]:
        """The number of elements that come in and that go out."""
        return product(self.inputs[0]), product(self.output)
