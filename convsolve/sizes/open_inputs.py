"""Networks whose input sizes are open: what questions about sizes are asked of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..dims import Condition, Dim, Domain, Var, variables
from ..dims.boxes import Boxes
from ..dims.sizeset import SizeSet
from ..errors import NetworkError
from ..network import Network
from ..network.trace import trace
from ..operators import Input
from ..problem import Problem, Scope, as_problem
from ..support.suggestions import few

__all__ = ["OpenInputs", "open_inputs", "settled", "without_singles"]


_ANY = Domain.range(1, None)


@dataclass(frozen=True)
class OpenInputs:
    """A problem whose input sizes are open.

    ``unknowns`` are the open sizes by name, each with its domain; ``axes`` names the unknown of each open axis
    of an input (``height``, or ``left.height`` where there are several inputs). ``stated`` has the sizes of those
    that the network states.
    """

    problem: Problem
    unknowns: Mapping[str, Var]
    axes: Mapping[str, str]
    stated: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def stated_point(self) -> tuple[int, ...] | None:
        """The point that the network states, as that at which it was recorded; None where it leaves one open."""
        if not self.stated.keys() >= self.unknowns.keys():
            return None
        return tuple(self.stated[name] for name in self.unknowns)

    @property
    def labels(self) -> tuple[str, ...]:
        """For each unknown the name of the first axis that has its size."""
        first = {unknown: axis for axis, unknown in reversed(list(self.axes.items()))}
        return tuple(first.get(name, name) for name in self.unknowns)

    def domains(self) -> Boxes:
        """Return the points within the domains of the open sizes."""
        domains = (v.domain for v in self.unknowns.values())
        sets = (SizeSet.everything() if d is None else SizeSet.of_domain(d) for d in domains)
        return Boxes(self.labels, (tuple(sets),))

    def shapes(self, sizes: Sequence[int]) -> list[tuple[int, ...]]:
        """Return the shapes of the inputs, as written, for a size of each unknown."""
        values = dict(zip(self.unknowns, sizes, strict=True))
        inputs = [layer.operator.substitute(values) for layer in self.problem.network.inputs]
        return [operator.shape for operator in inputs]  # type: ignore[attr-defined]

    def with_sizes(self, sizes: Sequence[int]) -> Network:
        """Return the network with a size for each unknown."""
        return self.problem.network.with_input(*self.shapes(sizes))


def settled(problem: Problem) -> Problem:
    """Return the problem without holes that have a single value; those of inputs may stay open.

    Raises:
        NetworkError: another parameter is open.
    """
    problem = without_singles(problem)
    network = problem.network
    others = [name for name in network.holes if name not in network.input_holes]
    if others:
        some = few(others)
        raise NetworkError(f"the network has open parameters ({some}): let synth find values for them")
    return problem


def without_singles(problem: Problem) -> Problem:
    """Return the problem with the values of holes that can have only one."""
    network = problem.network
    single = {n: v.domain.lower for n, v in network.holes.items() if v.domain is not None and v.domain.size == 1}
    return dataclasses.replace(problem, network=network.assign(single))


def open_inputs(problem: Problem, domains: Mapping[str, Domain] | None = None) -> OpenInputs:
    """Return a problem with every spatial size of its inputs open, and whatever else of them is.

    A size that the problem leaves open keeps its domain; one that it states may be anything from 1 on.
    Axes that a requirement states to be equal (``input.height == input.width``) have one size, and the requirement
    is left out. With ``domains``, by axis, just these axes are open, within them.

    Raises:
        NetworkError: there is nothing to open, or no such axis.
    """
    problem = as_problem(problem)
    network = problem.network
    inputs = network.inputs
    if not inputs:
        raise NetworkError("the network has no input")
    unknowns: dict[str, Var] = {}
    axes: dict[str, str] = {}
    stated: dict[str, int] = {}
    shapes: dict[str, list[Dim]] = {layer.name: list(layer.operator.shape) for layer in inputs}  # type: ignore[attr-defined]
    for label, (layer, i) in network.input_axes.items():
        size = shapes[layer][i]
        if isinstance(size, int):
            stated[f"{layer}[{i}]"] = size
        if domains is not None:
            if label not in domains:
                continue
            size = Var(f"{layer}[{i}]", domains[label])
        elif isinstance(size, int) and label in network.spatial_input_axes:
            size = Var(f"{layer}[{i}]", _ANY)
        if isinstance(size, Var) and size.domain is not None:
            axes[label] = size.name
        unknowns.update((v.name, v) for v in variables(size) if v.domain is not None)
        shapes[layer][i] = size
    for axis in domains or ():
        if axis not in axes:
            raise NetworkError(f"the inputs have no axis {axis!r}; there are {', '.join(network.spatial_input_axes)}")
    if not unknowns:
        raise NetworkError("no size of the input can be open: it has no spatial axes")
    layers = tuple(
        dataclasses.replace(layer, operator=Input(shape=tuple(shapes[layer.name]))) if layer.name in shapes else layer
        for layer in network.layers
    )
    opened = OpenInputs(
        dataclasses.replace(problem, network=dataclasses.replace(network, layers=layers)), unknowns, axes, stated
    )
    return _tied(opened) if domains is None and len(axes) > 1 else opened


def _tied(opened: OpenInputs) -> OpenInputs:
    """Give axes one size that a requirement states to be equal."""
    problem = opened.problem
    names = {f"{layer}.{axis.rpartition('.')[2]}": opened.axes[axis]
             for axis, (layer, _) in problem.network.input_axes.items() if axis in opened.axes}  # fmt: skip
    kept: list[str] = []
    same: dict[str, Var] = {}
    scope = Scope(trace(problem.network)) if problem.requirements else None
    for text in problem.requirements:
        assert scope is not None
        condition = scope.requirement(text).condition
        pair = [names.get(v.name, "") for v in variables(condition)] if _is_equation(condition) else []
        free = [name for name in pair if name and opened.unknowns[name].domain == _ANY and name not in same]
        if len(pair) == 2 and all(pair) and free:
            other = next(name for name in pair if name != free[-1])
            same[free[-1]] = same.get(other, opened.unknowns[other])
        else:
            kept.append(text)
    if not same:
        return opened
    layers = tuple(
        dataclasses.replace(layer, operator=layer.operator.replace(dict(same)))
        if isinstance(layer.operator, Input)
        else layer
        for layer in problem.network.layers
    )
    network = dataclasses.replace(problem.network, layers=layers)
    return OpenInputs(
        dataclasses.replace(problem, network=network, requirements=tuple(kept)),
        {name: v for name, v in opened.unknowns.items() if name not in same},
        {axis: same[name].name if name in same else name for axis, name in opened.axes.items()},
        opened.stated,
    )


def _is_equation(condition: Any) -> bool:
    return isinstance(condition, Condition) and condition.op == "eq" and all(isinstance(a, Var) for a in condition.args)
