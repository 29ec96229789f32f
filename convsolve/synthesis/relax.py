"""Relax: the least that has to be given up for a problem without a solution to have one.

For each of the problem's requirements that is part of the reason, the others are held and it is brought as near to
fulfilment as they allow; what a lint demands is left out; and for each hole, its domain is widened by as little as is
enough. Every way out that is returned has been solved.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice

from ..dims import Domain, Span, evaluate
from ..errors import ConvsolveError, ExpressionError, NetworkError
from ..lints import rule_of
from ..network.trace import run, to_written, trace
from ..operators import axis_names
from ..problem import Objective, Problem, trace_problem
from ..solver.clock import Clock, OutOfTime
from ..solver.outcome import Outcome
from .robust import RobustSearch

__all__ = ["LONGEST", "Relaxation", "relaxations"]

_COMPARISON = re.compile(r"(?P<left>[^<>=!]+?)\s*(?P<op><=|>=|==|<|>)\s*(?P<right>[^<>=!]+)")
LONGEST = 10.0
"""Seconds to look for ways out at most, where nothing else is said."""
_MOST_HOLES = 24
_MOST_ADDED = 16


@dataclass(frozen=True)
class Relaxation:
    """One way out: with ``change`` in place of ``instead_of`` (a requirement or a domain) there is a solution.

    An empty ``change`` means that it is left out. ``least`` says that nothing nearer to what was asked is
    possible, the rest of the problem as it is.
    """

    change: str
    instead_of: str
    least: bool

    def __str__(self) -> str:
        if not self.change:
            return f"without {self.instead_of}"
        return f"{self.change} instead of {self.instead_of}{' (the least that is enough)' if self.least else ''}"


def relaxations(problem: Problem, core: Sequence[str], *, seconds: float = LONGEST) -> tuple[Relaxation, ...]:
    """Return ways out of a problem that has no solution, each of which is enough by itself.

    Args:
        problem: the problem.
        core: the requirements that cannot hold together.
        seconds: how long to look.
    """
    clock = Clock(seconds)
    found: list[Relaxation] = []
    try:
        for text in dict.fromkeys(problem.requirements):  # what is written twice is given up twice
            if any(name == text or name.startswith(f"{text} (at ") for name in core):
                found += _of_requirement(problem, text, clock)
        for code in problem.sensible:
            if any(rule_of(code).demand in name for name in core):
                found += _of_lint(problem, code, clock)
        for name in list(problem.network.holes)[:_MOST_HOLES]:
            found += _of_domain(problem, name, clock)
    except OutOfTime:
        pass  # what was found is right; there may be more
    return tuple(found)


def _best(problem: Problem, clock: Clock) -> Outcome | None:
    """Solve a changed problem; None where there is no solution, or the change makes no sense."""
    clock.check()
    try:
        search = RobustSearch(problem, clock)
        outcome = search.optimise(search.trace)
    except (ExpressionError, NetworkError):
        return None
    return outcome if outcome.assignments else None


def _value(problem: Problem, text: str, outcome: Outcome) -> int:
    traced = trace_problem(replace(problem, requirements=(), objectives=(Objective("minimize", text),)))
    return int(evaluate(traced.objectives[0], run(traced.trace, outcome.assignments[0])))


def _of_requirement(problem: Problem, text: str, clock: Clock) -> Iterator[Relaxation]:
    others = tuple(r for r in problem.requirements if r != text)
    match = _COMPARISON.fullmatch(text.strip())
    if match is None or problem.for_all:  # over a range of sizes, no one value is the nearest
        if _best(replace(problem, requirements=others, objectives=()), clock) is not None:
            yield Relaxation("", f"`{text}`", True)
        return
    left, op, right = match["left"], match["op"], match["right"]
    others = (*others, f"{left} == {left}")  # holds just where every layer that it speaks of is present
    senses = {"<=": ["minimize"], "<": ["minimize"], ">=": ["maximize"], ">": ["maximize"]}
    for sense in senses.get(op, ["maximize", "minimize"]):
        limit = () if op != "==" else (f"{left} < {right}",) if sense == "maximize" else (f"{left} > {right}",)
        changed = replace(problem, requirements=(*others, *limit), objectives=(Objective(sense, left),))  # type: ignore[arg-type]
        outcome = _best(changed, clock)
        if outcome is None:
            continue
        value = _value(problem, left, outcome)
        sign = {"<": "<=", ">": ">="}.get(op, op)
        yield Relaxation(f"`{left} {sign} {value:_}`", f"`{text}`", outcome.proven)
    if op == "==":
        yield from _of_shape(problem, others, text, left, right, clock)


def _of_shape(
    problem: Problem, others: tuple[str, ...], text: str, left: str, right: str, clock: Clock
) -> Iterator[Relaxation]:
    """Find the shape nearest to a wished one, by the sum of the differences."""
    name = left.removesuffix(".shape")
    wished = [part for part in re.split(r"[x,\s\[\]]+", right) if part]
    tensor = problem.network.outputs[0] if name == "output" else name
    shape = trace(problem.network).shapes.get(tensor)
    if shape is None or len(shape) != len(wished) or len(wished) < 2 or not all(w.isdigit() for w in wished):
        return
    axes = to_written(problem.network.data_format, axis_names(len(shape)))
    terms = [f"max({name}.{axis} - {n}, {n} - {name}.{axis})" for axis, n in zip(axes, wished, strict=True)]
    changed = replace(problem, requirements=others, objectives=(Objective("minimize", " + ".join(terms)),))
    outcome = _best(changed, clock)
    if outcome is not None:
        nearest = "x".join(str(_value(problem, f"{name}.{axis}", outcome)) for axis in axes)
        yield Relaxation(f"`{left} == {nearest}`", f"`{text}`", outcome.proven)


def _of_lint(problem: Problem, code: str, clock: Clock) -> Iterator[Relaxation]:
    """Let what one lint demands be: its code says which."""
    others = tuple(other for other in problem.sensible if other != code)
    if _best(replace(problem, sensible=others, objectives=()), clock) is not None:
        yield Relaxation("", f"{code} ({rule_of(code).demand})", True)


def _of_domain(problem: Problem, name: str, clock: Clock) -> Iterator[Relaxation]:
    """Widen the domain of one hole by the values nearest to it."""
    domain = problem.network.holes[name].domain
    if domain is None or domain.size is None or domain.upper is None or name.endswith((".choose", ".present")):
        return
    low, high = domain.lower, domain.upper
    added = list(islice(_nearest_outside(domain, low, high, clock), _MOST_ADDED))
    wider = Domain((*domain.spans, *(Span(v, v) for v in added)))
    try:
        network = problem.network.with_domain(name, wider)
    except ConvsolveError:
        return
    distance = Objective("minimize", f"max(${name} - {high}, {low} - ${name}, 0)")
    outcome = _best(replace(problem, network=network, objectives=(distance,)), clock)
    if outcome is not None:
        value = outcome.assignments[0][name]
        if value not in domain:
            yield Relaxation(f"{name} = {value}", str(domain), outcome.proven)


def _nearest_outside(domain: Domain, low: int, high: int, clock: Clock) -> Iterator[int]:
    """Yield what is not in a domain: what lies between its values, then what is beyond them, the nearest first."""
    begins = sorted({span.start for span in domain.spans})
    last = None
    for value in merge(*(_behind(span, begins, high) for span in domain.spans)):
        clock.check()
        if value != last and value not in domain:
            yield value
        last = value
    for distance in range(1, max(low - min(low, 1), high + 1) + 1):
        clock.check()
        if low - distance >= min(low, 1):
            yield low - distance
        if distance <= high + 1:
            yield high + distance


def _behind(span: Span, begins: Sequence[int], high: int) -> Iterator[int]:
    """Yield, in order, the values up to ``high`` behind each one of a span, up to the next one of it, or of another."""
    end = high if span.stop is None else span.stop
    if span.step > 1:
        for start in range(span.start, end, span.step):
            yield from range(start + 1, start + span.step)
    later = bisect_right(begins, end)
    yield from range(end + 1, begins[later] if later < len(begins) else high)
