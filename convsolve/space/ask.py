"""Questions to the engine: what the paths cannot answer by themselves, because a budget is too fine for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ..dims import Cond, Expr, Var, all_of, bounds, eq, total, where
from ..errors import UndecidedError
from ..operators.rules import PROBLEM
from ..problem import Objective, Problem, ProblemTrace
from ..queries.robust import Search
from ..queries.synthesize import Infeasible, Solution, Unknown, solution_of
from ..solver.clock import Clock
from ..solver.core import minimal_core
from ..solver.engine import decide, optimise
from ..trace import Definition, Requirement
from .moves import Costs

__all__ = ["completion", "decided", "nearest_by_search"]


def _with_values(traced: ProblemTrace, given: Mapping[str, int]) -> ProblemTrace:
    """Return a problem in which some holes must have given values."""
    holes = traced.problem.network.holes
    conditions = {name: eq(holes[name], value) for name, value in given.items()}
    more = tuple(Requirement("", PROBLEM, c, text=f"{n} == {given[n]}") for n, c in conditions.items() if c is not True)
    return dataclasses.replace(traced, trace=dataclasses.replace(traced.trace, steps=(*traced.trace.steps, *more)))


def decided(traced: ProblemTrace, given: Mapping[str, int]) -> bool:
    """Return whether some solution has given values.

    Raises:
        UndecidedError: the engine gives no answer.
    """
    asked = _with_values(traced, given)
    answer = decide(asked, list(asked.trace.requirements), Clock())
    if answer is None:
        raise UndecidedError("it is not known whether a valid architecture has these values")
    return answer


def completion(problem: Problem, given: Mapping[str, int], timeout: float | None) -> Solution | Infeasible | Unknown:
    """Return the best solution that has given values."""
    search = Search(problem, Clock(timeout))
    traced = _with_values(search.trace, given)
    outcome = search.optimise(traced)
    if outcome.assignments:
        return solution_of(search.trace, outcome.assignments[0], outcome.proven, outcome.bound, outcome.reason)
    if not outcome.proven:
        return Unknown(outcome.reason or "the search gave no answer")
    core = minimal_core(traced, search.clock, 0)
    texts = [r.text or f"{r.layer}: {r.rule.demand}" for r in core.requirements]
    return Infeasible(tuple(dict.fromkeys(texts)), core.minimal)


def nearest_by_search(
    traced: ProblemTrace, present: Mapping[str, Cond], costs: Costs, given: Mapping[str, int]
) -> dict[str, int] | None:
    """Return a solution with given values whose values cost least; None if there is none.

    Raises:
        UndecidedError: the engine gives no answer, or none that is proven to be the nearest.
    """
    holes = traced.problem.network.holes
    each = [
        where(all_of(present[name], eq(holes[name], value)), cost, 0)
        for name, own in costs.items() for value, cost in own.items() if cost
    ]  # fmt: skip
    cost = total(each)
    asked = _with_values(traced, given)
    if isinstance(cost, Expr):
        name = "cost of the changes"
        steps = (*asked.trace.steps, Definition(name, cost, ""))
        problem = dataclasses.replace(asked.problem, objectives=(Objective("minimize", name),))
        asked = dataclasses.replace(
            asked, problem=problem, trace=dataclasses.replace(asked.trace, steps=steps),
            objectives=(Var(name, interval=bounds(cost)),))
    outcome = optimise(asked, Clock())
    if not outcome.assignments and outcome.proven:
        return None
    if not outcome.assignments or not outcome.proven:
        raise UndecidedError(f"the nearest valid architecture is not known: {outcome.reason}")
    return dict(outcome.assignments[0])
