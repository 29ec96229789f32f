"""Inserting: new layers in a network, on the way into others or at its outputs; and other operators in its layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from ..network import Layer, Network, tensor_layer
from ..operators import Operator
from .edits import Change, Edit

__all__ = ["after_input", "at_output", "before", "fresh", "insertion", "replaced", "replacing", "resizable"]


def fresh(network: Network, name: str) -> str:
    """Return a name that no layer has, from a name that is wished.

    >>> from convsolve.files import parse
    >>> fresh(parse("{input: [8], layers: [{relu: {name: fit}}]}").network, "fit")
    'fit2'
    """
    number = 1
    found = name
    while found in network.by_name:
        number += 1
        found = f"{name}{number}"
    return found


def before(
    network: Network, layer: str, position: int, operator: Operator, name: str, also: tuple[str, ...] = ()
) -> Network:
    """Return the network with an operator on the way into one input of a layer; ``also`` are its further inputs."""
    layers: list[Layer] = []
    for found in network.ordered:
        if found.name == layer:
            source = found.inputs[position]
            layers.append(Layer(name, operator, (source, *also)))
            inputs = (*found.inputs[:position], name, *found.inputs[position + 1 :])
            found = dataclasses.replace(found, inputs=inputs)
        layers.append(found)
    return dataclasses.replace(network, layers=tuple(layers))


def after_input(network: Network, operator: Operator, name: str) -> Network:
    """Return the network with an operator between its only input and all layers that take it."""
    source = network.inputs[0].name
    layers: list[Layer] = []
    for layer in network.ordered:
        inputs = tuple(name if tensor_layer(i) == source else i for i in layer.inputs)
        layers.append(dataclasses.replace(layer, inputs=inputs))
        if layer.name == source:
            layers.append(Layer(name, operator, (source,)))
    return dataclasses.replace(network, layers=tuple(layers))


def at_output(network: Network, operator: Operator, name: str) -> Network:
    """Return the network with an operator behind its first output."""
    first, *others = network.outputs
    layers = (*network.ordered, Layer(name, operator, (first,)))
    return dataclasses.replace(network, layers=layers, outputs=(name, *others))


def insertion(
    network: Network,
    kind: str,
    layer: str,
    position: int,
    operator: Operator,
    wished: str,
    also: tuple[str, ...] = (),
    what: str = "",
    magnitude: int = 1,
) -> Change:
    """Return the change that inserts an operator on the way into a layer, under a name that is wished."""
    name = fresh(network, wished)
    edit = Edit(kind, name, "", None, what or f"{operator.kind} before {layer}")
    return Change((edit,), (name,), magnitude, lambda n: before(n, layer, position, operator, name, also))


def replaced(network: Network, operators: Mapping[str, Operator]) -> Network:
    """Return the network with other operators in some layers."""
    layers = (dataclasses.replace(x, operator=operators[x.name]) if x.name in operators else x for x in network.layers)
    return dataclasses.replace(network, layers=tuple(layers))


def replacing(operators: Mapping[str, Operator]) -> Callable[[Network], Network]:
    """Return what puts other operators in some layers."""
    return lambda network: replaced(network, operators)


def resizable(network: Network, axes: int) -> bool:
    """Whether maps of so many axes can be brought to any size: Keras resizes others than pictures by whole factors."""
    return network.framework != "keras" or axes == 2
