"""Problems: what the names in requirements and objectives stand for, and what is said where they stand for nothing."""

from __future__ import annotations

import pytest

import convsolve as cs
from convsolve.dims import evaluate
from convsolve.errors import ExpressionError
from convsolve.problem import Objective, Scope, trace_problem
from convsolve.trace import run, trace

TEXT = """
inputs: {image: [3, 32, 24]}
holes: {k: 3 | 5}
layers:
  - conv: {name: stem, out_channels: 8, kernel_size: $k, padding: [[0, 1], 2], stride: [2, 1]}
  - max_pool: {name: pool, kernel_size: [2, 3]}
  - split: {name: parts, sizes: [2, 6]}
  - relu: {name: last-one}
output: pool
"""


def value(text, k=3):
    """Return the value of an expression over the network above."""
    problem = cs.parse(TEXT)
    traced = trace_problem(cs.Problem(problem.network, (), (Objective("minimize", text),)))
    return evaluate(traced.objectives[0], run(traced.trace, {"k": k}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("input.height", 32),
        ("image.width", 24),
        ("image.size", 3 * 32 * 24),
        ("output.height", 8),
        ("stem.height", 16),
        ("stem.width", 26),
        ("stem.kernel_size", 3),
        ("stem.padding[1]", 1),
        ("stem.padding[2]", 2),
        ("stem.stride[0]", 2),
        ("pool.stride[1]", 3),
        ("parts[1].channels", 6),
        ("`last-one`.channels", 2),
        ("stem.params", 8 * 3 * 9 + 8),
        ("params", 8 * 3 * 9 + 8),
        ("stem.macs - macs", 0),
        ("$k + k", 6),
        ("stem.receptive_field.width", 3),
        ("pool.receptive_field.height", 5),
        ("receptive_field_stride.width", 3),
    ],
)
def test_what_names_stand_for(text, expected):
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("hight == 3", "no 'hight'"),
        ("$q == 3", r"no '\$q'"),
        ("stem.hieght == 3", "did you mean 'height'"),
        ("stem.height.x == 3", "stem has no 'height.x'"),
        ("stem.bias == 1", "stem.bias is True, not a number"),
        ("stem.in_channels == 3", "stem.in_channels is None, not a number"),
        ("stem.padding[9] == 1", r"stem.padding is None, not a number"),
        ("receptive_field.depth == 1", "the input has no 'depth'"),
        ("receptive_fields == 1", "no 'receptive_fields'"),
        ("stem.receptive_fields == 1", "no 'receptive_fields'"),
        ("nothing == 1", "names like last-one stand in backquotes"),
    ],
)
def test_names_that_stand_for_nothing(text, word):
    scope = Scope(trace(cs.parse(TEXT).network))
    with pytest.raises(ExpressionError, match=word):
        scope.requirement(text)


@pytest.mark.parametrize(
    ("layers", "text", "word"),
    [
        ("[flatten, {max_pool: {kernel_size: 2}}]", "output.height == 1", "has no shape"),
        ("[{reshape: {shape: [64]}}, {unflatten: {sizes: [1, 64]}}]", "receptive_field == 1", "no receptive field"),
        ("[{upsample: {scale_factor: 2}}]", "output.receptive_field_stride == 1", "no stride"),
    ],
)
def test_what_a_network_does_not_have(layers, text, word):
    scope = Scope(trace(cs.parse(f"{{input: [1, 8, 8], layers: {layers}}}").network))
    with pytest.raises(ExpressionError, match=word):
        scope.requirement(text)


def test_an_input_may_be_called_something_else_and_a_layer_input():
    problem = cs.parse("inputs: {x: [1, 8, 8]}\nlayers: [{max_pool: {name: input, kernel_size: 2}}, relu]\n")
    assert trace_problem(cs.Problem(problem.network, ("input.height == 4", "x.height == 8"))).problem.requirements
    values = run(trace(problem.network), {})
    scope = Scope(trace(problem.network))
    assert evaluate(scope.requirement("input.height == 4 and x.height == 8").condition, values)


def test_what_always_holds_is_not_required():
    problem = cs.parse("input: [1, 8, 8]\nlayers: [relu]\nrequire: ['1 < 2', 'output.height == 8']\n")
    assert [r.text for r in trace_problem(problem).trace.requirements if not r.layer] == ["output.height == 8"]


def test_a_hole_that_a_requirement_names_is_not_fixed_where_its_layer_is_absent():
    text = "input: [1, 8, 8]\nlayers: [{conv: {name: c, out_channels: 4 | 8, kernel_size: 3 | 5, optional: true}}]\n"
    free = trace_problem(cs.parse(text + "require: ['$c.kernel_size == 5']\n")).trace.canonical
    assert len(free) == 1 and len(trace_problem(cs.parse(text)).trace.canonical) == 2


def test_an_objective_reads_as_it_is_written():
    assert str(Objective("maximize", "macs - params")) == "maximize macs - params"


def test_size_is_the_number_of_elements_whatever_an_operator_calls_its_parameters():
    report = cs.check(cs.parse("input: [2, 3, 3]\nlayers:\n  - upsample: {name: u, scale_factor: 2}\n"
                               "  - reshape: {name: r, shape: [72]}\nrequire: [u.size == 72, 'r.shape == [72]']\n"))  # fmt: skip
    assert report.ok
