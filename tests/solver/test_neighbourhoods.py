"""Large-neighbourhood search: what it finds nearby, and what it says meanwhile."""

from __future__ import annotations

from convsolve.files import parse
from convsolve.problem import trace_problem
from convsolve.solver.clock import Clock
from convsolve.solver.dive import dive
from convsolve.solver.neighbourhoods import Neighbourhoods
from convsolve.solver.task import Task

TEXT = "input: [3, 16, 16]\nlayers:\n" + "".join(
    f"  - conv: {{name: c{i}, out_channels: 1..9, kernel_size: 1 | 3, padding: 1}}\n" for i in range(4)
) + "require: [params <= 701, params >= 300]\nminimize: macs\n"  # fmt: skip


def test_a_neighbourhood_proves_nothing_of_the_whole():
    told: list[str] = []
    task = Task.of(trace_problem(parse(TEXT)), Clock(progress=told.append))
    found = dive(task, lambda name, value: -value) or dive(task, lambda name, value: value)
    assert found is not None
    task.offer(found)
    first = task.score
    Neighbourhoods().improve(task)
    assert task.score < first
    assert any("(bound" in text for text in told)
    assert not task.settled
    assert not any("(proven)" in text for text in told)
