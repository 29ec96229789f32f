"""The dive: quick, incomplete, never wrong."""

from __future__ import annotations

from convsolve.files import parse
from convsolve.problem import trace_problem
from convsolve.solver.clock import Clock
from convsolve.solver.dive import dive
from convsolve.solver.presolve import Refuted
from convsolve.solver.task import Task
from tests.solver.random_problems import brute_force, problems


def test_what_it_finds_is_a_solution():
    found = 0
    for seed, traced in problems(range(150)):
        try:
            task = Task.of(traced, Clock(), goals=False)
        except Refuted:
            continue
        assignment = dive(task, lambda name, value, task=task: task.system.holes[name].rank(value))
        expected = brute_force(traced)
        assert assignment is None or assignment in expected, seed
        found += assignment is not None
        assert assignment is not None or len(expected) < 200, seed  # where solutions abound, it finds one
    assert found > 60


def test_it_gives_up():
    layers = "  - conv: {out_channels: 1..40, kernel_size: 1..9}\n" * 4
    traced = trace_problem(parse(f"input: [1, 99]\nlayers:\n{layers}require: ['(params * 7 + macs) % 99991 == 17']\n"))
    assert dive(Task.of(traced, Clock()), lambda name, value: value) is None
