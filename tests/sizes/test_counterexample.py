"""Counterexamples: the smallest input that breaks a claim, and None where there is none."""

from __future__ import annotations

import pytest

import convsolve as cs
from convsolve.dims import Domain
from convsolve.errors import ExpressionError, NetworkError
from convsolve.sizes.counterexample import counterexample
from tests.random_networks import random_network
from tests.sizes.test_valid_sizes import encoder_decoder

POOLS = cs.parse("input: [3, 64, 64]\nlayers: [{max_pool: {kernel_size: 2}}, {max_pool: {kernel_size: 2}}]")


def test_the_smallest_size_that_fails_and_why():
    found = cs.counterexample(cs.parse(encoder_decoder(5)), range(64, 513))
    assert found.sizes == {"height": 64, "width": 65} and found.input_shape == (3, 64, 65)
    assert [(f.layer, f.code, f.axes) for f in found.failures] == [("join4", "CS013", ("width",))]
    assert found.report.shapes["down5"] == (3, 2, 3)
    assert "an input of 3x64x65 breaks it:\n  join4: CS013" in str(found)


def test_none_is_for_all_sizes():
    assert cs.counterexample(POOLS, "4..") is None
    assert cs.counterexample(POOLS, Domain.range(4, None)) is None
    assert cs.counterexample(POOLS, {"height": range(4, 99), "width": "4..7 | 12"}) is None
    assert cs.counterexample(POOLS, cs.valid_sizes(POOLS)) is None
    assert cs.counterexample(POOLS).sizes == {"height": 1, "width": 1}


@pytest.mark.parametrize(("claim", "shape"), [
    ("output.height == input.height // 4", None),
    ("4 * output.height == input.height", (3, 5, 4)),
    ("output.shape == 3x2x2", (3, 4, 4)),
    ("receptive_field >= input.height", (3, 5, 4)),
    ("macs <= 0 and activations < 500", (3, 20, 28)),
])  # fmt: skip
def test_claims(claim, shape):
    found = cs.counterexample(POOLS, "4..", claim=claim)
    assert (found and found.input_shape) == shape
    if found:
        assert found.claims == (claim,) and found.failures[0].requirement == claim


def test_a_problems_requirements_are_claims():
    problem = cs.parse("input: [3, 64, 64]\nlayers: [{max_pool: {kernel_size: 3}}]\nrequire: output.height % 2 == 0")
    assert cs.counterexample(problem, [6, 12, 18, 15]).input_shape == (3, 15, 6)


def test_only_the_sizes_it_takes():
    net = cs.parse(encoder_decoder(5))
    valid = cs.valid_sizes(net)
    assert cs.counterexample(net, valid, claim="output.height == input.height").input_shape == (3, 31, 31)
    assert cs.counterexample(net, valid, claim="output.height % 32 == 0") is None


def test_agrees_with_trying_every_size():
    for seed in range(1, 120, 2):
        network = random_network(seed, rank=2, depth=6)
        found = counterexample(network, range(5, 12))
        failing = [(h + w, h, w) for h in range(5, 12) for w in range(5, 12) if not cs.check(network, (4, h, w)).ok]
        assert (found and found.input_shape[1:]) == (min(failing)[1:] if failing else None), seed


def test_where_there_is_no_closed_form_sizes_are_tried():
    problem = cs.parse("input: [3, 64, 64]\nlayers: [relu]\nrequire: (input.height * input.width) % 97 != 30")
    found = cs.counterexample(problem, "5..40")
    expected = min((h + w, h, w) for h in range(5, 41) for w in range(5, 41) if h * w % 97 == 30)
    assert found.input_shape == (3, *expected[1:])
    assert cs.counterexample(problem, "1..4") is None
    with pytest.raises(cs.UndecidedError, match="smaller range"):
        cs.counterexample(problem, "1..")
    fails_early = cs.counterexample(problem, "1..", claim="input.height >= 40")
    assert fails_early.input_shape == (3, 1, 1)


@pytest.mark.parametrize(("sizes", "message"), [
    ("some", "no range of sizes"), (range(5), "from 1 on"), ([], "from 1 on"), ({"depth": "3"}, "no open axis 'depth'"),
])  # fmt: skip
def test_bad_sizes(sizes, message):
    with pytest.raises(NetworkError, match=message):
        cs.counterexample(POOLS, sizes)


def test_a_bad_claim():
    with pytest.raises(ExpressionError, match="nowhere"):
        cs.counterexample(POOLS, claim="nowhere.height == 3")


# -- two networks


def test_what_a_change_gained_and_lost():
    old = cs.parse("input: [3, 64, 64]\nlayers: [{conv: {out_channels: 8, kernel_size: 7, stride: 2}}]")
    new = cs.parse("input: [3, 64, 64]\nlayers: [{conv: {out_channels: 8, kernel_size: 5, stride: 2}}]")
    found = cs.compare(old, new)
    assert not found.lost and (5, 5) in found.gained and (7, 7) not in found.gained
    assert (7, 7) in found.changed and found.example == ((7, 7), (8, 1, 1), (8, 2, 2)) and not found.same
    back = cs.compare(new, old)
    assert back.lost.parts and not back.gained and back.changed
    assert cs.compare(old, old).same


def test_where_outputs_agree():
    floor = cs.parse("input: [3, 64, 64]\nlayers: [{max_pool: {kernel_size: 2}}]")
    ceil = cs.parse("input: [3, 64, 64]\nlayers: [{max_pool: {kernel_size: 2, ceil_mode: true}}]")
    found = cs.compare(floor, ceil)
    for h in range(1, 9):
        for w in range(1, 9):
            one, two = cs.check(floor, (3, h, w)), cs.check(ceil, (3, h, w))
            assert ((h, w) in found.gained) == (two.ok and not one.ok)
            assert ((h, w) in found.changed) == (one.ok and two.ok and one.output != two.output)


def test_other_ranks_differ_everywhere():
    found = cs.compare(POOLS, cs.parse("input: [3, 64, 64]\nlayers: [{max_pool: {kernel_size: 4}}, flatten]"))
    assert found.changed == cs.valid_sizes(POOLS).region
    with pytest.raises(NetworkError, match="different axes"):
        cs.compare(POOLS, cs.parse("input: [3, 64]\nlayers: [relu]"))
