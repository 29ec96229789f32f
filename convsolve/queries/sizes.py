"""Sizes: which inputs does a network take? All of them, in closed form, and proven."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..dims import Cond, Condition, all_of, any_of, variables
from ..dims.boxes import Boxes
from ..dims.separate import Of, Reading, Unread
from ..dims.sizeset import SizeSet, inside
from ..errors import NetworkError
from ..network import Network
from ..problem import Problem, trace_problem
from ..trace import Requirement, Trace
from .check import Failure, check
from .open_inputs import OpenInputs, open_inputs, settled
from .regions import read_trace, region

if TYPE_CHECKING:
    from ..solver.clock import Clock

__all__ = [
    "Analysis", "Cause", "ValidSizes", "analyse", "analyse_all", "analyse_opened", "described", "proved",
    "valid_sizes",
]

_MOST_BRANCHES = 16
"""How many times a program is recorded again, to see what it does for other sizes."""


@dataclass(frozen=True)
class Cause:
    """What one requirement of a layer allows, where it speaks of a single open size."""

    requirement: Requirement
    axis: str
    sizes: SizeSet


@dataclass(frozen=True)
class ValidSizes(Mapping[str, SizeSet]):
    """The input sizes that a network takes: for each open axis a set, and together a union of boxes.

    A mapping from axes (``height``; ``left.height`` where there are several inputs; or their positions) to sets.
    Where axes are
    coupled, a set holds the sizes that are valid together with some size of the others, and ``region`` tells
    which go together: ``(224, 224) in sizes`` asks for a pair. ``known`` is where anything is known at all: outside,
    a recorded program does something that was not recorded. ``unresolved`` are requirements that have no closed
    form; where there are any, the sets are only what all others allow. ``proved`` says that z3 has proven the
    sets, for all sizes.
    """

    region: Boxes
    known: Boxes
    axes: Mapping[str, int]
    opened: OpenInputs = dataclasses.field(compare=False, repr=False)
    unresolved: tuple[str, ...] = ()
    proved: bool = False
    causes: tuple[Cause, ...] = ()

    def __getitem__(self, axis: str | int) -> SizeSet:
        if isinstance(axis, int):
            axis = list(self.axes)[axis]
        found = self.region.axis(self.axes[axis])
        return dataclasses.replace(found, axis=axis, proved=self.proved)

    def __iter__(self) -> Iterator[str]:
        return iter(self.axes)

    def __len__(self) -> int:
        return len(self.axes)

    def __contains__(self, key: object) -> bool:
        return key in self.axes if isinstance(key, str) else key in self.region

    @property
    def coupled(self) -> bool:
        """Whether which sizes one axis may have depends on another."""
        return len(self.region.parts) > 1

    @property
    def complete(self) -> bool:
        """Whether all is known: every requirement has a closed form, and nothing is left unrecorded."""
        return not self.unresolved and not ~self.known

    # -- points

    def smallest(self) -> tuple[tuple[int, ...], ...] | None:
        """Return the shapes of the inputs, as written, at the valid point with the least sum; None if there is none."""
        point = self.region.smallest()
        return None if point is None else tuple(self.opened.shapes(point))

    def pick(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Return a point from one size for all axes, one for each axis, or the shape of the only input as written.

        Raises:
            NetworkError: there are too many or too few.
        """
        network = self.opened.problem.network
        if len(sizes) == len(network.input_axes) and len(network.inputs) == 1:
            places = [network.input_axes[axis][1] for axis in self.axes]
            sizes = [sizes[i] for i in places]
        elif len(sizes) == 1:
            sizes = [sizes[0]] * len(self.axes)
        if len(sizes) != len(self.axes):
            raise NetworkError(f"wanted a size for each of {', '.join(self.axes)}, got {len(sizes)}")
        point = [0] * len(self.opened.unknowns)
        for i, size in zip(self.axes.values(), sizes, strict=True):
            point[i] = size
        return tuple(point)

    def at(self, point: Sequence[int]) -> Problem:
        """Return the problem with these sizes."""
        return dataclasses.replace(self.opened.problem, network=self.opened.with_sizes(point))

    # -- reasons

    def limits(self, axis: str) -> tuple[Failure, ...]:
        """Return what fails when, at the smallest point, the size of one axis is less by one."""
        point = self.region.smallest()
        if point is None or point[self.axes[axis]] < 2:
            return ()
        less = [n - (i == self.axes[axis]) for i, n in enumerate(point)]
        return check(self.at(less)).failures

    def period_set_by(self, axis: str) -> list[str]:
        """Return the requirements that only certain residues of an axis meet."""
        label = self.region.axes[self.axes[axis]]
        causes = (c.requirement for c in self.causes if c.axis == label and c.sizes.period > 1)
        return list(dict.fromkeys(f"{r.layer}: {r.rule.demand}" if r.layer else r.text for r in causes))

    def __str__(self) -> str:
        """Return the sets as text, one line for each axis (for coupled axes, for each box)."""
        if self.coupled or not self.region:
            return str(self.region).replace("; or ", "\n")
        return "\n".join(str(self[axis]) for axis in self)


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
    holes: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def values(self, tensor: str) -> list[Any] | None:
        """Return the sizes of a tensor, as written, as functions of the input sizes; None where it has no shape."""
        shape = self.trace.written(tensor)
        return None if shape is None else [self.reading.of(n) for n in shape]


def analyse(problem: Problem) -> Analysis:
    """Read a problem without holes but those in its inputs: where do its requirements hold?"""
    opened = open_inputs(settled(problem))
    return analyse_opened(opened, trace_problem(opened.problem).trace)


def analyse_opened(opened: OpenInputs, traced: Trace, values: Mapping[str, int] | None = None) -> Analysis:
    """Read the trace of an opened problem, whose other holes have these values."""
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
    found = Analysis(opened, traced, reading, valid & known, known, unresolved, causes, values or {})
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


def valid_sizes(
    network: Network | Problem, *, training: bool = False, prove: bool = True, timeout: float | None = 30.0
) -> ValidSizes:
    """Return the input sizes that a network takes: all of them, in closed form.

    Every spatial axis of the inputs is taken as open, whatever size the network states; where a problem leaves
    a size open within a domain, the domain counts as a requirement, as do the problem's own.

    Args:
        network: a network or problem without open parameters.
        training: whether what only training requires counts, too (as batch normalisation over one value).
        prove: whether z3 is to prove the answer, for all sizes and in both directions.
        timeout: seconds for the proof; without a proof in time, ``proved`` is False and the answer the same.

    Raises:
        NetworkError: a parameter is open, or the network has no input with spatial axes.
        InternalError: the closed form is wrong (a bug).

    >>> from convsolve.files import parse
    >>> sizes = valid_sizes(parse('''
    ... input: [3, 64, 64]
    ... layers:
    ...   - max_pool: {name: down, kernel_size: 2, ceil_mode: true}
    ...   - max_pool: {kernel_size: 2}
    ...   - upsample: {scale_factor: 2}
    ...   - concat: {inputs: [upsample1, down]}
    ... '''))
    >>> print(sizes)
    height mod 4 in {0, 3}, height >= 3
    width mod 4 in {0, 3}, width >= 3
    >>> 63 in sizes["height"], (63, 62) in sizes, sizes["width"].minimum, sizes.proved
    (True, False, 3, True)
    """
    problem = network if isinstance(network, Problem) else Problem(network)
    if training:
        problem = dataclasses.replace(problem, network=dataclasses.replace(problem.network, training=True))
    found = analyse_all(problem)
    first = found[0]
    region, known = first.region, first.known
    for other in found[1:]:
        region, known = region | (other.region - known), known | other.known
    certain = prove and proved(found, timeout)
    labels = dict(zip(first.opened.unknowns, range(len(first.opened.unknowns)), strict=True))
    axes = {axis: labels[unknown] for axis, unknown in first.opened.axes.items()}
    return ValidSizes(
        region=region,
        known=known,
        axes=axes or {label: i for i, label in enumerate(first.opened.labels)},
        unresolved=tuple(dict.fromkeys(described(r) for a in found for r in a.unresolved)),
        proved=certain,
        causes=tuple(c for a in found for c in a.causes),
        opened=first.opened,
    )


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
