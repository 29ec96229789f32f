"""Near: the valid architectures next to an assignment, or between two of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .assignments import Assignments
from .moves import Costs

__all__ = ["Neighbour", "changes", "child_costs", "distance_costs", "neighbours"]

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
