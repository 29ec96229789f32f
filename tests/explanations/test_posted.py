"""Messages that people posted: the rule, the layer, the cause and the repair, and no sentence with a false number."""

from __future__ import annotations

import re

import pytest

import convsolve as cs
from tests.explanations.posted import POSTED
from tests.messages.examples import EXAMPLES

INSIDE = ("keras-dqn-doom#4", "captcha_break_keras#1", "qlearning4k#23", "keras#12951")
"""Threads whose message holds a map from inside of a network."""


@pytest.mark.parametrize(
    ("text", "code", "layer", "cause", "repair"), [row[1:] for row in POSTED], ids=[row[0] for row in POSTED]
)
def test_posted(text, code, layer, cause, repair):
    (found,) = cs.explain(text).findings
    assert (found.code, found.layer) == (code, layer)
    assert cause in str(found)
    assert repair in str(found)


def test_inner_maps_are_not_taken_for_turned_pictures():
    inside = [row for row in POSTED if row[0].endswith(INSIDE)]
    assert len(inside) == len(INSIDE)
    assert not [row[0] for row in inside if "looks like data" in str(cs.explain(row[1]))]


EQUATION = re.compile(r"(?<![\w=.(])(\d+) = (\d+(?:\s?[*+]\s?\d+)+)(?![\w.])")
FORMULA = re.compile(r"(?<![\w=])((?:\(?\d+\)?\s*(?://|[-+*])\s*)+\(?\d+\)?) = (-?\d+)(?![\w*])")


def test_every_equation_of_every_explanation_holds():
    checked = 0
    for text in [*(row[1] for row in POSTED), *(text for _, text, _ in EXAMPLES)]:
        said = str(cs.explain(text))
        for left, right in EQUATION.findall(said):
            checked += 1
            assert int(left) == eval(right), (text, left, right)
        for left, right in FORMULA.findall(said):
            if left.count("(") == left.count(")"):
                checked += 1
                assert eval(left) == int(right), (text, left, right)
    assert checked > 60
