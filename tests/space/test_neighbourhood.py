"""The nearest assignment by one change, against all solutions of small spaces."""

from __future__ import annotations

import random

import convsolve as cs
from convsolve.space.assignments import Assignments
from convsolve.space.neighbourhood import Costs, child_costs, distance_costs, nearest_by_one_change
from tests.random_designs import random_design


def asked(holes: Assignments, rows: list[dict[str, int]], rng: random.Random) -> tuple[Costs, dict[str, int]]:
    """Return the costs of a random question, and what its answer must have."""
    form, row = rng.random(), rng.choice(rows)
    if form < 0.4:
        name = rng.choice(list(row))
        return distance_costs(holes, row), holes.given({name: rng.choice(holes.values[name])})
    if form < 0.8:
        return distance_costs(holes, {n: rng.choice(v) for n, v in holes.values.items() if rng.random() < 0.9}), {}
    return child_costs(holes, row, rng.choice(rows), rng.randrange(99)), {}


def test_what_one_change_reaches_is_the_nearest():
    found = 0
    for seed in range(24):
        space, rng = cs.Space(cs.parse(random_design(seed))), random.Random(seed)
        rows, holes = list(space.enumerate()), space._subspace.assignments
        for _ in range(5 if rows else 0):
            costs, given = asked(holes, rows, rng)
            answer = nearest_by_one_change(
                holes, lambda batch, s=space: s._subspace.evaluator(batch).valid, costs, given
            )

            def cost(row, costs=costs, given=given):
                return sum(costs[n][v] for n, v in row.items() if n in costs and n not in given)

            if answer is not None:
                found += 1
                shown = holes.shown(answer)
                having = [row for row in rows if all(row.get(n, v) == v for n, v in given.items())]
                assert shown in having and cost(shown) == min(map(cost, having)), seed
    assert found > 50
