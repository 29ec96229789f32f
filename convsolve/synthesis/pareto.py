"""Pareto: the solutions of which none is better in every objective.

Each is found by minimising the objectives in order, below what has been found already (the lexicographic
epsilon-constraint method: Haimes, Lasdon and Wismer, 1971); so every one is a best of what is left, and when
nothing is left the front is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..dims import Cond, any_of, evaluate
from ..errors import NetworkError
from ..network.trace import Requirement, run
from ..problem import Objective, Problem, ProblemTrace, as_problem
from ..rules import PROBLEM
from ..solver.clock import Clock
from ..solver.outcome import Outcome, Stopped
from ..support.arguments import checked
from ..support.notebook_display import Shown
from ..support.suggestions import listed
from .robust import RobustSearch
from .solve import Interrupted, Solution, solution_of

__all__ = ["Front", "TradeOffs", "asking", "pareto", "trade_offs", "values_of", "wishes"]


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

    def __str__(self) -> str:
        """Return the points as a table, and whether they are all."""
        from ..checks.text import screenful
        from .text import front_lines

        return "\n".join(screenful(front_lines(self)))

    def __repr__(self) -> str:
        whole = "the whole front" if self.complete else "not the whole front"
        return f"<Front of {', '.join(self.objectives)}: {len(self.points)} points, {whole}>"


@checked
def pareto(
    problem: Problem,
    objectives: Sequence[str] = (),
    *,
    timeout: float | None = None,
    limit: int = 1000,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
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

    Raises:
        Interrupted: the user interrupted (it is a KeyboardInterrupt); it carries the points so far.

    >>> from convsolve.files import parse
    >>> front = pareto(parse('''
    ... input: [1, 28, 28]
    ... layers:
    ...   - conv: {out_channels: 8, kernel_size: 3 | 5 | 7, stride: 1 | 2}
    ... '''), ["params", "macs", "-receptive_field.height"])
    >>> front.points
    ((80, 12168, -3), (208, 28800, -5), (400, 47432, -7))
    """
    wished = wishes(problem, objectives)
    search = RobustSearch(asking(problem, wished), Clock(timeout, progress), seed)
    return trade_offs(search, search.trace, limit).front(search.trace)


def wishes(problem: Problem, objectives: Sequence[str]) -> tuple[str, ...]:
    """Return the objectives of a front: those that are asked for, or else the problem's.

    Raises:
        NetworkError: there are not two or three of them.
    """
    problem = as_problem(problem)
    wished = listed("objectives", objectives, "['params', 'macs']") or as_problem(problem).pareto
    if len(wished) not in (2, 3):
        raise NetworkError(f"a Pareto front has two or three objectives, got {len(wished)}")
    return wished


def asking(problem: Problem, wished: Sequence[str]) -> Problem:
    """Return a problem with other objectives, all minimised."""
    return replace(problem, objectives=tuple(Objective("minimize", text) for text in wished))


@dataclass(frozen=True)
class TradeOffs:
    """Points with the outcome of the search for each. ``complete`` and ``reason`` are those of a :class:`Front`."""

    points: tuple[tuple[int, ...], ...]
    outcomes: tuple[Outcome, ...]
    complete: bool
    reason: str = ""

    def front(self, traced: ProblemTrace) -> Front:
        """Return the front, each of its solutions computed again by integer arithmetic."""
        order = sorted(range(len(self.points)), key=self.points.__getitem__)
        outcomes = [self.outcomes[i] for i in order]
        found = [solution_of(traced, o.assignments[0], o) for o in outcomes]
        wished = tuple(objective.text for objective in traced.problem.objectives)
        return Front(wished, tuple(self.points[i] for i in order), tuple(found), self.complete, self.reason)


def trade_offs(search: RobustSearch, traced: ProblemTrace, limit: int) -> TradeOffs:
    """Return the trade-offs between the objectives of a search's trace, to which steps may have been added.

    Raises:
        Interrupted: the user interrupted; it carries the front so far.
    """
    left = traced
    points: list[tuple[int, ...]] = []
    found: list[Outcome] = []
    interrupted = False
    while len(found) < limit:
        try:
            outcome = search.optimise(left)
        except Stopped as stopped:
            outcome, interrupted = stopped.outcome, True
        if outcome.assignments:
            found.append(outcome)
            points.append(values_of(traced, outcome.assignments[0]))
        if interrupted or not outcome.assignments or not outcome.proven:
            complete = outcome.proven and not outcome.assignments
            sofar = TradeOffs(tuple(points), tuple(found), complete, outcome.reason)
            if interrupted:
                raise Interrupted(sofar.front(traced))
            return sofar
        steps = (Requirement("", PROBLEM, c, text="on the front") for c in _better(traced, points))
        left = replace(traced, trace=replace(traced.trace, steps=(*traced.trace.steps, *steps)))
    return TradeOffs(tuple(points), tuple(found), False, f"there are more than {limit} points")


def values_of(traced: ProblemTrace, assignment: Mapping[str, int]) -> tuple[int, ...]:
    """Return the objectives' values, computed by integer arithmetic."""
    values = run(traced.trace, assignment)
    return tuple(evaluate(objective, values) for objective in traced.objectives)


def _better(traced: ProblemTrace, points: Sequence[tuple[int, ...]]) -> list[Cond]:
    """Return conditions that leave just what no found point is as good as in everything."""
    objectives = traced.objectives
    if len(objectives) == 2:  # points come with the first objective rising: the second has to fall
        return [objectives[1] < points[-1][1]]
    return [any_of(*(o < value for o, value in zip(objectives, point, strict=True))) for point in points]
