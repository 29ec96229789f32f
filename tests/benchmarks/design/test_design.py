"""The design suite: its files load, the two readings of them agree, and so do convsolve, CP-SAT and brute force."""

from __future__ import annotations

import numpy as np
import pytest

import convsolve as cs
from convsolve.dims import evaluate
from convsolve.network.trace import run
from convsolve.problem import trace_problem
from tests.benchmarks.design.columns import brute_force, columns_of, reading_of
from tests.benchmarks.design.cpsat import cp_sat
from tests.benchmarks.design.expected import EXPECTED, wrong
from tests.benchmarks.design.plain_z3 import plain_z3
from tests.benchmarks.design.reading import senses
from tests.benchmarks.design.running import Answer, texts

TEXTS = texts()
FAST = [
    "anomaly_autoencoder", "balanced_four", "cifar_20k_monotone", "exactly_100k", "exactly_odd_impossible",
    "fbnet_like_small", "filter_bank_odd_window", "five_convs_two_budgets", "fpn_widths", "gan_28", "hyperresnet_20m",
    "intensity_512", "intensity_700", "mcu_least_peak", "nats_sizes_12m", "ssd_300", "text_cnn", "tied_224_to_113",
    "unet3d_patch", "unet_activations", "unet_valid_572", "wavenet_stacks",
]  # fmt: skip
"""What both decide in a fraction of a second."""

SMALL = ["exactly_odd_impossible", "mcu_least_peak", "nats_sizes_12m", "ssd_300", "unet3d_patch", "wavenet_stacks"]


def test_the_suite_is_what_it_says():
    assert len(TEXTS) >= 60 and EXPECTED.keys() == TEXTS.keys()
    for name, text in TEXTS.items():
        assert text.startswith("# ") and len(text.splitlines()[0]) > 40, f"{name} does not say whose question it is"
        best = EXPECTED[name]
        assert best is None or len(best) == len(senses(text)), name


@pytest.mark.parametrize("name", TEXTS)
def test_two_readings_of_a_file_agree(name):
    """What is valid, and what it costs: by the rules of convsolve and by the suite's own formulas."""
    problem = cs.parse(TEXTS[name])
    traced = trace_problem(problem)
    columns = columns_of(TEXTS[name], 12, seed=1)
    assert columns.keys() == problem.network.holes.keys()
    valid, objectives = reading_of(TEXTS[name], columns)
    for row in range(12):
        values = run(traced.trace, {hole: int(column[row]) for hole, column in columns.items()})
        assert all(evaluate(r.condition, values) for r in traced.trace.requirements) == valid[row]
        assert [evaluate(objective, values) for objective in traced.objectives] == objectives[row].tolist()


@pytest.mark.parametrize("name", FAST)
def test_cp_sat_and_convsolve_prove_the_expected_answer(name):
    solution = cs.solve(cs.parse(TEXTS[name]), timeout=60, explain=False)
    best = EXPECTED[name]
    assert cp_sat(TEXTS[name], 60) == (("unsat", (), True) if best is None else ("sat", best, True))
    if best is None:
        assert isinstance(solution, cs.Infeasible)
    else:
        assert solution.proven and tuple(goal.value for goal in solution.goals) == best


@pytest.mark.parametrize("name", SMALL)
def test_brute_force_finds_the_expected_answer(name):
    assert brute_force(TEXTS[name]).best == EXPECTED[name]


def test_plain_z3_agrees_where_it_answers():
    assert plain_z3(TEXTS["wavenet_stacks"], 60) == ("sat", EXPECTED["wavenet_stacks"], True)


def test_a_wrong_answer_is_noticed():
    assert wrong("hair_short_of_params", Answer("sat", (1,))) and wrong("gan_28", Answer("unsat"))
    assert wrong("gan_28", Answer("sat", (574_144,))) and wrong("gan_28", Answer("sat", (574_146,), proven=True))
    assert not wrong("gan_28", Answer("sat", (574_146,))) and not wrong("gan_28", Answer("killed"))
    text = TEXTS["mcu_least_peak"]
    rows = brute_force(text.replace("minimize", "maximize"))
    assert (
        rows.best != EXPECTED["mcu_least_peak"]
        and len(rows) == np.unique(rows.objectives, axis=0, return_counts=True)[1].sum()
    )
