"""The sweep: dynamic programming over the network, from input to output.

A *state* is what later steps need to know of a partial assignment: the values of the unknowns that are
still in use. All states are taken through a block of steps at once; those that come to agree are merged.
Depth costs nothing extra, and what is found is certain: no state left means no solution, and the assignment
that comes out is the best there is.

*Best* is lexicographic: the objectives, then the sum of preference ranks, then the ranks in the order of the
holes. Sums that only the end looks at are no part of a state: see :mod:`convsolve.solver.labels`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np

from ..dims import Domain
from .backpointers import Backpointers, BestAssignments, Scored, goal_scores
from .clock import OutOfTime
from .labels import LabelSearch, prepare, sweep_with_sums
from .outcome import Outcome
from .plan import Part, plan
from .task import Task
from .transitions import MOST_BYTES, Choices, TooWide, Transitions, best_of_each, expand, keys

__all__ = ["Sweep", "TooWide", "sweep"]

_MOST_STATES = 1 << 20
_MOST_EDGES_KEPT = 1 << 20
"""A graph with more edges is not kept in memory between the turns."""


class Sweep:
    """Dynamic programming over states, and over labels where costs add up."""

    reason = "there are too many states to go through"

    def __init__(self) -> None:
        self._parts: list[Part] | None = None
        self._searches: dict[int, LabelSearch | None] = {}
        self._too_wide = False
        self._turn_is_over = False

    def bound(self, task: Task) -> None:
        """Go through the states without the sums, which bounds each sum by itself; the search need not do it again."""
        self._turn_is_over = True
        self._parts = _parts(task)
        try:
            for i, part in enumerate(self._parts):
                if part.accumulators:
                    search = prepare(part, task, _MOST_STATES)
                    if search is None or search.graph.edges <= _MOST_EDGES_KEPT:
                        self._searches[i] = search
        except TooWide:
            self._too_wide = True
        self._turn_is_over = False

    def improve(self, task: Task) -> None:
        """Find nothing outside of the search."""

    def decide(self, task: Task) -> Outcome | None:
        """Return the best assignments; None where the states become too many."""
        if self._too_wide:
            return None
        if self._turn_is_over:  # the bounds took too long: others first
            self._turn_is_over = False
            raise OutOfTime
        try:
            return sweep(task, parts=self._parts, searches=self._searches)
        except TooWide:
            return None


def _parts(task: Task) -> list[Part]:
    return plan(task.system, task.domains, in_order=task.plainest or task.keep > 1)


def sweep(
    task: Task,
    *,
    most_states: int = _MOST_STATES,
    parts: Sequence[Part] | None = None,
    searches: Mapping[int, LabelSearch | None] | None = None,
) -> Outcome:
    """Return the best assignments of a task whose unknowns are all finite, best first; none if there is no solution.

    ``parts`` are the task's, where they are known, and ``searches`` those that were prepared before, by place.

    Raises:
        TooWide: the states become too many.
        OutOfTime: the time ran out; what was found stands in the task.
    """
    holes = task.system.holes
    joined: list[Scored] = [((0,) * (len(task.system.goals) + 1), task.fixed)]
    plainest = True
    parts = _parts(task) if parts is None else parts
    for i, part in enumerate(parts):
        if part.accumulators:
            last = joined[0][1] if i == len(parts) - 1 and task.keep == 1 else None
            search = searches[i] if searches and i in searches else prepare(part, task, most_states)
            found = sweep_with_sums(search, task, last)
        else:
            limit = None
            if task.best is not None and task.keep == 1 and not task.system.goals:
                limit = sum(holes[name].rank(task.best[name]) for block in part.blocks for name in block.holes)
            found = _sweep_states(part, task, most_states, limit)
        if not found.best:
            return Outcome((), True, plainest=True)
        joined = _combine(joined, found.best, task.keep, holes)
        plainest &= found.plainest
    reason = "" if plainest else "the plainest of very many solutions was not looked for to the end"
    return Outcome(tuple(assignment for _, assignment in joined), True, reason=reason, plainest=plainest)


def _combine(one: list[Scored], other: list[Scored], keep: int, holes: dict[str, Domain]) -> list[Scored]:
    """Join the best assignments of two independent parts into the best of both."""
    # both come in order: a pair is among the best only if there are few in both of which it is made of worse
    pairs = [
        (tuple(map(sum, zip_longest(key_a, key_b, fillvalue=0))), {**a, **b})
        for i, (key_a, a) in enumerate(one) for key_b, b in other[: keep // (i + 1)]
    ]  # fmt: skip
    if keep > 1:
        pairs.sort(key=lambda pair: (pair[0], [holes[n].rank(pair[1][n]) for n in holes if n in pair[1]]))
    return pairs[:keep]


@dataclass
class _States:
    count: int = 1
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    ranks: np.ndarray = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    order: np.ndarray = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    """The place of each state's best assignment in the lexicographic order of the holes so far."""


def _sweep_states(part: Part, task: Task, most_states: int, limit: int | None) -> BestAssignments:
    """Sweep a part that has no sums: one best assignment (or ``keep``) for each state.

    ``limit`` is a sum of ranks that the best does not exceed.
    """
    system, domains, clock, keep, plainest = task.system, task.domains, task.clock, task.keep, task.plainest
    states, back = _States(), Backpointers()
    for block in part.blocks:
        choices = Choices.of(block, system, domains)
        ranks = choices.sum_of_ranks()
        survivors: list[tuple[Transitions, np.ndarray, np.ndarray]] = []
        room = min(most_states, MOST_BYTES // (16 * (5 + len(block.kept))))
        for transitions in expand(block, states.columns, states.count, choices, (), domains, clock):
            total = states.ranks[transitions.row] + ranks[transitions.combination]
            if limit is not None:
                plain = np.flatnonzero(total <= limit)
                transitions, total = _take(transitions, plain), total[plain]
            order = states.order[transitions.row] * choices.count + transitions.combination
            survivors.append(_merge(transitions, total, order, keep, plainest))
            waiting = sum(len(kept) for _, kept, _ in survivors)
            clock.afford(waiting * (5 + len(block.kept)))
            if waiting > 2 * room:
                survivors = [_merge(*_concat(survivors), keep, plainest)]
                if len(survivors[0][1]) > room:
                    raise TooWide
        transitions, total, order = survivors[0] if len(survivors) == 1 else _merge(*_concat(survivors), keep, plainest)
        if len(total) > room:
            raise TooWide
        back.add(transitions.row, transitions.combination, choices)
        place = np.argsort(np.argsort(order, kind="stable"), kind="stable")
        states = _States(len(total), transitions.columns, total, place)
        if states.count == 0:
            return BestAssignments([])
    scores = goal_scores(part, system, states.columns, states.count)
    best = np.lexsort((states.order, states.ranks, *reversed(scores)))[:keep]
    return BestAssignments(back.assignments(best, scores, states.ranks))


def _merge(
    transitions: Transitions, total: np.ndarray, order: np.ndarray, keep: int, plainest: bool
) -> tuple[Transitions, np.ndarray, np.ndarray]:
    key, size = keys(list(transitions.columns.values()), len(total))
    kept = best_of_each(key, size, (total, order) if plainest or keep > 1 else (order,), keep=keep)
    return _take(transitions, kept), total[kept], order[kept]


def _take(transitions: Transitions, index: np.ndarray) -> Transitions:
    """Return some of the transitions."""
    return Transitions(
        transitions.row[index], transitions.combination[index], {n: c[index] for n, c in transitions.columns.items()},
        [a[index] for a in transitions.added],
    )  # fmt: skip


def _concat(parts: Sequence[tuple[Transitions, np.ndarray, np.ndarray]]) -> tuple[Transitions, np.ndarray, np.ndarray]:
    first = parts[0][0]
    transitions = Transitions(
        np.concatenate([c.row for c, _, _ in parts]),
        np.concatenate([c.combination for c, _, _ in parts]),
        {name: np.concatenate([c.columns[name] for c, _, _ in parts]) for name in first.columns},
        [],
    )
    return transitions, np.concatenate([t for _, t, _ in parts]), np.concatenate([o for _, _, o in parts])
