"""The pages of the rules: each code has one, its example fails with just that code, and what mends it does."""

from __future__ import annotations

import dataclasses

import pytest

import convsolve as cs
from convsolve.dims import Var
from convsolve.network import Guard
from convsolve.operators.pages import PAGES
from convsolve.operators.rules import RULES


def test_every_code_has_its_page():
    assert list(PAGES) == list(RULES)
    assert [code for code, page in PAGES.items() if not page.example] == ["CS028", "CS029"]


@pytest.mark.parametrize("code", [code for code, page in PAGES.items() if page.example])
def test_examples(code):
    page = PAGES[code]
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
        ("CS029", "the program itself refuses the input: net.py:3: ValueError: too small")]
