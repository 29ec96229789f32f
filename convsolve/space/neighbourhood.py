"""The neighbourhood of an assignment: the valid architectures next to it, or between two of them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ..dims import Cond, Expr, Var, all_of, bounds, eq, total, where
from ..errors import UndecidedError
from ..network.trace import Definition
from ..problem import Objective, ProblemTrace
from ..solver.clock import Clock
from ..solver.engine import optimise
from .assignments import Assignments
from .components import Parts, allowed_edges
from .paths import Paths, StageEdges
from .subspace import extended, having

__all__ = [
    "Neighbour",
    "changes",
    "cheapest",
    "child_costs",
    "distance_costs",
    "nearest_by_one_change",
    "nearest_by_search",
    "neighbours",
]

Costs = Mapping[str, Mapping[int, int]]
"""What each value of each hole costs in a network that has the hole; where it has not, it costs nothing."""

_NEVER = 1 << 60

_MOST_NEAR = 2048
"""So many assignments are looked at one by one before the engine is asked for the nearest."""

Nearest = Callable[[Mapping[str, int], Mapping[str, int]], "dict[str, int] | None"]


@dataclass(frozen=True)
class Neighbour:
    """A valid architecture near another: what was changed on purpose comes first in ``changed``, then its repair."""

    assignment: Mapping[str, int]
    changed: tuple[str, ...]


def distance_costs(holes: Assignments, assignment: Mapping[str, int]) -> Costs:
    """Return what each value costs that is not the assignment's: one change, and then its places in the domain."""
    much = 1 + sum(map(len, holes.values.values()))
    found = {}
    for name, value in assignment.items():
        ranks = holes.ranks[holes.known(name)]
        found[name] = {v: 0 if v == value else much + abs(i - ranks.get(value, 0)) for v, i in ranks.items()}
    return found


def child_costs(holes: Assignments, a: Mapping[str, int], b: Mapping[str, int], seed: int) -> Costs:
    """Return what each value costs in a child: nothing from the parent whom a coin chose, most from neither."""
    heads = np.random.default_rng(seed).integers(0, 2, len(holes.values)).tolist()
    found: dict[str, dict[int, int]] = {}
    for coin, (name, values) in zip(heads, holes.values.items(), strict=True):
        parents = [p[name] for p in ((a, b) if coin else (b, a)) if name in p]
        if parents:
            found[name] = {v: parents.index(v) if v in parents else 1 + len(holes.values) for v in values}
    return found


def changes(holes: Assignments, filled: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return every hole that a network has, with each of its other values."""
    return [(n, v) for n in holes.shown(filled) for v in holes.values[n] if v != filled[n]]


def neighbours(
    holes: Assignments, assignment: Mapping[str, int], valid: Callable[[Any], np.ndarray], nearest: Nearest
) -> list[Neighbour]:
    """Return what each single change makes of a valid assignment, repaired where it has to be, nearest first."""
    filled = holes.filled(assignment)
    shown = holes.shown(filled)
    asked = changes(holes, filled)
    single = valid([{**filled, name: value} for name, value in asked]).tolist() if asked else []
    order: list[tuple[int, int, Neighbour]] = []
    for (name, value), alone in zip(asked, single, strict=True):
        near = holes.shown(holes.filled({**filled, name: value})) if alone else nearest(shown, {name: value})
        if near is None:
            continue
        changed = [name, *(n for n, v in near.items() if n != name and n in shown and v != filled[n])]
        far = sum(abs(holes.ranks[n][near[n]] - holes.ranks[n][filled[n]]) for n in changed if n in near)
        order.append((len(changed), far, Neighbour(near, tuple(changed))))
    found: dict[tuple[tuple[str, int], ...], Neighbour] = {}
    for _, _, neighbour in sorted(order, key=lambda entry: entry[:2]):
        found.setdefault(tuple(sorted(neighbour.assignment.items())), neighbour)
    return list(found.values())


def cheapest(parts: Parts, costs: Costs, given: Mapping[str, int]) -> dict[str, int] | None:
    """Return the values on a path with the given values that costs least; None if there is no such path.

    Of equal ones, the one that is met first: preferred values come before others.
    """
    if any(parts.fixed[name] != value for name, value in given.items() if name in parts.fixed):
        return None
    chosen: list[Sequence[np.ndarray]] = []
    for part in parts.parts:
        edges = _cheapest(part, costs, given)
        if edges is None:
            return None
        chosen.append([np.array([edge]) for edge in edges])
    return {name: int(column[0]) for name, column in parts.columns(chosen, 1).items()}


def _cheapest(part: Paths, costs: Costs, given: Mapping[str, int]) -> list[int] | None:
    to_go = np.zeros(len(part.certain), dtype=np.int64)
    totals: list[np.ndarray] = []
    for stage in reversed(part.stages):
        total = to_go[stage.target] + _edge_costs(stage, costs)
        allowed = allowed_edges(stage, given)
        if allowed is not None:
            total = np.where(allowed, total, _NEVER)
        total = np.minimum(total, _NEVER)
        totals.append(total)
        to_go = np.full(len(stage.starts) - 1, _NEVER)
        filled = np.flatnonzero(np.diff(stage.starts))
        to_go[filled] = np.minimum.reduceat(total, stage.starts[filled])
    if totals and to_go[0] >= _NEVER // 2:
        return None
    node, found = 0, []
    for stage, total in zip(part.stages, reversed(totals), strict=True):
        start = int(stage.starts[node])
        edge = start + int(np.argmin(total[start : stage.starts[node + 1]]))
        found.append(edge)
        node = int(stage.target[edge])
    return found


def _edge_costs(stage: StageEdges, costs: Costs) -> np.ndarray:
    total = np.zeros(len(stage.source), dtype=np.int64)
    for name, options in stage.options.items():
        if name in costs:
            table = np.array([costs[name][int(value)] for value in options], dtype=np.int64)
            total += table[stage.places[name]]
    for name, absent in stage.absent.items():
        if name in costs:  # what an absent hole's preferred value cost is given back
            total -= np.where(absent, next(iter(costs[name].values())), 0)
    return total


def nearest_by_one_change(
    holes: Assignments, valid: Callable[[Any], np.ndarray], costs: Costs, given: Mapping[str, int]
) -> dict[str, int] | None:
    """Return the solution with given values whose values cost least, where one value that costs is enough.

    All of these are looked at, and two cost more. None says that nothing is known: one is not enough, or they are many.
    """
    each = {name: own for name, own in costs.items() if name not in given}
    start = {**{name: min(own, key=own.__getitem__) for name, own in costs.items()}, **given}
    single = [{}, *({name: value} for name, own in each.items() for value, cost in own.items() if cost)]
    rows: list[dict[str, int]] = []
    for change in single:
        whole = {**start, **change}
        shown = holes.shown(holes.filled(whole))
        free = [name for name in shown if name not in start]
        if len(rows) + prod(len(holes.values[name]) for name in free) > _MOST_NEAR:
            return None
        for values in itertools.product(*(holes.values[name] for name in free)):
            rows.append(holes.filled({**whole, **dict(zip(free, values, strict=True))}))
            if holes.shown(rows[-1]).keys() != shown.keys():
                return None  # a free value decides what the network has

    def cost(row: Mapping[str, int]) -> int:
        return sum(each[name][value] for name, value in holes.shown(row).items() if name in each)

    def order(row: Mapping[str, int]) -> tuple[int, ...]:
        ranks = [holes.ranks[name][value] for name, value in row.items()]
        return (cost(row), sum(ranks), *ranks)

    best = min((row for row, holds in zip(rows, valid(rows).tolist(), strict=True) if holds), key=order, default=None)
    least = min((c for own in each.values() for c in own.values() if c), default=0)
    return best if best is not None and cost(best) <= 2 * least else None


def nearest_by_search(
    traced: ProblemTrace,
    present: Mapping[str, Cond],
    costs: Costs,
    given: Mapping[str, int],
    clock: Clock,
) -> dict[str, int] | None:
    """Return a solution with given values whose values cost least; None if there is none.

    Raises:
        UndecidedError: the engine gives no answer, or none that is proven to be the nearest.
    """
    holes = traced.problem.network.holes
    each = [
        where(all_of(present[name], eq(holes[name], value)), cost, 0)
        for name, own in costs.items() for value, cost in own.items() if cost
    ]  # fmt: skip
    cost = total(each)
    asked = extended(traced, having(traced.problem, given))
    if isinstance(cost, Expr):
        name = "cost of the changes"
        asked = extended(asked, (Definition(name, cost, ""),))
        problem = dataclasses.replace(asked.problem, objectives=(Objective("minimize", name),))
        asked = dataclasses.replace(asked, problem=problem, objectives=(Var(name, interval=bounds(cost)),))
    outcome = optimise(asked, clock)
    if not outcome.assignments and outcome.proven:
        return None
    if not outcome.assignments or not outcome.proven:
        raise UndecidedError(f"the nearest valid architecture is not known: {outcome.reason}")
    return dict(outcome.assignments[0])
