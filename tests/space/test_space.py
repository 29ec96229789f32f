"""Spaces against brute force: every count, every value and every draw of small random problems."""

from __future__ import annotations

import dataclasses
import random
from functools import cache

import numpy as np
import pytest

import convsolve as cs
from convsolve.dims import evaluate
from convsolve.network.trace import Requirement, run
from convsolve.problem import ProblemTrace, trace_problem
from convsolve.space import paths

from ..solver.random_problems import brute_force, combinations, problems

SEEDS = range(60)


@cache
def cases() -> list[tuple[int, ProblemTrace]]:
    return [(s, trace_problem(dataclasses.replace(t.problem, objectives=()))) for s, t in problems(SEEDS, most=700)]


@cache
def solutions_of(seed: int) -> tuple[tuple[tuple[str, int], ...], ...]:
    traced = next(t for s, t in cases() if s == seed)
    return tuple(tuple(a.items()) for a in brute_force(traced))


def full(space: cs.Space, samples: cs.Samples) -> list[tuple[tuple[str, int], ...]]:
    columns = [samples.columns[name].tolist() for name in space.holes]
    return (
        [tuple(zip(space.holes, row, strict=True)) for row in zip(*columns, strict=True)]
        if columns
        else [()] * len(samples)
    )


@pytest.fixture(params=["exact", "merged"])
def merging(request, monkeypatch):
    """Both ways to keep sums: each for itself, and similar ones together, however few they are."""
    if request.param == "merged":
        monkeypatch.setattr(paths, "_MOST_EDGES", 0)
        monkeypatch.setattr(paths, "_MOST_MERGED", 6)
    return request.param


def test_there_are_cases():
    sizes = [len(solutions_of(seed)) for seed, _ in cases()]
    assert len(sizes) > 30 and sum(n == 0 for n in sizes) > 2 and sum(n > 20 for n in sizes) > 10
    assert max(combinations(t) for _, t in cases()) > 300


def test_counts(merging):
    merged = 0
    for seed, traced in cases():
        space = cs.Space(traced.problem)
        count, true = space.count(), len(solutions_of(seed))
        free = dataclasses.replace(traced, trace=dataclasses.replace(
            traced.trace, steps=tuple(s for s in traced.trace.steps if not isinstance(s, Requirement))))  # fmt: skip
        assert count.low <= true <= count.high, seed
        assert count.of == len(brute_force(free)), seed
        assert count.exact == (count.low == count.high) and (not count.exact or count.value == true), seed
        merged += not count.exact
    assert bool(merged) == (merging == "merged")


def test_enumeration_has_each_once(merging):
    for seed, traced in cases():
        space = cs.Space(traced.problem)
        found = [tuple(sorted(space._subspace.assignments.filled(a).items())) for a in space.enumerate()]
        assert sorted(found) == sorted(tuple(sorted(s)) for s in solutions_of(seed)), seed


def test_domains(merging):
    rng = random.Random(0)
    for seed, traced in cases():
        space, solutions = cs.Space(traced.problem), [dict(s) for s in solutions_of(seed)]
        for _ in range(4):
            partial = {n: rng.choice(v) for n, v in space.holes.items() if rng.random() < 0.3}
            given = space._subspace.assignments.given(partial)
            left = [s for s in solutions if given.items() <= s.items()]
            wanted = {n: tuple(v for v in values if any(s[n] == v for s in left))
                      for n, values in space.holes.items() if n not in partial}  # fmt: skip
            assert space.domains(partial) == wanted, (seed, partial)


def chi_square(space: cs.Space, solutions: list, weights: list[float], n: int) -> float:
    """Return how many standard deviations a draw is from what is expected."""
    samples = space.sample(n, seed=3)
    place = {s: i for i, s in enumerate(solutions)}
    seen = np.bincount([place[s] for s in full(space, samples)], minlength=len(solutions))
    expected = np.array(weights) / sum(weights) * n
    freedom = len(solutions) - 1
    return float((((seen - expected) ** 2 / expected).sum() - freedom) / (2 * freedom) ** 0.5)


def test_draws_are_uniform(merging):
    tried = 0
    for seed, traced in cases():
        solutions = list(solutions_of(seed))
        if 5 < len(solutions) < 200:
            space = cs.Space(traced.problem)
            assert abs(chi_square(space, solutions, [1] * len(solutions), 60 * len(solutions))) < 4.5, seed
            tried += 1
    assert tried > 10


def test_the_measure_sees_what_is_not_uniform():
    seed, traced = next((s, t) for s, t in cases() if 20 < len(solutions_of(s)) < 100)
    solutions = list(solutions_of(seed))
    uneven = [2 if i % 2 else 1 for i in range(len(solutions))]
    assert abs(chi_square(cs.Space(traced.problem), solutions, uneven, 60 * len(solutions))) > 4.5


def test_preferences_weigh_the_draw(merging):
    tried = 0
    for seed, traced in cases():
        solutions = list(solutions_of(seed))
        if 5 < len(solutions) < 60:
            space = cs.Space(traced.problem)
            weight = {n: {v: i + 1 for i, v in enumerate(values)} for n, values in space.holes.items()}
            weight = {n: {v: 0.5 * w for v, w in own.items()} for n, own in weight.items()}
            true = []
            for solution in map(dict, solutions):
                shown = space._subspace.assignments.shown(solution)
                fixed = {n for n, v in space.holes.items() if len({dict(s)[n] for s in solutions}) == 1}
                true.append(float(np.prod([weight[n][v] for n, v in shown.items() if n not in fixed])))
            samples = space.sample(4000, seed=1, weight=weight)
            place = {s: i for i, s in enumerate(solutions)}
            seen = np.bincount([place[s] for s in full(space, samples)], minlength=len(solutions))
            expected = np.array(true) / sum(true) * 4000
            assert ((seen - expected) ** 2 / np.maximum(expected, 1)).sum() < len(solutions) + 5 * (
                2 * len(solutions)
            ) ** 0.5, seed
            assert samples.weighted
            tried += 1
    assert tried > 8


def test_draws_without_replacement(merging):
    for seed, traced in cases():
        true = len(solutions_of(seed))
        space = cs.Space(traced.problem)
        if 1 < true < 100:
            drawn = full(space, space.sample(true, seed=5, replace=False))
            assert sorted(drawn) == sorted(solutions_of(seed)), seed
            with pytest.raises(cs.NetworkError, match="fewer than"):
                space.sample(true + 1, replace=False)


def test_the_same_seed_draws_the_same():
    space = cs.Space(cs.load("problems/once_for_all.yaml"))
    assert list(space.sample(5, seed=1)) == list(space.sample(5, seed=1)) != list(space.sample(5, seed=2))


def test_samples_are_valid(merging):
    for _, traced in cases():
        space = cs.Space(traced.problem)
        if not space.count().value:
            with pytest.raises(cs.NetworkError, match="no valid architecture"):
                space.sample(1)
            continue
        samples = space.sample(5)
        for assignment, network in zip(samples, samples.networks(), strict=True):
            assert cs.check(network).ok and assignment in space


def test_evaluation_agrees_with_check():
    rng = random.Random(1)
    for seed, traced in cases():
        space = cs.Space(traced.problem)
        batch = [{n: rng.choice(values) for n, values in space.holes.items()} for _ in range(12)]
        solutions = {tuple(space._subspace.assignments.shown(dict(s)).items()) for s in solutions_of(seed)}
        shown = [space._subspace.assignments.shown(candidate) for candidate in batch]
        wholly, partly = space.evaluate(batch), space.evaluate(shown)
        for i, candidate in enumerate(batch):
            report = cs.check(traced.problem.network.assign(candidate))
            assert wholly.valid[i] == partly.valid[i] == (tuple(shown[i].items()) in solutions), seed
            if report.ok:
                assert tuple(wholly.output[i]) == report.output, seed
                assert (wholly.params[i], wholly.macs[i], wholly.activations[i]) == (
                    report.params,
                    report.macs,
                    report.activations,
                )
                field = report.receptive_field
                wanted = (field,) if isinstance(field, int) else field
                assert wholly.receptive_field is None or tuple(wholly.receptive_field[i]) == wanted, seed


def distance(space: cs.Space, a: dict, b: dict) -> int:
    """Return in how many holes that ``b`` has the two differ."""
    return sum(v != a[n] for n, v in b.items())


def test_neighbours_and_children(merging):
    rng = random.Random(2)
    for seed, traced in cases():
        solutions = [dict(s) for s in solutions_of(seed)]
        if not 2 <= len(solutions) <= 120:
            continue
        space = cs.Space(traced.problem)
        a, b = rng.choice(solutions), rng.choice(solutions)
        shown = [space._subspace.assignments.shown(s) for s in solutions]
        for name, values in space.holes.items():
            for value in values:
                near = space.nearest(a, keep={name: value})
                reachable = [s for s, full_ in zip(shown, solutions, strict=True) if full_[name] == value]
                assert (near is None) == (not reachable), seed
                if near is not None:
                    assert distance(space, a, near) == min(distance(space, a, s) for s in reachable), seed
        neighbours = space.neighbours(a)
        assert all(n.assignment in space for n in neighbours) and len(neighbours) < sum(map(len, space.holes.values()))
        sizes = [len(n.changed) for n in neighbours]
        assert sizes == sorted(sizes)
        for child in (space.crossover(a, b, seed=i) for i in range(3)):
            parents = [space._subspace.assignments.shown(a), space._subspace.assignments.shown(b)]
            assert child in space
            for name, value in child.items():
                assert not any(name in p for p in parents) or value in [p[name] for p in parents if name in p], seed


def test_completions_keep_what_is_given():
    space = cs.Space(cs.load("problems/imagenet_stem.yaml"))
    best = space.complete({"first.kernel_size": 3})
    assert best.assignment["first.kernel_size"] == 3 and best.proven
    whole = space.best()
    assert best.goals[0].value <= whole.goals[0].value == 11
    assert isinstance(space.complete({"first.stride": 1, "second.stride": 1}), cs.Infeasible)
    assert not any(space.domains({"first.stride": 1, "second.stride": 1}).values())


def test_published_counts():
    assert cs.Space(cs.load("problems/once_for_all.yaml")).count().value == sum(9**d for d in (2, 3, 4)) ** 5
    assert cs.Space(cs.load("problems/cell_search.yaml")).count().of == 5**6


def test_a_budget_too_fine_for_exact_counts_has_bounds():
    problem = cs.load("problems/once_for_all.yaml")
    space = cs.Space(dataclasses.replace(problem, requirements=("macs <= 230M",)))
    count = space.count()
    assert not count.exact and count.low <= count.value <= count.high < 1.02 * count.low
    samples = space.sample(300)
    assert samples.tried < 320 and space.evaluate(samples).valid.all()


def test_samples_are_valid_by_the_integer_reader():
    space = cs.Space(cs.load("problems/unet_search.yaml"))
    samples = space.sample(100_000, seed=1)
    drawn = np.unique(np.stack([samples.columns[name] for name in space.holes], axis=1), axis=0)
    assert len(samples) == 100_000 and len(drawn) > 35_000
    traced = trace_problem(space.problem).trace
    for row in drawn[:: len(drawn) // 8000].tolist():
        values = run(traced, dict(zip(space.holes, row, strict=True)))
        assert all(evaluate(r.condition, values) for r in traced.requirements)


def test_samples_are_built_in_torch():
    torch = pytest.importorskip("torch")
    with torch.device("meta"):
        for file, n in (("unet_search", 120), ("once_for_all", 20), ("cell_search", 60)):
            space = cs.Space(cs.load(f"problems/{file}.yaml"))
            samples = space.sample(n, seed=4)
            reports = space.evaluate(samples)
            for i, network in enumerate(samples.networks()):
                shape = network.inputs[0].operator.shape
                net = cs.to_torch(network)
                assert tuple(net(torch.empty(1, *shape)).shape[1:]) == tuple(reports.output[i])
                assert sum(p.numel() for p in net.parameters()) == reports.params[i]


def test_mistakes_are_named():
    space = cs.Space(cs.load("problems/imagenet_stem.yaml"))
    for call, words in (
        (lambda: space.domains({"first.kernel": 3}), "no hole 'first.kernel'.*first.kernel_size"),
        (lambda: space.domains({"first.kernel_size": 4}), "outside its domain"),
        (lambda: space.evaluate([{"first.kernel_size": 3}]), "no value for"),
        (lambda: space.evaluate({"first.kernel_size": [0.5]}), "not whole numbers"),
        (lambda: space.evaluate({"first.kernel_size": [3, 3], "first.stride": [1]}), "has 1 values"),
        (lambda: space.sample(1, weight={"first.stride": {1: 0}}), "positive weights"),
        (lambda: space.neighbours({"first.kernel_size": 3}), "not valid"),
        (lambda: cs.Space(cs.load("problems/unet_skips.yaml")), "open above"),
        (lambda: cs.Space(cs.parse("{input: [1..1000000000, 8, 8], layers: [relu]}")), "at most 1,000,000"),
        (lambda: cs.Space(cs.load("problems/robust_autoencoder.yaml")), "for_all|open above"),
    ):  # fmt: skip
        with pytest.raises(cs.NetworkError, match=words):
            call()


def test_nothing_open_and_nothing_asked():
    space = cs.Space(cs.parse("{input: [1, 8, 8], layers: [relu]}"))
    assert space.count().value == 1 and list(space.sample(2)) == [{}, {}] and list(space.enumerate()) == [{}]
    assert space.evaluate([{}, {}]).valid.all() and space.domains() == {} and space.neighbours({}) == []
    assert len(cs.Space(cs.load("problems/imagenet_stem.yaml")).evaluate([])) == 0
