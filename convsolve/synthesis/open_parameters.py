"""Opening what exists: parameters of a finished network become unknown, so that the solver can choose them again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ..checks.check import check
from ..dims import Domain, Var
from ..dims.grammar import parse_value
from ..errors import ExpressionError, NetworkError
from ..network import Layer, Network, tensor_layer
from ..operators import Conv
from ..operators.base import to_canonical
from ..operators.parameters import Kind, Padding, PerAxis, Sizes, WholeNumber, usual_domain
from ..problem import Objective, Problem, as_problem
from ..support.arguments import checked
from ..support.suggestions import listed, nearest, quoted

__all__ = ["open", "opened", "with_demands"]

_DECLARED = ("in_channels", "in_features", "num_features")
"""What a layer states of its input: behind a width that is opened, it follows from that."""

_WIDTHS = ("out_channels", "out_features", "multiplier")

Values = Domain | str | int | Iterable[int]


@checked
def open(
    network: Network | Problem,
    parameters: Mapping[str, Values],
    *,
    require: Iterable[str] = (),
    minimize: str | Iterable[str] = (),
    maximize: str | Iterable[str] = (),
) -> Problem:
    """Return a problem in which parameters of a network that exists are unknown.

    Args:
        network: a network, such as one that was read from PyTorch, or a problem.
        parameters: by ``layer.parameter``, in which ``*`` and ``?`` stand for any letters, what the parameter may be: a
            domain as in problem files (``"1 | 2"``, ``"8..64 step 8"``, ``"any"`` for the usual one), or values.
            What later layers declare of a width that is opened follows it, as do the groups of depthwise convolutions.
        require: requirements, besides those of a problem.
        minimize, maximize: objectives in place of those of a problem, most important first.

    A network that was recorded from a program stands for what the program did: whether the program does the same with
    other values is not known, and it is not run again.

    Raises:
        NetworkError: no layer has such a parameter, or it cannot have such values.
        ExpressionError: a text is no domain.

    >>> from convsolve.files import parse
    >>> net = parse("{input: [3, 32, 32], layers: [{conv: {out_channels: 8, kernel_size: 3}}, {conv: {out_channels: 8, "
    ...             "kernel_size: 3, in_channels: 8}}]}")
    >>> problem = open(net, {"*.stride": "1 | 2", "conv1.out_channels": (16, 4)}, require=["output.height == 7"],
    ...                minimize="macs")
    >>> from convsolve.synthesis.solve import solve
    >>> dict(solve(problem).assignment)
    {'conv1.stride': 2, 'conv1.out_channels': 4, 'conv2.stride': 2}
    """
    return with_demands(opened(as_problem(network), parameters), require, minimize, maximize)


def with_demands(
    problem: Problem,
    require: Iterable[str] = (),
    minimize: str | Iterable[str] = (),
    maximize: str | Iterable[str] = (),
) -> Problem:
    """Return a problem with further requirements, and with other objectives if any are given."""
    goals = [*(Objective("minimize", text) for text in _texts(minimize)),
             *(Objective("maximize", text) for text in _texts(maximize))]  # fmt: skip
    required = (*problem.requirements, *_texts(require))
    return dataclasses.replace(problem, requirements=required, objectives=tuple(goals) or problem.objectives)


def _texts(given: str | Iterable[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def opened(problem: Problem, parameters: Mapping[str, Values]) -> Problem:
    """Return a problem in which some parameters of its network are unknown, as :func:`open` says."""
    layers = {layer.name: layer for layer in problem.network.layers}
    widened: set[str] = set()
    for pattern, values in parameters.items():
        matched = [(layer, name) for layer in layers.values() for name in layer.operator.parameters()
                   if fnmatchcase(f"{layer.name}.{name}", pattern)]  # fmt: skip
        if not matched:
            known = [f"{layer.name}.{name}" for layer in layers.values() for name in layer.operator.parameters()]
            raise NetworkError(f"no layer has a parameter {quoted(pattern)}{nearest(pattern, known, listed=8)}")
        for layer, name in matched:
            own = layers[layer.name]
            layers[layer.name] = dataclasses.replace(own, operator=_with_hole(own, name, values))
            widened.update([layer.name] if name in _WIDTHS else [])
    # a program that is recorded again would not have the values that are chosen
    network = dataclasses.replace(problem.network, layers=tuple(layers.values()), record=None)
    if widened:
        network = _following(problem.network, network, widened)
    return dataclasses.replace(problem, network=network)


def _with_hole(layer: Layer, name: str, values: Values) -> Any:
    kind = layer.operator.parameters()[name]
    if not isinstance(kind, (WholeNumber, PerAxis, Padding)) or isinstance(kind, Sizes):
        raise NetworkError(f"{layer.name}.{name} is no number that can be left open", layer=layer.name)
    owner = layer.shares or layer.name  # layers that share their parameters share what is open of them
    hole = Var(f"{owner}.{name}", _domain(f"{layer.name}.{name}", kind, values))
    return dataclasses.replace(layer.operator, **{name: hole})


def _domain(what: str, kind: Kind, values: Values) -> Domain:
    if isinstance(values, Domain):
        return values
    if isinstance(values, str):
        if values == "any":
            usual = usual_domain(kind)
            if usual is None:
                raise NetworkError(f"{what} has no usual values: write a domain, such as 1..8")
            return usual
        read = parse_value(values, _nothing)
        if isinstance(read, int):
            return Domain.of(read)
        if not isinstance(read, Domain) or read.size is None:
            raise ExpressionError(f"{values!r} is no domain with an end: write one like 3 | 5, 1..4 or 8..64 step 8")
        return read
    return Domain.of(*([values] if isinstance(values, int) else listed(what, values, "(3, 5)")))


def _nothing(name: str, column: int) -> Any:
    raise ExpressionError(f"{name!r} is not known here: write a domain, such as 3 | 5, 1..4 or 8..64 step 8", column)


def _following(before: Network, network: Network, widened: set[str]) -> Network:
    """Return a network whose layers behind opened widths take what arrives, as they took it before."""
    report = None if before.holes else check(before)
    reached = set(widened)
    layers = []
    for layer in network.ordered:
        if reached.isdisjoint(map(tensor_layer, layer.inputs)):
            layers.append(layer)
            continue
        reached.add(layer.name)
        own = layer.operator
        changes: dict[str, Any] = {name: None for name in _DECLARED if getattr(own, name, None) is not None}
        if isinstance(own, Conv) and isinstance(own.groups, int) and own.groups > 1 and report is not None:
            given = report.shapes.get(layer.inputs[0])
            channels = None if given is None else to_canonical(network.data_format, given)[0]
            if channels == own.groups:  # a depthwise convolution stays one
                arriving = Var(f"{layer.inputs[0]}.channels", interval=(1, None))
                changes["groups"] = arriving
                if isinstance(own.out_channels, int):
                    changes["out_channels"] = arriving * (own.out_channels // own.groups)
        layers.append(dataclasses.replace(layer, operator=dataclasses.replace(own, **changes)) if changes else layer)
    return dataclasses.replace(network, layers=tuple(layers))
