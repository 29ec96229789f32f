"""Questions to the engine: what the paths cannot answer by themselves, because a budget is too fine for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ..dims import Cond, Expr, Var, all_of, bounds, eq, total, where
from ..errors import UndecidedError
from ..problem import Objective, ProblemTrace
from ..solver.clock import Clock
from ..solver.engine import decide, optimise
from ..trace import Definition
from .moves import Costs
from .within import extended, having

__all__ = ["decided", "nearest_by_search"]


def decided(traced: ProblemTrace, given: Mapping[str, int]) -> bool:
    """Return whether some solution has given values.

    Raises:
        UndecidedError: the engine gives no answer.
    """
    asked = extended(traced, having(traced.problem, given))
    answer = decide(asked, list(asked.trace.requirements), Clock())
    if answer is None:
        raise UndecidedError("it is not known whether a valid architecture has these values")
    return answer


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
    asked = extended(traced, having(traced.problem, given))
    if isinstance(cost, Expr):
        name = "cost of the changes"
        asked = extended(asked, (Definition(name, cost, ""),))
        problem = dataclasses.replace(asked.problem, objectives=(Objective("minimize", name),))
        asked = dataclasses.replace(asked, problem=problem, objectives=(Var(name, interval=bounds(cost)),))
    outcome = optimise(asked, Clock())
    if not outcome.assignments and outcome.proven:
        return None
    if not outcome.assignments or not outcome.proven:
        raise UndecidedError(f"the nearest valid architecture is not known: {outcome.reason}")
    return dict(outcome.assignments[0])
