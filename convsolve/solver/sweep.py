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
from .backpointers import Backpointers, Found, Scored, goal_scores
from .clock import Clock
from .labels import sweep_with_sums
from .plan import Part, plan
from .presolve import Domains
from .system import System
from .transitions import MOST_BYTES, Choices, TooWide, Transitions, best_of_each, expand, keys

__all__ = ["TooWide", "sweep"]

_MOST_STATES = 1 << 21


def sweep(
    system: System, domains: Domains, clock: Clock, *, keep: int = 1, plainest: bool = True,
    known: Mapping[str, int] | None = None, most_states: int = _MOST_STATES,
) -> Found:
    """Return the ``keep`` best assignments of the system's holes, best first; none if there is no solution.

    Args:
        system: what to solve.
        domains: the values that presolve left; all finite.
        clock: the deadline.
        keep: how many assignments to return.
        plainest: whether preference decides where the objectives do not; otherwise any will do.
        known: some solution of a system without goals: what is less plain need not be looked at.
        most_states: how many states to hold at most.

    Raises:
        TooWide: the states become too many.
    """
    fixed = {n: v.fixed for n in system.holes if (v := domains[n]).fixed is not None}
    joined: list[Scored] = [((0,) * (len(system.goals) + 1), fixed)]
    reasons, bounds = [], []
    for part in plan(system, domains, in_order=plainest or keep > 1):
        if part.accumulators:
            found = sweep_with_sums(part, system, domains, clock, keep, plainest, most_states)
        else:
            limit = None
            if known is not None:
                own = [name for block in part.blocks for name in block.holes]
                limit = sum(system.holes[name].rank(known[name]) for name in own)
            found = _sweep_states(part, system, domains, clock, keep, plainest, most_states, limit)
        if not found.best:
            return found
        joined = _combine(joined, found.best, keep, system.holes)
        if not found.proven:
            reasons.append(found.reason)
            bounds += [] if found.bound is None else [found.bound]
    return Found(joined, not reasons, "; ".join(reasons), bounds[0] if bounds else None)


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


def _sweep_states(
    part: Part, system: System, domains: Domains, clock: Clock, keep: int, plainest: bool, most_states: int,
    limit: int | None,
) -> Found:
    """Sweep a part that has no sums: one best assignment (or ``keep``) for each state.

    ``limit`` is a sum of ranks that the best does not exceed.
    """
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
            if sum(len(kept) for _, kept, _ in survivors) > 2 * room:
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
            return Found([], True)
    scores = goal_scores(part, system, states.columns, states.count)
    best = np.lexsort((states.order, states.ranks, *reversed(scores)))[:keep]
    return Found(back.assignments(best, scores, states.ranks), True)


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
