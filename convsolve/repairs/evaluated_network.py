"""Situations: a network judged by plain arithmetic, as diagnosis and repair look at it.

The same requirements as in a check, without looking for inputs that would mend them: judging is quick enough
to be done hundreds of times.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from ..checks.failures import failed_requirements
from ..dims import Var
from ..errors import ExpressionError, NetworkError
from ..network import Layer, Network, tensor_layer
from ..network.trace import Requirement, Trace, run
from ..problem import Problem, trace_problem
from ..rules import PROBLEM, Rule
from ..sizes.open_inputs import settled

__all__ = ["Situation", "at_input", "believed", "judge", "with_target"]


@dataclass(frozen=True)
class Situation:
    """A network without open parameters, the value of everything in its trace, and what fails of itself.

    ``poisoned`` are names whose values rest on a failure. ``problem`` is what is believed of the one that was
    ``stated``, in which layers are to be mended.
    """

    problem: Problem
    trace: Trace
    values: Mapping[str, int]
    failed: tuple[Requirement, ...]
    poisoned: frozenset[str]
    stated: Problem

    @property
    def network(self) -> Network:
        """The network."""
        return self.problem.network

    @property
    def ok(self) -> bool:
        """Whether every requirement holds."""
        return not self.failed

    def failing(self, *rules: Rule) -> list[Layer]:
        """Return the layers that fail by one of some rules."""
        names = dict.fromkeys(r.layer for r in self.failed if r.rule in rules and r.layer)
        return [self.network.by_name[name] for name in names]

    def shape(self, tensor: str) -> tuple[int, ...]:
        """Return a tensor's shape, channels first; empty where it rests on a failure."""
        shape = self.trace.shapes.get(tensor)
        names = [v.name for v in shape or () if isinstance(v, Var)]
        if any(name in self.poisoned or self.values[name] < 1 for name in names):
            return ()
        return tuple(self.values[name] for name in names)

    def arriving(self, layer: Layer) -> tuple[int, ...]:
        """Return the shape of a layer's first input; empty where it is not known."""
        return self.shape(layer.inputs[0]) if layer.inputs else ()

    @cached_property
    def users(self) -> Mapping[str, list[Layer]]:
        """The layers that use each layer's outputs."""
        found: dict[str, list[Layer]] = {}
        for layer in self.network.ordered:
            for name in dict.fromkeys(map(tensor_layer, layer.inputs)):
                found.setdefault(name, []).append(layer)
        return found

    def behind(self, name: str) -> list[Layer]:
        """Return the layers on which a layer rests, itself among them, in order."""
        wanted = {name}
        found = []
        for layer in reversed(self.network.ordered):
            if layer.name in wanted:
                found.append(layer)
                wanted.update(layer.needs())
        return found[::-1]


def with_target(problem: Problem, target: Iterable[int] | None) -> Problem:
    """Return the problem with the requirement that its output has a shape, as written."""
    if target is None:
        return problem
    shape = tuple(target)
    if not shape or not all(isinstance(n, int) and n > 0 for n in shape):
        raise NetworkError(f"the target must be a shape like (1, 28, 28), got {shape!r}")
    text = f"output.shape == {'x'.join(map(str, shape))}" if len(shape) > 1 else f"output.features == {shape[0]}"
    return dataclasses.replace(problem, requirements=(*problem.requirements, text))


def believed(problem: Problem) -> Problem:
    """Return a problem in which what was recorded behind a layer that failed is taken to hold once that is mended."""
    return dataclasses.replace(problem, network=problem.network.mended())


def judge(problem: Problem) -> Situation:
    """Judge a problem; a requirement that cannot be read for this network's outputs does not hold.

    Raises:
        NetworkError: parameters are open, or do not fit together.
    """
    stated = settled(problem)
    problem = believed(stated)
    if problem.network.holes:
        raise NetworkError(f"the input has open sizes ({', '.join(problem.network.holes)}): give it a shape")
    unread: list[Requirement] = []
    try:
        traced = trace_problem(problem).trace
    except ExpressionError:
        read, unread = _read(problem)
        traced = trace_problem(read).trace
    values = run(traced, {})
    failed, poisoned = failed_requirements(traced, values)
    return Situation(problem, traced, values, (*failed, *unread), frozenset(poisoned), stated)


def at_input(now: Situation, network: Network, shape: tuple[int, ...]) -> Network:
    """Return a network with another shape of its only input.

    Where it was recorded from a program in which nothing else is changed, that is recorded again.
    """
    if network.record is not None and network.layers == now.network.layers:
        return believed(Problem(network.record(shape))).network
    return network.with_input(shape)


def _read(problem: Problem) -> tuple[Problem, list[Requirement]]:
    """Separate the requirements that speak of axes which the network does not have."""
    kept: list[str] = []
    unread: list[Requirement] = []
    for text in problem.requirements:
        try:
            trace_problem(dataclasses.replace(problem, requirements=(text,)))
            kept.append(text)
        except ExpressionError as error:
            unread.append(Requirement("", PROBLEM, False, text=text, note=str(error)))
    return dataclasses.replace(problem, requirements=tuple(kept)), unread
