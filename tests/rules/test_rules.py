"""The pages of the rules: each code has one, its example fails with just that code, and what mends it does."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import convsolve as cs
from convsolve import rules
from convsolve.dims import Var
from convsolve.network import Guard
from convsolve.rules import RULES

NAMES = {rule.code: name for name, rule in vars(rules).items() if isinstance(rule, rules.Rule)}


def test_every_code_has_its_page():
    assert all(rule.meaning and rule.mend for rule in RULES.values()) and list(RULES) == sorted(RULES)
    assert [code for code, page in RULES.items() if not page.example] == ["CS028", "CS029"]


def test_a_rule_is_one_file():
    files = sorted(path.stem for path in Path(rules.__file__).parent.glob("cs*.py"))
    assert files == [f"{code.lower()}_{name.lower()}" for code, name in NAMES.items()]


@pytest.mark.parametrize("code", [code for code, page in RULES.items() if page.example])
def test_examples(code):
    page = RULES[code]
    report = cs.check(cs.parse(page.example))
    assert {f.code for f in (*report.failures, *report.unknown)} == {code}
    assert page.example.count(page.wrong) == 1
    assert cs.check(cs.parse(page.mended)).ok


def test_the_rules_that_no_file_can_break():
    network = cs.parse("{input: [1, 8, 8], layers: [relu]}").network
    height = Var("input.height", interval=(1, None))
    report = cs.check(dataclasses.replace(network, guards=(Guard(height >= 9),)))
    assert [f.code for f in report.unknown] == ["CS028"]
    report = cs.check(dataclasses.replace(network, refusal="net.py:3: ValueError: too small"))
    assert [(f.code, f.message) for f in report.failures] == [
        ("CS029", "the program itself refuses the input: net.py:3: ValueError: too small")
    ]


BEHIND = {
    "CS001": (8, None, None), "CS002": (4, None, None), "CS003": (4, None, None), "CS004": (4, 11, 11),
    "CS005": (3, None, None), "CS006": (3, None, None), "CS007": (3, 6, 6), "CS008": (8, 6, 6), "CS009": (6, 6, 6),
    "CS010": (8, 26, 26), "CS011": (10,), "CS012": (4, None, None), "CS013": (6, None, None), "CS014": (400,),
    "CS015": (None, 16, 16), "CS016": (8, 1, 1), "CS017": (8, 4, 4), "CS018": (2, 2, 8), "CS019": (3, None, None),
    "CS020": (4, 6), "CS021": (4, 30, 30), "CS022": None, "CS023": (8, 8, 8), "CS024": (None, 8),
    "CS025": (3, None, 3, 3), "CS026": (4, 6, 6), "CS027": (None, None, None), "CS030": (None, None), "CS031": (3, 8, 8),
    "CS032": (None, None, None), "CS033": (1, None),
}  # fmt: skip
"""What a layer behind each example's output is known to have: sizes that rest on what failed are not."""


@pytest.mark.parametrize("code", [code for code, page in RULES.items() if page.example])
def test_what_is_known_behind_a_failure(code):
    problem = cs.parse(RULES[code].example)
    behind = cs.Layer("behind", cs.operators.Identity(), (problem.network.outputs[0],))
    network = dataclasses.replace(problem.network, layers=(*problem.network.layers, behind), outputs=("behind",))
    report = cs.check(cs.Problem(network, problem.requirements))
    assert report.rows[-1].shape == BEHIND[code]
    assert "behind" not in {f.layer for f in (*report.failures, *report.unknown)}
    assert report.output is None or report.output == BEHIND[code]
