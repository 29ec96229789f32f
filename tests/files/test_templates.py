"""Blocks that are written once: templates with arguments, and holes that each copy has for itself."""

from __future__ import annotations

import pytest

from convsolve.checks.check import check
from convsolve.errors import FileError
from convsolve.files import dump, parse
from convsolve.space import Space
from convsolve.synthesis.solve import solve

MOBILE = """
input: [16, 32, 32]
templates:
  inverted_residual:
    with: {width: null, expand: 6, stride: 1, kernel: 3 | 5}
    layers:
      - conv: {name: wide, out_channels: $width*$expand, kernel_size: 1}
      - depthwise_conv: {name: depth, kernel_size: $kernel, stride: $stride, padding: half}
      - conv: {name: narrow, out_channels: $width, kernel_size: 1}
  pair:
    with: {width: 8}
    layers:
      - {use: inverted_residual, name: first, with: {width: $width}}
      - {use: inverted_residual, name: second, with: {width: 2*$width, expand: 2}}
"""


def test_a_template_is_a_block_with_its_own_holes_and_costs():
    text = (
        MOBILE
        + """
layers:
  - {use: inverted_residual, name: a, with: {width: 24, stride: 2}}
  - {use: inverted_residual, name: b, with: {width: 32, expand: 4, stride: 1 | 2}}
require: [b.params >= 8900, a.height == 16, output.height == 8]
"""
    )
    problem = parse(text)
    assert set(problem.network.holes) == {"depth_a.kernel_size", "depth_b.kernel_size", "depth_b.stride"}
    answer = solve(problem)
    assert dict(answer.assignment) == {"depth_a.kernel_size": 3, "depth_b.kernel_size": 5, "depth_b.stride": 2}
    plain = check(answer.concrete.network.assign({}))
    assert plain.shapes["wide_a"] == (144, 32, 32) and plain.shapes["wide_b"] == (128, 16, 16)
    assert Space(problem).count().value == 2 and Space(parse(dump(problem))).count().value == 2


def test_templates_use_templates_inside_of_copies_and_alternatives():
    text = (
        MOBILE
        + """
layers:
  - repeat: 1..2
    name: body
    layers:
      - choose:
          - {use: pair, name: p}
          - {use: inverted_residual, name: q, with: {width: 16, kernel: 3}}
"""
    )
    problem = parse(text)
    assert {layer.name for layer in problem.network.layers} >= {"wide_first_p_1", "narrow_second_p_2", "depth_q_2"}
    assert Space(problem).count().value == 5 + 25  # a pair has two kernels, 4 ways, and the other has none
    assert solve(parse(text + "require: [body.params <= 5000, output.channels == 16]")).params <= 5000


def test_copies_have_holes_of_their_own():
    text = """
input: [4, 32, 32]
layers:
  - repeat: 1..3
    name: body
    holes: {k: 3 | 5}
    layers:
      - conv: {name: c, out_channels: 8, kernel_size: $k, padding: half}
      - conv: {name: d, out_channels: 8, kernel_size: $k, padding: $k//2}
require: [c_1.kernel_size <= $k_2]
"""
    problem = parse(text)
    assert {"k_1", "k_2", "k_3"} < set(problem.network.holes)
    kernels = solve(parse(text.replace("1..3", "3") + "maximize: macs")).assignment
    assert dict(kernels) == {"k_1": 5, "k_2": 5, "k_3": 5}
    assert Space(parse(text.replace("1..3", "3"))).count().value == 6


def test_sizes_of_a_block_stand_in_parameters_whatever_its_depth():
    text = """
input: [4, 32, 32]
layers:
  - repeat: 1..3
    name: body
    layers:
      - conv: {name: c, out_channels: 8 | 16, kernel_size: 3, padding: 1, stride: 1 | 2}
  - conv: {name: d, out_channels: 2*body.channels, kernel_size: body.height}
require: [body.height == 8, body.params <= 4K]
"""
    answer = solve(parse(text))
    assert answer.output[1:] == (1, 1) and answer.network.by_name["d"].operator.kernel_size is not None
    assert answer.report.shapes["d"][0] == 2 * answer.report.shapes[answer.network.by_name["d"].inputs[0]][0]


@pytest.mark.parametrize(("layers", "said"), [
    ("[{use: inverted}]", "there is no template 'inverted' under `templates`"),
    ("[{use: inverted_residual}]", "needs width, under `with`"),
    ("[{use: inverted_residual, with: {depth: 3}}]", "has no argument 'depth': it takes width, expand, stride, kernel"),
    ("[{use: inverted_residual, with: 3}]", "`with` takes arguments by name"),
    ("[{use: inverted_residual, with: {width: 8 | 16}}]", "cannot stand inside of"),
    ("[{use: inverted_residual, on: x}]", "use has no key 'on'"),
])  # fmt: skip
def test_mistakes_are_told(layers, said):
    with pytest.raises(FileError) as caught:
        parse(f"{MOBILE}layers: {layers}")
    assert said in str(caught.value)


def test_a_template_that_uses_itself_is_refused():
    with pytest.raises(FileError, match="the template a uses itself"):
        parse("{input: [1, 8], templates: {a: {layers: [{use: b}]}, b: {layers: [{use: a}]}}, layers: [{use: a}]}")


@pytest.mark.parametrize(("written", "ours"), [
    ("conv: {filters: 8, kernel_size: 3}", "here it is 'out_channels'"),
    ("max_pool: {pool_size: 2}", "here it is 'kernel_size'"),
    ("conv: {out_channels: 8, kernel_size: 3, dilation_rate: 2}", "here it is 'dilation'"),
    ("pixel_shuffle: {upscale_factor: 2}", "here it is 'block_size'"),
    ("permute: {dims: [1, 2, 0]}", "here it is 'order', which does not count the batch axis"),
    ("flatten: {start_dim: 1}", "here it is 'start_axis', which does not count the batch axis"),
    ("conv: {out_channels: max(4, 8), kernel_size: 3}", "stands in quotes, as in 'max(a, b)'"),
])  # fmt: skip
def test_names_of_frameworks_are_answered_with_ours(written, ours):
    with pytest.raises(FileError) as caught:
        parse(f"{{input: [4, 8, 8], layers: [{{{written}}}]}}")
    assert ours in str(caught.value)
