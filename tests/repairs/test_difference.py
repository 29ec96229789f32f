"""The edits between two networks: those of a repair, found again from what it made."""

from __future__ import annotations

import pytest

import convsolve as cs
from convsolve.problem import Problem
from convsolve.repairs.difference import edits_between
from convsolve.repairs.edits import KINDS

CASES = [
    "{input: [3, 4, 4], layers: [{conv: {name: a, out_channels: 8, kernel_size: 5}}]}",
    "{input: [3, 8, 8], layers: [{conv: {name: a, out_channels: 6, kernel_size: 3, groups: 4}}]}",
    "{input: [3, 8, 8], layers: [{conv: {name: a, out_channels: 8, kernel_size: 3, in_channels: 4}}]}",
    "{input: [1, 5, 5], layers: [{max_pool: {name: a, kernel_size: 6}}]}",
    "{input: [400], layers: [{linear: {name: a, in_features: 256, out_features: 10}}]}",
]


@pytest.mark.parametrize("text", CASES)
def test_what_a_repair_changes_is_found_again(text):
    before = cs.parse(text)
    repairs = cs.repair(before, limit=5)
    assert repairs
    for repair in repairs:
        found = edits_between(before, Problem(repair.network))
        assert {edit.layer for edit in found} == {edit.layer for edit in repair.edits}, repair
        assert {edit.kind for edit in found} <= set(KINDS)
        parameters = {(e.layer, e.parameter, e.before, e.after) for e in repair.edits if e.parameter}
        assert parameters <= {(e.layer, e.parameter, e.before, e.after) for e in found}, repair


def test_the_same_networks_do_not_differ():
    assert edits_between(cs.parse(CASES[0]), cs.parse(CASES[0])) == ()
