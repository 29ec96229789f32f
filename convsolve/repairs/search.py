"""Searching: the cheapest sets of parameter changes that make a problem hold, with proof.

All changes of all layers are options of one sketch; the solver minimises the sum of their weights. The cheapest
sets of other kinds are found by leaving kinds out: what comes next is the cheapest of what does not use every kind
of an answer before it (Lawler, 1972).
"""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from ..dims import Var, bounds, eq, total, where
from ..errors import ConvsolveError
from ..network import Network
from ..network.trace import Definition
from ..operators import Input, Operator
from ..problem import Objective
from ..solver.clock import Clock, OutOfTime
from ..synthesis.robust import RobustSearch
from .alternatives import sketch
from .channel_demands import widths
from .edits import Change
from .evaluated_network import Situation
from .locked_layers import Locks
from .parameter_values import parameter_changes

__all__ = ["ChangeSet", "Options", "cheapest_sets", "options_of", "sketched"]

Options = Mapping[str, Sequence[tuple[Operator, Change]]]
"""By layer the operators that it may have instead of its own, and the changes that make them."""


@dataclass(frozen=True)
class ChangeSet:
    """Changes that belong together, and whether nothing cheaper of the kinds that were allowed exists."""

    changes: tuple[Change, ...]
    weight: int
    proven: bool

    @property
    def kinds(self) -> frozenset[str]:
        """What is changed."""
        return frozenset().union(*(change.kinds for change in self.changes))


def options_of(now: Situation, locks: Locks, without: Collection[str] = ()) -> dict[str, list[tuple[Operator, Change]]]:
    """Return the changes of parameters that a network allows, but for some kinds."""
    found: dict[str, list[tuple[Operator, Change]]] = {}
    spoken = " ".join(now.problem.requirements)
    wanted = widths(now)
    for layer in now.network.ordered:
        if type(layer.operator) is Input or locks.everything(layer.name):
            continue
        weights = not locks.weights(layer.name)
        options = parameter_changes(now.network, layer, now.arriving(layer), weights, wanted.get(layer.name, ()))
        kept = [(o, c) for o, c in options if not c.kinds & set(without)
                and not (layer.name in spoken and not _numeric(c))]  # fmt: skip
        if kept:
            found[layer.name] = kept
    return found


def _numeric(change: Change) -> bool:
    """Whether a change puts numbers in the place of numbers, so that a requirement can speak of them."""
    ends = (end for edit in change.edits for end in (edit.before, edit.after))
    return all(isinstance(end, (int, tuple)) and not isinstance(end, bool) for end in ends)


def sketched(now: Situation, options: Options) -> tuple[Network, dict[str, Var]]:
    """Return the sketch of all changes, and the hole of each layer that may change: 0, or the number of a change."""
    operators = {n: [now.network.by_name[n].operator, *(o for o, _ in found)] for n, found in options.items() if found}
    return sketch(now.network, operators)


def cheapest_sets(now: Situation, options: Options, clock: Clock, enough: Callable[[int], bool]) -> Iterator[ChangeSet]:
    """Yield the cheapest set of changes, then the cheapest of those that do not use all kinds of one before it.

    Args:
        now: the network.
        options: the changes that may be made.
        clock: when to stop.
        enough: whether nothing that weighs as much as this or more is wanted.

    Raises:
        OutOfTime: the deadline passed.
    """
    every = frozenset(kind for found in options.values() for _, change in found for kind in change.kinds)
    ticket = count()
    # what waits: a set that was found; or, while it is not asked for, kinds to leave out and a bound from below
    heap: list[tuple[int, int, frozenset[str], ChangeSet | None]] = [(0, next(ticket), frozenset(), None)]
    tried: set[frozenset[str]] = set()
    given: list[frozenset[str]] = []
    while heap and not enough(heap[0][0]):
        bound, _, excluded, found = heapq.heappop(heap)
        if found is None:
            if excluded in tried or excluded >= every:
                continue
            tried.add(excluded)
            clock.check("looking for repairs")
            found = _cheapest(now, options, excluded, clock)
            if found is not None:
                heapq.heappush(heap, (max(found.weight, bound), next(ticket), excluded, found))
            continue
        if not any(found.kinds >= kinds for kinds in given):
            given.append(found.kinds)
            yield found
        for kind in sorted(found.kinds):
            heapq.heappush(heap, (found.weight, next(ticket), excluded | {kind}, None))


def _cheapest(now: Situation, options: Options, excluded: frozenset[str], clock: Clock) -> ChangeSet | None:
    """Return the cheapest set of changes without some kinds; None if there is none.

    Raises:
        OutOfTime: the time ran out before one was found.
    """
    allowed = {name: [(o, c) for o, c in found if not c.kinds & excluded] for name, found in options.items()}
    network, holes = sketched(now, allowed)
    if not holes:
        return None
    try:
        search = RobustSearch(dataclasses.replace(now.problem, network=network, objectives=()), clock)
    except ConvsolveError:
        return None
    steps = list(search.trace.trace.steps)
    terms = []
    for name, hole in holes.items():
        weight = _weight(hole, [c for _, c in allowed[name]])
        terms.append(Var(f"cost of {name}", interval=bounds(weight)))
        steps.append(Definition(terms[-1].name, weight, ""))
    cost = total(terms)
    steps.append(Definition("cost of all edits", cost, ""))
    whole = Var("cost of all edits", interval=bounds(cost))
    traced = dataclasses.replace(
        search.trace,
        trace=dataclasses.replace(search.trace.trace, steps=tuple(steps)),
        objectives=(whole,),
        problem=dataclasses.replace(search.trace.problem, objectives=(Objective("minimize", whole.name),)),
    )
    outcome = search.optimise(traced)
    if not outcome.assignments:
        if not outcome.proven:
            raise OutOfTime
        return None
    taken = [(name, outcome.assignments[0][hole.name]) for name, hole in holes.items()]
    changes = tuple(allowed[name][i - 1][1] for name, i in taken if i)
    return ChangeSet(changes, sum(c.weight for c in changes), outcome.proven)


def _weight(hole: Var, changes: Sequence[Change]) -> Var | int:
    found: Var | int = 0
    for i, change in enumerate(changes, start=1):
        found = where(eq(hole, i), change.weight, found)  # type: ignore[assignment]
    return found
