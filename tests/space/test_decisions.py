"""Values decided one after the other: each is allowed just when brute force has an architecture with it."""

from __future__ import annotations

import dataclasses
import random

import pytest

import convsolve as cs
from convsolve.space import cubes, decisions, feasible_path, frontiers, paths, suffixes
from tests.benchmarks.design.columns import brute_force
from tests.random_designs import random_design


@pytest.fixture(params=["graph", "merged", "cubes", "halves", "labels", "suffixes", "few suffixes"])
def size(request, monkeypatch):
    """Spaces whose graphs can be gone through, exactly or not, and such as have too many states for it.

    And such as weighing bounds does not decide: that halves do, or few labels; and such of which so much is asked that
    what the last layers cost is known, all of it or a part.
    """
    if request.param == "merged":
        monkeypatch.setattr(paths, "_MOST_EDGES", 0)
        monkeypatch.setattr(paths, "_MOST_MERGED", 6)
    elif request.param == "cubes":
        monkeypatch.setattr(paths, "MOST_STATES", 3)
        monkeypatch.setattr(cubes, "_FEWEST", 2)
        monkeypatch.setattr(cubes, "_DEEPEST", 99)
    elif request.param in ("halves", "labels"):
        monkeypatch.setattr(feasible_path, "_ROUNDS", 0 if request.param == "halves" else 1)
        if request.param == "labels":
            monkeypatch.setattr(feasible_path, "_MOST_MOVED", 40)
            monkeypatch.setattr(frontiers, "_MOST_LABELS", 0)
            monkeypatch.setattr(feasible_path, "_MOST_LABELS", 4)
    elif request.param in ("suffixes", "few suffixes"):
        monkeypatch.setattr(feasible_path, "_OFTEN", 0)
        if request.param == "few suffixes":
            for limit, most in {"_MOST_LABELS": 2, "_MOST_FIRST": 8, "_MOST_GROWN": 30, "_MOST_TRIED": 1}.items():
                monkeypatch.setattr(suffixes, limit, most)
    return request.param


def seeds(size: str) -> range:
    return range(3000, 3006) if size == "cubes" else range(3000, 3030 if size in ("graph", "merged") else 3015)


def test_each_value_is_allowed_just_when_there_is_an_architecture(size):
    for seed in seeds(size):
        rng = random.Random(seed)
        text = random_design(seed)
        space, left = cs.Space(cs.parse(text)), brute_force(text).rows()
        taken = space.decisions({})
        assert taken.any is bool(left), text
        names = list(space.holes)
        rng.shuffle(names)
        for name in names:
            for value in rng.sample(space.holes[name], min(3, len(space.holes[name]))):
                possible = [row for row in left if row[name] == value]
                assert taken.allows(name, value) is bool(possible), (text, taken.values, name, value)
                if possible and taken.decide(name, value):
                    left = possible
                    break


def test_domains_near_ones_and_children_of_every_space(size):
    for seed in seeds(size):
        rng = random.Random(seed)
        text = random_design(seed)
        space, rows = cs.Space(cs.parse(text)), brute_force(text).rows()
        assert space.domains() == {name: tuple(v for v in values if any(row[name] == v for row in rows))
                                   for name, values in space.holes.items()}, text  # fmt: skip
        if rows:
            a, b = (space.nearest(rng.choice(rows)) for _ in range(2))
            assert a in space and b in space and space.crossover(a, b, seed=seed) in space
            assert isinstance(space.complete(dict(list(a.items())[:2])), cs.Solution)
            assert all(near.assignment in space for near in space.neighbours(a)[:5])


def wide_spaces():
    mobile = cs.load("problems/once_for_all.yaml")
    yield dataclasses.replace(mobile, requirements=("macs <= 260M", "params <= 4.5M"))
    for name in ("fbnet_two_budgets", "darts_two_budgets", "mobilenet_v3_small", "stages_5m_600m"):
        yield cs.load(f"tests/benchmarks/design/problems/{name}.yaml")


def test_wide_spaces_with_two_budgets_need_no_engine(monkeypatch):
    def asked(*args):
        raise AssertionError("the engine is asked")

    monkeypatch.setattr(decisions, "has_solution", asked)
    for problem in wide_spaces():
        space, rng = cs.Space(problem), random.Random(1)
        for _ in range(3):
            taken = space.decisions({})
            for name, values in space.holes.items():
                assert any(taken.decide(name, value) for value in rng.sample(values, len(values)))
            assert bool(space.evaluate([taken.values]).valid[0])


def test_what_stands_beside_an_empty_part_is_not_allowed():
    space = cs.Space(
        cs.parse("{input: [1, 8, 8], layers: [{conv: {out_channels: 2 | 4, kernel_size: 3}}], require: [params <= 5]}")
    )
    assert not space.decisions({}).any and not space.decisions({}).allows("conv1.out_channels", 2)
    assert space.domains() == {"conv1.out_channels": ()}


def test_a_space_with_few_architectures_is_decided_by_halves_and_then_by_what_its_last_layers_cost(monkeypatch):
    """Once-for-All with budgets that hardly go together: no question is left to the engine."""
    monkeypatch.setattr(decisions, "decide", None)
    problem = cs.load("problems/once_for_all.yaml")
    space = cs.Space(dataclasses.replace(problem, requirements=("macs <= 260M", "params >= 4.2M")))
    rng = random.Random(1)
    for walk in range(4):
        if walk:  # what the last layers can cost is known by now, and decides everything
            monkeypatch.setattr(feasible_path.PathSearch, "_weighed", None)
        taken = space.decisions({})
        for name, values in space.holes.items():
            assert any(taken.decide(name, value) for value in rng.sample(values, len(values)))
        assert taken.values in space
