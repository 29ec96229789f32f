"""Robust: the search where every requirement has to hold for all input sizes of a range.

Values for the holes are sought for a few sizes; whether they hold for all is decided in closed form, not by
trying; a size for which they do not joins the few. (Counterexample-guided inductive synthesis: Solar-Lezama,
2008.) It ends, as each round rules out what the one before has found.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from ..dims import Dim, Var, bounds
from ..dims.boxes import Boxes
from ..dims.rewrite import rewrite
from ..errors import NetworkError
from ..network.trace import Definition, Requirement
from ..problem import Problem, ProblemTrace, trace_problem
from ..sizes.analysis import analyse_opened, described, proved
from ..sizes.open_inputs import OpenInputs, open_inputs
from ..solver.clock import Clock, OutOfTime
from ..solver.engine import optimise
from ..solver.outcome import Outcome

__all__ = ["RobustSearch", "nominal"]


def nominal(problem: Problem) -> Problem:
    """Return the problem with numbers for the input sizes that ``for_all`` ranges over, where it left them open.

    Objectives and costs are those at these sizes: the largest of the range, or the smallest where it has no end.
    """
    if not problem.for_all:
        return problem
    opened = open_inputs(problem)
    sizes: dict[str, int] = {}
    for axis, domain in problem.for_all.items():
        if axis not in opened.axes:
            raise NetworkError(f"for_all: the inputs have no axis {axis!r}; there are {', '.join(opened.axes)}")
        name = opened.axes[axis]
        if name in problem.network.holes:
            sizes[name] = domain.lower if domain.upper is None else domain.upper
    return dataclasses.replace(problem, network=problem.network.assign(sizes))


class RobustSearch:
    """Searches a problem's traces; with ``for_all``, for what holds for every size of its ranges."""

    def __init__(self, problem: Problem, clock: Clock, seed: int = 0) -> None:
        self.clock = clock
        self.seed = seed
        self.problem = nominal(problem)
        self.trace = trace_problem(self.problem)
        self._points: list[tuple[int, ...]] = []
        self._opened: OpenInputs | None = None
        if problem.for_all:
            self._opened = open_inputs(self.problem, problem.for_all)
            self._opened_trace = trace_problem(dataclasses.replace(self._opened.problem, objectives=())).trace
            self._points = list(_corners(self._opened))
            self._copies = [self._copy(point) for point in self._points]

    def optimise(self, traced: ProblemTrace, keep: int = 1) -> Outcome:
        """Return the best assignments of a trace of the problem, to which steps may have been added."""
        if self._opened is None:
            return optimise(traced, self.clock, self.seed, keep)
        while True:
            outcome = optimise(self.everywhere(traced), self.clock, self.seed, keep)
            try:
                certain = [self._holds(assignment) for assignment in outcome.assignments]
            except OutOfTime:
                return Outcome((), False, reason="the time ran out before the whole range was decided")
            if None not in certain:
                unproven = not all(certain)
                reason = "the range is decided in closed form, but z3 has not proven it" if unproven else outcome.reason
                return dataclasses.replace(outcome, proven=outcome.proven and not unproven, reason=reason)

    def everywhere(self, traced: ProblemTrace) -> ProblemTrace:
        """Return a trace with the requirements at every size that counts so far."""
        if self._opened is None:
            return traced
        steps = [step for copy in self._copies for step in copy]
        return dataclasses.replace(traced, trace=dataclasses.replace(traced.trace, steps=(*traced.trace.steps, *steps)))

    def _holds(self, assignment: dict[str, int]) -> bool | None:
        """Return whether an assignment is proven for the range; None if it fails somewhere, which is then noted."""
        assert self._opened is not None
        self.clock.check("deciding the range")
        analysis = analyse_opened(self._opened, self._opened_trace, assignment)
        if analysis.unresolved:
            raise NetworkError(f"for_all: `{described(analysis.unresolved[0])}` has no closed form")
        failing: Boxes = self._opened.domains() - analysis.region
        point = failing.smallest()
        if point is None:
            return proved([analysis], self.clock)
        if point not in self._points:
            self._points.append(point)
            self._copies.append(self._copy(point))
        return None

    def _copy(self, point: tuple[int, ...]) -> list[Definition | Requirement]:
        """Return the steps of the problem at one input size, under names of their own."""
        assert self._opened is not None
        values = dict(zip(self._opened.unknowns, point, strict=True))
        label = "x".join(map(str, point))
        renamed: dict[str, Any] = dict(values)
        steps: list[Definition | Requirement] = []
        for step in self._opened_trace.steps:
            if isinstance(step, Definition):
                value: Dim = rewrite(step.value, renamed)
                name = f"{step.name} at {label}"
                renamed[step.name] = value if isinstance(value, int) else Var(name, interval=bounds(value))
                steps.append(Definition(name, value, step.layer))
            else:
                shown = tuple((n, rewrite(v, renamed)) for n, v in step.values)
                text = f"{step.text} (at {label})" if step.text else ""
                steps.append(
                    dataclasses.replace(step, condition=rewrite(step.condition, renamed), text=text, values=shown)
                )
        return steps


def _corners(opened: OpenInputs) -> Iterator[tuple[int, ...]]:
    """Yield the least and the greatest sizes of a range."""
    domains = [v.domain for v in opened.unknowns.values() if v.domain is not None]
    least = tuple(d.lower for d in domains)
    greatest = tuple(d.lower if d.upper is None else d.upper for d in domains)
    yield from dict.fromkeys((least, greatest))
