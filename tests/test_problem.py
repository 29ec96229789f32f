"""Problems: what the names in requirements and objectives stand for, and what is said where they stand for nothing."""

from __future__ import annotations

import dataclasses
import re

import pytest

import convsolve as cs
from convsolve.dims import evaluate
from convsolve.errors import ExpressionError, FileError, NetworkError
from convsolve.network.trace import run, trace
from convsolve.problem import Objective, Scope, trace_problem

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


BLOCKS = """
input: [3, 32, 32]
layers:
  - choose:
      - conv: {name: a, out_channels: 8, kernel_size: 3}
      - [{conv: {name: b, out_channels: 16, kernel_size: 5}}, {conv: {name: c, out_channels: 8, kernel_size: 3}}]
    name: down
  - repeat: 1..3
    name: body
    layers:
      - conv: {name: d, out_channels: 8, kernel_size: 3}
      - choose: [relu, {conv: {name: e, out_channels: 8, kernel_size: 1}}]
        name: end
  - repeat: 2
    name: fixed
    layers: [{conv: {name: f, out_channels: 8, kernel_size: 1}}]
"""


@pytest.mark.parametrize(("down", "first"), [(1, 3 * 9 * 8 + 8), (2, 3 * 25 * 16 + 16 + 16 * 9 * 8 + 8)])
@pytest.mark.parametrize("copies", [1, 2, 3])
@pytest.mark.parametrize("end", [1, 2])
def test_a_block_costs_what_is_present_of_it(down, first, copies, end):
    network = cs.parse(BLOCKS).network
    body = copies * (8 * 9 * 8 + 8) + (end - 1) * (8 * 8 + 8)
    holes = {"down.choose": down, "body.repeat": copies, "end_1.choose": end, "end_2.choose": 1, "end_3.choose": 1}
    texts = ("down.params", "body.params", "fixed.params", "end_1.params", "body.height", "body.channels",
             "down.macs + body.macs + fixed.macs - macs",
             "down.activations + body.activations + fixed.activations - activations")  # fmt: skip
    traced = trace_problem(cs.Problem(network, objectives=[Objective("minimize", text) for text in texts]))
    values = run(traced.trace, holes)
    side = 32 - 2 * down - (2 if down == 2 else 0) - 2 * copies
    assert [evaluate(objective, values) for objective in traced.objectives] == [
        first,
        body,
        2 * 72,
        (end - 1) * 72,
        side,
        8,
        0,
        0,
    ]
    assert values["params"] == first + body + 2 * 72


def test_a_block_keeps_its_name_when_it_is_decided_and_written():
    problem = cs.parse(BLOCKS + "require: [down.params >= 2000, body.params <= 700]\n")
    assert cs.parse(cs.dump(problem)) == problem
    solution = cs.solve(problem)
    assert solution.assignment["down.choose"] == 2 and solution.assignment["body.repeat"] == 1
    again = cs.parse(cs.dump(cs.Problem(solution.network, problem.requirements)))
    assert cs.check(again).ok and not cs.check(cs.Problem(solution.network, ["down.params >= 30_000"])).ok


def test_a_block_is_called_like_no_layer():
    with pytest.raises(FileError, match="'x' is a layer"):
        cs.parse("{input: [1, 8], layers: [{relu: {name: x}}, {relu: {name: y, within: [x]}}]}")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: Objective("minimise", "params"), "there is no sense 'minimise': did you mean 'minimize'"),
        (lambda p: cs.Problem(p.network, "params <= 3"), "requirements takes a list such as ['params <= 100_000']"),
        (lambda p: cs.Problem(p.network, objectives=("params",)), "objectives takes a list such as [Objective("),
        (lambda p: dataclasses.replace(p.network, framework="pytorch"), "no framework 'pytorch': did you mean 'torch'"),
        (lambda p: dataclasses.replace(p.network, data_format="NHWC"), "there is no data_format 'NHWC' (there is chan"),
        (lambda p: p.network.assign({"kk": 3}), "there is no hole 'kk': did you mean 'k'"),
        (lambda p: cs.dump(p, "toml"), "there is no format 'toml' (there is yaml, json)"),
        (lambda p: cs.Space(p).network({"k": 3, "q": 1}), "the space has no hole 'q' (there is k)"),
        (lambda p: cs.Space(p).evaluate({"k": [3], "q": [1]}), "the space has no hole 'q' (there is k)"),
        (lambda p: cs.Space(p).evaluate([{"k": 3, "q": 1}]), "the space has no hole 'q' (there is k)"),
    ],
)
def test_words_and_names_that_mean_nothing_are_refused(make, message):
    with pytest.raises(NetworkError, match=re.escape(message)):
        make(cs.parse(TEXT))


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


DEPTH = """
input: [3, 16, 16]
layers:
  - repeat: 1..3
    name: body
    layers:
      - conv: {name: c, out_channels: 4 | 8 | 16, kernel_size: 3, padding: 1}
  - conv: {name: side, out_channels: 8, kernel_size: 1, optional: true}
"""


@pytest.mark.parametrize(("required", "holds"), [
    ("c_1.macs + c_2.macs + c_3.macs <= 500K", lambda costs: sum(costs("macs", "c_")) <= 500_000),
    ("max(c_1.size, c_2.size, c_3.size) <= 2048", lambda costs: max(costs("size", "c_")) <= 2048),
    ("c_3.params <= 300", lambda costs: sum(costs("params", "c_3")) <= 300),
    ("c_3.params >= 1", lambda costs: sum(costs("params", "c_3")) >= 1),
    ("side.activations < 2000 or body.params > 2000", lambda costs: sum(costs("size", "side")) < 2000 or sum(costs("params", "c_")) > 2000),
    ("body.macs <= 500K", lambda costs: sum(costs("macs", "c_")) <= 500_000),
])  # fmt: skip
def test_what_is_not_there_costs_nothing_in_requirements(required, holds):
    problem = cs.parse(DEPTH)
    space = cs.Space(dataclasses.replace(problem, requirements=(required,)))
    found = {tuple(sorted(assignment.items())) for assignment in space.enumerate()}
    expected = set()
    for assignment in cs.Space(problem).enumerate():
        rows = cs.check(problem.network.assign(assignment)).rows

        def costs(kind, name, rows=rows):
            key = {"size": "activations"}.get(kind, kind)
            return [getattr(row, key) for row in rows if row.layer.startswith(name)] or [0]

        if holds(costs):
            expected.add(tuple(sorted(assignment.items())))
    assert found == expected and found


def test_a_requirement_that_forces_a_layer_to_be_there_is_named():
    required = (
        "c_2.height == 16 and c_3.kernel_size == 3",
        "side.height == 16 or params <= 1",
        "c_1.height == 16",
        "c_3.macs >= 0",
    )
    traced = trace_problem(dataclasses.replace(cs.parse(DEPTH), requirements=required))
    assert traced.forced == {required[0]: ("c_2", "c_3")}
    solution = cs.solve(dataclasses.replace(cs.parse(DEPTH), requirements=required))
    assert f"`{required[0]}` holds only where c_2 and c_3 are there" in str(solution)
