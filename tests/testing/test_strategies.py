"""Strategies: all that is drawn is right, all that is right is drawn, and it shrinks to the smallest."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import find, given, settings

import convsolve as cs
from convsolve.errors import NetworkError
from convsolve.testing import architectures, input_shapes, invalid_input_shapes, just_invalid
from tests.sizes.test_valid_sizes import encoder_decoder

TWO = cs.parse("""
input: [3, 1..64, 8]
layers:
  - conv: {name: c1, out_channels: 4, kernel_size: 1..5, stride: 1..3, padding: 0..2}
  - conv: {name: c2, out_channels: 4, kernel_size: 1..5, stride: 1..3, padding: 0..2}
  - max_pool: {name: pool, kernel_size: 2 | 3, optional: true}
require: [params <= 500, output.height <= 9]
""")
SKIP = cs.parse("""
input: [3, 8.., 8]
holes: {k: 1 | 2 | 3 | 5}
layers:
  - conv: {name: a, out_channels: 4, kernel_size: $k, stride: 1 | 2, padding: 0 | 1}
  - conv: {name: b, inputs: input, out_channels: 4 | 6, kernel_size: 1 | 3, stride: 1 | 2}
  - add: {inputs: [a, b], broadcast: false}
""")


@settings(max_examples=300)
@given(architectures(TWO))
def test_architectures_are_valid(network):
    report = cs.check(network)
    assert report.ok and report.params <= 500 and report.output[1] <= 9


@pytest.mark.parametrize("problem", [TWO, SKIP])
def test_just_invalid_fails_once(problem):
    codes = set()

    @settings(max_examples=300)
    @given(just_invalid(problem))
    def fails(network):
        report = cs.check(network)
        if not report.failures:  # a requirement of the problem
            assert problem is TWO
        else:
            assert len(report.failures) == 1
            codes.add((report.failures[0].layer, report.failures[0].code))

    fails()
    assert codes == ({("c1", "CS001"), ("c2", "CS001"), ("pool", "CS001")} if problem is TWO
                     else {("a", "CS001"), ("add1", "CS012")} - {("a", "CS001")})  # fmt: skip


def test_every_solution_can_be_drawn():
    problem = cs.parse("""
    input: [1, 6..7, 6]
    layers: [{conv: {out_channels: 1, kernel_size: 1 | 3, stride: 1 | 2}}, {max_pool: {kernel_size: 2 | 3}}]
    """)
    drawn = set()

    @settings(max_examples=500)
    @given(architectures(problem))
    def draw(network):
        conv, pool = network.layers[1].operator, network.layers[2].operator
        drawn.add((network.inputs[0].operator.shape[1], conv.kernel_size, conv.stride, pool.kernel_size))

    draw()
    assert drawn == {tuple(s.assignment.values()) for s in cs.solutions(problem)}


def wrong(network):
    """The window formula with a planted bug: rounding up where it has to round down."""
    size = network.inputs[0].operator.shape[1]
    for layer in network.layers[1:]:
        operator = layer.operator
        stride = operator.stride or operator.kernel_size
        size = -(-(size + 2 * operator.padding - operator.kernel_size) // stride) + 1
    return size


def test_a_planted_bug_is_found_and_shrunk_to_its_smallest_form():
    problem = cs.parse("""
    input: [3, 1..64, 8]
    layers:
      - conv: {name: c1, out_channels: 4, kernel_size: 1..5, stride: 1..3}
      - conv: {name: c2, out_channels: 4, kernel_size: 1..5, stride: 1..3}
    """)
    network = find(
        architectures(problem), lambda net: wrong(net) != cs.check(net).output[1], settings=settings(max_examples=200)
    )
    c1, c2 = (layer.operator for layer in network.layers[1:])
    form = (network.inputs[0].operator.shape[1], c1.kernel_size, c1.stride, c2.kernel_size, c2.stride)
    smallest = min(
        (n, *values) for n, *values in itertools.product(range(1, 5), (1, 2, 3), (1, 2, 3), (1, 2, 3), (1, 2, 3))
        if _differs(n, *values))  # fmt: skip
    assert form == smallest == (2, 1, 1, 1, 2)


def _differs(n, k1, s1, k2, s2):
    floor, ceil = n, n
    for k, s in ((k1, s1), (k2, s2)):
        if floor < k:
            return False
        floor, ceil = (floor - k) // s + 1, -(-(ceil - k) // s) + 1
    return floor != ceil


def test_sizes_next_to_the_edge_come_often():
    smallest = [0, 0]

    @settings(max_examples=200)
    @given(architectures(cs.parse("input: [3, 1..64, 8]\nlayers: [{conv: {out_channels: 4, kernel_size: 3}}]")))
    def draw(network):
        smallest[network.inputs[0].operator.shape[1] == 3] += 1

    draw()
    assert smallest[1] > sum(smallest) / 4


NET = cs.parse(encoder_decoder(3))


@given(input_shapes(NET))
def test_input_shapes_are_taken(shape):
    assert cs.check(NET, shape).ok


@given(invalid_input_shapes(NET))
def test_invalid_input_shapes_are_refused(shape):
    assert not cs.check(NET, shape).ok and all(n >= 1 for n in shape)


def test_input_shapes_shrink_to_the_smallest():
    assert find(input_shapes(NET), lambda shape: shape[1] > 20) == (3, 23, 7)
    assert find(invalid_input_shapes(NET), lambda shape: shape[1] >= 7) == (3, 7, 1)


def test_coupled_shapes():
    net = cs.parse("input: [1, 8, 8]\nlayers: [flatten, {linear: {out_features: 3, in_features: 36}}]")

    @given(input_shapes(net))
    def fits(shape):
        assert shape[1] * shape[2] == 36

    fits()


def test_nothing_to_draw():
    with pytest.raises(NetworkError, match="no solution"):
        architectures(cs.parse("input: [3, 2, 2]\nlayers: [{conv: {out_channels: 4, kernel_size: 3 | 5}}]"))
    with pytest.raises(NetworkError, match="max_size"):
        architectures(cs.parse("input: [3, 1.., 9]\nlayers: [{conv: {out_channels: 4, kernel_size: [99, 3]}}]"))
    with pytest.raises(NetworkError, match="takes every"):
        invalid_input_shapes(cs.parse("input: [3, 2, 2]\nlayers: [relu]"))
    with pytest.raises(NetworkError, match="takes no"):
        input_shapes(cs.parse("input: [3, 2, 2]\nlayers: [{conv: {out_channels: 4, kernel_size: 3, in_channels: 2}}]"))
    with pytest.raises(NetworkError, match="exactly one"):
        just_invalid(cs.parse("input: [3, 2, 2]\nlayers: [relu]"))
