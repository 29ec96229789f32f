"""Diagnosis: the layer that causes apart from the one that reports, with evidence, and never without."""

from __future__ import annotations

import pytest

import convsolve as cs
from convsolve.diagnosis.causes import CAUSES


def causes_of(text: str, **options):
    return cs.diagnose(cs.parse(text), **options)


def test_nothing_is_wrong():
    problem = cs.parse("{input: [1, 8, 8], layers: [{max_pool: {kernel_size: 2}}]}")
    assert cs.diagnose(problem) == () and cs.diagnose(problem, cs.check(problem)) == ()


def test_every_independent_failure_has_a_cause():
    found = causes_of("""
    input: [3, 9, 9]
    layers:
      - conv: {name: a, out_channels: 8, kernel_size: 3, in_channels: 4}
      - pad: {name: b, padding: 9, mode: reflect, inputs: [input]}
      - conv: {name: c, out_channels: 8, kernel_size: 11, inputs: [input]}
      - conv: {name: d, out_channels: 8, kernel_size: 3, groups: 5, inputs: [input]}
    outputs: [a, b, c, d]
    """)
    assert [(c.kind, c.reported_by) for c in found] == [
        ("channel_count", "a"), ("reflect_pad", "b"), ("kernel_gt_input", "c"), ("requirement", "d")]  # fmt: skip
    assert all(c.kind in CAUSES and c.certain for c in found)


@pytest.mark.parametrize(("rounding", "words"), [("ceil_mode: true", "up"), ("ceil_mode: false", "down")])
def test_the_layer_that_rounds_causes_and_the_join_reports(rounding, words):
    (cause,) = causes_of(f"""
    input: [1, 30, 30]
    layers:
      - max_pool: {{name: p1, kernel_size: 2}}
      - max_pool: {{name: p2, kernel_size: 2, {rounding}}}
      - upsample: {{name: up, scale_factor: 2}}
      - concat: {{name: join, inputs: [up, p1]}}
    """)
    assert (cause.kind, cause.layer, cause.reported_by, cause.certain) == ("skip_mismatch", "p2", "join", True)
    assert cause.path.startswith("30 -> 15 -> ") and f"15 is odd, and is rounded {words}" in cause.evidence[0]


def test_a_strided_branch_without_its_shortcut():
    (cause,) = causes_of("""
    input: [8, 16, 16]
    layers:
      - conv: {name: half, out_channels: 8, kernel_size: 3, stride: 2, padding: 1}
      - add: {name: sum, inputs: [half, input]}
    """)
    assert (cause.kind, cause.layer, cause.reported_by) == ("residual_mismatch", "half", "sum")


def test_training_on_one_value():
    (cause,) = causes_of("""
    training: true
    input: [8, 2, 2]
    layers: [{max_pool: {kernel_size: 2}}, batch_norm]
    """)
    assert (cause.kind, cause.reported_by) == ("one_value_training", "batch_norm1")


def test_a_reshape_made_for_another_input():
    found = causes_of("{input: [1, 28, 32], layers: [{reshape: {shape: [784]}}]}")
    assert {c.kind for c in found} == {"wrong_input_for_head", "reshape_mismatch"}


def test_a_missing_flatten_is_certain_when_it_fits():
    (cause,) = causes_of("{input: [4, 5, 5], layers: [{linear: {in_features: 100, out_features: 10}}]}")
    assert (cause.kind, cause.certain) == ("missing_flatten", True)


def test_a_target_of_another_number_of_axes():
    (cause,) = causes_of("{input: [4, 5, 5], layers: [relu]}", target=(10,))
    assert cause.kind == "target_mismatch"


def test_ordinary_networks_are_no_layout_mistakes():
    (cause,) = causes_of("""
    input: [3, 28, 28]
    layers:
      - conv: {out_channels: 8, kernel_size: 3, stride: 4}
      - conv: {out_channels: 8, kernel_size: 8}
    """)
    assert (cause.kind, cause.layer, cause.reported_by) == ("input_too_small", "input", "conv2")


def test_open_parameters_are_refused():
    with pytest.raises(cs.NetworkError, match="open parameters"):
        causes_of("{input: [1, 8, 8], layers: [{max_pool: {kernel_size: 2..9}}]}")


def test_the_rounding_whose_size_the_join_shows_is_the_cause():
    (cause,) = causes_of("""
    input: [1, 45, 45]
    layers:
      - conv: {name: c, out_channels: 4, kernel_size: 3, padding: 1}
      - max_pool: {name: p1, kernel_size: 2}
      - max_pool: {name: p2, kernel_size: 2}
      - max_pool: {name: p3, kernel_size: 2}
      - upsample: {name: u, scale_factor: 8}
      - concat: {name: j, inputs: [u, c]}
    """)
    assert (cause.kind, cause.layer, cause.reported_by) == ("skip_mismatch", "p1", "j")
    assert "45 is odd where p1 divides it" in cause.message


def test_an_unpadded_convolution_of_the_decoder_is_the_cause_and_not_the_upsampling():
    (cause,) = causes_of("""
    input: [1, 64, 64]
    layers:
      - conv: {name: c, out_channels: 4, kernel_size: 3, padding: 1}
      - max_pool: {name: p, kernel_size: 2}
      - upsample: {name: u, scale_factor: 2}
      - conv: {name: d, out_channels: 4, kernel_size: 3}
      - upsample: {name: same, scale_factor: 1}
      - concat: {name: j, inputs: [same, c]}
    """)
    assert (cause.layer, cause.reported_by) == ("d", "j")


def test_a_concatenation_along_another_axis_is_told():
    (cause,) = causes_of("""
    input: [3, 16, 16]
    layers:
      - conv: {name: a, out_channels: 4, kernel_size: 3, padding: 1}
      - conv: {name: b, out_channels: 8, kernel_size: 3, padding: 1}
      - concat: {name: j, inputs: [a, b], axis: 1}
    """)
    assert "j joins along axis 2, and along the channels they would fit" in cause.message


def test_a_padding_that_takes_all_is_not_called_a_kernel_that_is_too_large():
    (cause,) = causes_of("""
    input: [1, 2, 2]
    layers:
      - conv_transpose: {name: t, out_channels: 4, kernel_size: 2, padding: 3}
    """)
    assert cause.kind == "requirement" and cause.message.startswith(
        "the padding of t takes away all that it makes of 2"
    )


def test_channels_that_building_derived_do_not_stand_in_the_way_of_the_other_layout():
    cause, *_ = causes_of("""
    framework: keras
    data_format: channels_last
    input: [3, 32, 48]
    layers:
      - conv: {name: a, out_channels: 8, kernel_size: 5, in_channels: 48}
      - max_pool: {name: b, kernel_size: 2}
    """)
    assert (cause.kind, cause.reported_by) == ("layout", "a")


def test_an_axis_that_may_be_the_channels_leaves_other_causes_uncertain():
    causes = causes_of("""
    input: [224, 3, 224]
    layers:
      - conv: {name: a, out_channels: 8, kernel_size: 5}
      - linear: {name: b, out_features: 8, in_features: 7}
    """)
    assert causes and not any(cause.certain for cause in causes)


def test_the_size_that_the_network_states_is_what_its_head_was_made_for():
    problem = cs.parse("""
    input: [3, 32, 32]
    layers:
      - conv: {name: a, out_channels: 8, kernel_size: 3, stride: 2}
      - flatten: {}
      - linear: {name: head, out_features: 10, in_features: 1800}
    """)
    causes = cs.diagnose(problem, input_shape=(3, 28, 28))
    head = next(cause for cause in causes if cause.kind == "wrong_input_for_head")
    assert head.message == "head was made for the input that the network states: 3x32x32"


def test_a_long_path_is_shown_by_its_ends():
    layers = "".join(f"\n      - conv: {{name: c{i}, out_channels: 4, kernel_size: 3}}" for i in range(14))
    causes = causes_of(f"input: [1, 20, 20]\nlayers:{layers.replace('      ', '  ')}")
    assert all(cause.path.count("->") <= 8 and cause.path.startswith("20 -> 18 -> 16 -> ...") for cause in causes)
