"""The benchmark suite is sound: instances read, answers are compared, and a wrong one is noticed."""

from __future__ import annotations

import pytest

from convsolve.files import parse
from convsolve.problem import trace_problem
from tests.benchmarks import engine
from tests.benchmarks.instances import suite
from tests.benchmarks.peers import Answer, brute_force, plain_z3

SMALL = [i for i in suite() if i.name in ("chain 3: 32 to 5", "optional 1 infeasible", "shared 4", "residual 1 macs")]


def test_the_suite_is_what_it_says():
    instances = suite()
    assert len(instances) >= 40 and len({i.name for i in instances}) == len(instances)
    for instance in instances:
        assert bool(trace_problem(parse(instance.text)).objectives) is instance.optimise
    assert [(i.name, i.text) for i in suite()] == [(i.name, i.text) for i in instances]


@pytest.mark.parametrize("instance", SMALL, ids=[i.name for i in SMALL])
def test_peers_agree_on_small_instances(instance):
    row = engine.compare(instance, 20, {"plain z3": plain_z3, "brute force": brute_force})
    assert row["wrong"] == []
    assert row["answers"]["brute force"]["verdict"] == row["answers"]["convsolve"]["verdict"] != "unknown"


def test_a_wrong_answer_is_noticed():
    def liar(problem, timeout):
        return Answer("unsat", None, True, 0.1)

    def miser(problem, timeout):
        return Answer("sat", 7, True, 0.1)

    assert engine.compare(SMALL[0], 20, {"liar": liar})["wrong"]
    assert engine.compare(SMALL[-1], 20, {"miser": miser})["wrong"]
