"""Samples that are spread over a cost: which bins there are, what is in them, and how much of each is drawn."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest

import convsolve as cs
from convsolve.dims import evaluate
from convsolve.network.trace import run
from convsolve.problem import Objective, trace_problem
from convsolve.space import paths
from convsolve.space.stratified import _apportion, reach

from .test_space import cases, full, solutions_of

COSTS = ("macs", "params", "output.size", "params + 3*macs", "-activations")


@pytest.fixture(params=["exact", "merged"])
def merging(request, monkeypatch):
    if request.param == "merged":
        monkeypatch.setattr(paths, "_MOST_EDGES", 0)
        monkeypatch.setattr(paths, "_MOST_MERGED", 6)
    return request.param


def costs_of(traced, text: str, solutions: list) -> list[int]:
    asked = trace_problem(dataclasses.replace(traced.problem, objectives=(Objective("minimize", text),)))
    return [evaluate(asked.objectives[0], run(asked.trace, dict(solution))) for solution in solutions]


def varied():
    """Yield small spaces with a cost that differs in them."""
    for seed, traced in cases():
        solutions, text = list(solutions_of(seed)), COSTS[seed % len(COSTS)]
        costs = costs_of(traced, text, solutions)
        if 5 < len(solutions) < 200 and len(set(costs)) > 2:
            yield seed, traced, text, solutions, costs


def test_bins_are_even_and_each_is_uniform(merging):
    tried = empty = 0
    for seed, traced, text, solutions, costs in varied():
        space, n = cs.Space(traced.problem), 3000
        low, high = reach(space._subspace, text)
        assert low <= min(costs) and max(costs) <= high, seed
        samples = space.sample(n, seed=5, spread=text, bins=4)
        place = {solution: i for i, solution in enumerate(solutions)}
        drawn = [place[s] for s in full(space, samples)]
        hit = [b for b in samples.bins if any(cost in b.costs for cost in costs)]
        assert all((b.high > 0) == (b in hit) == (b.drawn > 0) for b in samples.bins), seed
        assert samples.bins[0].costs.start == low and samples.bins[-1].costs[-1] == high and samples.weighted
        for b in hit:
            inside = [i for i, cost in enumerate(costs) if cost in b.costs]
            seen = Counter(i for i in drawn if i in inside)
            assert b.low <= len(inside) <= b.high and (merging == "merged" or b.low == b.high), seed
            assert b.drawn == seen.total() and abs(b.drawn - n / len(hit)) < 1, seed
            expected, freedom = b.drawn / len(inside), len(inside) - 1
            measure = sum((seen[i] - expected) ** 2 / expected for i in inside)
            assert measure < freedom + 5 * (2 * freedom) ** 0.5 + 0.1, seed
        tried += 1
        empty += len(samples.bins) - len(hit)
    assert tried > 8 and empty > 0


def test_the_ends_are_the_least_and_the_most_where_no_budget_binds():
    found = 0
    for seed, traced, text, _, costs in varied():
        if not traced.problem.requirements:
            assert reach(cs.Space(traced.problem)._subspace, text) == (min(costs), max(costs)), seed
            found += 1
    assert found > 1
    assert reach(cs.Space(cs.load("problems/once_for_all.yaml"))._subspace, "macs") == (121_003_344, 563_666_208)


def test_without_replacement_bins_give_what_they_have(merging):
    for seed, traced, text, solutions, _ in list(varied())[:6]:
        space = cs.Space(traced.problem)
        drawn = space.sample(len(solutions), spread=text, bins=3, replace=False)
        assert sorted(full(space, drawn)) == sorted(solutions), seed
        few = space.sample(3, seed=1, spread=text, bins=3, replace=False)
        assert len(set(full(space, few))) == 3
        assert {b.drawn for b in few.bins if b.high} <= {0, 1, 2, 3}
        with pytest.raises(cs.NetworkError, match=f"only {len(solutions):,} architectures"):
            space.sample(len(solutions) + 1, spread=text, bins=3, replace=False)


def test_bins_of_ones_own_and_weights():
    space = cs.Space(cs.load("problems/unet_search.yaml"))
    wished = {range(2 * 10**9, 3 * 10**9): 1, range(10**9, 2 * 10**9): 0.5, range(1000): 7}
    samples = space.sample(900, spread="macs", bins=wished, weight={"enc0.kernel_size[0]": {3: 4}})
    assert [(b.costs, b.drawn) for b in samples.bins] == [
        (range(1000), 0), (range(10**9, 2 * 10**9), 300), (range(2 * 10**9, 3 * 10**9), 600)]  # fmt: skip
    macs = space.evaluate(samples).macs
    assert ((macs >= 10**9) & (macs < 3 * 10**9)).all() and (macs < 2 * 10**9).sum() == 300
    plain = space.sample(900, spread="macs", bins=wished)
    weighed, unweighed = ((found.columns["enc0.kernel_size[0]"] == 3).mean() for found in (samples, plain))
    assert 0.4 < unweighed < 0.6 and 0.7 < weighed < 0.9


def test_a_large_space():
    space = cs.Space(cs.load("problems/once_for_all.yaml"))
    samples = space.sample(400, seed=1, spread="macs", bins=4)
    evaluation = space.evaluate(samples)
    assert evaluation.valid.all() and [b.drawn for b in samples.bins] == [100] * 4
    edges = [b.costs.start for b in samples.bins] + [samples.bins[-1].costs.stop]
    assert np.histogram(evaluation.macs, edges)[0].tolist() == [100] * 4
    assert sum(b.low for b in samples.bins) <= space.count().value <= sum(b.high for b in samples.bins)
    assert list(samples) == list(space.sample(400, seed=1, spread="macs", bins=4))
    uniform = np.histogram(space.evaluate(space.sample(400)).macs, edges)[0]
    assert uniform[0] == 0 and uniform.max() > 200


def test_shares_are_due_on_average():
    generator = np.random.default_rng(0)
    shares = np.array([_apportion(generator, [1, 2, 4], 10) for _ in range(3000)])
    assert (shares.sum(axis=1) == 10).all() and (np.abs(shares - [10 / 7, 20 / 7, 40 / 7]) < 1).all()
    assert np.abs(shares.mean(axis=0) - [10 / 7, 20 / 7, 40 / 7]).max() < 0.05


def test_a_cost_that_is_always_the_same():
    space = cs.Space(cs.load("problems/cell_search.yaml"))
    samples = space.sample(7, spread="output.size")
    assert samples.bins == (cs.Bin(range(10, 11), 13_438, 13_438, 7),)


def test_mistakes_are_named():
    space = cs.Space(cs.load("problems/cell_search.yaml"))
    for wish, words in (
        ({"spread": "mcas"}, "mcas.*macs"),
        ({"spread": "macs", "bins": 0}, "at least one bin"),
        ({"spread": "macs", "bins": {range(5, 1): 1}}, "do not overlap"),
        ({"spread": "macs", "bins": {range(9): 1, range(5, 12): 1}}, "do not overlap"),
        ({"spread": "macs", "bins": {range(9): 0}}, "positive share"),
        ({"spread": "macs", "bins": {range(9): 1}}, "no architecture has macs in these bins"),
    ):  # fmt: skip
        with pytest.raises(cs.ConvsolveError, match=words):
            space.sample(1, **wish)
    none = cs.Space(
        cs.parse("{input: [1, 8, 8], layers: [{max_pool: {kernel_size: 2..4}}], require: [output.height == 9]}")
    )
    with pytest.raises(cs.NetworkError, match="no valid architecture"):
        none.sample(1, spread="activations")
