"""Networks that people posted because they failed, or seemed to: verdict, place, shapes, cause and repair.

The facts are public: each id names the project and the thread. ``accepted`` are the kinds of repairs that people
accepted there, where they did.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import convsolve as cs
from convsolve.repairs.evaluated_network import judge, with_target

CASES = json.loads((Path(__file__).parent / "cases.json").read_text())
parametrize = pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])


def problem_of(case) -> cs.Problem:
    return cs.parse(json.dumps(case["problem"]))


@parametrize
def test_verdict_and_shapes(case):
    problem = problem_of(case)
    now = judge(with_target(problem, case["target"]))
    assert (now.failed[0].layer if now.failed else None) == case["fails_at"]
    report = cs.check(problem)
    assert {name: list(report.shapes[name]) for name in case["shapes"]} == case["shapes"]


@parametrize
def test_cause(case):
    causes = cs.diagnose(problem_of(case), target=case["target"])
    assert (causes[0].kind if causes else "") == case["cause"]
    for cause in causes:
        names = problem_of(case).network.by_name
        assert cause.layer in names and cause.reported_by in names
        assert cause.reported_by == (case["fails_at"] or problem_of(case).network.outputs[0])


@parametrize
def test_repairs(case):
    problem = problem_of(case)
    repairs = cs.repair(problem, target=case["target"])
    assert bool(repairs) == bool(case["cause"])
    for repair in repairs:
        assert judge(with_target(cs.Problem(repair.network), case["target"])).ok and repair.report.ok
    if case["accepted"]:
        assert any(set(repair.kinds) & set(case["accepted"]) for repair in repairs[:3]), list(map(str, repairs))
