"""The engine: presolve, then the portfolio; where sizes are open above, in growing windows.

Each window is decided completely; what lies beyond the last window is left to presolve (which often shows that
nothing better can) and to z3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..dims import Cond, Domain, eq, evaluate
from ..network.trace import Requirement, run
from ..problem import ProblemTrace
from . import cpsat, portfolio
from .clock import Clock, OutOfTime
from .outcome import Outcome, Stopped
from .presolve import Domains, Refuted, presolve
from .system import System, build
from .task import Task

__all__ = ["decide", "feasible", "optimise"]

_WINDOWS = (64, 512, 4096)
_FAR = 1 << 40
"""Beyond this, an objective is taken to have no limit."""

_SHARE = 4
"""A window gets this part of the time that is left."""


def decide(problem: ProblemTrace, in_force: Sequence[Requirement], clock: Clock, seed: int = 0) -> bool | None:
    """Return whether the requirements can hold together; None if that is not known.

    Raises:
        OutOfTime: the deadline passed.
    """
    return feasible(problem, build(problem, in_force, goals=False), in_force, clock, seed)


def feasible(
    problem: ProblemTrace, system: System, in_force: Sequence[Requirement], clock: Clock, seed: int = 0
) -> bool | None:
    """Return whether a problem's system with these requirements has a solution; see :func:`decide`."""
    try:
        domains = presolve(system, clock)
        outcome = _search(Task(problem, in_force, system, domains, clock, seed, plainest=False))
    except Refuted:
        return False
    clock.check()
    return True if outcome.assignments else False if outcome.proven else None


def optimise(problem: ProblemTrace, clock: Clock, seed: int = 0, keep: int = 1) -> Outcome:
    """Return the ``keep`` best assignments of a problem's holes.

    Best is lexicographic: the objectives, then the least sum of preference ranks, then the ranks in the
    order of the holes.
    """
    try:
        return _search(Task.of(problem, clock, seed=seed, keep=keep))
    except Refuted:
        return Outcome((), True, plainest=True)
    except OutOfTime:
        return Outcome((), False, reason="the time ran out before a solution was found")


def _search(task: Task) -> Outcome:
    wide = [name for name in task.system.holes if task.domains[name].array is None]
    if not wide or (cpsat.installed() and all(task.domains[name].size is not None for name in wide)):
        return portfolio.solve(task)
    for window in _WINDOWS:
        outcome = _in_window(task, wide, window)
        if outcome is None or not outcome.assignments:
            continue
        if not task.plainest and not task.system.goals:
            return outcome
        try:
            return _close(task, wide, outcome)
        except OutOfTime:
            return Outcome(outcome.assignments, False, reason="the time ran out")
        except KeyboardInterrupt:
            raise Stopped(Outcome(outcome.assignments, False, reason="the search was stopped")) from None
    return portfolio.by_z3(task)


def _in_window(task: Task, wide: Sequence[str], window: int) -> Outcome | None:
    """Search with the first ``window`` values of every wide unknown; None where that is impossible."""
    known: Domains = {}
    for name in wide:
        first = task.system.holes[name].values(window)
        known[name] = task.domains[name].meet(np.array(sorted(first), dtype=np.int64))
        if known[name].empty:
            return None
    left = task.clock.left
    with task.within(None if left is None else left / _SHARE):
        try:
            return portfolio.solve(task.narrowed(known))
        except (Refuted, OutOfTime):
            return None


def _close(task: Task, wide: Sequence[str], outcome: Outcome) -> Outcome:
    """Show that nothing outside the window is better than what was found inside, or find what is.

    What is better is better in the first objective, or equal there and better in the second, and so on,
    or equal in all and no less plain: each of these regions is decided by itself.
    """
    if task.keep > 1:
        return Outcome(outcome.assignments, False, outcome.bound, "sizes are open above: there may be others")
    best = outcome.assignments[0]
    if _no_limit(task):
        return Outcome((best,), False, None, "the objective has no limit: input sizes are open above")
    equal: list[Cond] = []
    objectives = task.problem.objectives if task.system.goals else ()
    for i, (goal, objective) in enumerate(zip(task.system.goals, objectives, strict=True)):
        while True:
            value = evaluate(objective, run(task.problem.trace, best))
            better = objective < value if goal.sense > 0 else objective > value
            found = _region(task, [*equal, better])
            if not found.proven:
                bound = None if i else outcome.bound
                return Outcome((best,), False, bound, "sizes are open above: a larger one may be better", settled=i)
            if not found.assignments:
                break
            best = found.assignments[0]
        equal.append(eq(objective, value))
    most = sum(task.system.holes[name].rank(best[name]) for name in task.system.holes)
    known = {name: task.domains[name].within(None, _highest(task.system.holes[name], most)) for name in wide}
    found = _region(task, equal, known, plainest=True)
    return found if found.assignments else Outcome((best,), bool(equal), reason="sizes are open above")


def _no_limit(task: Task) -> bool:
    """Return whether the first objective can be better than anything that a network could mean."""
    if not task.system.goals:
        return False
    objective, sense = task.problem.objectives[0], task.system.goals[0].sense
    far = objective < -_FAR if sense > 0 else objective > _FAR
    return bool(_region(task, [far], goals=False).assignments)


def _highest(domain: Domain, rank: int) -> int:
    """Return a value that no value of at most this rank exceeds, in a domain that is open above."""
    last = domain.spans[-1]
    finite = [span.stop for span in domain.spans if span.stop is not None]
    return max([last.start + rank * last.step, *finite])


def _region(
    task: Task, extra: Sequence[Cond], known: Domains | None = None, *, plainest: bool = False, goals: bool = True
) -> Outcome:
    """Search where some further conditions hold; without ``goals``, for any solution.

    ``plainest`` says whether z3, if it is asked, has to decide preference, too.
    """
    if any(condition is False for condition in extra):
        return Outcome((), True)
    try:
        region = task.region([c for c in extra if c is not True], known, plainest=plainest, goals=goals)
    except Refuted:
        return Outcome((), True, plainest=True)
    if goals and all(region.domains[name].array is not None for name in region.system.holes):
        region.plainest = True
        return portfolio.solve(region)
    return portfolio.by_z3(region)
