"""Regions: for which sizes do conditions of a trace hold? In closed form, over one unknown size or several.

Where two axes are coupled, the cases of one axis are gone through, each a question about the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..dims import Cond, Var, bounds, variables
from ..dims.bounds import INTERVALS, Interval
from ..dims.boxes import Boxes
from ..dims.expr import Symbolic, fold
from ..dims.rewrite import rewrite
from ..dims.separate import Of, Reading, Unread
from ..dims.sizeset import SizeSet
from ..errors import DimensionError
from ..trace import Trace

__all__ = ["read_trace", "region"]

_FARTHEST = 1 << 17
_MOST_CASES = 4096


def read_trace(
    traced: Trace, needed: set[str], unknowns: Sequence[str], values: Mapping[str, int],
    after: Mapping[str, int] | None = None,
) -> Reading:
    """Read the definitions of a trace that are needed; those without a closed form are marked as such.

    ``values`` are those of the holes that are no open sizes. With ``after``, an unknown counts from there on: what
    is read as a function of 1, 2, ... is one of ``after + 1``, ``after + 2``, ...
    """
    reading = Reading(unknowns)
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


def region(reading: Reading, conditions: Sequence[Any]) -> tuple[Boxes, list[int]]:
    """Return where conditions hold, and the positions of those that could not be taken into account.

    Where there are such, the boxes are only where all others hold.
    """
    unknowns = reading.unknowns
    sets = {name: SizeSet.everything(name) for name in unknowns}
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
    for one in alone:
        sets[one.unknown] &= SizeSet.of(one.function)
    found = Boxes(unknowns, (tuple(sets.values()),))
    for positions in _components(reading, coupled):
        joined = sorted(dict.fromkeys(coupled[i] for i in positions), key=lambda c: len(list(variables(c))))
        owners = _owners(reading, joined)
        cases = _Cases(reading).of(joined, {name: sets[name] for name in unknowns if name in owners}, {})
        if cases is None:
            left += positions
        else:
            whole = dict.fromkeys(unknowns, SizeSet.everything())
            found &= Boxes(unknowns, tuple(tuple({**whole, **case}.values()) for case in cases))
    return found, sorted(left)


def _owners(reading: Reading, conditions: Iterable[Cond]) -> set[str]:
    return {reading.leaves[v.name].unknown for v in variables(*conditions)}


def _components(reading: Reading, coupled: Mapping[int, Cond]) -> Iterable[list[int]]:
    """Return which conditions hang together by the unknowns they speak of."""
    import networkx as nx

    graph = nx.Graph()
    for i, condition in coupled.items():
        graph.add_node(i)
        graph.add_edges_from((i, owner) for owner in _owners(reading, [condition]))
    for component in nx.connected_components(graph):
        yield sorted(node for node in component if isinstance(node, int))


_Case = dict[str, SizeSet]


class _Cases:
    """Solves coupled conditions: for each value that the functions of one unknown take, those of the others."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self._alone: dict[Any, SizeSet] = {}

    def of(
        self, conditions: Sequence[Any], sets: Mapping[str, SizeSet], known: Mapping[str, int]
    ) -> list[_Case] | None:
        """Return boxes that do not overlap, or None where no unknown has few enough cases.

        ``known`` are values of functions that the conditions speak of. What is left of a condition over one unknown
        narrows that one at once, shortest first, so that most cases come to nothing soon.
        """
        sets, rest = dict(sets), []
        try:
            for condition in conditions:
                left = rewrite(condition, known) if known else condition
                owners = _owners(self.reading, [left])
                if left is False:
                    return []
                if len(owners) == 1:
                    (owner,) = owners
                    sets[owner] &= self._set_of(left)
                    if not sets[owner]:
                        return []
                elif owners:
                    rest.append(left)
        except (DimensionError, Unread):
            return None
        if not rest:
            return [sets]
        owners = _owners(self.reading, rest)
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
            {unknown: SizeSet.of_members(here), **dict(zip(others, key, strict=True))}
            for key, here in members.items()
        ]
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
        far = 1
        while far <= _FARTHEST:
            leaves = {
                name: leaf.function.bounds_from(max(lows[leaf.unknown], far) if leaf.unknown == unknown
                                                else lows[leaf.unknown])
                for name, leaf in self.reading.leaves.items() if leaf.unknown in sets
            }  # fmt: skip
            verdicts = [_verdict(c, leaves) for c in conditions]
            if (0, 0) in verdicts or all(v == (1, 1) for v in verdicts):
                return far, (0, 0) not in verdicts
            far *= 2
        return None


def _verdict(condition: Any, leaves: Mapping[str, Interval]) -> Interval:
    found: Interval = fold(condition, dict(INTERVALS), lambda x: leaves[x.name] if isinstance(x, Var) else bounds(x))
    return found
