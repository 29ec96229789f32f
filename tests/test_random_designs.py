"""Random design problems: what the engine and the spaces say of them, against brute force that shares no code with them.

The environment variable CONVSOLVE_DESIGN_SCALE multiplies how many are tried: 50 makes more than five thousand.
"""

from __future__ import annotations

import itertools
import os
import random

import pytest

import convsolve as cs
from tests.benchmarks.design.columns import Answers, brute_force
from tests.random_designs import random_design

SCALE = max(1, int(os.environ.get("CONVSOLVE_DESIGN_SCALE", "1")))
CHUNKS = 8
EACH = 13


def keyed(holes: dict[str, tuple[int, ...]], rows: list[dict[str, int]]) -> list[dict[str, int]]:
    """Return assignments from the plainest on: by the sum of places in the domains, then place by place."""
    ranks = {name: {value: i for i, value in enumerate(values)} for name, values in holes.items()}

    def plainness(row: dict[str, int]) -> tuple[int, ...]:
        places = [ranks[name][row[name]] for name in holes]
        return (sum(places), *places)

    return sorted(rows, key=plainness)


def check_solve(problem: cs.Problem, truth: Answers) -> None:
    answer = cs.solve(problem, explain=False)
    assert not isinstance(answer, cs.Unknown)
    assert isinstance(answer, cs.Solution) == bool(len(truth))
    if isinstance(answer, cs.Solution):
        assert answer.proven and tuple(goal.value for goal in answer.goals) == truth.best
        holes = {name: hole.domain.values() for name, hole in problem.network.holes.items()}
        best = keyed(holes, truth.rows(truth.best))
        assert answer.assignment.items() <= best[0].items()


def check_space(problem: cs.Problem, truth: Answers, seed: int) -> None:
    space, rows = cs.Space(problem), truth.rows()
    count = space.count()
    assert count.low <= len(truth) <= count.high and (not count.exact or count.value == len(truth))
    hidden = {name: values[0] for name, values in space.holes.items()}
    listed = list(space.enumerate())
    assert sorted(tuple(({**hidden, **row}).items()) for row in listed) == sorted(
        tuple((name, row[name]) for name in hidden) for row in rows)  # fmt: skip
    if not rows:
        assert all(values == () for values in space.domains().values())
        return
    for row in space.sample(20, seed=seed):
        assert row in listed and row in space
    rng = random.Random(seed)
    always = [name for name in hidden if all(name in row for row in listed)]
    base = rng.choice(rows)
    partial = {name: base[name] if rng.random() < 0.8 else rng.choice(space.holes[name])
               for name in rng.sample(always, min(2, len(always)))}  # fmt: skip
    left = [row for row in rows if all(row[name] == value for name, value in partial.items())]
    assert space.domains(partial) == {
        name: tuple(v for v in values if any(row[name] == v for row in left))
        for name, values in space.holes.items() if name not in partial}  # fmt: skip
    check_nearest(space, listed, rng)


def check_nearest(space: cs.Space, listed: list[dict[str, int]], rng: random.Random) -> None:
    """An assignment at random, valid or not: as few values differ as can be, and then as few places."""
    ranks = {name: {value: i for i, value in enumerate(values)} for name, values in space.holes.items()}
    wished = {name: rng.choice(values) for name, values in space.holes.items()}

    def far(row: dict[str, int]) -> tuple[int, int]:
        changed = [name for name, value in row.items() if value != wished[name]]
        return len(changed), sum(abs(ranks[name][row[name]] - ranks[name][wished[name]]) for name in changed)

    found = space.nearest(wished)
    assert found in listed and far(found) == min(map(far, listed))


def check_pareto(problem: cs.Problem, truth: Answers, columns: list[str], costs: list[tuple[int, ...]]) -> None:
    front = cs.pareto(problem, columns)
    best: list[tuple[int, ...]] = []
    for point in sorted(set(costs)):  # by the first; so each must be better than all before it in the second
        best += [point] if not best or point[1] < best[-1][1] else []
    assert front.complete and sorted(front.points) == best


def check(seed: int) -> None:
    text = random_design(seed)
    problem, truth = cs.parse(text), brute_force(text)
    check_solve(problem, truth)
    check_space(problem, truth, seed)
    if len(truth):
        wished = ["macs", "-output.size"] if seed % 2 else ["params", "activations"]
        cleared = text.partition("\nminimize:")[0].partition("\nmaximize:")[0] + "\n"
        costs = brute_force(cleared + "minimize: [" + ", ".join(f"'{w.replace('-', '0 - ')}'" for w in wished) + "]\n")
        check_pareto(problem, truth, wished, list(map(tuple, costs.objectives.tolist())))


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_designs_agree_with_brute_force(chunk):
    for seed in itertools.islice(itertools.count(chunk, CHUNKS), EACH * SCALE):
        try:
            check(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}:\n{random_design(seed)}") from error


def test_the_random_designs_are_of_every_kind():
    texts = [random_design(seed) for seed in range(104)]
    for part in ("optional", "choose", "repeat", "add", "concat", "step", "$k", "$w", "when", " or ", "not (", "depthwise",
                 "conv_transpose", "linear", "minimize: [", "maximize"):  # fmt: skip
        assert any(part in text for text in texts), part
    assert sum(text.count("<=") >= 2 for text in texts) > 15
    solutions = [len(brute_force(text)) for text in texts]
    assert 0.03 < solutions.count(0) / len(texts) < 0.5 and max(solutions) > 300
