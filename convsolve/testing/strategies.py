"""Hypothesis strategies that draw networks and input shapes. Nothing is drawn and thrown away."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from ..dims import Domain, all_of, eq, negation, variables
from ..dims.boxes import Boxes
from ..dims.sizeset import SizeSet
from ..errors import NetworkError
from ..network import Network
from ..network.trace import Definition, Requirement
from ..problem import Problem, ProblemTrace, trace_problem
from ..sizes.valid_sizes import valid_sizes
from ..solver.clock import Clock
from ..solver.solution_paths import SolutionPaths, TooWide, solution_paths
from ..solver.system import build

__all__ = ["architectures", "input_shapes", "invalid_input_shapes", "just_invalid"]

_WINDOW = 64
_NEAR_THE_EDGE = 24


def architectures(problem: Problem, *, max_size: int | None = None) -> st.SearchStrategy[Network]:
    """Return a strategy for the networks that solve a problem: every requirement holds, by construction.

    Every solution can be drawn. Networks whose sizes are as small as they can be, next to those that fail, are drawn
    more often than others. Shrinks to the smallest values, hole by hole.

    Args:
        problem: a problem whose open parameters have ends.
        max_size: how large an input size that is open above may become; by default 63 above its least value.

    Raises:
        NetworkError: there is no solution, or there are too many states to go through.

    >>> import convsolve as cs
    >>> from hypothesis import find
    >>> problem = cs.parse('''
    ... input: [3, 1.., 32]
    ... layers: [{conv: {out_channels: 8, kernel_size: 3 | 5 | 7, stride: 1 | 2}}]
    ... ''')
    >>> network = find(architectures(problem), lambda net: cs.check(net).output[2] < 16)
    >>> network.layers[1].operator.kernel_size, network.layers[1].operator.stride, cs.check(network).output
    (3, 2, (8, 1, 15))
    """
    bounded = _bounded(problem, max_size)
    found = _ways(trace_problem(bounded))
    if found is None:
        raise NetworkError("the problem has no solution" + _hint(problem, max_size))
    return _networks(bounded.network, [found])


def just_invalid(problem: Problem, *, max_size: int | None = None) -> st.SearchStrategy[Network]:
    """Return a strategy for networks that fail exactly one requirement, which ``check`` then reports.

    The holes take values of their domains; every requirement that can fail alone is broken in some of them.
    (Where it takes down what is computed from the same sizes, that counts as one failure, as in ``check``.)

    Raises:
        NetworkError: no network fails exactly one requirement, or there are too many states to go through.

    >>> import convsolve as cs
    >>> from hypothesis import find
    >>> problem = cs.parse('''
    ... input: [3, 8, 8]
    ... layers: [{max_pool: {kernel_size: 2 | 4}}, {conv: {out_channels: 8, kernel_size: 1 | 3}}]
    ... ''')
    >>> report = cs.check(find(just_invalid(problem), lambda net: True))
    >>> [(failure.layer, failure.code) for failure in report.failures]
    [('conv1', 'CS001')]
    """
    bounded = _bounded(problem, max_size)
    traced = trace_problem(bounded)
    groups: dict[tuple[str, str, str], list[Requirement]] = {}
    for requirement in traced.trace.requirements:
        groups.setdefault((requirement.layer, requirement.rule.code, requirement.text), []).append(requirement)
    broken = (_broken(traced, group, failing) for group in groups.values() for failing in _parts(group))
    found = [w for b in broken if (w := _ways(b)) is not None]
    if not found:
        raise NetworkError("no network of the problem fails exactly one requirement" + _hint(problem, max_size))
    return _networks(bounded.network, found)


def _hint(problem: Problem, max_size: int | None) -> str:
    wide = [n for n, v in problem.network.holes.items() if v.domain is not None and v.domain.upper is None]
    return " with input sizes so small: give a larger max_size" if wide else ""


def _bounded(problem: Problem, max_size: int | None) -> Problem:
    """Return the problem with an end for every domain, and without what does not matter here."""
    network = problem.network
    for name, unknown in problem.network.holes.items():
        domain = unknown.domain
        if domain is not None and domain.upper is None:
            end = domain.lower + _WINDOW - 1 if max_size is None else max(max_size, domain.lower)
            values = [v for v in range(domain.lower, end + 1) if v in domain]
            network = network.with_domain(name, Domain.of(*values))
    return replace(problem, network=network, objectives=(), for_all={})


def _ways(traced: ProblemTrace) -> SolutionPaths | None:
    try:
        return solution_paths(build(traced, goals=False), Clock())
    except TooWide:
        raise NetworkError(
            "there are too many states to draw from: close some holes, or leave out a budget over the whole network"
        ) from None


def _parts(group: Sequence[Requirement]) -> Iterator[list[Requirement]]:
    """Yield which requirements of one rule and one layer, one for each axis, may fail together."""
    for count in range(1, len(group) + 1):
        yield from map(list, itertools.combinations(group, count))


def _broken(traced: ProblemTrace, group: Sequence[Requirement], failing: Sequence[Requirement]) -> ProblemTrace:
    """Return the trace in which some requirements of a group fail, all others hold, and what rests on them is free.

    Those that fail do so with the same numbers: as one failure.
    """
    poisoned: set[str] = set()
    sizes = {v.name for r in failing for v in variables(r.condition) if v.domain is None}
    spoilt = sizes if failing[0].rule.poisons else set()
    steps: list[Definition | Requirement] = []
    for step in traced.trace.steps:
        names = {v.name for v in variables(step.value if isinstance(step, Definition) else step.condition)}
        if isinstance(step, Definition):
            if names & poisoned or (step.layer == failing[0].layer and names & spoilt):
                poisoned.add(step.name)
            steps.append(step)
        elif step in group or not names & poisoned:
            fails = step in failing
            steps.append(replace(step, condition=negation(step.condition)) if fails else step)
    first = failing[0]
    for other in failing[1:]:
        same = all_of(*(eq(a, b) for (_, a), (_, b) in zip(first.values, other.values, strict=True)))
        steps.append(replace(other, condition=same))
    return replace(traced, trace=replace(traced.trace, steps=tuple(steps)))


@st.composite
def _networks(draw: Callable[[Any], Any], network: Network, found: Sequence[SolutionPaths]) -> Network:
    way = found[draw(st.integers(0, len(found) - 1))]

    def pick(offered: list[int], smallest: list[int]) -> int:
        # one draw for each hole, whatever is offered: a shrinker changes one without disturbing the others
        options = offered + smallest * (len(offered) // len(smallest))
        found: int = options[draw(st.integers(0, len(options) - 1))]
        return found

    return network.assign(way.walk(pick))


# -- input shapes


def input_shapes(network: Network | Problem, *, max_size: int = 512) -> st.SearchStrategy[tuple[int, ...]]:
    """Return a strategy for the input shapes that a network takes, as written and without the batch axis.

    Sizes next to those that are refused are drawn more often. Shrinks to the smallest input. A network with
    several inputs gets a shape for each.

    Args:
        network: a network or problem without open parameters.
        max_size: how large a size may become (or the smallest valid size, where that is larger).

    Raises:
        NetworkError: the network takes no input.

    >>> import convsolve as cs
    >>> from hypothesis import find
    >>> net = cs.parse("{input: [3, 64, 64], layers: [{conv: {out_channels: 8, kernel_size: 5}}]}")
    >>> find(input_shapes(net), lambda shape: shape[1] > 7)
    (3, 8, 5)
    """
    sizes = _decided(network)
    if not sizes.region:
        raise NetworkError("the network takes no input size")
    return _shapes(sizes.region, sizes.opened.shapes, max_size)


def invalid_input_shapes(network: Network | Problem, *, max_size: int = 512) -> st.SearchStrategy[tuple[int, ...]]:
    """Return a strategy for the input shapes that a network refuses, sizes being at least 1.

    Sizes next to those that it takes are drawn more often. Shrinks to the smallest.

    Raises:
        NetworkError: the network takes every size.

    >>> import convsolve as cs
    >>> from hypothesis import find
    >>> net = cs.parse("{input: [3, 64, 64], layers: [{conv: {out_channels: 8, kernel_size: 5}}]}")
    >>> find(invalid_input_shapes(net), lambda shape: shape[1] > 2)
    (3, 3, 1)
    """
    sizes = _decided(network)
    refused = ~sizes.region
    if not refused:
        raise NetworkError("the network takes every input size")
    return _shapes(refused, sizes.opened.shapes, max_size)


def _decided(network: Network | Problem) -> Any:
    sizes = valid_sizes(network, prove=False)
    if not sizes.complete:
        raise NetworkError("it is not known for all sizes whether the network takes them")
    return sizes


@st.composite
def _shapes(draw: Callable[[Any], Any], region: Boxes, shapes: Callable[[Sequence[int]], Any], max_size: int) -> Any:
    point: list[int] = []
    for i in range(len(region.axes)):
        possible = [part for part in region.parts if all(n in s for n, s in zip(point, part, strict=False))]
        point.append(draw(_sizes(Boxes(region.axes, tuple(possible)).axis(i), max_size)))
    found = shapes(point)
    return found[0] if len(found) == 1 else tuple(found)


def _sizes(sizes: SizeSet, max_size: int) -> st.SearchStrategy[int]:
    """Return a strategy for the members of a set: any, or one whose neighbour is no member."""
    least = sizes.minimum or 1
    count = sizes.count(max(max_size, least))
    edge = [n for n in sizes.first(_NEAR_THE_EDGE) if n - 1 not in sizes or n + 1 not in sizes]
    more = count if edge else 0  # one number: the lower half stands for any member, the upper for those on the edge

    def member(i: int) -> int:
        return sizes.nth(i) if i < count else edge[i % len(edge)]

    return st.integers(0, count + more - 1).map(member)
