"""Moves: which values are still possible, and which solution costs least, by one pass over the paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .parts import Parts
from .paths import Budget, Paths, Stage

__all__ = ["Costs", "cheapest", "possible"]

Costs = Mapping[str, Mapping[int, int]]
"""What each value of each hole costs in a network that has the hole; where it has not, it costs nothing."""

_NEVER = 1 << 60


def possible(parts: Parts, given: Mapping[str, int], *, certain: bool = False) -> dict[str, tuple[int, ...]] | None:
    """Return for each hole the values that it takes on paths with the given values; None if there is no such path.

    With ``certain``, only paths that are solutions for certain count.
    """
    if any(parts.fixed[name] != value for name, value in given.items() if name in parts.fixed):
        return None
    found: dict[str, tuple[int, ...]] = {name: (value,) for name, value in parts.fixed.items()}
    for part in parts.parts:
        if part.budget is not None:
            stages, live = part.budget.stages, _affordable(part.budget, given)
        else:
            end = part.certain if certain else np.ones(len(part.certain), dtype=bool)
            stages, live = part.stages, _live(part, given, end)
        if live is None:
            return None
        for stage, edges in zip(stages, live, strict=True):
            for name, options in stage.options.items():
                seen = np.bincount(stage.places[name][edges], minlength=len(options)) > 0
                found[name] = tuple(options[seen].tolist())
    return found


def _allowed(stage: Stage, given: Mapping[str, int]) -> np.ndarray | None:
    """Return which edges take the given values; None where nothing is given."""
    allowed = None
    for name, options in stage.options.items():
        if name in given:
            here = (options == given[name])[stage.places[name]]
            allowed = here if allowed is None else allowed & here
    return allowed


def _live(part: Paths, given: Mapping[str, int], end: np.ndarray) -> list[np.ndarray] | None:
    """Return the edges of each stage that lie on a path with the given values; None if there is none."""
    before = np.ones(1, dtype=bool)
    forward: list[np.ndarray] = []
    for i, stage in enumerate(part.stages):
        here = before[stage.source]
        allowed = _allowed(stage, given)
        if allowed is not None:
            here &= allowed
        edges = np.flatnonzero(here)
        nodes = len(part.stages[i + 1].starts) - 1 if i + 1 < len(part.stages) else len(part.certain)
        before = np.zeros(nodes, dtype=bool)
        before[stage.target[edges]] = True
        forward.append(edges)
    after = end
    live: list[np.ndarray] = []
    for stage, edges in zip(reversed(part.stages), reversed(forward), strict=True):
        edges = edges[after[stage.target[edges]]]
        if not len(edges):
            return None
        after = np.zeros(len(stage.starts) - 1, dtype=bool)
        after[stage.source[edges]] = True
        live.append(edges)
    return live[::-1]


def _affordable(budget: Budget, given: Mapping[str, int]) -> list[np.ndarray] | None:
    """Return the edges of each stage that lie on a path within the budget with the given values; None if none do."""
    spent = np.zeros(1, dtype=np.int64)
    so_far: list[np.ndarray] = []
    for i, (stage, added) in enumerate(zip(budget.stages, budget.added, strict=True)):
        total = np.minimum(spent[stage.source] + added, _NEVER)
        allowed = _allowed(stage, given)
        if allowed is not None:
            total = np.where(allowed, total, _NEVER)
        so_far.append(total)
        spent = np.full(len(budget.stages[i + 1].starts) - 1 if i + 1 < len(budget.stages) else budget.ends, _NEVER)
        np.minimum.at(spent, stage.target, total)
    to_go = np.zeros(budget.ends, dtype=np.int64)
    live: list[np.ndarray] = []
    for stage, added, total in zip(
        reversed(budget.stages), reversed(budget.added), reversed(so_far), strict=True
    ):
        edges = np.flatnonzero(total + to_go[stage.target] <= budget.limit)
        if not len(edges):
            return None
        rest = np.full(len(stage.starts) - 1, _NEVER)
        np.minimum.at(rest, stage.source[edges], to_go[stage.target[edges]] + added[edges])
        to_go = rest
        live.append(edges)
    return live[::-1]


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
        allowed = _allowed(stage, given)
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


def _edge_costs(stage: Stage, costs: Costs) -> np.ndarray:
    total = np.zeros(len(stage.source), dtype=np.int64)
    for name, options in stage.options.items():
        if name in costs:
            table = np.array([costs[name][int(value)] for value in options], dtype=np.int64)
            total += table[stage.places[name]]
    for name, absent in stage.absent.items():
        if name in costs:  # what an absent hole's preferred value cost is given back
            total -= np.where(absent, next(iter(costs[name].values())), 0)
    return total
