"""Within: the steps that make a smaller problem of a problem: decided values, or a cost inside of a range."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from ..dims import Cond, Dim, eq
from ..operators.rules import PROBLEM
from ..problem import Problem, ProblemTrace, Scope
from ..trace import Definition, Requirement

__all__ = ["Steps", "cost_of", "extended", "having", "inside"]

Steps = tuple[Definition | Requirement, ...]


def having(problem: Problem, given: Mapping[str, int]) -> Steps:
    """Return the steps that give some holes their values."""
    holes = problem.network.holes
    return tuple(_demands((f"{name} == {value}", eq(holes[name], value)) for name, value in given.items()))


def cost_of(traced: ProblemTrace, text: str) -> tuple[Steps, Dim]:
    """Return an expression, read as an objective is, and the steps that define what it speaks of.

    Raises:
        ExpressionError: the text cannot be read.
    """
    scope = Scope(traced.trace)
    cost = scope.objective(text)
    return tuple(scope.definitions), cost


def inside(traced: ProblemTrace, text: str, wanted: range) -> Steps:
    """Return the steps that keep an expression inside of a range."""
    steps, cost = cost_of(traced, text)
    low, high = (f"{text} >= {wanted.start}", cost >= wanted.start), (f"{text} < {wanted.stop}", cost < wanted.stop)
    return (*steps, *_demands([low, high]))


def extended(traced: ProblemTrace, steps: Steps) -> ProblemTrace:
    """Return a problem with further steps; what is defined already is not defined again."""
    known = {definition.name for definition in traced.trace.definitions}
    more = (step for step in steps if isinstance(step, Requirement) or step.name not in known)
    return dataclasses.replace(traced, trace=dataclasses.replace(traced.trace, steps=(*traced.trace.steps, *more)))


def _demands(conditions: Iterable[tuple[str, Cond]]) -> Iterator[Requirement]:
    return (Requirement("", PROBLEM, c, text=text) for text, c in conditions if c is not True)
