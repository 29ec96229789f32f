"""Names declared under ``holes``: unknowns, what follows from others, tables, and what one copy takes of the one before."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from convsolve.errors import FileError
from convsolve.files import dump, parse
from convsolve.files.schema import schema
from convsolve.space import Space
from convsolve.synthesis.solve import solve

CONV = "conv: {name: c, out_channels: 8, kernel_size: 3, padding: half}"

PROBLEMS = {
    "what follows from another hole": (
        "holes: {w: 64*$alpha//100, alpha: 25 | 50 | 75 | 100}\n"
        "layers: [{conv: {name: c, out_channels: $w, kernel_size: 3}}, {conv: {out_channels: 2*$w, kernel_size: 3}}]\n"
        "require: [$w >= 30, $w % 32 == 0]",
        {"alpha": 50}, {"w": 32}, 2),
    "only in requirements": (
        "holes: {n: 4 | 8 | 3}\nlayers: [{conv: {name: c, out_channels: 8..64, kernel_size: 3}}]\n"
        "require: [c.channels == 8 * $n]",
        {"c.out_channels": 24, "n": 3}, {}, 3),
    "one row of a table": (
        "holes: {stage: [{k: 3, w: 16}, {k: 5, w: 24}, {k: 7, w: 32}]}\n"
        "layers: [{conv: {name: c, out_channels: $stage.w, kernel_size: $stage.k, padding: half, stride: 1 | 2}}]\n"
        "require: [output.height == 9, params >= 1K, $stage.k <= 6]",
        {"stage": 2, "c.stride": 2}, {"stage.k": 5, "stage.w": 24}, 1),
    "the copy before, of the same layer": (
        "layers:\n- repeat: 1..4\n  name: body\n  layers:\n"
        "  - conv: {name: c, out_channels: {first: 4 | 8, then: 2*previous.out_channels}, kernel_size: 3, padding: half}\n"
        "  - max_pool: {kernel_size: 2}\nrequire: [output.channels == 32]",
        {"c_1.out_channels": 4, "body.repeat": 4}, {}, 2),
    "the copy before, of another layer, its sizes and its holes": (
        "layers:\n- repeat: 3\n  holes: {k: {first: 3 | 5, then: previous.k}, d: 2 ** ($copy - 1), r: [{s: 1}, {s: 2}]}\n"
        "  layers:\n  - conv: {name: a, out_channels: 8, kernel_size: $k, padding: half, stride: $r.s, dilation: $d}\n"
        "  - conv: {name: b, out_channels: {first: 8, then: previous.a.out_channels + previous.channels}, kernel_size: 1}\n"
        "require: [output.height == 9, output.channels == 24, b_2.channels == 16, a_3.dilation == 4, a_3.kernel_size == 5]",
        {"k_1": 5, "r_1": 1, "r_2": 1, "r_3": 2}, {}, 3),
    "channels that arrive at the first copy": (
        "layers:\n- repeat: 2\n  layers: [{conv: {out_channels: 2*previous.out_channels, kernel_size: 1 | 3}}]\n"
        "require: [output.channels == 12]",
        {"conv1.kernel_size": 1, "conv2.kernel_size": 1}, {}, 4),
    "arguments of templates by copy": (
        "templates: {t: {with: {w: null}, layers: [{conv: {name: x, out_channels: $w*2, kernel_size: 1 | 3}}]}}\n"
        "layers:\n- repeat: 2\n  layers: [{use: t, name: u, with: {w: {first: 5, then: previous.channels}}}]\n"
        "require: [output.channels == 20]",
        {"x_u_1.kernel_size": 1, "x_u_2.kernel_size": 1}, {}, 4),
    "rounding up or down": (
        "layers: [{max_pool: {name: p, kernel_size: 3, stride: 2, ceil_mode: any}}, {avg_pool: {name: q, kernel_size: 2, "
        "ceil_mode: any}}]\nrequire: [output.height == 4, p.ceil_mode == 1]",
        {"p.ceil_mode": 1, "q.ceil_mode": 0}, {}, 2),
    "powers whose exponent is open": (
        "holes: {d: 0..3}\nlayers: [{conv: {out_channels: 4, kernel_size: 3, dilation: 2 ** $d, padding: half}}]\n"
        "require: [receptive_field >= 9]",
        {"d": 2}, {}, 2),
    "patterns that are computed with, and layers of copies as inputs": (
        "layers:\n- repeat: 2\n  layers: [{conv: {name: e, out_channels: 4, kernel_size: 3, stride: 1 | 2, padding: 1}}]\n"
        "- upsample: {name: u, scale_factor: 1 | 2}\n- concat: {inputs: [u, e_1]}\n"
        "require: ['all(2*e*.height - 1 <= 17)', 'sum(e*.stride - 1) == 1']",
        {"e_1.stride": 2, "e_2.stride": 1, "u.scale_factor": 1}, {}, 1),
    "one of two numbers": (
        f"layers: [{{{CONV[:-1]}, stride: 1 | 2}}}}]\nrequire: ['where(c.stride == 1, 3, 16) == c.height']",
        None, {}, 0),
}  # fmt: skip


@pytest.mark.parametrize("what", PROBLEMS)
def test_names_are_solved_counted_written_and_read_again(what):
    text, assignment, derived, count = PROBLEMS[what]
    text = "input: [3, 17, 17]\n" + text
    problem = parse(text)
    jsonschema.Draft202012Validator(schema()).validate(yaml.safe_load(text))
    answer = solve(problem)
    if assignment is None:
        assert not hasattr(answer, "assignment")
    else:
        assert dict(answer.assignment) == assignment
        assert {name: answer.derived[name] for name in derived} == derived
        assert parse(dump(answer.concrete)).network == answer.concrete.network
    assert Space(problem).count().value == count
    again = parse(dump(problem))
    assert again == problem and Space(again).count().value == count
    jsonschema.Draft202012Validator(schema()).validate(json.loads(dump(problem, "json")))


def test_what_is_open_stays_open_where_other_holes_are_set():
    problem = parse("{input: [3, 8, 8], holes: {a: 1 | 2, b: 3 | 4, w: $a*$b}, layers: [{conv: {out_channels: $a, "
                    "kernel_size: 1}}], require: ['$w + $b >= 11']}")  # fmt: skip
    network = problem.network.assign({"a": 2})
    assert dict(network.named) == {"b": network.holes["b"], "w": 2 * network.holes["b"]}
    assert dict(network.with_domain("b", network.holes["b"].domain).named) == dict(network.named)
    assert dict(solve(problem).assignment) == {"a": 2, "b": 4}


WRONG = [
    ("holes: {a: $b, b: $a}\nlayers: [relu]", "would follow from itself"),
    ("holes: {a: 2*b, b: 1 | 2}\nlayers: [relu]", "'b' is not known here: did you mean"),
    ("holes: {a: 2*$c}\nlayers: [relu]", "there is no hole 'c'"),
    ("holes: {a: 1 | 2}\nlayers: [relu]", "nothing uses the hole 'a'"),
    ("holes: {t: [{k: 1}, {l: 2}]}\nlayers: [relu]\nrequire: [$t.k == 1]", "same columns as the first: k"),
    ("holes: {t: [{k: 1}, {k: x}]}\nlayers: [relu]\nrequire: [$t.k == 1]", "must be a whole number"),
    ("holes: {t: [{}]}\nlayers: [relu]\nrequire: [$t == 1]", "at least one column"),
    ("layers: [{conv: {out_channels: previous.channels, kernel_size: 1}}]", "stands inside `repeat`"),
    ("layers: [{conv: {out_channels: {first: 1, then: 2}, kernel_size: 1}}]", "stand inside `repeat`"),
    ("layers: [{repeat: 2, layers: [{conv: {out_channels: 4, kernel_size: 1, dilation: 2*previous.dilation}}]}]",
     "write {first: 1, then: 2\\*previous.dilation}"),
    ("layers: [{repeat: 2, layers: [{choose: [{max_pool: {kernel_size: {first: 2, then: previous.kernel_size}}}]}]}]",
     "name a layer of it"),
    ("layers: [{repeat: 1..2, layers: [{relu: {name: r}}]}, {add: {inputs: [r_1, r_2]}}]", "there is no layer 'r_2'"),
    ("layers: [{repeat: 2, layers: [{conv: {out_channels: {first: 4, then: min(8, 2*previous.out_channels)}, "
     "kernel_size: 1}}]}]", "with a comma inside of braces stands in quotes"),
    ("layers: [{max_pool: {kernel_size: 2, ceil_mode: perhaps}}]", "'perhaps' is not known here"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "word"), WRONG)
def test_names_that_stand_for_nothing_are_refused(text, word):
    with pytest.raises(FileError, match=word):
        parse("input: [3, 8, 8]\n" + text)
