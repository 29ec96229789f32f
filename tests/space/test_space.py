"""Spaces against brute force: every count, every value and every draw of small random problems."""

from __future__ import annotations

import dataclasses
import random
from functools import cache

import numpy as np
import pytest

import convsolve as cs
from convsolve.problem import ProblemTrace, trace_problem
from convsolve.space import paths
from convsolve.trace import Requirement

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
    return [tuple(zip(space.holes, row, strict=True)) for row in zip(*columns, strict=True)] if columns else [()] * len(samples)


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
        found = [tuple(sorted(space._filled(a).items())) for a in space.enumerate()]
        assert sorted(found) == sorted(tuple(sorted(s)) for s in solutions_of(seed)), seed


def test_domains(merging):
    rng = random.Random(0)
    for seed, traced in cases():
        space, solutions = cs.Space(traced.problem), [dict(s) for s in solutions_of(seed)]
        for _ in range(4):
            partial = {n: rng.choice(v) for n, v in space.holes.items() if rng.random() < 0.3}
            given = space._given(partial)
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
