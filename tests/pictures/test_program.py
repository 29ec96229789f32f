"""The page computes what `check` computes: every shape, cost, formula and finding, at every size."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convsolve as cs
from convsolve.checks.failures import failed_requirements
from convsolve.checks.text import shape
from convsolve.dims import evaluate
from convsolve.errors import ConvsolveError
from convsolve.network.trace import run
from convsolve.pictures.program import javascript
from convsolve.problem import trace_problem
from tests.expressions import assignments, conditions, dims
from tests.pictures.javascript import OpenPage, Page, engine
from tests.random_networks import random_network

PROBLEMS = Path(__file__).parents[2] / "problems"
ENGINE = engine()


@settings(max_examples=60)
@given(st.lists(st.tuples(dims | conditions, assignments), min_size=20, max_size=20))
def test_javascript_agrees_with_integers(cases):
    texts = []
    for x, values in cases:
        text = javascript(x, lambda name, values=values: f"({values[name]}n)")
        texts.append(f"String({text})")
    found = json.loads(ENGINE.eval(f"JSON.stringify([{','.join(texts)}])"))
    assert found == [str(evaluate(x, values)).lower() for x, values in cases]


def test_numbers_are_exact_however_large():
    network = cs.parse(
        "{input: [3, 8, 8], layers: [{conv: {out_channels: 1048576, kernel_size: 7, padding: 3}}]}"
    ).network
    size = 2**30 + 1
    page = Page(network, ENGINE).judged(size, size)
    report = cs.check(network, (3, size, size))
    assert page["costs"] == [str(report.params), str(report.macs), str(report.activations)]
    assert report.macs > 2**63


def agrees(network: cs.Network, page: Page, *sizes: int) -> None:
    report = cs.check(page.opened.with_sizes(sizes))
    found = page.judged(*sizes)
    assert found["verdict"] == ("invalid" if report.failures else "unknown" if report.unknown else "valid")
    assert [layer["shape"] for layer in found["layers"]] == [shape(row.shape) for row in report.rows]
    assert [layer["formula"] for layer in found["layers"]] == [row.formula for row in report.rows]
    assert [layer["fails"] for layer in found["layers"]] == [row.fails for row in report.rows]
    costs = [[row.params, row.macs, row.activations] for row in report.rows]
    assert [[None if n is None else int(n) for n in layer["costs"]] for layer in found["layers"]] == costs
    assert [None if n is None else int(n) for n in found["costs"]] == [report.params, report.macs, report.activations]
    said = [(f.layer, f.code, f.message) for f in (*report.failures, *report.unknown)]
    names = [layer["name"] for layer in page.program.data["layers"]]
    shown = [(names[f["layer"]] if f["layer"] >= 0 else "", f["code"], f["message"]) for f in found["findings"]]
    assert sorted(shown) == sorted(said)


@pytest.mark.parametrize("seed", range(120))
def test_random_networks_at_many_sizes(seed):
    network = random_network(seed, rank=1 + seed % 2)
    page = Page(network, ENGINE)
    for size in (*range(1, 24), 31, 64, 75, 97, 224):
        agrees(network, page, *[size + 3 * k for k in range(len(page.opened.unknowns))])


@pytest.mark.parametrize("path", sorted(PROBLEMS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_problem_that_is_closed(path):
    problem = cs.load(path)
    try:
        page = Page(problem.network, ENGINE)
    except ConvsolveError:
        return  # parameters are open, or no size is
    for size in (1, 5, 28, 75):
        agrees(problem.network, page, *[size] * len(page.opened.unknowns))


def test_beyond_a_guard_nothing_is_claimed():
    torch = pytest.importorskip("torch")

    class Guarded(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = torch.nn.Conv2d(3, 8, 3, stride=2), torch.nn.Conv2d(8, 8, 3)

        def forward(self, x):
            x = self.first(x)
            return self.second(x) if x.shape[-1] > 20 else x

    page = Page(cs.from_torch(Guarded(), (3, 64, 64)), ENGINE)
    there, elsewhere = page.judged(64, 64), page.judged(64, 5)
    assert there["verdict"] == "valid" and there["layers"][-1]["shape"] == "8x29x29"
    assert elsewhere["verdict"] == "unknown" and [f["code"] for f in elsewhere["findings"]] == ["CS028"]
    assert {layer["shape"] for layer in elsewhere["layers"]} == {"?"} and not any(
        layer["fails"] for layer in elsewhere["layers"]
    )


@pytest.mark.parametrize("path", sorted(PROBLEMS.glob("*.yaml")), ids=lambda path: path.stem)
def test_open_parameters_mean_what_they_mean_when_they_are_chosen(path):
    """Random values of all that is open: the page's shapes and costs are those of the network that has these values."""
    problem, chance = cs.load(path), Random(path.stem)
    page = OpenPage(problem, ENGINE)
    known = trace_problem(problem)
    names = [layer["name"] for layer in page.program.data["layers"]]
    for _ in range(12):
        values = {name: chance.choice(list(islice(hole.domain, 64))) for name, hole in problem.network.holes.items()}
        found = page.judged(values)
        numbers = run(known.trace, values)
        failed, _ = failed_requirements(known.trace, numbers)
        assert found["verdict"] == ("invalid" if failed else "valid")
        if not failed:
            assert [int(goal) for goal in found["goals"]] == [evaluate(goal, numbers) for goal in known.objectives]
        plain = replace(problem, requirements=(), objectives=(), sensible=())
        report = cs.check(replace(plain, network=problem.network.assign(values)))
        rows = {row.layer: row for row in report.rows}
        shown = dict(zip(names, found["layers"], strict=True))
        assert {name for name, layer in shown.items() if not layer.get("absent")} >= rows.keys()
        for name, row in rows.items():
            costs = [None if n is None else int(n) for n in shown[name]["costs"]]
            if report.ok:
                assert shown[name]["shape"] == shape(row.shape)
                assert costs == [row.params, row.macs, row.activations]
            assert shown[name]["fails"] == row.fails  # behind a failure less may be known, and nothing else
            told = zip(shown[name]["shape"].split("x"), shape(row.shape).split("x"), strict=True)
            assert all(one in ("?", other) for one, other in told)
            assert all(one in (None, n) for one, n in zip(costs, (row.params, row.macs, row.activations), strict=True))
        if report.ok:
            assert [int(n) for n in found["costs"]] == [report.params, report.macs, report.activations]
