"""The solutions of a problem as independent parts, and the holes that some of them do not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..dims import Cond, any_of
from ..errors import UndecidedError
from ..problem import ProblemTrace
from ..solver.cells import TooWide
from ..solver.clock import Clock, OutOfTime
from ..solver.plan import plan
from ..solver.presolve import Refuted, presolve
from ..solver.system import build
from ..trace import Requirement
from .expansion import paths_of
from .paths import Paths

__all__ = ["Parts", "parts_of", "presence"]


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


def parts_of(traced: ProblemTrace, clock: Clock, in_force: Sequence[Requirement] | None = None) -> Parts | None:
    """Return the solutions of a problem whose unknowns are all bounded; None if there are none.

    Args:
        traced: the problem.
        clock: the deadline.
        in_force: the requirements that must hold; by default all.

    Raises:
        UndecidedError: there are too many states to go through, or the time ran out.
    """
    system = build(traced, in_force, goals=False)
    try:
        domains = presolve(system, clock)
        if any(domains[name].array is None for name in system.holes):
            raise TooWide
        parts = []
        for part in plan(system, domains, in_order=False):
            found = paths_of(part, system, domains, clock, presence(traced), traced.trace.canonical)
            if found is None:
                return None
            parts.append(found)
    except Refuted:
        return None
    except TooWide:
        raise UndecidedError(
            "the space has too many states to be gone through: close some holes, or leave out a requirement that joins "
            "distant layers") from None
    except OutOfTime:
        raise UndecidedError("the time ran out before the space was gone through") from None
    return Parts({n: v.fixed for n in system.holes if (v := domains[n]).fixed is not None}, tuple(parts))
