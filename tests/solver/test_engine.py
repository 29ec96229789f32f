"""The engine against brute force, by each of its methods."""

from __future__ import annotations

import pytest

import convsolve as cs
from convsolve.files import parse
from convsolve.problem import trace_problem
from convsolve.solver import cpsat, engine, values, z3_terms
from convsolve.solver import presolve as presolve_module
from convsolve.solver import sweep as sweep_module
from convsolve.solver import task as task_module
from convsolve.solver.clock import Clock
from convsolve.solver.core import minimal_core
from convsolve.solver.cpsat import CpSat
from convsolve.solver.engine import decide, optimise
from convsolve.solver.presolve import Refuted, presolve
from convsolve.solver.sweep import Sweep, TooWide, sweep
from convsolve.solver.system import build, values_of
from convsolve.solver.task import Task
from convsolve.solver.z3_search import Z3
from tests.solver.random_problems import brute_force, problems, random_problem

CASES = problems(range(220))


def test_the_random_problems_are_of_every_kind():
    texts = [random_problem(seed) for seed, _ in CASES]
    for part in ("optional", "choose", "repeat", "add", "concat", "minimize", "maximize", "$k", "linear"):
        assert any(part in text for text in texts), part
    verdicts = [bool(brute_force(traced)) for _, traced in CASES]
    assert 0.05 < verdicts.count(False) / len(verdicts) < 0.7
    assert len(CASES) > 120


@pytest.mark.parametrize("chunk", range(4))
def test_the_best_solution_is_the_best(chunk):
    for seed, traced in CASES[chunk::4]:
        expected = brute_force(traced)
        outcome = optimise(traced, Clock())
        assert outcome.proven, seed
        assert list(outcome.assignments) == expected[:1], (seed, random_problem(seed))


@pytest.mark.parametrize("chunk", range(4))
def test_all_solutions_in_order(chunk):
    for seed, traced in CASES[chunk::4]:
        expected = brute_force(traced)
        outcome = optimise(traced, Clock(), keep=len(expected) + 3)
        assert list(outcome.assignments) == expected, (seed, random_problem(seed))


@pytest.mark.parametrize("keep", [2, 3, 5])
def test_the_first_of_many_are_the_first_in_order(keep):
    for seed, traced in CASES:
        expected = brute_force(traced)
        assert list(optimise(traced, Clock(), keep=keep).assignments) == expected[:keep], (seed, random_problem(seed))


@pytest.mark.parametrize("method", [Sweep, CpSat, Z3])
@pytest.mark.parametrize("keep", [1, 2])
def test_every_method_alone_gives_the_same(monkeypatch, method, keep):
    monkeypatch.setattr(task_module, "_FOR_PREFERENCE", (100.0, 100.0))
    for seed, traced in CASES[:: 9 if method is Z3 else 3]:
        expected = brute_force(traced)
        try:
            task = Task.of(traced, Clock(), keep=keep)
        except Refuted:
            assert not expected
            continue
        outcome = method().decide(task)
        assert outcome.proven and outcome.plainest, seed
        assert list(outcome.assignments) == expected[:keep], (seed, random_problem(seed))


@pytest.mark.parametrize("most", [0, 3])
def test_domains_that_are_kept_as_ranges_keep_their_gaps(monkeypatch, most):
    for module, name in ((values, "MOST_VALUES"), (presolve_module, "MOST_VALUES"), (z3_terms, "_MOST_CASES")):
        monkeypatch.setattr(module, name, most)
    monkeypatch.setattr(engine, "_WINDOWS", ())
    monkeypatch.setattr(task_module, "_FOR_PREFERENCE", (100.0, 100.0))
    for seed, traced in CASES[::12]:
        expected = brute_force(traced)
        outcome = optimise(traced, Clock(timeout=60))
        assert outcome.proven, seed
        assert list(outcome.assignments) == expected[:1], (seed, random_problem(seed))


def test_presolve_removes_only_what_no_solution_has():
    for seed, traced in CASES:
        expected = brute_force(traced)
        system = build(traced)
        try:
            domains = presolve(system, Clock())
        except Refuted:
            assert not expected, seed
            continue
        for assignment in expected:
            for name, value in values_of(system, assignment).items():
                low, high = domains[name].interval
                assert low <= value <= high, (seed, name)
                assert domains[name].array is None or value in domains[name].array, (seed, name)


def test_what_narrowing_leaves_one_value_each_is_read_again():
    """`params` is left 146, and each of its terms one value, 141 together, by the step that adds them."""
    problem = cs.parse("""
    input: [2, 12, 12]
    holes: {w: 2..6 step 2}
    layers:
      - identity: {name: e1}
      - conv: {name: a1, out_channels: $w, kernel_size: 3, stride: 1 | 2, padding: 1}
      - conv: {name: b1, inputs: e1, out_channels: $w, kernel_size: 1 | 2, stride: 1 | 2}
      - add: {name: c1, inputs: [a1, b1], broadcast: false}
      - conv: {name: c2, out_channels: 2*$w, kernel_size: 1 | 3, bias: false}
      - conv: {name: c3, out_channels: 2..8 step 2, kernel_size: 3}
      - global_avg_pool
      - linear: {name: head, out_features: 5}
    require: [params <= 1013, params == 146]
    """)
    answer = cs.solve(problem)
    assert isinstance(answer, cs.Infeasible) and "params == 146" in answer.core


def test_decisions_without_goals_or_preference():
    for seed, traced in CASES[::3]:
        answer = decide(traced, list(traced.trace.requirements), Clock())
        assert answer is bool(brute_force(traced)), seed


def test_cores_are_infeasible_and_minimal():
    checked = 0
    for seed, traced in CASES:
        if brute_force(traced):
            continue
        core = minimal_core(traced, Clock())
        assert core.minimal and core.requirements, seed
        assert decide(traced, core.requirements, Clock()) is False, seed
        groups = {(r.layer, r.rule.code, r.text) for r in core.requirements}
        for group in groups:
            rest = [r for r in core.requirements if (r.layer, r.rule.code, r.text) != group]
            assert decide(traced, rest, Clock()) is True, (seed, group)
        checked += 1
    assert checked > 10


def test_a_sweep_that_is_too_wide_says_so():
    layers = "  - conv: {out_channels: 2, kernel_size: 1..4}\n" * 2
    traced = trace_problem(parse(f"input: [1, 9]\nlayers:\n{layers}require: [output.length == 5]\n"))
    with pytest.raises(TooWide):
        sweep(Task.of(traced, Clock()), most_states=2)


@pytest.mark.parametrize("installed", [True, False])
def test_the_engine_falls_back_on_others(monkeypatch, installed):
    monkeypatch.setattr(sweep_module, "sweep", _too_wide)
    monkeypatch.setattr(cpsat, "installed", lambda: installed)
    for tail in ("minimize: macs", "maximize: params", "minimize: [output.size, params]", ""):
        traced = trace_problem(parse(
            "input: [1, 9, 9]\nlayers:\n  - conv: {out_channels: 1..9, kernel_size: 1..5}\n"
            f"require: [params >= 90, macs <= 9000]\n{tail}"))  # fmt: skip
        outcome = optimise(traced, Clock())
        assert outcome.proven and outcome.assignments[0] == brute_force(traced)[0], tail


def _too_wide(*args, **kwargs):
    raise TooWide


OPEN = """
input: [1, 1.., 1..]
layers:
  - conv: {out_channels: 2, kernel_size: 3, stride: 2}
  - conv: {out_channels: 2, kernel_size: 3, stride: 2}
  - conv: {out_channels: 2, kernel_size: 3, stride: 2}
"""


@pytest.mark.parametrize(
    ("tail", "height", "width"),
    [
        ("minimize: [input.height, input.width]", 15, 15),
        ("require: ['output.height == 3', 'output.width == 2']\nminimize: [input.width, input.height]", 31, 23),
        ("require: ['output.height == 3', 'output.width == 2']\nmaximize: [input.width, input.height]", 30 + 8, 30),
        ("require: ['output.height >= 700']\nminimize: macs", 5607, 15),
        ("minimize: macs", 15, 15),
        ("require: ['input.height > 100']", 101, 15),
    ],
)
def test_open_input_sizes(tail, height, width):
    outcome = optimise(trace_problem(parse(OPEN + tail)), Clock())
    assert outcome.proven
    assert outcome.assignments == ({"input[1]": height, "input[2]": width},)


def test_an_open_input_without_any_solution_is_refuted():
    outcome = optimise(trace_problem(parse(OPEN + "require: ['output.height == 0']")), Clock())
    assert outcome.proven and not outcome.assignments
    outcome = optimise(
        trace_problem(parse(OPEN + "require: ['input.height % 2 == 0', 'input.height % 4 == 1']")), Clock()
    )
    assert outcome.proven and not outcome.assignments


def test_the_same_question_gives_the_same_answer():
    text = random_problem(7)
    answers = {str(optimise(trace_problem(parse(text)), Clock())) for _ in range(3)}
    assert len(answers) == 1


def test_a_deadline_is_honoured():
    layers = "".join("  - conv: {out_channels: 8..256 step 8, kernel_size: 1|3|5, stride: 1|2, padding: 0..2}\n"
                     for _ in range(12))  # fmt: skip
    traced = trace_problem(parse(f"input: [3, 97, 101]\nlayers:\n{layers}require: [params == 123457]\n"))
    clock = Clock(timeout=2)
    outcome = optimise(traced, clock)
    assert clock.elapsed < 6
    assert outcome.proven or outcome.reason


WIDE = ("input: [3, 224]\nlayers:\n"
        + "  - conv: {out_channels: 16 | 32 | 64 | 128, kernel_size: 1 | 3 | 5 | 7, stride: 1 | 2, padding: 0..3}\n" * 12
        + "require: [output.length == 7, params <= 120000, params >= 60000]\nminimize: macs\n")  # fmt: skip


def test_time_that_runs_out_leaves_the_best_so_far_and_a_bound():
    outcome = optimise(trace_problem(parse(WIDE)), Clock(timeout=1.2))
    if not outcome.proven:  # a fast machine may finish
        assert "time" in outcome.reason
        assert not outcome.assignments or outcome.bound is not None
    if outcome.assignments:
        traced = trace_problem(parse(WIDE))
        values = values_of(build(traced), outcome.assignments[0])
        assert 60_000 <= values["params"] <= 120_000
        assert outcome.bound is None or outcome.bound <= values["macs"]


@pytest.mark.parametrize("timeout", [0.0, 0.01, 0.1, 0.5])
def test_a_deadline_is_honoured_at_every_stage(timeout):
    for text in (WIDE, random_problem(3), OPEN + "minimize: macs"):
        clock = Clock(timeout)
        outcome = optimise(trace_problem(parse(text)), clock)
        assert outcome.proven or outcome.reason
        assert clock.elapsed < timeout + 1.5
