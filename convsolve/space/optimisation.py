"""Optima: the best architecture of a space, and its Pareto front, as a whole or cube by cube.

The best one is best by the objectives, then the plainest: there is only one, so that the best of all cubes is the same
whoever finds it when. What has been reached is told to the cubes that are begun later.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from operator import itemgetter
from typing import Any

from ..errors import UndecidedError
from ..network.trace import Requirement
from ..problem import ProblemTrace
from ..rules import PROBLEM
from ..solver.clock import Clock, OutOfTime
from ..solver.outcome import Outcome, Stopped
from ..synthesis.pareto import Front, TradeOffs, asking, trade_offs, values_of, wishes
from ..synthesis.robust import RobustSearch
from ..synthesis.solve import Infeasible, Interrupted, Solution, Unknown, conclusion
from .checkpoint import Checkpoint
from .components import outlined
from .cubes import Decided, Job, Tell, cut, run, untold
from .subspace import Subspace, extended

__all__ = ["best", "front"]

_MOST_POINTS = 1000
_OUT_OF_TIME = Outcome((), False, reason="the time ran out")
_STOPPED = Outcome((), False, reason="the search was stopped")


def best(
    subspace: Subspace,
    timeout: float | None = None,
    seed: int = 0,
    cubes: int = 1,
    executor: Executor | None = None,
    tell: Tell = untold,
    checkpoint: Checkpoint | None = None,
) -> Solution | Infeasible | Unknown:
    """Return the best architecture of a space, or the requirements that rule all of them out.

    What is known of cubes is kept in a ``checkpoint``, and taken from it.

    Raises:
        Interrupted: the user interrupted; it carries the best that was found.
    """
    search = RobustSearch(subspace.problem, Clock(timeout), seed)
    traced = extended(search.trace, subspace.steps)
    found: list[tuple[tuple[int, ...], dict[str, int]]] = []
    open_ends: list[Outcome] = []
    plainest = True

    def jobs() -> Iterator[Job]:
        for decided in smaller:
            reached = min(key[0] for key, _ in found) if found and traced.objectives else None
            task = partial(_best, timeout=search.clock.left, seed=seed, reached=reached)
            yield Job(subspace, task, 1 / len(smaller), decided)

    smaller = _cubes(traced, search.clock, cubes)
    answers = None if checkpoint is None else checkpoint.of(f"best in {cubes}", _outcome, _written_outcome)
    stopped = False
    try:
        for _, outcome in run(jobs(), executor, clock=search.clock, in_order=False, tell=tell, answers=answers):
            found += [(_rank(traced, assignment), assignment) for assignment in outcome.assignments]
            open_ends += [] if outcome.proven else [outcome]
            plainest &= outcome.plainest
    except OutOfTime:
        open_ends.append(_OUT_OF_TIME)
    except KeyboardInterrupt as interrupt:
        known = interrupt.outcome if isinstance(interrupt, Stopped) else _STOPPED
        found += [(_rank(traced, assignment), assignment) for assignment in known.assignments]
        open_ends.append(dataclasses.replace(known, bound=None))  # of this cube alone
        stopped = True
    reason = open_ends[0].reason if open_ends else ""
    assignments = (min(found, key=itemgetter(0))[1],) if found else ()
    whole = Outcome(assignments, not open_ends, _bound(traced, [key for key, _ in found], open_ends), reason,
                    plainest=plainest and not open_ends)  # fmt: skip
    if stopped:
        raise Interrupted(conclusion(search, traced, whole, explain=False))
    answer = conclusion(search, traced, whole)
    if isinstance(answer, Infeasible) and not subspace.steps:
        return dataclasses.replace(answer, problem=subspace.problem)
    return answer


def _best(subspace: Subspace, depth: int, *, timeout: float | None, seed: int, reached: int | None) -> Outcome:
    """Return the best of a cube that is, in the first objective, no worse than what has been reached elsewhere."""
    search = RobustSearch(subspace.problem, Clock(timeout), seed)
    traced = extended(search.trace, subspace.steps)
    if reached is not None:
        objective, sense = traced.objectives[0], _senses(traced)[0]
        enough = objective <= reached if sense > 0 else objective >= -reached
        traced = extended(traced, (Requirement("", PROBLEM, enough, text="no worse than what is known"),))
    return search.optimise(traced)


def _cubes(traced: ProblemTrace, clock: Clock, least: int) -> tuple[Decided, ...]:
    """Return cubes in which the objectives are sought, too; the whole space where nothing needs to be cut."""
    if least > 1:
        try:
            outline = outlined(traced, clock, goals=True)
        except UndecidedError:
            outline = None  # the whole space says so, too
        if outline is not None:
            return cut(outline, least)
    return ((),)


def _senses(traced: ProblemTrace) -> list[int]:
    return [1 if objective.sense == "minimize" else -1 for objective in traced.problem.objectives]


def _rank(traced: ProblemTrace, assignment: dict[str, int]) -> tuple[int, ...]:
    """Return numbers by which assignments compare: the least is the best, of equals the plainest."""
    values = zip(_senses(traced), values_of(traced, assignment), strict=True)
    holes = traced.problem.network.holes
    ranks = [hole.domain.rank(assignment[name]) for name, hole in holes.items() if hole.domain is not None]
    return (*(sense * value for sense, value in values), sum(ranks), *ranks)


def _bound(traced: ProblemTrace, ranks: Sequence[tuple[int, ...]], open_ends: Sequence[Outcome]) -> int | None:
    """Return what the first objective cannot pass, given what was found and the searches that came to no end."""
    limits = [outcome.bound for outcome in open_ends]
    if not traced.objectives or not limits:
        return None
    sense = _senses(traced)[0]
    known = [sense * limit for limit in limits if limit is not None]
    return None if len(known) < len(limits) else sense * min([*known, *(rank[0] for rank in ranks)])


def front(
    subspace: Subspace,
    objectives: Sequence[str],
    timeout: float | None = None,
    seed: int = 0,
    cubes: int = 1,
    executor: Executor | None = None,
    tell: Tell = untold,
    checkpoint: Checkpoint | None = None,
) -> Front:
    """Return the Pareto front of a space: of the points on the fronts of its cubes those that none is better than.

    What is known of cubes is kept in a ``checkpoint``, and taken from it.
    """
    wished = wishes(subspace.problem, objectives)
    search = RobustSearch(asking(subspace.problem, wished), Clock(timeout), seed)
    traced = extended(search.trace, subspace.steps)
    smaller = _cubes(traced, search.clock, cubes)
    jobs = (
        Job(subspace, partial(_front, wished=wished, timeout=search.clock.left, seed=seed), 1 / len(smaller), decided)
        for decided in smaller
    )
    points: dict[tuple[int, ...], tuple[tuple[int, ...], Outcome]] = {}
    reasons: list[str] = []
    answers = None if checkpoint is None else checkpoint.of(f"front in {cubes}", _trade_offs, _written_trade_offs)
    try:
        for _, own in run(jobs, executor, clock=search.clock, in_order=False, tell=tell, answers=answers):
            reasons += [] if own.complete else [own.reason]
            for point, outcome in zip(own.points, own.outcomes, strict=True):
                entry = _rank(traced, outcome.assignments[0]), outcome
                points[point] = min(entry, points.get(point, entry), key=lambda e: e[0])
    except OutOfTime:
        reasons.append(_OUT_OF_TIME.reason)
    left = [p for p in points if not any(q != p and all(a <= b for a, b in zip(q, p, strict=True)) for q in points)]
    outcomes = [points[point][1] for point in left]
    if reasons and len(smaller) > 1:  # what is missing may be better than any of them
        outcomes = [dataclasses.replace(o, proven=False, bound=None, reason=reasons[0]) for o in outcomes]
    return TradeOffs(tuple(left), tuple(outcomes), not reasons, reasons[0] if reasons else "").front(traced)


def _front(subspace: Subspace, depth: int, *, wished: Sequence[str], timeout: float | None, seed: int) -> TradeOffs:
    search = RobustSearch(asking(subspace.problem, wished), Clock(timeout), seed)
    return trade_offs(search, extended(search.trace, subspace.steps), _MOST_POINTS)


# -- as a checkpoint keeps them


def _written_outcome(outcome: Outcome) -> dict[str, Any] | None:
    """Return what is proven of a cube; None where the search came to no end."""
    return dataclasses.asdict(outcome) if outcome.proven else None


def _outcome(written: dict[str, Any]) -> Outcome:
    return Outcome(**{**written, "assignments": tuple(written["assignments"]), "unmet": tuple(written["unmet"])})


def _written_trade_offs(found: TradeOffs) -> dict[str, Any] | None:
    return dataclasses.asdict(found) if found.complete else None


def _trade_offs(written: dict[str, Any]) -> TradeOffs:
    points = tuple(map(tuple, written["points"]))
    return TradeOffs(points, tuple(map(_outcome, written["outcomes"])), written["complete"], written["reason"])
