"""Reading and writing problem files."""

from __future__ import annotations

import json

import jsonschema
import pytest

import convsolve as cs
from convsolve.errors import FileError
from convsolve.files.layout import LAYER_KEYS, TOP_KEYS
from convsolve.files.schema import schema
from convsolve.files.writer import to_document
from convsolve.operators import OPERATORS, Conv

DOCUMENT = {
    "description": "a small network",
    "input": [3, 32, "32..64 step 8"],
    "holes": {"k": "3 | 5 | 7", "w": [8, 16]},
    "layers": [
        {"conv": {"name": "stem", "out_channels": "$w", "kernel_size": "$k", "padding": "($k - 1)//2"}},
        "relu",
        {"choose": [{"max_pool": {"kernel_size": 2}}, ["relu", {"avg_pool": {"kernel_size": [2, 2]}}]], "name": "down"},
        {
            "repeat": "1..3",
            "name": "body",
            "layers": [{"conv": {"name": "c", "out_channels": "any", "kernel_size": 1}}],
        },
        {"conv": {"out_channels": 4, "kernel_size": 3, "padding": [[0, 1], 1], "optional": True}},
        {"upsample": {"size": ["stem.height", "stem.width"]}},
        {"concat": {"inputs": ["upsample1", "stem"]}},
    ],
    "require": ["output.height == 32", "params <= 1M"],
    "minimize": "macs",
    "expect": {"verdict": "solved"},
}


def toml_text():
    return """
description = "a small network"
input = [3, 32, "32..64 step 8"]
require = ["output.height == 32", "params <= 1M"]
minimize = "macs"
[holes]
k = "3 | 5 | 7"
w = [8, 16]
[[layers]]
conv = {name = "stem", out_channels = "$w", kernel_size = "$k", padding = "($k - 1)//2"}
[[layers]]
relu = {}
[[layers]]
choose = [{max_pool = {kernel_size = 2}}, ["relu", {avg_pool = {kernel_size = [2, 2]}}]]
name = "down"
[[layers]]
repeat = "1..3"
name = "body"
layers = [{conv = {name = "c", out_channels = "any", kernel_size = 1}}]
[[layers]]
conv = {out_channels = 4, kernel_size = 3, padding = [[0, 1], 1], optional = true}
[[layers]]
upsample = {size = ["stem.height", "stem.width"]}
[[layers]]
concat = {inputs = ["upsample1", "stem"]}
[expect]
verdict = "solved"
"""


def domains(problem):
    return {name: hole.domain for name, hole in problem.network.holes.items()}


def test_three_formats_carry_the_same_document(tmp_path):
    text = json.dumps(DOCUMENT, indent="\t")
    as_json = cs.parse(text, format="json")
    as_yaml = cs.parse(json.dumps(DOCUMENT))
    as_toml = cs.parse(toml_text(), format="toml")
    assert as_json == as_yaml == as_toml
    assert domains(as_json) == domains(as_yaml) == domains(as_toml)
    for suffix, content in ((".json", text), (".toml", toml_text()), (".yml", json.dumps(DOCUMENT))):
        path = tmp_path / f"p{suffix}"
        path.write_text(content)
        assert cs.load(path) == as_json


@pytest.mark.parametrize("format", ["yaml", "json"])
def test_what_is_written_reads_back(format):
    problem = cs.parse(json.dumps(DOCUMENT))
    text = cs.dump(problem, format)
    again = cs.parse(text, format=format)
    assert again == problem and domains(again) == domains(problem)
    assert cs.dump(again, format) == text


def test_the_schema_accepts_what_the_reader_accepts():
    jsonschema.Draft202012Validator.check_schema(schema())
    validator = jsonschema.Draft202012Validator(schema())
    validator.validate(DOCUMENT)
    validator.validate(json.loads(cs.dump(cs.parse(json.dumps(DOCUMENT)), "json")))


WRONG = [
    ({"layer": []}, "layer"),
    ({"layers": ["konv"]}, "konv"),
    ({"layers": [{"conv": {"kernel": 3, "out_channels": 3, "kernel_size": 3}}]}, "kernel"),
    ({"layers": [{"conv": {"out_channels": 3}}]}, "kernel_size"),
    ({"layers": ["conv"]}, "kernel_size"),
    ({"layers": [{"conv": {"out_channels": 3, "kernel_size": 0}}]}, "at least 1"),
    ({"layers": [{"conv": {"out_channels": 3, "kernel_size": 1.5}}]}, "whole"),
    ({"layers": [{"conv": {"out_channels": 3, "kernel_size": 3, "bias": "yes"}}]}, "true"),
    ({"layers": [{"relu": {"name": 3}}]}, "name"),
    ({"layers": [{"relu": {}, "conv": {}}]}, "one operator"),
    ({"framework": "caffe"}, "torch"),
    ({"batch_size": 0}, "at least 1"),
    ({"input": []}, "shape"),
    ({"inputs": {"x": [1]}}, "not both"),
    ({"require": [3]}, "texts"),
    ({"expect": {"verdict": "perhaps"}}, "infeasible"),
    ({"expect": {"fail_at": "x"}}, "fails_at"),
]


@pytest.mark.parametrize(("change", "word"), WRONG)
def test_the_schema_refuses_what_the_reader_refuses(change, word):
    document = {"input": [1, 8, 8], "layers": ["relu"], **change}
    with pytest.raises(FileError, match=word):
        cs.parse(json.dumps(document))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(document)


def test_the_schema_knows_every_operator_and_key():
    text = json.dumps(schema())
    for name in [*OPERATORS, *TOP_KEYS, *LAYER_KEYS]:
        assert f'"{name}"' in text


def test_all_mistakes_are_named_at_once_with_their_places():
    text = (
        "input: [1, 28, x]\nholes:\n  k: 3 | a\nlayers:\n  - conv2d: {out_channels: 16}\n"
        "  - max_pool: {kernal_size: 2}\n  - conv: {out_channels: 8, kernel_size: [3, nope], stride: 0}\n"
        "  - relu: {inputs: nowhere}\nminimise: macs\n"
    )
    with pytest.raises(FileError) as caught:
        cs.parse(text, source="bad.yaml")
    places = [(m.line, m.column) for m in caught.value.mistakes]
    assert places == [(1, 16), (3, 10), (5, 5), (6, 16), (7, 46), (7, 61), (8, 20), (9, 1)]
    lines = str(caught.value).splitlines()
    assert lines[2] == "bad.yaml:5:5: there is no operator 'conv2d': did you mean 'conv'?"
    assert "did you mean 'kernel_size'" in lines[3] and "did you mean 'minimize'" in lines[7]


def test_a_mistake_inside_a_requirement_is_placed_inside_it():
    text = (
        "input: [1, 8, 8]\nlayers: [relu]\nrequire:\n  - output.height == 8\n  - 'output.heigth == 7'\n  - params = 3\n"
    )
    with pytest.raises(FileError) as caught:
        cs.parse(text)
    assert [(m.line, m.column) for m in caught.value.mistakes] == [(5, 6), (6, 12)]
    assert "did you mean 'height'" in caught.value.mistakes[0].message


@pytest.mark.parametrize(
    ("name", "meant"),
    [("conv2d", "conv"), ("Conv2D", "conv"), ("MaxPooling2D", "max_pool"), ("Dense", "linear"), ("cat", "concat"),
     ("BatchNormalization", "batch_norm"), ("maxpool", "max_pool"), ("Conv2DTranspose", "conv_transpose"),
     ("GlobalAveragePooling2D", "global_avg_pool"), ("ReLU", "relu"), ("LayerNorm", "layer_norm")],
)  # fmt: skip
def test_names_of_other_libraries_are_understood_enough_to_answer(name, meant):
    with pytest.raises(FileError, match=f"did you mean '{meant}'"):
        cs.parse(f"input: [1, 8, 8]\nlayers: [{name}]\n")


def test_default_names_and_inputs():
    problem = cs.parse("input: [1, 8, 8]\nlayers:\n  - relu\n  - conv: {out_channels: 2, kernel_size: 1}\n"
                       "  - conv: {name: conv2, out_channels: 2, kernel_size: 1}\n  - conv: {out_channels: 2, kernel_size: 1}\n")  # fmt: skip
    assert [(x.name, x.inputs) for x in problem.network.layers[1:]] == [
        ("relu1", ("input",)), ("conv1", ("relu1",)), ("conv2", ("conv1",)), ("conv3", ("conv2",))]  # fmt: skip


def test_layers_may_be_named_before_they_stand():
    problem = cs.parse("input: [1, 8, 8]\nlayers:\n  - add: {name: sum, inputs: [late, input]}\n"
                       "  - relu: {name: late, inputs: input}\noutput: sum\n")  # fmt: skip
    assert cs.check(problem).output == (1, 8, 8)
    assert [x.name for x in problem.network.ordered] == ["input", "late", "sum"]


def test_any_is_the_usual_domain():
    problem = cs.parse("input: [1, 8, 8]\nlayers:\n  - conv: {out_channels: any, kernel_size: [any, 3]}\n")
    found = {name: hole.domain.values() for name, hole in problem.network.holes.items()}
    assert found["conv1.kernel_size[0]"] == Conv.parameters()["kernel_size"].usual
    with pytest.raises(FileError, match="any"):
        cs.parse("input: [1, 8, 8]\nlayers: [{reshape: {shape: [any]}}]\n")


def test_nested_blocks():
    problem = cs.parse(
        """
input: [4, 32, 32]
layers:
  - repeat: 1..2
    name: stage
    layers:
      - conv: {name: down, out_channels: 4, kernel_size: 3, stride: 2, padding: 1}
      - repeat: 0..2
        name: block
        layers:
          - choose:
              - conv: {name: x, out_channels: 4, kernel_size: 3, padding: 1}
              - relu
          - add: {inputs: [x, down]}
""".replace("[x, down]", "[down, down]")
    )
    solution = cs.solve(problem)
    assert solution.output == (4, 16, 16)
    assert len(list(cs.solutions(problem))) == 1 + 2 + 4 + (1 + 2 + 4) ** 2


def test_inside_a_block_is_not_outside():
    with pytest.raises(FileError, match="no layer 'x'"):
        cs.parse(
            "input: [4, 8, 8]\nlayers:\n  - choose:\n      - relu: {name: x}\n      - tanh\n  - relu: {inputs: x}\n"
        )


def test_alternatives_of_another_rank_are_refused_as_a_failure():
    answer = cs.solve(cs.parse("input: [4, 8, 8]\nlayers:\n  - choose: [flatten, relu]\n"))
    assert isinstance(answer, cs.Infeasible) and "choice1: number of axes" in answer.core


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("input: [1, 8]\nholes: {conv1.kernel_size: 3 | 5}\nlayers: [{conv: {kernel_size: 1 | 2, "
         "out_channels: $conv1.kernel_size}}]\n", "two domains"),
        ("input: [1, 8]\nlayers: [{constant: {shape: [1, 8], optional: true}}]\n", "no input"),
        (f"input: '{'1' * 5000}'\nlayers: [relu]\n", "shape"),
        ("input: [1, null, 3]\nlayers: [relu]\n", "found nothing"),
        ("input: [1, 8]\nlayers: [relu]\noutput: relu1[3]\n", "not an output"),
        ("input: [1, 8]\nlayers: [{choose: [relu, tanh], optional: 'yes'}]\n", "true or false"),
        ("input: [1, 8]\nlayers: [{repeat: $x, layers: [relu]}]\n", "no hole 'x'"),
        ("input: [1, 8]\nlayers: [{repeat: 1 | a, layers: [relu]}]\n", "found 'a'"),
        ("input: [1, 8]\nlayers: [relu]\nexpect: {fails_at: [a]}\n", "no layer"),
        ("input: [1, 8]\nlayers: relu\n", "wanted a list of layers"),
        ("input: [1, 8]\nlayers: [3]\n", "wanted a layer, such as"),
        ("input: [1, 8]\nlayers: [{choose: []}]\n", "choose takes a list of layers"),
        ("input: [1, 8]\nlayers: [{repeat: 2}]\n", "repeat needs `layers`"),
        ("input: [1, 8]\nlayers: [{max_pool: 2}]\n", "takes named parameters, found 2: write {kernel_size: 2}"),
        ("input: [1, 8]\nlayers: [{max_pool: {kernel_size: {of: 2}}}]\n", "kernel_size must not be a mapping"),
        ("input: [1, 8]\nlayers: [{relu: {inputs: 3}}]\n", "wanted a layer's name, found 3"),
        ("input: [1, 8]\nlayers: [{relu: {inputs: 'a['}}]\n", "names no tensor"),
        ("input: [1, 8]\nlayers: [relu]\nholes: [3]\n", "holes must be a mapping"),
        ("input: [1, 8]\nlayers: [relu]\nholes: {2x: 3 | 5}\n", "cannot be a hole's name"),
        ("input: [1, 8]\nlayers: [relu]\nholes: {k: 3 | 5}\n", "nothing uses the hole 'k'"),
        ("input: [1, 8]\nlayers: [relu]\nholes: {k: true}\n", "k needs a domain"),
        ("input: [1, 8]\nlayers: [relu]\ntraining: 1\n", "training must be true or false, found 1"),
        ("input: [1, 8]\nlayers: [relu]\noutput: relu1\noutputs: [relu1]\n", "give `output` or `outputs`, not both"),
        ("layers: [{constant: {shape: [1, 8]}}]\n", "`input` is missing"),
        ("inputs: {}\nlayers: [{constant: {shape: [1, 8]}}]\n", "inputs must name at least one input"),
        ("input: 2x-8\nlayers: [relu]\n", "input must be a shape"),
        ("input: [1, 8]\nlayers: [relu]\n? [a]\n: 1\n", "a key must be a word"),
        ("input: [1, 8]\nlayers: [relu]\ndescription: !!binary aGk=\n", "a value of type binary is not read"),
        ("input: [1, 0x1F]\nlayers: [relu]\n", "write 0x1F as a plain decimal number"),
        ("input: [1, 8]\nlayers: [{linear: {out_features: $copy}}]\n", r"\$copy is the number of a copy"),
        ("input: [1, 8]\nlayers: [{pad: {padding: half}}]\n", "pad has no kernel of which the padding could be half"),
        ("input: [1, 8]\nlayers: [relu]\nrequire: sum(convs*.macs) <= 3\n", "no layer is called 'convs\\*'"),
        ("input: [1, 8]\nlayers: [relu]\nrequire: sum(relu*.stride) <= 3\n", "has no 'stride'"),
    ],
)  # fmt: skip
def test_one_mistake_one_message(text, word):
    with pytest.raises(FileError, match=word) as caught:
        cs.parse(text)
    assert len(caught.value.mistakes) == 1


def test_a_condition_may_be_plainly_true():
    assert cs.check(cs.parse("input: [1, 8]\nlayers: [{relu: {when: true}}]\n")).ok


def test_a_hole_without_its_sign_is_recognised():
    with pytest.raises(FileError, match=r"did you mean \$k\?"):
        cs.parse("input: [1, 8]\nholes: {k: 2 | 3}\nlayers: [{max_pool: {kernel_size: k + 1, stride: $k}}]\n")


@pytest.mark.parametrize("shape", ["1x8x9", "'1, 8, 9'", "[1, 8, 9]"])
def test_a_shape_may_be_a_text(shape):
    assert cs.check(cs.parse(f"input: {shape}\nlayers: [relu]\n")).output == (1, 8, 9)


def test_a_block_that_may_be_left_out():
    problem = cs.parse(
        "input: [1, 8]\nlayers: [{choose: [{max_pool: {kernel_size: 2}}], optional: true, name: down}]\n"
    )
    assert {s.output for s in cs.solutions(problem)} == {(1, 4), (1, 8)}


def test_toml_has_values_that_are_not_read():
    with pytest.raises(FileError, match=":1:1: a value of type date is not read here"):
        cs.parse("description = 2001-01-01\ninput = [1, 8]\nlayers = ['relu']\n", format="toml")


def test_a_quoted_toml_key_has_a_place():
    with pytest.raises(FileError, match="at least 1, got 0") as caught:
        cs.parse("layers = ['relu']\n[inputs]\n'a.b' = [1, 8]\n\"c\" = [0, 8]\n", format="toml")
    assert [(m.line, m.column) for m in caught.value.mistakes] == [(4, 1)]


@pytest.mark.parametrize(
    ("objectives", "written"),
    [
        (("minimize", "maximize"), {"minimize": "a", "maximize": "b"}),
        (("maximize", "maximize", "minimize"), {"maximize": ["a", "b"], "minimize": "c"}),
        (("minimize", "maximize", "minimize"), {"minimize": ["a", "-(b)", "c"]}),
    ],
)
def test_objectives_are_written_in_their_order(objectives, written):
    problem = cs.parse("input: [1, 8]\nlayers: [relu]\n")
    goals = tuple(cs.Objective(sense, text) for sense, text in zip(objectives, "abc", strict=False))
    document = to_document(cs.Problem(problem.network, objectives=goals))
    assert {key: document[key] for key in ("minimize", "maximize") if key in document} == written
    assert list(document).index("layers") < min(list(document).index(key) for key in written)


SPOKEN = """
input: [4, 40]
holes: {base: 8..16 pow 2, k: 1 | 3}
layers:
  - conv: {name: stem, out_channels: $base, kernel_size: 3, dilation: 1 | 2, padding: half}
  - repeat: 1..3
    name: body
    layers:
      - conv: {name: c, out_channels: $base * 2 ** ($copy - 1), kernel_size: $k, stride: 1 | 2, padding: half}
      - relu
require: [%s]
"""

DEMANDS = {
    "sum(c_*.macs) <= 60K": lambda net, report: sum(r.macs for r in report.rows if r.layer.startswith("c_")) <= 60_000,
    "max(*.size) <= 640": lambda net, report: max(r.activations or 160 for r in report.rows) <= 640,
    "count(body.*.stride == 2) == 1": lambda net, report: [s for s in strides(net) if s == 2] == [2],
    "all(body.*.kernel_size >= body.*.stride)": lambda net, report: all(
        x.operator.kernel_size >= x.operator.stride for x in copies(net)
    ),
    "min(c_*.length) >= 20": lambda net, report: min(report.shapes[x.name][1] for x in copies(net)) >= 20,
    "nondecreasing(c_*.stride)": lambda net, report: strides(net) == sorted(strides(net)),
}


def copies(network):
    return [layer for layer in network.layers if layer.name.startswith("c_")]


def strides(network):
    return [layer.operator.stride for layer in copies(network)]


@pytest.mark.parametrize("demand", DEMANDS)
def test_what_patterns_and_counts_demand_is_what_every_solution_keeps(demand):
    everything = list(cs.solutions(cs.parse(SPOKEN % ""), limit=2000))
    found = {tuple(s.assignment.items()) for s in cs.solutions(cs.parse(SPOKEN % demand), limit=2000)}
    kept = {tuple(s.assignment.items()) for s in everything if DEMANDS[demand](s.network, s.report)}
    assert found == kept and 0 < len(kept) < len(everything) < 2000


def test_half_is_half_of_the_window_and_copies_have_numbers():
    for solution in cs.solutions(cs.parse(SPOKEN % "$k == 3"), limit=300):
        stem, base = solution.network.by_name["stem"].operator, solution.assignment["base"]
        assert stem.padding == (stem.dilation * (stem.kernel_size - 1) + 1) // 2
        assert [layer.operator.out_channels for layer in copies(solution.network)] == [
            base * 2**i for i in range(solution.assignment["body.repeat"])
        ]
    problem = cs.parse(SPOKEN % "sum(c_*.macs) <= 60K")
    assert cs.parse(cs.dump(problem)) == problem
    pairs = "{input: [1, 9, 9], layers: [{conv: {out_channels: 8, kernel_size: [3, 5], padding: half}}]}"
    assert cs.check(cs.parse(pairs)).output == (8, 9, 9)
    assert (
        cs.parse("{input: [1, 9], layers: [{max_pool: {kernel_size: 3, padding: half}}]}")
        .network.layers[1]
        .operator.padding
        == 1
    )
