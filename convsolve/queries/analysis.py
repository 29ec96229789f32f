"""Analysis: a network with open input sizes, read in closed form. What questions about sizes start from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..dims import Cond, Condition, all_of, any_of, variables
from ..dims.boxes import Boxes
from ..dims.separate import Of, Reading, Unread
from ..dims.sizeset import SizeSet, inside
from ..problem import Problem, trace_problem
from ..trace import Requirement, Trace
from .open_inputs import OpenInputs, open_inputs, settled
from .regions import read_trace, region

if TYPE_CHECKING:
    from ..solver.clock import Clock

__all__ = ["Analysis", "Cause", "analyse", "analyse_all", "analyse_opened", "described", "proved"]

_MOST_BRANCHES = 16
"""How many times a program is recorded again, to see what it does for other sizes."""


@dataclass(frozen=True)
class Cause:
    """What one requirement of a layer allows, where it speaks of a single open size."""

    requirement: Requirement
    axis: str
    sizes: SizeSet


@dataclass(frozen=True)
class Analysis:
    """A network with open inputs, read in closed form."""

    opened: OpenInputs
    trace: Trace
    reading: Reading
    region: Boxes
    known: Boxes
    unresolved: tuple[Requirement, ...]
    causes: tuple[Cause, ...]
    never: tuple[Requirement, ...] = ()
    holes: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def values(self, tensor: str) -> list[Any] | None:
        """Return the sizes of a tensor, as written, as functions of the input sizes; None where it has no shape."""
        shape = self.trace.written(tensor)
        return None if shape is None else [self.reading.of(n) for n in shape]


def analyse(problem: Problem) -> Analysis:
    """Read a problem without holes but those in its inputs: where do its requirements hold?"""
    return analyse_opened(open_inputs(settled(problem)))


def analyse_opened(
    opened: OpenInputs, traced: Trace | None = None, values: Mapping[str, int] | None = None
) -> Analysis:
    """Read the trace of an opened problem, whose other holes have these values."""
    traced = trace_problem(opened.problem).trace if traced is None else traced
    requirements = list(traced.requirements)
    outputs = [v for output in traced.network.outputs for v in traced.shapes[output] or ()]
    needed = traced.needed(*(r.condition for r in requirements), *outputs)
    reading = read_trace(traced, needed, tuple(opened.unknowns), values or {})
    parts = [(r, c) for r in requirements for c in _conjuncts(r.condition)]
    requirements = [r for r, _ in parts]
    truths = [_value(reading, c) for _, c in parts]
    decided = [i for i, r in enumerate(requirements) if r.rule.decides]
    undecided = [i for i, r in enumerate(requirements) if not r.rule.decides]
    known, blind = region(reading, [truths[i] for i in undecided])
    valid, left = region(reading, [truths[i] for i in decided])
    known, valid = (Boxes(opened.labels, boxes.parts) for boxes in (known, valid))
    if blind:
        known = Boxes(opened.labels, ())
    labels = dict(zip(opened.unknowns, opened.labels, strict=True))
    causes = tuple(
        Cause(requirements[i], labels[value.unknown], SizeSet.of(value.function, labels[value.unknown]))
        for i in decided if isinstance(value := truths[i], Of)
    )  # fmt: skip
    unresolved = tuple(dict.fromkeys(requirements[decided[i]] for i in left))
    never = tuple(requirements[i] for i in decided if truths[i] is False)
    found = Analysis(opened, traced, reading, valid & known, known, unresolved, causes, never, values or {})
    return dataclasses.replace(found, region=found.region & opened.domains())


def analyse_all(problem: Problem) -> list[Analysis]:
    """Read a problem in closed form; a recorded program once more for every branch that other sizes take."""
    first = analyse(problem)
    return [first, *_branches(problem, first)]


def _conjuncts(condition: Cond) -> tuple[Cond, ...]:
    return condition.args if isinstance(condition, Condition) and condition.op == "and" else (condition,)


def _value(reading: Reading, condition: Cond) -> Any:
    try:
        return reading.of(condition)
    except Unread as error:
        return error


def described(requirement: Requirement) -> str:
    """Return a requirement in the network's own words."""
    if not requirement.layer:
        return requirement.text
    axis = f" ({requirement.axis})" if requirement.axis else ""
    return f"{requirement.layer}: {requirement.rule.demand}{axis}"


def _branches(problem: Problem, first: Analysis) -> Iterator[Analysis]:
    """Record a program again for sizes at which it takes another branch, until all is known."""
    record = problem.network.record
    known = first.known
    if record is None or any(s.finite for part in known.parts for s in part):
        return  # an opaque operator: what is known of it is one size at a time
    for _ in range(_MOST_BRANCHES):
        point = (first.opened.domains() - known).smallest()
        if point is None:
            return
        again = record(*first.opened.shapes(point))
        other = analyse(dataclasses.replace(problem, network=again))
        if other.known.axes != known.axes or point not in other.known:
            return
        yield other
        known = known | other.known


def proved(found: Sequence[Analysis], timeout: float | None) -> bool:
    """Return whether z3 proves the regions, for all sizes and in both directions, within some seconds."""
    from ..solver.clock import Clock, OutOfTime

    clock = Clock(timeout)
    try:
        return all(not a.unresolved and _proven(a, clock) for a in found)
    except OutOfTime:
        return False


def _proven(analysis: Analysis, clock: Clock) -> bool:
    """Prove the region of one analysis: axis by axis where they are not coupled, otherwise as a whole."""
    from ..solver.proof import equivalent

    opened, traced = analysis.opened, analysis.trace
    holes = analysis.holes
    names = list(opened.unknowns)
    domains = [inside(v, v.domain) for v in opened.unknowns.values() if v.domain is not None]
    conditions = [r.condition for r in traced.requirements]
    if len(analysis.region.parts) != 1:
        points = list(opened.unknowns.values())
        claim = any_of(*(
            all_of(*(s.condition(n) for s, n in zip(part, points, strict=True))) for part in analysis.region.parts))
        return equivalent(traced, [*conditions, *domains], claim, opened.unknowns, clock, holes)
    owners = _owners(traced, names)
    groups: dict[str, list[Cond]] = {name: [] for name in names}
    whole = all_of(*(s.condition(n) for s, n in zip(analysis.region.parts[0], opened.unknowns.values(), strict=True)))
    for condition in [*conditions, *domains]:
        involved = sorted({owner for v in variables(condition) for owner in owners.get(v.name, ())})
        if len(involved) > 1:
            return equivalent(traced, [*conditions, *domains], whole, opened.unknowns, clock, holes)
        groups[involved[0] if involved else names[0]].append(condition)
    return all(
        equivalent(traced, groups[name], sizes.condition(opened.unknowns[name]),
                   {name: opened.unknowns[name]}, clock, holes)
        for name, sizes in zip(names, analysis.region.parts[0], strict=True)
    )  # fmt: skip


def _owners(traced: Trace, unknowns: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return for each name of a trace the open sizes that it depends on."""
    owners = {name: frozenset((name,)) for name in unknowns}
    for definition in traced.definitions:
        found = {owner for v in variables(definition.value) for owner in owners.get(v.name, ())}
        owners[definition.name] = frozenset(found)
    return owners
