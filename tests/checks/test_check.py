"""Check: what fails, where, and what would mend it."""

from __future__ import annotations

from dataclasses import replace

import pytest

import convsolve as cs
from convsolve.dims import Var
from convsolve.errors import NetworkError
from convsolve.network import Guard


def test_what_is_no_network_is_refused_with_advice():
    import torch

    for ask in (cs.check, cs.valid_sizes, cs.counterexample, cs.repair, cs.diagnose):  # these read sources, too
        for wrong, advice in (("x", "no such file"), (None, "convsolve.load"), (torch.nn.ReLU(), "input_shape")):
            with pytest.raises(cs.ConvsolveError, match=advice):
                ask(wrong)
    for ask in (cs.minimum_input, cs.solve):
        for wrong, advice in (("x", "load"), (None, "load"), (torch.nn.ReLU(), "convsolve.from_torch")):
            with pytest.raises(NetworkError, match=advice):
                ask(wrong)


def check(text, shape=None):
    return cs.check(cs.parse(text), shape)


VOLUME = """
input: [1, 5, 5, 5]
layers:
  - conv: {name: conv1, out_channels: 16, kernel_size: 3}
  - max_pool: {name: pool1, kernel_size: 2}
  - conv: {name: conv2, out_channels: 32, kernel_size: 3}
"""


def test_the_first_impossible_layer():
    report = check(VOLUME)
    assert not report.ok and report.output is None
    assert report.shapes == {"input": (1, 5, 5, 5), "conv1": (16, 3, 3, 3), "pool1": (16, 1, 1, 1)}
    (failure,) = report.failures
    assert (failure.layer, failure.code, failure.axes) == ("conv2", "CS001", ("depth", "height", "width"))
    assert "window=3, padded=1" in failure.message
    assert failure.needs == {"depth": 3, "height": 3, "width": 3}
    assert failure.smallest_input == (1, 8, 8, 8)
    assert check(VOLUME, (1, 8, 8, 8)).ok
    assert not check(VOLUME, (1, 7, 8, 8)).ok


def test_a_failure_that_follows_from_another_is_not_reported():
    report = check(VOLUME + "  - conv: {name: conv3, out_channels: 8, kernel_size: 9}\n"
                   "  - flatten\n  - linear: {in_features: 5, out_features: 3}\n")  # fmt: skip
    assert [f.layer for f in report.failures] == ["conv2"]


def test_independent_failures_are_all_reported():
    report = check(VOLUME + "  - conv: {name: conv3, out_channels: 8, kernel_size: 1, groups: 5}\n"
                   "  - conv: {name: other, inputs: input, out_channels: 8, kernel_size: 7}\n")  # fmt: skip
    assert [(f.layer, f.code) for f in report.failures] == [
        ("conv2", "CS001"), ("conv3", "CS008"), ("conv3", "CS009"), ("other", "CS001")]  # fmt: skip


def test_axes_that_fail_differently_are_told_apart():
    report = check("input: [1, 5, 4]\nlayers:\n  - conv: {out_channels: 2, kernel_size: 6}\n")
    assert [f.axes for f in report.failures] == [("height",), ("width",)]
    assert "padded=5" in report.failures[0].message and "padded=4" in report.failures[1].message


def test_a_fixed_head_names_the_input_that_fits_it():
    report = check("input: [1, 32, 32]\nlayers:\n  - conv: {out_channels: 4, kernel_size: 5}\n  - flatten\n"
                   "  - linear: {in_features: 2304, out_features: 10}\n")  # fmt: skip
    (failure,) = report.failures
    assert failure.code == "CS011" and "features=3136, in_features=2304" in failure.message
    assert failure.smallest_input == (1, 28, 28)


def test_a_missing_flatten_is_a_failure_of_features_not_a_crash():
    report = check("input: [1, 8, 8]\nlayers:\n  - flatten\n  - conv: {out_channels: 4, kernel_size: 5}\n  - relu\n")
    (failure,) = report.failures
    assert failure.layer == "conv1" and failure.code == "CS022" and "1 axes" in failure.message
    assert [row.shape for row in report.rows][-2:] == [None, None]


def test_layers_behind_a_failure_have_no_shape():
    report = check(VOLUME + "  - relu: {name: after}\n")
    assert {row.layer: row.shape for row in report.rows}["after"] == (32, None, None, None)
    assert "after" not in report.shapes and report.macs is None


def test_requirements_of_a_problem_are_checked():
    report = check(
        "input: [1, 8, 8]\nlayers:\n  - conv: {out_channels: 4, kernel_size: 3}\nrequire: [output.height == 7]\n"
    )
    (failure,) = report.failures
    assert failure.code == "CS026" and "conv1.height=6" in failure.message and failure.layer == ""


def test_formulas_carry_the_numbers():
    report = check(
        "input: [3, 224, 200]\nlayers:\n  - conv: {out_channels: 4, kernel_size: 7, stride: 2, padding: 3}\n"
    )
    assert report.rows[1].formula == "height: (224 + 6 - 7)//2 + 1 = 112, width: (200 + 6 - 7)//2 + 1 = 100"
    report = check(
        "input: [3, 224, 224]\nlayers:\n  - conv: {out_channels: 4, kernel_size: 7, stride: 2, padding: 3}\n"
    )
    assert report.rows[1].formula == "(224 + 6 - 7)//2 + 1 = 112"


def test_costs_and_receptive_field():
    report = check("input: [3, 32, 32]\nlayers:\n  - conv: {out_channels: 8, kernel_size: 3}\n  - batch_norm\n  - relu\n"
                   "  - max_pool: {kernel_size: 2}\n")  # fmt: skip
    assert report.params == 3 * 9 * 8 + 8 + 16
    assert report.macs == 27 * 8 * 30 * 30
    assert report.activations == 8 * (3 * 30 * 30 + 15 * 15)
    assert report.receptive_field == (4, 4)


def test_training_is_kept_apart():
    text = "input: [3, 4, 4]\nlayers:\n  - conv: {out_channels: 8, kernel_size: 4}\n  - batch_norm\n"
    report = check(text)
    assert report.ok and "training" in report.notes[0]
    report = check(text + "training: true\n")
    assert [f.code for f in report.failures] == ["CS016"]
    assert check(text + "training: true\nbatch_size: 2\n").ok


def test_keras_shapes_are_written_channels_last():
    report = check("framework: keras\ndata_format: channels_last\ninput: [28, 28, 1]\nlayers:\n"
                   "  - conv: {out_channels: 32, kernel_size: 5, padding: same}\n  - max_pool: {kernel_size: 2}\n"
                   "  - flatten\n  - linear: {out_features: 10}\n")  # fmt: skip
    assert report.shapes["max_pool1"] == (14, 14, 32) and report.output == (10,)
    assert report.params == 32 * 25 + 32 + 6272 * 10 + 10


def test_open_parameters_must_be_closed_first():
    with pytest.raises(NetworkError, match=r"conv1\.kernel_size"):
        check("input: [1, 8, 8]\nlayers:\n  - conv: {out_channels: 4, kernel_size: 3 | 5}\n")
    assert check("input: [1, 8.., 8..]\nlayers:\n  - relu\n", (1, 9, 9)).output == (1, 9, 9)


@pytest.mark.parametrize("shape", [(1, 8), (1, 8, 8, 8), ()])
def test_an_input_of_another_rank_is_refused(shape):
    with pytest.raises(NetworkError, match="axes"):
        check("input: [1, 8, 8]\nlayers:\n  - relu\n", shape)


def test_skips_that_differ():
    text = ("input: [1, {n}, {n}]\nlayers:\n  - max_pool: {{name: down, kernel_size: 2}}\n"
            "  - upsample: {{name: up, scale_factor: 2}}\n  - concat: {{inputs: [up, input]}}\n")  # fmt: skip
    assert check(text.format(n=8)).output == (2, 8, 8)
    (failure,) = check(text.format(n=9)).failures
    assert failure.code == "CS013" and "first=8, second=9" in failure.message
    assert failure.smallest_input == (1, 2, 2)


def test_five_thousand_layers():
    text = "input: [3, 64, 64]\nlayers:\n" + "  - conv: {out_channels: 3, kernel_size: 3, padding: 1}\n" * 5000
    report = check(text)
    assert report.ok and report.params == 5000 * (81 + 3) and report.receptive_field == (10_001, 10_001)


def test_several_inputs_and_outputs():
    report = check("inputs: {image: [3, 32, 32], extra: [5]}\nlayers:\n"
                   "  - global_avg_pool: {inputs: image}\n  - concat: {inputs: [global_avg_pool1, extra]}\n"
                   "  - chunk: {chunks: 2}\n  - linear: {inputs: 'chunk1[1]', out_features: 2}\n"
                   "outputs: ['chunk1[0]', linear1]\n")  # fmt: skip
    assert report.ok and report.shapes["linear1"] == (2,)


def test_a_hole_of_one_value_is_not_open():
    assert check("input: [1, 8, 8]\nholes: {k: 3}\nlayers:\n  - conv: {out_channels: 4, kernel_size: $k}\n").ok


def test_an_input_outside_what_the_file_asks_for_is_noted():
    report = check("input: [3, 8.., 8..]\nlayers: [{conv: {out_channels: 4, kernel_size: 3}}]\n", (3, 5, 9))
    assert report.ok and "8.." in report.notes[0]


def test_the_receptive_field_is_not_given_where_it_depends_on_the_place():
    report = check("input: [1, 32]\nlayers: [{upsample: {scale_factor: 2}}, {max_pool: {kernel_size: 2}}]\n")
    assert report.ok and report.receptive_field is None and "stride" in report.notes[0]


OPAQUE = """
input: [3, 8, 8]
layers:
  - conv: {out_channels: 4, kernel_size: 3}
  - opaque: {what: roll, seen: [[4, 6, 6]], outputs: [[4, 6, 6]], weights: 7}
  - max_pool: {kernel_size: 7}
"""


def test_an_opaque_operator_is_exact_for_what_was_seen_and_unknown_elsewhere():
    seen = check(OPAQUE.replace("kernel_size: 7", "kernel_size: 2"))
    assert seen.ok and seen.shapes["opaque1"] == (4, 6, 6) and seen.params == 3 * 4 * 9 + 4 + 7
    fails = check(OPAQUE)
    assert [f.layer for f in fails.failures] == ["max_pool1"] and not fails.unknown
    other = check(OPAQUE, (3, 10, 8))
    assert not other.ok and not other.failures and [u.code for u in other.unknown] == ["CS027"]
    assert "opaque1" not in other.shapes and other.output is None


def test_outside_a_recorded_branch_nothing_is_known():
    network = cs.parse("input: [3, 8, 8]\nlayers: [{max_pool: {kernel_size: 2}}]").network
    height = Var("max_pool1.height", interval=(None, None))
    network = replace(network, guards=(Guard(height < 5, "net.py:12"),))
    assert cs.check(network).ok
    report = cs.check(network, (3, 10, 8))
    assert not report.ok and not report.failures
    assert [(u.code, u.message) for u in report.unknown] == [
        (
            "CS028",
            "another branch would be taken than the one that was recorded: that one needs "
            "max_pool1.height < 5 (net.py:12)",
        )
    ]
    assert report.output == (3, 5, 4)


@pytest.mark.parametrize(("part", "shape"), [(0, (2, 5, 5)), (1, (4, 5, 5))])
@pytest.mark.parametrize("kind", ["split: {name: parts, sizes: [2, 4]", "chunk: {name: parts, chunks: 2"])
def test_the_output_is_the_part_that_is_named(part, shape, kind):
    text = f"{{input: [6, 10, 10], layers: [{{max_pool: {{kernel_size: 2}}}}, {{{kind}}}}}], output: 'parts[{part}]'}}"
    report = cs.check(cs.parse(text))
    assert report.output == (shape if kind.startswith("split") else (3, 5, 5))
    assert report.receptive_field == (2, 2)


def test_the_parts_of_an_axis_see_what_they_are_cut_from():
    layers = (
        "{conv: {kernel_size: 3, out_channels: 6}}, {slice: {axis: 1, start: 1, step: 2}}, {max_pool: {kernel_size: 2}}"
    )
    assert cs.check(cs.parse(f"{{input: [6, 20, 20], layers: [{layers}]}}")).receptive_field == (5, 4)


@pytest.mark.parametrize(
    ("factors", "failing"), [([10**9, 10**9], None), ([10**9, 10**9, 10], "upsample3"), ([10**6] * 9, "upsample4")]
)
def test_a_size_beyond_64_bits_is_a_finding_with_its_layer(factors, failing):
    text = "input: [1, 5, 1]\nlayers:\n" + "".join(
        f"  - upsample: {{scale_factor: [{factor}, 1]}}\n" for factor in factors
    )
    report = cs.check(cs.parse(text))
    assert [(f.layer, f.code, f.axes) for f in report.failures] == (
        [(failing, "CS033", ("height",))] if failing else []
    )
    assert ((5, 1) in cs.valid_sizes(cs.parse(text))) == (failing is None) or factors[-1] == 10
    assert bool(cs.solve(cs.parse(text))) == (failing is None)
