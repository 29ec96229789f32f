"""Analysis: a network with open input sizes, read in closed form. What questions about sizes start from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..dims import Cond, Condition, evaluate, variables
from ..dims.boxes import Boxes
from ..dims.expr import Symbolic
from ..dims.separate import ClosedFormReader, Of, Unread
from ..dims.sizeset import SizeSet, inside
from ..network.trace import Requirement, Trace, run
from ..problem import Problem, trace_problem
from .open_inputs import OpenInputs, open_inputs, settled
from .regions import read_trace, region

if TYPE_CHECKING:
    from ..solver.clock import Clock

__all__ = ["Analysis", "AllowedSizes", "analyse", "analyse_opened", "described", "proved"]

_COUPLED_SECONDS = 2.0


@dataclass(frozen=True)
class AllowedSizes:
    """What one requirement of a layer allows, where it speaks of a single open size."""

    requirement: Requirement
    axis: str
    sizes: SizeSet


@dataclass(frozen=True)
class Analysis:
    """A network with open inputs, read in closed form."""

    opened: OpenInputs
    trace: Trace
    reading: ClosedFormReader
    region: Boxes
    known: Boxes
    unresolved: tuple[Requirement, ...]
    causes: tuple[AllowedSizes, ...]
    never: tuple[Requirement, ...] = ()
    blind: bool = False
    """Whether it has no closed form where anything is known; then ``known`` is less than that."""
    holes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    taken: Boxes | None = None
    """Where the branches that were recorded are taken: ``known`` without where it fails before the first."""
    combined: bool = False
    """Whether branches of several axes are taken together that were not all recorded together."""

    def values(self, tensor: str) -> list[Any] | None:
        """Return the sizes of a tensor, as written, as functions of the input sizes; None where it has no shape."""
        shape = self.trace.written(tensor)
        return None if shape is None else [self.reading.of(n) for n in shape]


def analyse(problem: Problem, clock: Clock | None = None) -> Analysis:
    """Read a problem without holes but those in its inputs: where do its requirements hold?

    Past the deadline, requirements over several axes are left unresolved.
    """
    return analyse_opened(open_inputs(settled(problem)), clock=clock)


def analyse_opened(
    opened: OpenInputs,
    traced: Trace | None = None,
    values: Mapping[str, int] | None = None,
    clock: Clock | None = None,
) -> Analysis:
    """Read the trace of an opened problem, whose other holes have these values."""
    traced = trace_problem(opened.problem).trace if traced is None else traced
    outputs = [v for output in traced.network.outputs for v in traced.shapes[output] or ()]
    needed = traced.needed(*(r.condition for r in traced.requirements), *outputs)
    parts = [(r, c) for r in traced.requirements for c in _conjuncts(r.condition)]

    def read(after: Mapping[str, int]) -> tuple[ClosedFormReader, list[Any]]:
        reading = read_trace(traced, needed, tuple(opened.unknowns), values or {}, after)
        return reading, [_value(reading, c) for _, c in parts]

    def regions(reading: ClosedFormReader, truths: Sequence[Any], after: Mapping[str, int]) -> _Regions:
        found = []
        for decides in (True, False):
            places = [i for i, (r, _) in enumerate(parts) if r.rule.decides is decides]
            boxes, left = _region(reading, [truths[i] for i in places], clock)
            boxes = Boxes(
                opened.labels,
                tuple(
                    tuple(s.shifted(after.get(name, 0)) for name, s in zip(opened.unknowns, part, strict=True))
                    for part in boxes.parts
                ),
            )
            found.append((boxes, [parts[places[i]][0] for i in left]))
        return found[0], found[1]

    reading, truths = read({})
    (valid, left), (known, blind) = regions(reading, truths, {})
    if left or blind:  # below the least size, formulas mean nothing: what is an identity is one only from there on
        after = {name: (valid.axis(i).minimum or 1) - 1 for i, name in enumerate(opened.unknowns)}
        if any(after.values()):
            (again, left), (seen, still) = regions(*read(after), after)
            valid &= again
            if blind:
                known, blind = known & seen, still
    labels = dict(zip(opened.unknowns, opened.labels, strict=True))
    causes = tuple(
        AllowedSizes(r, labels[value.unknown], SizeSet.of(value.function, labels[value.unknown]))
        for (r, _), value in zip(parts, truths, strict=True) if r.rule.decides and isinstance(value, Of)
    )  # fmt: skip
    certain = next((i for i, (r, _) in enumerate(parts) if not r.rule.decides), len(parts))
    never = tuple(r for (r, _), value in zip(parts[:certain], truths, strict=False) if value is False)
    taken = known
    if blind:
        known, valid = _known_point(opened, traced, values or {})
    else:
        known = known | _fails_before(opened, truths[:certain], reading, clock)
    return Analysis(
        opened,
        traced,
        reading,
        valid & known & opened.domains(),
        known,
        tuple(dict.fromkeys(left)),
        causes,
        never,
        bool(blind),
        values or {},
        taken,
    )


def _known_point(opened: OpenInputs, traced: Trace, holes: Mapping[str, int]) -> tuple[Boxes, Boxes]:
    """Return the point at which a program was recorded, as far as that is known, and it again if it is valid."""
    nowhere = Boxes(opened.labels, ())
    point = opened.stated_point
    if point is None:
        return nowhere, nowhere
    values = run(traced, {**holes, **dict(zip(opened.unknowns, point, strict=True))})
    failing = [r for r in traced.requirements if not evaluate(r.condition, values)]
    here = Boxes(opened.labels, (tuple(SizeSet.between(n, n) for n in point),))
    if not all(r.rule.decides for r in failing):
        return nowhere, nowhere
    return here, nowhere if failing else here


def _fails_before(opened: OpenInputs, before: Sequence[Any], reading: ClosedFormReader, clock: Clock | None) -> Boxes:
    """Return where a program fails before anything is met that may not be known, whatever comes after.

    ``before`` are the truths of what is required before that.
    """
    passed, left = _region(reading, before, clock)
    return Boxes(opened.labels, ()) if left else ~Boxes(opened.labels, passed.parts)


def _region(reading: ClosedFormReader, truths: Sequence[Any], clock: Clock | None) -> tuple[Boxes, list[int]]:
    """Return where conditions hold; past the deadline, those over several axes are not taken into account."""
    from ..solver.clock import Clock, OutOfTime

    try:
        return region(reading, truths, (clock or Clock()).check)
    except OutOfTime:
        return region(reading, [Unread("the time ran out") if isinstance(t, Symbolic) else t for t in truths])


_Region = tuple[Boxes, list[Requirement]]
_Regions = tuple[_Region, _Region]
"""Where all requirements hold that decide, and where all hold without which nothing is known; and what was left out."""


def _conjuncts(condition: Cond) -> tuple[Cond, ...]:
    return condition.args if isinstance(condition, Condition) and condition.op == "and" else (condition,)


def _value(reading: ClosedFormReader, condition: Cond) -> Any:
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


def proved(found: Sequence[Analysis], clock: Clock) -> bool:
    """Return whether z3 proves the regions before the deadline, for all sizes and in both directions."""
    from ..solver.clock import OutOfTime

    if any(a.unresolved or a.blind or a.combined for a in found):
        return False
    try:
        return all(_proven(a, clock) for a in found)
    except OutOfTime:
        return False


def _proven(analysis: Analysis, clock: Clock) -> bool:
    """Prove the region of one analysis: axis by axis where they are not coupled, otherwise as a whole."""
    from ..solver.clock import Clock
    from ..solver.proof import equivalent

    opened, traced, holes = analysis.opened, analysis.trace, analysis.holes
    unknowns = opened.unknowns
    domains = [inside(v, v.domain) for v in unknowns.values() if v.domain is not None]
    conditions = [*(r.condition for r in traced.requirements), *domains]
    owners = _owners(traced, list(unknowns))
    groups: dict[tuple[str, ...], list[Cond]] = {}
    for condition in conditions:
        involved = {owner for v in variables(condition) for owner in owners.get(v.name, ())}
        groups.setdefault(tuple(sorted(involved)), []).append(condition)
    if len(analysis.region.parts) != 1 or any(len(involved) > 1 for involved in groups):
        claim = analysis.region.condition(list(unknowns.values()))
        left = clock.left  # products of sizes are hard for z3: it finds a proof soon, or hardly ever
        limited = Clock(_COUPLED_SECONDS if left is None else min(_COUPLED_SECONDS, left))
        return equivalent(traced, conditions, claim, unknowns, limited, holes)
    of_none = groups.get((), [])
    return all(
        equivalent(traced, [*groups.get((name,), []), *of_none], sizes.condition(n), {name: n}, clock, holes)
        for (name, n), sizes in zip(unknowns.items(), analysis.region.parts[0], strict=True)
    )


def _owners(traced: Trace, unknowns: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return for each name of a trace the open sizes that it depends on."""
    owners = {name: frozenset((name,)) for name in unknowns}
    for definition in traced.definitions:
        found = {owner for v in variables(definition.value) for owner in owners.get(v.name, ())}
        owners[definition.name] = frozenset(found)
    return owners
