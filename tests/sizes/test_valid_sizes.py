"""Valid sizes: known truths, and closed forms that are what trying every size gives."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import convsolve as cs
from convsolve.dims import Var, evaluate_arrays
from convsolve.dims.sizeset import SizeSet
from convsolve.errors import NetworkError, UndecidedError
from convsolve.network import Guard, Layer, Network
from convsolve.network.trace import run_arrays
from convsolve.operators import Conv, Input, MaxPool
from convsolve.problem import trace_problem
from convsolve.sizes.export_constraints import exported_dimensions, onnx_dimensions, torch_dimensions
from convsolve.sizes.valid_sizes import valid_sizes
from tests.random_networks import random_network


def tried(sizes, limit, seed=0):
    """Return whether each of many points is valid, by integer arithmetic, beside what the closed form says."""
    opened = sizes.opened
    traced = trace_problem(opened.problem).trace
    draw = np.random.default_rng(seed)
    ends = [
        min(limit, max([s.threshold + 3 * s.period for s in (p[i] for p in sizes.region.parts)] + [60]))
        for i in range(len(opened.unknowns))
    ]
    axes = [np.arange(1, end + 1) if len(ends) == 1 or end < 40
            else np.unique(np.r_[1:40, draw.integers(1, end + 1, 40)]) for end in ends]  # fmt: skip
    columns = [g.ravel() for g in np.meshgrid(*axes, indexing="ij")]
    values = run_arrays(traced, dict(zip(opened.unknowns, columns, strict=True)))
    truth = np.ones(columns[0].size, dtype=bool)
    for requirement in traced.requirements:
        truth &= np.broadcast_to(evaluate_arrays(requirement.condition, values).astype(bool), truth.shape)
    said = np.zeros(columns[0].size, dtype=bool)
    for part in sizes.region.parts:
        said |= np.logical_and.reduce([s.contains(c) for s, c in zip(part, columns, strict=True)])
    return truth, said, columns


@pytest.mark.parametrize("start", range(0, 300, 25))
def test_the_closed_form_is_what_trying_gives(start):
    for seed in range(start, start + 25):
        network = random_network(seed, rank=1 + seed % 2, depth=4 + seed % 12)
        sizes = valid_sizes(network)
        assert sizes.proved and sizes.complete, seed
        truth, said, columns = tried(sizes, 400, seed)
        wrong = np.flatnonzero(truth != said)
        assert not len(wrong), (seed, [int(c[wrong[0]]) for c in columns])


def test_random_networks_have_sets_of_every_kind():
    kinds = set()
    for seed in range(300):
        sizes = valid_sizes(random_network(seed, rank=1 + seed % 2, depth=4 + seed % 12), prove=False)
        s = sizes[0]
        kinds.add("none" if not s else "coupled" if sizes.coupled else "finite" if s.finite
                  else "periodic" if s.period > 1 else "all" if s.minimum == 1 else "from")  # fmt: skip
    assert kinds == {"none", "coupled", "finite", "periodic", "all", "from"}


# -- known truths

ALEXNET = """
input: [3, 224, 224]
layers:
  - conv: {out_channels: 64, kernel_size: 11, stride: 4, padding: 2}
  - max_pool: {kernel_size: 3, stride: 2}
  - conv: {out_channels: 192, kernel_size: 5, padding: 2}
  - max_pool: {kernel_size: 3, stride: 2}
  - conv: {out_channels: 384, kernel_size: 3, padding: 1}
  - conv: {out_channels: 256, kernel_size: 3, padding: 1}
  - conv: {out_channels: 256, kernel_size: 3, padding: 1}
  - max_pool: {kernel_size: 3, stride: 2}
  - adaptive_avg_pool: {output_size: 6}
  - flatten
  - linear: {out_features: 4096, in_features: 9216}
"""
VGG = "input: [3, 224, 224]\nlayers:\n" + "".join(
    "  - conv: {out_channels: 64, kernel_size: 3, padding: 1}\n  - max_pool: {kernel_size: 2}\n" for _ in range(5)
)
VOLUMES = "input: [1, 32, 32, 32]\nlayers:\n" + "  - conv: {out_channels: 8, kernel_size: 3, stride: 2}\n" * 3
NATURE = """
input: [4, 84, 84]
layers:
  - conv: {out_channels: 32, kernel_size: 8, stride: 4}
  - conv: {out_channels: 64, kernel_size: 4, stride: 2}
  - conv: {out_channels: 64, kernel_size: 3}
"""


def encoder_decoder(levels, first=1):
    """A U-Net whose encoder halves rounding up, whose decoder doubles; skips from level ``first`` on."""
    layers = ["  - max_pool: {name: down1, kernel_size: 2, ceil_mode: true}"]
    layers += [f"  - max_pool: {{name: down{i}, kernel_size: 2, ceil_mode: true}}" for i in range(2, levels + 1)]
    for i in range(levels - 1, first - 1, -1):
        layers.append(f"  - upsample: {{name: up{i}, scale_factor: 2}}")
        layers.append(f"  - concat: {{name: join{i}, inputs: [up{i}, {f'down{i}' if i else 'input'}]}}")
    layers.append("  - upsample: {scale_factor: 2}")
    return "input: [3, 256, 256]\nlayers:\n" + "\n".join(layers) + "\n"


@pytest.mark.parametrize(("text", "minimum"), [
    (ALEXNET, 63), (VGG, 32), (VOLUMES, 15), (NATURE, 36)])  # fmt: skip
def test_published_minima(text, minimum):
    sizes = cs.valid_sizes(cs.parse(text))
    for axis in sizes:
        assert sizes[axis].minimum == minimum and str(sizes[axis]) == f"{axis} >= {minimum}" and sizes[axis].proved
    shape = cs.parse(text).network.inputs[0].operator.shape
    assert cs.minimum_input(cs.parse(text)) == (shape[0], *(minimum,) * (len(shape) - 1))


def test_a_u_net_with_five_ceil_halvings():
    sizes = cs.valid_sizes(cs.parse(encoder_decoder(5)))
    s = sizes["height"]
    assert s.first(6) == (31, 32, 63, 64, 95, 96) and s.period == 32 and s.residues == (0, 31) and s.threshold == 31
    assert str(s) == "height mod 32 in {0, 31}, height >= 31" and s.exceptions == () and s.proved
    assert sizes[0] == sizes["height"] == sizes["width"] and s.nearest(300) == (288, 319)
    assert sizes.period_set_by("height") == [f"join{i}: concatenated sizes agree" for i in (4, 3, 2, 1)]


def test_total_strides_may_be_large():
    s = cs.valid_sizes(cs.parse(encoder_decoder(10, first=0)))["height"]
    assert str(s) == "height mod 1024 = 0, height >= 1024" and s.proved
    deep = "input: [3, 64, 64]\nlayers:\n" + "  - conv: {out_channels: 3, kernel_size: 3, stride: 2}\n" * 35
    s = cs.valid_sizes(cs.parse(deep))["height"]
    assert s.minimum == 2**36 - 1 and s.period == 1 and s.proved


def test_coupled_axes_are_given_as_pairs():
    text = VGG + "  - flatten\n  - linear: {out_features: 10, in_features: 3136}\n"
    sizes = cs.valid_sizes(cs.parse(text))
    assert sizes.coupled and sizes.proved and len(sizes.region.parts) == 3  # 49 = 1*49 = 7*7 = 49*1
    assert (224, 224) in sizes and (255, 224) in sizes and (256, 224) not in sizes and (32, 49 * 32) in sizes
    assert str(sizes["height"]) == "height in {32..63, 224..255, 1568..1599}"
    assert cs.minimum_input(cs.parse(text)) == (3, 224, 224)


def test_a_reshape_that_moves_axes_is_seen_through():
    windows = cs.parse("""
    input: [4, 28, 28]
    layers:
      - pad: {name: p, padding: [[0, "(7 - input.height % 7) % 7"], [0, "(7 - input.width % 7) % 7"]]}
      - reshape: {shape: [4, "p.height // 7", 7, "p.width // 7", 7]}
      - permute: {order: [1, 3, 2, 4, 0]}
      - reshape: {shape: ["p.height // 7 * (p.width // 7)", 49, 4]}
    """)
    sizes = cs.valid_sizes(windows)
    assert str(sizes) == "height >= 1\nwidth >= 1" and sizes.complete


def test_a_domain_and_requirements_count():
    problem = cs.parse("""
    input: [3, 64..512 step 32, 1..]
    layers: [{max_pool: {kernel_size: 2}}, {max_pool: {kernel_size: 2}}]
    require: [output.height >= 20, "output.width * 4 == input.width"]
    """)
    sizes = cs.valid_sizes(problem)
    assert str(sizes) == "height in {96, 128, 160, 192, ..., 512} (14 in all)\nwidth mod 4 = 0, width >= 4"


def test_what_only_training_requires_is_apart():
    text = "input: [3, 64, 64]\nlayers: [{max_pool: {kernel_size: 8}}, batch_norm]"
    assert str(cs.valid_sizes(cs.parse(text))) == "height >= 8\nwidth >= 8"
    training = cs.valid_sizes(cs.parse(text), training=True)
    assert (8, 8) not in training and (8, 16) in training and (16, 8) in training and training.proved
    assert cs.minimum_input(cs.parse(text), training=True) == (3, 8, 16)


def test_sizes_that_two_axes_share():
    problem = cs.parse("""
    input: [3, $n, $n]
    holes: {n: 1..}
    layers: [{max_pool: {kernel_size: 4}}, flatten, {linear: {out_features: 10, in_features: 147}}]
    """)
    sizes = cs.valid_sizes(problem)
    assert dict(sizes) == {"height": SizeSet.between(28, 31), "width": SizeSet.between(28, 31)} and sizes.proved
    assert cs.minimum_input(problem) == (3, 28, 28) and (28, 28) in sizes and (28, 29) not in sizes
    assert sizes.pick((30,)) == sizes.pick((30, 30)) == (30,)
    with pytest.raises(NetworkError, match="equal"):
        sizes.pick((30, 31))


def test_axes_that_are_required_to_be_equal_have_one_size():
    problem = cs.parse(
        "input: [3, 9, 64]\nlayers: [{conv: {out_channels: 8, kernel_size: [5, 7]}}]\n"
        "require: [input.height == input.width, output.height <= 30]"
    )
    sizes = cs.valid_sizes(problem)
    assert (
        str(sizes) == "height in {7..34}\nwidth = height" and sizes.proved and (8, 8) in sizes and (8, 9) not in sizes
    )
    assert cs.minimum_input(problem) == (3, 7, 7) and cs.counterexample(problem, "7..34") is None
    assert cs.counterexample(problem, "7..36").input_shape == (3, 35, 35)


def test_what_holds_for_no_size_is_named():
    sizes = cs.valid_sizes(
        cs.parse("input: [3, 8, 8]\nlayers: [{conv: {out_channels: 8, kernel_size: 3, in_channels: 4}}]")
    )
    assert sizes.never == ("conv1: input channels are as declared (channels)",)


def test_several_inputs():
    problem = cs.parse("""
    inputs: {left: [3, 32, 32], right: [3, 64, 64]}
    layers:
      - max_pool: {kernel_size: 2, inputs: right}
      - add: {inputs: [left, max_pool1], broadcast: false}
    """)
    sizes = cs.valid_sizes(problem)
    assert list(sizes) == ["left.height", "left.width", "right.height", "right.width"]
    assert not sizes.complete and len(sizes.unresolved) == 2  # left is a function of right: no box
    assert (32, 32, 64, 65) in sizes and (32, 32, 66, 64) not in sizes


def test_other_data_formats_and_one_axis():
    text = "input: [64, 48, 3]\ndata_format: channels_last\nlayers: [{conv: {out_channels: 8, kernel_size: [5, 3]}}]"
    sizes = cs.valid_sizes(cs.parse(text))
    assert {axis: s.minimum for axis, s in sizes.items()} == {"height": 5, "width": 3}
    assert cs.minimum_input(cs.parse(text)) == (5, 3, 3)
    assert list(cs.valid_sizes(cs.parse("input: [1, 100]\nlayers: [{conv: {out_channels: 8, kernel_size: 9}}]"))) == [
        "length"
    ]


def test_no_size_works():
    sizes = cs.valid_sizes(
        cs.parse("input: [3, 8, 8]\nlayers: [{conv: {out_channels: 8, kernel_size: 3, in_channels: 4}}]")
    )
    assert not sizes.region and sizes["height"].minimum is None and sizes.proved and sizes.smallest() is None


def test_open_parameters_are_for_synth_but_the_smallest_input_is_found():
    problem = cs.parse("""
    input: [3, 32, 32]
    layers: [{conv: {out_channels: 8, kernel_size: 3 | 5, stride: 2, padding: 0..1}}]
    require: output.height == 4
    """)
    with pytest.raises(NetworkError, match="open parameters"):
        cs.valid_sizes(problem)
    assert cs.minimum_input(problem) == (3, 7, 1)
    assert cs.smallest_input(problem).proven


def test_nothing_to_open():
    with pytest.raises(NetworkError, match="no spatial axes"):
        cs.valid_sizes(cs.parse("input: [10]\nlayers: [{linear: {out_features: 3}}]"))


def recorded(shape):
    """A program that pools once more where its input is larger than 20."""
    height = shape[1]
    layers = [Layer("input", Input(shape=shape)), Layer("pool", MaxPool(kernel_size=2), ("input",))]
    size = Var("input.height", interval=(1, None))
    if height > 20:
        layers.append(Layer("conv", Conv(out_channels=3, kernel_size=15), ("pool",)))
    guard = Guard(size > 20 if height > 20 else size <= 20, "net.py:7")
    return Network(tuple(layers), guards=(guard,), record=recorded)


def test_the_other_side_of_a_branch_is_explored():
    sizes = cs.valid_sizes(recorded((3, 64, 64)))
    assert sizes.complete and sizes.proved
    assert (2, 2) in sizes and (20, 2) in sizes and (21, 29) not in sizes and (30, 30) in sizes and (1, 2) not in sizes
    truth = {(h, w): cs.check(recorded((3, h, w))).ok for h in range(1, 40) for w in range(1, 40)}
    assert all(((h, w) in sizes) is ok for (h, w), ok in truth.items())
    once = cs.valid_sizes(dataclasses.replace(recorded((3, 64, 64)), record=None))
    assert not once.complete and (20, 20) not in once.known and once["height"].minimum == 30


def test_an_opaque_operator_is_known_where_it_was_seen():
    network = cs.parse("""
    input: [3, 8, 8]
    layers:
      - opaque: {what: roll, seen: [[3, 8, 8]], outputs: [[3, 8, 8]]}
      - max_pool: {kernel_size: 2}
    """)
    sizes = cs.valid_sizes(network)
    assert not sizes.complete and (8, 8) in sizes and (9, 9) not in sizes.known
    with pytest.raises(UndecidedError):
        cs.counterexample(network, range(4, 12))
    assert cs.counterexample(network, [8]) is None


def test_points_by_shape_by_axis_and_by_one_number():
    sizes = cs.valid_sizes(cs.parse(VGG))
    assert sizes.pick((3, 40, 50)) == sizes.pick((40, 50)) == (40, 50) and sizes.pick((40,)) == (40, 40)
    with pytest.raises(NetworkError, match="height, width"):
        sizes.pick((1, 2, 3, 4))


def test_exported_dimensions_cover_the_set():
    for text in (VGG, encoder_decoder(5), encoder_decoder(3, first=0)):
        s = cs.valid_sizes(cs.parse(text), prove=False)["height"]
        covered = SizeSet.nothing()
        for dimension in exported_dimensions("height", s, torch=True):
            covered = covered | dimension.sizes
        assert covered == s
    sizes = cs.valid_sizes(cs.parse(encoder_decoder(5)))
    assert [d.text for d in torch_dimensions(sizes, "height")] == [  # at 32 the deepest tensor has a size of 1
        'height = 32*torch.export.Dim("_height", min=2)',
        'height = 32*torch.export.Dim("_height", min=1) + 31',
    ]
    assert [d.text for d in onnx_dimensions(sizes, "height")] == ["32*_height", "32*_height + 31"]
