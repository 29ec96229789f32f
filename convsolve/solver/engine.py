"""The engine: presolve, then the sweep, then z3 where the sweep is too wide.

Sizes that are open above are searched in growing windows, each of which is decided completely; what lies
beyond the last window is left to presolve (which often shows that nothing better can) and to z3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..dims import Cond, Domain, eq, evaluate
from ..problem import ProblemTrace
from ..trace import Requirement, run
from .clock import Clock, OutOfTime
from .dive import dive
from .outcome import Outcome
from .presolve import Domains, Refuted, presolve
from .sweep import TooWide, sweep
from .system import System, build

__all__ = ["decide", "optimise"]

_WINDOWS = (64, 512, 4096)
_FAR = 1 << 40
"""Beyond this, an objective is taken to have no limit."""


def decide(problem: ProblemTrace, in_force: Sequence[Requirement], clock: Clock, seed: int = 0) -> bool | None:
    """Return whether the requirements can hold together; None if that is not known.

    Raises:
        OutOfTime: the deadline passed.
    """
    outcome = _search(problem, in_force, clock, seed, keep=1, plainest=False, goals=False)
    return True if outcome.assignments else False if outcome.proven else None


def optimise(problem: ProblemTrace, clock: Clock, seed: int = 0, keep: int = 1) -> Outcome:
    """Return the ``keep`` best assignments of a problem's holes.

    Best is lexicographic: the objectives, then the least sum of preference ranks, then the ranks in the
    order of the holes.
    """
    try:
        return _search(problem, None, clock, seed, keep=keep, plainest=True, goals=True)
    except OutOfTime:
        return Outcome((), False, reason="the time ran out before a solution was found")


def _search(
    problem: ProblemTrace, in_force: Sequence[Requirement] | None, clock: Clock, seed: int, *, keep: int,
    plainest: bool, goals: bool,
) -> Outcome:
    system = build(problem, in_force, goals=goals)
    try:
        domains = presolve(system, clock)
    except Refuted:
        return Outcome((), True)
    wide = [name for name in system.holes if domains[name].array is None]
    if not wide:
        return _bounded(system, domains, clock, seed, keep, plainest)
    for window in _WINDOWS:
        outcome = _in_window(system, domains, wide, window, clock, seed, keep, plainest)
        if outcome is None or not outcome.assignments:
            continue
        if not plainest and not system.goals:
            return outcome
        try:
            return _close(problem, in_force, system, domains, wide, outcome, clock, seed, keep)
        except OutOfTime:
            return Outcome(outcome.assignments, False, reason="the time ran out")
    return _by_z3(system, domains, clock, seed, keep, plainest)


def _in_window(
    system: System, domains: Domains, wide: Sequence[str], window: int, clock: Clock, seed: int, keep: int,
    plainest: bool,
) -> Outcome | None:
    """Search with the first ``window`` values of every wide unknown; None where that is impossible."""
    known: Domains = {}
    for name in wide:
        first = system.holes[name].values(window)
        array = np.array(sorted(first), dtype=np.int64)
        known[name] = domains[name].meet(array)
        if known[name].empty:
            return None
    try:
        narrowed = presolve(system, clock, known)
    except Refuted:
        return None
    return _bounded(system, narrowed, clock, seed, keep, plainest)


def _close(
    problem: ProblemTrace, in_force: Sequence[Requirement] | None, system: System, domains: Domains,
    wide: Sequence[str], outcome: Outcome, clock: Clock, seed: int, keep: int,
) -> Outcome:
    """Show that nothing outside the window is better than what was found inside, or find what is.

    What is better is better in the first objective, or equal there and better in the second, and so on,
    or equal in all and no less plain: each of these regions is decided by itself.
    """
    if keep > 1:
        return Outcome(outcome.assignments, False, outcome.bound, "sizes are open above: there may be others")
    best = outcome.assignments[0]
    if _no_limit(problem, in_force, system, clock, seed):
        return Outcome((best,), False, None, "the objective has no limit: input sizes are open above")
    equal: list[Cond] = []
    for i, (goal, objective) in enumerate(zip(system.goals, problem.objectives, strict=True)):
        while True:
            value = evaluate(objective, run(problem.trace, best))
            better = objective < value if goal.sense > 0 else objective > value
            found = _region(problem, in_force, [*equal, better], {}, clock, seed)
            if not found.proven:
                bound = None if i else outcome.bound
                return Outcome((best,), False, bound, "sizes are open above: a larger one may be better")
            if not found.assignments:
                break
            best = found.assignments[0]
        equal.append(eq(objective, value))
    most = sum(system.holes[name].rank(best[name]) for name in system.holes)
    known = {name: domains[name].within(None, _highest(system.holes[name], most)) for name in wide}
    found = _region(problem, in_force, equal, known, clock, seed, plainest=True)
    return found if found.assignments else Outcome((best,), False, reason="sizes are open above")


def _no_limit(
    problem: ProblemTrace, in_force: Sequence[Requirement] | None, system: System, clock: Clock, seed: int
) -> bool:
    """Return whether the first objective can be better than anything that a network could mean."""
    if not system.goals:
        return False
    objective, sense = problem.objectives[0], system.goals[0].sense
    far = objective < -_FAR if sense > 0 else objective > _FAR
    return bool(_region(problem, in_force, [far], {}, clock, seed, narrow=False).assignments)


def _highest(domain: Domain, rank: int) -> int:
    """Return a value that no value of at most this rank exceeds, in a domain that is open above."""
    last = domain.spans[-1]
    finite = [span.stop for span in domain.spans if span.stop is not None]
    return max([last.start + rank * last.step, *finite])


def _region(
    problem: ProblemTrace, in_force: Sequence[Requirement] | None, extra: Sequence[Cond], known: Domains,
    clock: Clock, seed: int, *, narrow: bool = True, plainest: bool = False,
) -> Outcome:
    """Search where some further conditions hold; without ``narrow``, for any solution, by z3 alone.

    ``plainest`` says whether z3, if it is asked, has to decide preference, too.
    """
    if any(condition is False for condition in extra):
        return Outcome((), True)
    system = build(problem, in_force, extra=[c for c in extra if c is not True])
    try:
        domains = presolve(system, clock, known)
    except Refuted:
        return Outcome((), True)
    if narrow and all(domains[name].array is not None for name in system.holes):
        return _bounded(system, domains, clock, seed, 1, True)
    if not narrow:
        system.goals.clear()
    return _by_z3(system, domains, clock, seed, 1, plainest)


def _bounded(system: System, domains: Domains, clock: Clock, seed: int, keep: int, plainest: bool) -> Outcome:
    known = dive(system, domains, clock) if keep == 1 and not system.goals else None
    if known is not None and not plainest:
        return Outcome((known,), True)
    try:
        found = sweep(system, domains, clock, keep=keep, plainest=plainest, known=known)
        assignments = tuple(assignment for _, assignment in found.best)
        return Outcome(assignments, found.proven, found.bound, found.reason)
    except TooWide as wide:
        parts = [assignment for _, assignment in wide.found[:1]]
        whole = [a for a in parts if a.keys() | _fixed(system, domains).keys() == system.holes.keys()]
        start = {**_fixed(system, domains), **whole[0]} if whole else None
        return _by_z3(system, domains, clock, seed, keep, plainest, start)


def _fixed(system: System, domains: Domains) -> dict[str, int]:
    return {name: value for name in system.holes if (value := domains[name].fixed) is not None}


def _by_z3(
    system: System, domains: Domains, clock: Clock, seed: int, keep: int, plainest: bool,
    start: dict[str, int] | None = None,
) -> Outcome:
    from .z3_search import tighten

    return tighten(system, domains, clock, seed, keep, plainest, start)

