"""Every question keeps its time, on problems that are hard for it."""

from __future__ import annotations

import gc
import time

import pytest

import convsolve as cs
from convsolve.errors import NoArchitectureError, UndecidedError
from convsolve.files import parse
from convsolve.problem import trace_problem
from convsolve.solver.clock import Clock
from convsolve.solver.core import minimal_core
from convsolve.synthesis.pareto import pareto
from convsolve.synthesis.relax import relaxations

TIMEOUT = 1.0
MOST = 2.0
"""Seconds of the processor that an answer may take."""

BUDGETS = ("input: [3, 32, 32]\nlayers:\n" + "".join(
    f"  - conv: {{name: c{i}, out_channels: 1..64, kernel_size: 1 | 3 | 5, padding: 0..2, stride: 1 | 2}}\n"
    for i in range(9)) + "require: [params <= 20K, params >= 19K, macs <= 2M, macs >= 1500K]\n")  # fmt: skip
EQUAL = ("input: [3, 64, 64]\nlayers:\n" + "".join(
    f"  - conv: {{name: c{i}, out_channels: 8..1024 step 8, kernel_size: 3, padding: 1}}\n" for i in range(6))
    + "require: [params == 1234567]\n")  # fmt: skip
WIDE = ("input: [1, 64, 64, 64]\nlayers:\n  - conv: {out_channels: 1..500, "
        + ", ".join(f"{name}: [1..64, 1..64, 1..64]" for name in ("kernel_size", "stride", "dilation", "padding"))
        + "}\nrequire: [macs % 9973 == 17]\n")  # fmt: skip
SPACE = ("input: [3, 64, 64]\nlayers:\n" + "".join(
    f"  - repeat: 1..4\n    name: s{i}\n    layers:\n"
    f"      - conv: {{name: c{i}, out_channels: 8..256 step 8, kernel_size: 3 | 5 | 7, padding: same}}\n"
    for i in range(5)) + "require: [params <= 2M, macs <= 6000M, params >= 1M]\n")  # fmt: skip
CHAIN = "input: [3, 3001]\nlayers:\n" + "".join(
    f"  - conv: {{name: c{i}, out_channels: 4, kernel_size: 1..9, stride: 1..3, padding: 0..4}}\n" for i in range(120)
)
NETWORK = "input: [1, 64, 64]\nlayers:\n" + "".join(
    f"  - conv: {{name: c{i}, out_channels: 4, kernel_size: {2 + i % 3}, stride: {1 + i % 4 // 3}}}\n"
    for i in range(24)
)


def goal(text, objective):
    return parse(text + objective + "\n")


def core_of(problem):
    return minimal_core(trace_problem(problem), Clock(TIMEOUT))


QUESTIONS = {
    "solve": lambda: cs.solve(goal(BUDGETS, "maximize: receptive_field.height + params"), timeout=TIMEOUT),
    "solve, equal": lambda: cs.solve(parse(EQUAL), timeout=TIMEOUT),
    "solve, wide": lambda: cs.solve(goal(WIDE, "minimize: params"), timeout=TIMEOUT),
    "solve, space": lambda: cs.solve(goal(SPACE, "maximize: params"), timeout=TIMEOUT),
    "solve, infeasible": lambda: cs.solve(goal(CHAIN, "require: [output.length == 4000]"), timeout=TIMEOUT),
    "solutions": lambda: list(cs.solutions(goal(BUDGETS, "minimize: macs"), limit=200, timeout=TIMEOUT)),
    "solutions that differ": lambda: list(cs.solutions(parse(BUDGETS), limit=50, different=9, timeout=TIMEOUT)),
    "pareto": lambda: pareto(parse(BUDGETS), ["params", "-macs"], timeout=TIMEOUT),
    "relaxations": lambda: relaxations(goal(BUDGETS.replace("1500K", "400M"), ""), ("macs >= 400M",), seconds=TIMEOUT),
    "repair": lambda: cs.repair(parse(NETWORK.replace("64, 64", "31, 31")), timeout=TIMEOUT),
    "repair to a target": lambda: cs.repair(parse(NETWORK), target=(4, 9, 9), timeout=TIMEOUT),
    "valid sizes": lambda: cs.valid_sizes(parse(NETWORK), timeout=TIMEOUT),
    "minimum input": lambda: cs.minimum_input(parse(NETWORK), timeout=TIMEOUT),
    "counterexample": lambda: cs.counterexample(
        parse(NETWORK), cs.valid_sizes(parse(NETWORK)), claim="output.height*output.width % 97 != 96", timeout=TIMEOUT
    ),
    "counterexample, proof": lambda: (
        cs.counterexample(
            parse(NETWORK), cs.valid_sizes(parse(NETWORK)), claim="output.height <= input.height", timeout=TIMEOUT
        )
        is None
    ),
    "minimal core": lambda: core_of(goal(CHAIN, "require: [output.length == 4000, params <= 9999]")),
    "minimal core, budgets": lambda: core_of(parse(BUDGETS.replace("1500K", "1999K").replace("19K", "19990"))),
    "minimal core, layers": lambda: core_of(parse(NETWORK.replace("64, 64", "31, 31"))),
    "space, count": lambda: cs.Space(parse(SPACE), timeout=TIMEOUT).count(),
    "space, sample": lambda: cs.Space(parse(SPACE), timeout=TIMEOUT).sample(10),
    "space, domains": lambda: cs.Space(parse(SPACE), timeout=TIMEOUT).domains({"c0_1.out_channels": 8}),
    "space, nearest": lambda: cs.Space(parse(SPACE), timeout=TIMEOUT).nearest(
        dict.fromkeys(parse(SPACE).network.holes, 8)
    ),
    "space, complete": lambda: cs.Space(parse(SPACE)).complete({"c0_1.out_channels": 8}, timeout=TIMEOUT),
    "space, best": lambda: cs.Space(goal(SPACE, "maximize: params")).best(timeout=TIMEOUT),
    "space, pareto": lambda: cs.Space(parse(SPACE)).pareto("params", "-macs", timeout=TIMEOUT),
}


@pytest.fixture(autouse=True)
def only_its_own_objects():
    """Keep the collector from going through what other tests have left: the seconds are those of the question."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_keeps_its_time(question):
    start = time.process_time()
    try:
        answer = QUESTIONS[question]()
    except (NoArchitectureError, TimeoutError, UndecidedError) as error:
        answer = error
    assert time.process_time() - start < MOST
    assert answer is not None
