"""Pareto fronts against brute force."""

from __future__ import annotations

import pytest

import convsolve as cs
from convsolve.dims import evaluate
from convsolve.errors import NetworkError
from convsolve.network.trace import run
from convsolve.problem import Objective, Problem, trace_problem
from convsolve.solver.outcome import Outcome, Stopped
from convsolve.synthesis.pareto import pareto
from convsolve.synthesis.robust import RobustSearch
from convsolve.synthesis.solve import Interrupted
from tests.solver.random_problems import brute_force, problems


def expected_front(traced, objectives):
    problem = traced.problem
    asked = trace_problem(
        Problem(problem.network, problem.requirements, [Objective("minimize", o) for o in objectives])
    )
    points = set()
    for assignment in brute_force(traced):
        values = run(asked.trace, assignment)
        points.add(tuple(evaluate(o, values) for o in asked.objectives))
    return sorted(
        p for p in points if not any(q != p and all(a <= b for a, b in zip(q, p, strict=True)) for q in points)
    )


@pytest.mark.parametrize(
    "objectives", [("params", "macs"), ("macs", "-output.size"), ("params", "-macs", "activations")]
)
def test_fronts_are_complete(objectives):
    seen = 0
    for seed, traced in problems(range(0, 60, 2), most=400):
        expected = expected_front(traced, objectives)
        front = cs.pareto(traced.problem, objectives)
        assert front.complete, seed
        assert list(front.points) == expected, seed
        seen += len(expected) > 1
    assert seen >= 3


def test_a_file_may_ask_for_a_front():
    problem = cs.parse("input: [1, 28, 28]\nlayers:\n  - conv: {out_channels: 4 | 8, kernel_size: 3 | 5}\n"
                       "pareto: [macs, '-receptive_field.height']\n")  # fmt: skip
    front = cs.pareto(problem)
    assert front.points == ((24336, -3), (57600, -5))
    assert [s.assignment["conv1.out_channels"] for s in front.solutions] == [4, 4]
    assert cs.parse(cs.dump(problem)) == problem


def test_a_front_needs_two_or_three_objectives():
    with pytest.raises(NetworkError, match="two or three"):
        cs.pareto(cs.parse("input: [1, 8]\nlayers: [relu]\n"), ["params"])
    with pytest.raises(cs.FileError, match="two or three"):
        cs.parse("input: [1, 8]\nlayers: [relu]\npareto: [params]\n")


def test_a_limit_makes_a_front_incomplete():
    problem = cs.parse("input: [1, 28, 28]\nlayers:\n  - conv: {out_channels: 4, kernel_size: 3 | 5 | 7}\n")
    front = cs.pareto(problem, ["macs", "-receptive_field.height"], limit=2)
    assert len(front.points) == 2 and not front.complete and "more" in front.reason


def test_no_time_leaves_an_empty_front_that_is_not_proven():
    problem = cs.parse("input: [1, 28, 28]\nlayers:\n  - conv: {out_channels: 4, kernel_size: 3 | 5 | 7}\n")
    front = cs.pareto(problem, ["macs", "params"], timeout=1e-9)
    assert front.points == () and not front.complete and "time" in front.reason


def test_an_absent_layer_counts_nothing_on_a_front():
    problem = cs.parse(
        "input: [3, 8, 8]\nlayers:\n  - conv: {name: c, out_channels: 2, kernel_size: 3, optional: true}\n"
    )
    assert cs.pareto(problem, ["output.channels", "c.size"]).points == ((2, 72), (3, 0))
    assert cs.pareto(problem, ["output.channels", "c.size", "params"]).points == ((2, 72, 56), (3, 0, 0))


def test_who_interrupts_has_the_points_so_far(monkeypatch):
    problem = cs.parse("{input: [1, 9, 9], layers: [{conv: {out_channels: 1..6, kernel_size: 1..6}}]}")
    whole, asked, optimise = pareto(problem, ["params", "-macs"]), [], RobustSearch.optimise

    def interrupted(search, traced, keep=1):
        asked.append(traced)
        if len(asked) == 3:
            raise Stopped(Outcome((), False, reason="the search was stopped"))
        return optimise(search, traced, keep)

    monkeypatch.setattr(RobustSearch, "optimise", interrupted)
    with pytest.raises(Interrupted) as caught:
        pareto(problem, ["params", "-macs"])
    front = caught.value.answer
    assert front.points == whole.points[:2] and not front.complete and front.reason == "the search was stopped"
