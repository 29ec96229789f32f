"""The solutions of a problem as independent parts, and the holes that some of them do not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from ..dims import Cond, any_of
from ..errors import UndecidedError
from ..network.trace import Requirement
from ..problem import ProblemTrace
from ..solver.clock import Clock, OutOfTime
from ..solver.plan import Part, plan
from ..solver.presolve import Domains, Refuted, presolve
from ..solver.system import System, build
from ..solver.transitions import TooWide
from .paths import Paths, StageEdges, paths_of

__all__ = [
    "Outline", "Parts", "TooManyStates", "allowed_edges", "in_words", "outlined", "parts_of", "possible", "presence",
]  # fmt: skip


class TooManyStates(UndecidedError):
    """A space cannot be gone through as a whole; it may be where more is decided."""


@contextmanager
def in_words() -> Iterator[None]:
    """Say what it means that the solver's methods give up.

    Raises:
        TooManyStates: there are too many states to go through.
        UndecidedError: the time ran out.
    """
    try:
        yield
    except TooWide:
        raise TooManyStates(
            "the space has too many states to be gone through: close some holes, or leave out a requirement that joins "
            "distant layers"
        ) from None
    except OutOfTime:
        raise UndecidedError("the time ran out before the space was gone through") from None


@dataclass(frozen=True)
class Outline:
    """What is known of a space before it is gone through: the values that presolve has left, and the plan."""

    system: System
    domains: Domains

    @cached_property
    def plan(self) -> list[Part]:
        """The parts, whose blocks introduce each hole as late as possible."""
        return plan(self.system, self.domains, in_order=False)

    @cached_property
    def holes(self) -> dict[str, tuple[int, ...]]:
        """The values of the open holes, preferred ones first; those first whose decision makes the most difference.

        That is, in the part with the most combinations, those that are remembered over the most blocks: once they are
        decided, the states in between tell less apart. Equals come in the order in which the network needs them. Holes
        with too many values to be listed are left out.
        """
        found: dict[str, tuple[int, ...]] = {}
        for part in sorted((self._of(part) for part in self.plan), key=lambda own: -prod(map(len, own.values()))):
            found |= part
        return found

    def _of(self, part: Part) -> dict[str, tuple[int, ...]]:
        """Return the values of the holes of one part."""
        remembered: dict[str, int] = {}
        for block in part.blocks:
            remembered |= dict.fromkeys(block.holes, 0)
            remembered |= {name: remembered[name] + 1 for name in block.kept if name in remembered}
        found = {}
        for name in sorted(remembered, key=lambda name: -remembered[name]):
            array = self.domains[name].array
            if array is not None:
                found[name] = tuple(sorted(array.tolist(), key=self.system.holes[name].rank))
        return found


@dataclass(frozen=True)
class Parts:
    """Every solution is one path of each part, together with the values that are the same in all."""

    fixed: dict[str, int]
    parts: tuple[Paths, ...]

    @property
    def exact(self) -> bool:
        """Whether every combination of paths is a solution."""
        return all(part.exact for part in self.parts)

    def columns(self, edges: Sequence[Sequence[np.ndarray]], count: int) -> dict[str, np.ndarray]:
        """Return the holes' values on ``count`` paths, given the edges of each part, stage by stage."""
        found = {name: np.full(count, value, dtype=np.int64) for name, value in self.fixed.items()}
        for part, own in zip(self.parts, edges, strict=True):
            for stage, chosen in zip(part.stages, own, strict=True):
                found |= {name: stage.values(name, chosen) for name in stage.options}
        return found


def presence(traced: ProblemTrace) -> dict[str, Cond]:
    """Return for each hole the condition under which a network has it.

    A hole that a requirement speaks of by name always counts, as in the solver.
    """
    whens: dict[str, list[Cond]] = {}
    for layer in traced.problem.network.ordered:
        for unknown in layer.operator.unknowns():
            whens.setdefault(unknown.name, []).append(layer.when)
    canonical = traced.trace.canonical
    return {name: any_of(*whens[name]) if name in canonical else True for name in traced.problem.network.holes}


def outlined(
    traced: ProblemTrace, clock: Clock, in_force: Sequence[Requirement] | None = None, *, goals: bool = False
) -> Outline | None:
    """Return the outline of a problem whose unknowns are all bounded; None if it has no solution.

    Args:
        traced: the problem.
        clock: the deadline.
        in_force: the requirements that must hold; by default all.
        goals: whether objectives are to be remembered.

    Raises:
        UndecidedError: the time ran out.
    """
    system = build(traced, in_force, goals=goals)
    try:
        with in_words():
            return Outline(system, presolve(system, clock))
    except Refuted:
        return None


def parts_of(traced: ProblemTrace, outline: Outline, clock: Clock, coarse: int = 0) -> Parts | None:
    """Return the solutions of a problem, given its outline; None if there are none.

    Raises:
        TooManyStates: there are too many states to go through.
        UndecidedError: the time ran out.
    """
    system, domains = outline.system, outline.domains
    parts = []
    with in_words():
        if any(domains[name].array is None for name in system.holes):
            raise TooWide
        for part in outline.plan:
            found = paths_of(part, system, domains, clock, presence(traced), traced.trace.canonical, coarse)
            if found is None:
                return None
            parts.append(found)
    return Parts({n: v.fixed for n in system.holes if (v := domains[n]).fixed is not None}, tuple(parts))


def possible(parts: Parts, given: Mapping[str, int], *, certain: bool = False) -> dict[str, tuple[int, ...]] | None:
    """Return for each hole the values that it takes on paths with the given values; None if there is no such path.

    With ``certain``, only paths that are solutions for certain count.
    """
    if any(parts.fixed[name] != value for name, value in given.items() if name in parts.fixed):
        return None
    found: dict[str, tuple[int, ...]] = {name: (value,) for name, value in parts.fixed.items()}
    for part in parts.parts:
        live = _live(part, given, part.certain if certain else np.ones(len(part.certain), dtype=bool))
        if live is None:
            return None
        for stage, edges in zip(part.stages, live, strict=True):
            for name, options in stage.options.items():
                seen = np.bincount(stage.places[name][edges], minlength=len(options)) > 0
                found[name] = tuple(options[seen].tolist())
    return found


def allowed_edges(stage: StageEdges, given: Mapping[str, int]) -> np.ndarray | None:
    """Return which edges take the given values; None where nothing is given."""
    allowed = None
    for name, options in stage.options.items():
        if name in given:
            here = (options == given[name])[stage.places[name]]
            allowed = here if allowed is None else allowed & here
    return allowed


def _live(part: Paths, given: Mapping[str, int], end: np.ndarray) -> list[np.ndarray] | None:
    """Return the edges of each stage that lie on a path with the given values; None if there is none."""
    before = np.ones(1, dtype=bool)
    forward: list[np.ndarray] = []
    for i, stage in enumerate(part.stages):
        here = before[stage.source]
        allowed = allowed_edges(stage, given)
        if allowed is not None:
            here &= allowed
        edges = np.flatnonzero(here)
        nodes = len(part.stages[i + 1].starts) - 1 if i + 1 < len(part.stages) else len(part.certain)
        before = np.zeros(nodes, dtype=bool)
        before[stage.target[edges]] = True
        forward.append(edges)
    after = end
    live: list[np.ndarray] = []
    for stage, edges in zip(reversed(part.stages), reversed(forward), strict=True):
        edges = edges[after[stage.target[edges]]]
        if not len(edges):
            return None
        after = np.zeros(len(stage.starts) - 1, dtype=bool)
        after[stage.source[edges]] = True
        live.append(edges)
    return live[::-1]
