"""Regions: for which sizes do conditions of a trace hold? In closed form, over one unknown size or several.

What is made of conditions over a single axis each, by and, or and not, is made of boxes in the same way; equations of
products are split by axis. Where axes are coupled all the same, the cases of one axis are gone through, each a
question about the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..dims import Condition, Var, bounds, negation, variables
from ..dims.bounds import INTERVALS, Interval
from ..dims.boxes import Boxes
from ..dims.expr import Symbolic, fold_all
from ..dims.products import compared, divides
from ..dims.rewrite import rewrite_all
from ..dims.separate import ClosedFormReader, Of, Sum, Unread
from ..dims.sizeset import SizeSet
from ..errors import DimensionError
from ..network.trace import Trace

__all__ = ["read_trace", "region"]

_FARTHEST = 1 << 17
_MOST_CASES = 4096
_MOST_BOXES = 128
_DEEP = 100


def read_trace(
    traced: Trace,
    needed: set[str],
    unknowns: Sequence[str],
    values: Mapping[str, int],
    after: Mapping[str, int] | None = None,
) -> ClosedFormReader:
    """Read the definitions of a trace that are needed; those without a closed form are marked as such.

    ``values`` are those of the holes that are no open sizes. With ``after``, an unknown counts from there on: what
    is read as a function of 1, 2, ... is one of ``after + 1``, ``after + 2``, ...
    """
    reading = ClosedFormReader(unknowns)
    reading.values.update(values)
    for name, start in (after or {}).items():
        reading.values[name] = reading.read("add", [reading.values[name], start])
    for definition in traced.definitions:
        if definition.name in needed:
            try:
                reading.values[definition.name] = reading.of(definition.value)
            except Unread as error:
                reading.values[definition.name] = error
    return reading


def region(
    reading: ClosedFormReader, conditions: Sequence[Any], check: Callable[[], None] = lambda: None
) -> tuple[Boxes, list[int]]:
    """Return where conditions hold, and the positions of those that could not be taken into account.

    Where there are such, the boxes are not more than where all others hold. ``check`` is called between steps, and
    raises whatever is to end them.
    """
    unknowns = reading.unknowns
    alone: dict[Of, None] = {}
    coupled: dict[int, Any] = {}
    left = []
    for i, condition in enumerate(conditions):
        if isinstance(condition, Of):
            alone[condition] = None  # layers repeat each other
        elif isinstance(condition, Symbolic):
            coupled[i] = condition
        elif isinstance(condition, Unread):
            left.append(i)
        elif not condition:
            return Boxes(unknowns, ()), []
    sets = {name: SizeSet.everything(name) for name in unknowns}
    for one in alone:
        sets[one.unknown] &= SizeSet.of(one.function)
    certain = possible = Boxes(unknowns, (tuple(sets.values()),))
    apart = _Apart(reading, check)
    undecided: dict[int, Boxes] = {}
    for i, condition in coupled.items():
        yes, unclear = apart.of(condition)
        certain = (certain & yes).merged()
        undecided[i] = unclear
        possible = (possible & (yes | unclear)).merged()
    pending = possible - certain
    rest = {i: coupled[i] for i, unclear in undecided.items() if pending & unclear}
    cases = _Cases(reading, check)
    for joined, positions in _components(reading, rest):
        solved: list[tuple[SizeSet, ...]] = []
        for part in pending.parts:
            found = cases.of(joined, dict(zip(unknowns, part, strict=True)), {})
            if found is None:
                left += positions
                break
            solved += [tuple(case.values()) for case in found]
        else:
            pending = Boxes(unknowns, tuple(solved))
    return Boxes(unknowns, (*certain.parts, *pending.parts)).merged(), sorted(left)


def _owners(reading: ClosedFormReader, conditions: Sequence[Any]) -> list[frozenset[str]]:
    """Return for each condition the unknowns that it speaks of."""
    none: frozenset[str] = frozenset()

    def leaf(x: Any) -> frozenset[str]:
        return frozenset((reading.leaves[x.name].unknown,)) if isinstance(x, Var) else none

    return fold_all(conditions, dict.fromkeys(INTERVALS, lambda args: none.union(*args)), leaf)


def _components(reading: ClosedFormReader, coupled: Mapping[int, Any]) -> list[tuple[list[Any], list[int]]]:
    """Return which conditions hang together by the unknowns they speak of, those with the fewest functions first."""
    groups: list[tuple[frozenset[str], list[int]]] = []
    for i, owners in zip(coupled, _owners(reading, list(coupled.values())), strict=True):
        apart = [g for g in groups if not g[0] & owners]
        touching = [g for g in groups if g[0] & owners]
        groups = [*apart, (owners.union(*(g[0] for g in touching)), [p for g in touching for p in g[1]] + [i])]
    return [(sorted(dict.fromkeys(coupled[i] for i in group), key=lambda c: c.depth), group) for _, group in groups]


class _Apart:
    """Decides conditions by what can be said of one unknown at a time."""

    def __init__(self, reading: ClosedFormReader, check: Callable[[], None]) -> None:
        self.reading = reading
        self._check = check
        self._known: dict[Any, tuple[Boxes, Boxes]] = {}
        self._none, self._all = Boxes(reading.unknowns, ()), Boxes.all(reading.unknowns)

    def of(self, condition: Any) -> tuple[Boxes, Boxes]:
        """Return where a condition surely holds, and where that is not clear; elsewhere it does not hold."""
        if isinstance(condition, bool):
            return (self._all if condition else self._none), self._none
        if condition not in self._known:
            self._check()
            self._known[condition] = self._of(condition)
        return self._known[condition]

    def _of(self, condition: Condition) -> tuple[Boxes, Boxes]:
        (owners,) = _owners(self.reading, [condition])
        if len(owners) == 1:
            (owner,) = owners
            try:
                value = self.reading.of(condition)
            except Unread:
                return self._none, self._all
            members = SizeSet.of(value.function if isinstance(value, Of) else bool(value))
            everything = dict.fromkeys(self.reading.unknowns, SizeSet.everything())
            return Boxes(self.reading.unknowns, (tuple({**everything, owner: members}.values()),)), self._none
        if condition.depth > _DEEP:
            return self._none, self._all
        if condition.op == "not":
            return self._denied(condition.args[0])
        if condition.op in ("and", "or"):
            yes, unclear = self._all if condition.op == "and" else self._none, self._none
            for part in condition.args:
                own, open_ = self.of(part)
                if condition.op == "and":
                    possible = ((yes | unclear) & (own | open_)).merged()
                    yes = (yes & own).merged()
                    unclear = (possible - yes).merged()
                else:
                    yes = (yes | own).merged()
                    unclear = ((unclear | open_) - yes).merged()
            return yes, unclear
        return self._compared(condition)

    def _denied(self, condition: Any) -> tuple[Boxes, Boxes]:
        yes, unclear = self.of(condition)
        return (~(yes | unclear)).merged(), unclear

    def _compared(self, condition: Condition) -> tuple[Boxes, Boxes]:
        operands = self.reading.operands.get(condition)
        if operands is None:
            opposite = negation(condition)
            if opposite in self.reading.operands and opposite.op != "not":  # type: ignore[union-attr]
                return self._denied(opposite)
            return self._none, self._all
        difference, zero = operands
        found = None
        if isinstance(difference, Sum) and zero == 0:
            found = compared(self.reading, condition.op, difference)
        elif isinstance(difference, Symbolic) and difference.op == "mod" and condition.op == "eq" and zero == 0:
            found = divides(self.reading, *self.reading.operands.get(difference, (None, None)))
        return found or (self._none, self._all)


_Case = dict[str, SizeSet]


class _Cases:
    """Solves coupled conditions: for each value that the functions of one unknown take, those of the others."""

    def __init__(self, reading: ClosedFormReader, check: Callable[[], None]) -> None:
        self.reading = reading
        self._check = check
        self._alone: dict[Any, SizeSet] = {}

    def of(
        self, conditions: Sequence[Any], sets: Mapping[str, SizeSet], known: Mapping[str, int]
    ) -> list[_Case] | None:
        """Return boxes that do not overlap, or None where no unknown has few enough cases.

        ``known`` are values of functions that the conditions speak of. What is left of a condition over one unknown
        narrows that one at once, shortest first, so that most cases come to nothing soon.
        """
        self._check()
        sets, rest = dict(sets), []
        owners: set[str] = set()
        try:
            remaining = rewrite_all(conditions, known) if known else conditions
            for left, own in zip(remaining, _owners(self.reading, remaining), strict=True):
                if left is False:
                    return []
                if len(own) == 1:
                    (owner,) = own
                    sets[owner] &= self._set_of(left)
                    if not sets[owner]:
                        return []
                elif own:
                    rest.append(left)
                    owners |= own
        except (DimensionError, Unread):
            return None
        if not rest:
            return [sets]
        for unknown in (name for name in sets if name in owners):
            found = self._by(unknown, rest, sets)
            if found is not None:
                return found
        return None

    def _set_of(self, condition: Any) -> SizeSet:
        """Return where a condition over one unknown holds."""
        if condition not in self._alone:
            value = self.reading.of(condition)
            self._alone[condition] = SizeSet.of(value.function if isinstance(value, Of) else bool(value))
        return self._alone[condition]

    def _by(self, unknown: str, conditions: Sequence[Any], sets: Mapping[str, SizeSet]) -> list[_Case] | None:
        """Go through the cases of one unknown; None if they do not come to an end."""
        import numpy as np

        end = self._end(unknown, conditions, sets)
        if end is None:
            return None
        far, holds_beyond = end
        sizes = np.arange(1, far)
        inside = sets[unknown].contains(sizes)
        names = [v.name for v in variables(*conditions) if self.reading.leaves[v.name].unknown == unknown]
        columns = np.stack([self.reading.leaves[name].function.values(sizes[inside]) for name in names], axis=1)
        rows, place = np.unique(columns, axis=0, return_inverse=True)
        if len(rows) > _MOST_CASES:
            return None
        others = {name: s for name, s in sets.items() if name != unknown}
        members: dict[tuple[SizeSet, ...], np.ndarray] = {}
        for i, row in enumerate(rows):
            known = dict(zip(names, map(int, row), strict=True))
            cases = self.of(conditions, others, known)
            if cases is None:
                return None
            here = np.zeros(far - 1, dtype=bool)
            here[np.flatnonzero(inside)[place.reshape(-1) == i]] = True
            for case in cases:
                key = tuple(case[name] for name in others)
                members[key] = members[key] | here if key in members else here
        found = [
            {unknown: SizeSet.of_members(here), **dict(zip(others, key, strict=True))} for key, here in members.items()
        ]
        if len(found) > _MOST_BOXES:
            return None
        if holds_beyond:
            beyond = sets[unknown] & SizeSet.between(far, None)
            if beyond:
                found.append({unknown: beyond, **others})
        return [{name: case[name] for name in sets} for case in found]

    def _end(self, unknown: str, conditions: Sequence[Any], sets: Mapping[str, SizeSet]) -> tuple[int, bool] | None:
        """Return a size from which on the conditions surely hold, or surely do not, and which of the two."""
        if sets[unknown].finite and sets[unknown].threshold <= _FARTHEST:
            return sets[unknown].threshold, False
        lows = {name: s.minimum or 1 for name, s in sets.items()}
        names = [v.name for v in variables(*conditions)]
        far = 1
        while far <= _FARTHEST:
            leaves: dict[str, Interval] = {}
            for name in names:
                leaf = self.reading.leaves[name]
                low = lows[leaf.unknown]
                leaves[name] = leaf.function.bounds_from(max(low, far) if leaf.unknown == unknown else low)
            verdicts = _verdicts(conditions, leaves)
            if (0, 0) in verdicts or all(v == (1, 1) for v in verdicts):
                return far, (0, 0) not in verdicts
            far *= 2
        return None


def _verdicts(conditions: Sequence[Any], leaves: Mapping[str, Interval]) -> list[Interval]:
    return fold_all(conditions, dict(INTERVALS), lambda x: leaves[x.name] if isinstance(x, Var) else bounds(x))
