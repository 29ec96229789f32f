"""Pareto: the solutions of which none is better in every objective.

Each is found by minimising the objectives in order, below what has been found already (the lexicographic
epsilon-constraint method: Haimes, Lasdon and Wismer, 1971); so every one is a best of what is left, and when
nothing is left the front is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..dims import Cond, any_of
from ..errors import NetworkError
from ..operators.rules import PROBLEM
from ..problem import Objective, Problem, ProblemTrace
from ..shown import Shown
from ..solver.clock import Clock
from ..trace import Requirement
from .robust import Search
from .synthesize import Solution, solution_of

__all__ = ["Front", "pareto"]


@dataclass(frozen=True)
class Front(Shown):
    """The Pareto front of two or three objectives, all minimised, by the first one.

    ``points`` are the objectives' values, ``solutions`` one solution for each. ``complete`` says that the front
    has no other points and that each of these is on it; otherwise ``reason`` says why not.
    """

    objectives: tuple[str, ...]
    points: tuple[tuple[int, ...], ...]
    solutions: tuple[Solution, ...]
    complete: bool
    reason: str = ""


def pareto(
    problem: Problem, objectives: Sequence[str] = (), *, timeout: float | None = None, limit: int = 1000,
    seed: int = 0, progress: Callable[[str], None] | None = None,
) -> Front:
    """Return the Pareto front of a problem.

    Args:
        problem: the problem; its own objectives do not count.
        objectives: two or three expressions to be minimised (write ``-x`` to maximise ``x``); by default
            the problem's ``pareto``.
        timeout: seconds for the whole front; afterwards what has been found is returned, marked incomplete.
        limit: the most points to find.
        seed: for z3, where it is asked.
        progress: called with a short text at each stage.

    >>> from convsolve.files import parse
    >>> front = pareto(parse('''
    ... input: [1, 28, 28]
    ... layers:
    ...   - conv: {out_channels: 8, kernel_size: 3 | 5 | 7, stride: 1 | 2}
    ... '''), ["params", "macs", "-receptive_field.height"])
    >>> front.points
    ((80, 12168, -3), (208, 28800, -5), (400, 47432, -7))
    """
    wished = tuple(objectives) or problem.pareto
    if len(wished) not in (2, 3):
        raise NetworkError(f"a Pareto front has two or three objectives, got {len(wished)}")
    clock = Clock(timeout, progress)
    asked = replace(problem, objectives=tuple(Objective("minimize", text) for text in wished))
    search = Search(asked, clock, seed)
    traced = search.trace
    left = traced
    found: list[Solution] = []
    points: list[tuple[int, ...]] = []
    while len(found) < limit:
        outcome = search.optimise(left)
        if not outcome.assignments:
            return _front(wished, points, found, outcome.proven, outcome.reason)
        solution = solution_of(traced, outcome.assignments[0], outcome.proven, outcome.bound, outcome.reason)
        found.append(solution)
        points.append(tuple(goal.value for goal in solution.goals))
        if not solution.proven:
            return _front(wished, points, found, False, solution.reason)
        better = _better(traced, points)
        steps = (*traced.trace.steps, *(Requirement("", PROBLEM, c, text="on the front") for c in better))
        left = replace(traced, trace=replace(traced.trace, steps=steps))
    return _front(wished, points, found, False, f"there are more than {limit} points")


def _better(traced: ProblemTrace, points: Sequence[tuple[int, ...]]) -> list[Cond]:
    """Return conditions that leave just what no found point is as good as in everything."""
    objectives = traced.objectives
    if len(objectives) == 2:  # points come with the first objective rising: the second has to fall
        return [objectives[1] < points[-1][1]]
    return [any_of(*(o < value for o, value in zip(objectives, point, strict=True))) for point in points]


def _front(
    wished: tuple[str, ...], points: list[tuple[int, ...]], found: list[Solution], complete: bool, reason: str
) -> Front:
    order = sorted(range(len(points)), key=points.__getitem__)
    return Front(wished, tuple(points[i] for i in order), tuple(found[i] for i in order), complete, reason)
