"""Solution paths: every solution of a system as a path through layers of states, none of which leads astray.

States from which the end cannot be reached are removed, so a path can be drawn step by step, whatever is
chosen: nothing has to be thrown away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .clock import Clock
from .layered_graph import LayeredGraph, build_graph
from .plan import plan
from .presolve import Refuted, presolve
from .system import System
from .transitions import Choices, TooWide

__all__ = ["PathStep", "TooWide", "SolutionPaths", "solution_paths"]

_MOST_STATES = 1 << 18


@dataclass(frozen=True)
class PathStep:
    """One block of a part: its edges, sorted by the state that they come from.

    ``starts`` says where the edges of each state begin, ``size`` is the sum of what is known after an edge.
    """

    starts: np.ndarray
    target: np.ndarray
    combination: np.ndarray
    size: np.ndarray
    choices: Choices


@dataclass(frozen=True)
class SolutionPaths:
    """The solutions of a system; the values of ``fixed`` holes are the same in all."""

    fixed: dict[str, int]
    parts: tuple[tuple[PathStep, ...], ...]

    def walk(self, pick: Callable[[list[int], list[int]], int]) -> dict[str, int]:
        """Return a solution, hole by hole.

        ``pick`` returns one of the values that it is offered, in ascending order; its second argument has those
        that lead to the smallest sizes; of several, the smallest themselves.
        """
        found = dict(self.fixed)
        for part in self.parts:
            state = 0
            for step in part:
                edges = np.arange(step.starts[state], step.starts[state + 1])
                columns = step.choices.columns(step.combination[edges])
                values = sum(columns.values(), np.zeros(len(edges), dtype=np.int64))
                sizes, left = step.size[edges] * (1 + int(values.max())) + values, np.arange(len(edges))
                for name, column in columns.items():
                    least = left[sizes[left] == sizes[left].min()]
                    offered, smallest = (np.unique(column[rows]).tolist() for rows in (left, least))
                    found[name] = pick(offered, smallest)
                    left = left[column[left] == found[name]]
                state = int(step.target[edges[left[0]]])
        return found


def solution_paths(system: System, clock: Clock) -> SolutionPaths | None:
    """Return the solutions of a system whose unknowns are all bounded; None if there are none.

    Raises:
        TooWide: there are too many states.
        OutOfTime: the deadline passed.
    """
    try:
        domains = presolve(system, clock)
    except Refuted:
        return None
    if any(domains[name].array is None for name in system.holes):
        raise TooWide
    fixed = {name: value for name in system.holes if (value := domains[name].fixed) is not None}
    parts = []
    for part in plan(system, domains, sums=False):
        graph = build_graph(part, system, domains, clock, _MOST_STATES)
        if graph is None:
            return None
        parts.append(_steps(graph))
    return SolutionPaths(fixed, tuple(parts))


def _steps(graph: LayeredGraph) -> tuple[PathStep, ...]:
    """Return the edges of a graph from whose targets the end can be reached."""
    alive = np.ones(graph.layers[-1].targets, dtype=bool)
    found: list[PathStep] = []
    for layer in reversed(graph.layers):
        kept = np.flatnonzero(alive[layer.target])
        kept = kept[np.argsort(layer.source[kept], kind="stable")]
        source, target = layer.source[kept], layer.target[kept]
        alive = np.zeros(layer.sources, dtype=bool)
        alive[source] = True
        starts = np.searchsorted(source, np.arange(layer.sources + 1))
        found.append(PathStep(starts, target, layer.combination[kept], layer.size[target], layer.choices))
    return tuple(reversed(found))
