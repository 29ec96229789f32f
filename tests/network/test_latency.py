"""Latency from tables: open networks against finished ones, interpolation against plain counting, and what is not known."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest

from convsolve.checks.check import check
from convsolve.errors import ExpressionError, FileError
from convsolve.files import dump, load, parse
from convsolve.files.latency_tables import latency_rows, latency_table
from convsolve.network.trace import run
from convsolve.problem import Objective, trace_problem
from convsolve.space import Space
from convsolve.synthesis.pareto import pareto
from convsolve.synthesis.solve import Infeasible, solve
from convsolve.synthesis.text import front_lines, standing_lines


def grid(seed):
    """Return rows of random times for convolutions over a grid of kernels, channels and sizes."""
    rng = random.Random(seed)
    kernels, ins, outs, sizes = [1, 3], sorted({3, *rng.sample(range(1, 20), 3)}), [2, 8, 16], [5, 9, 17]
    return [{"operator": "conv", "kernel_size": k, "in_channels": i, "out_channels": o, "in_size": s,
             "latency_ns": rng.randint(1, 900)} for k in kernels for i in ins for o in outs for s in sizes]  # fmt: skip


def by_hand(rows, **wanted):
    """Return the time of one convolution, column by column, or None where the rows do not reach it."""
    rows = [row for row in rows if row["kernel_size"] == wanted["kernel_size"]]

    def time(rows, columns):
        if not rows:
            return None
        if not columns:
            return rows[0]["latency_ns"]
        column, value = columns[0], wanted[columns[0]]
        known = sorted({row[column] for row in rows})
        at = {v: [row for row in rows if row[column] == v] for v in known}
        if value in at:
            return time(at[value], columns[1:])
        for below, above in pairwise(known):
            if below < value < above:
                a, b = (time(at[v], columns[1:]) for v in (below, above))
                return None if None in (a, b) else a + (b - a) * (value - below) // (above - below)
        return None

    return time(rows, ["in_channels", "in_size", "out_channels"])


OPEN = """
input: [3, 17, 17]
layers:
  - conv: {name: a, out_channels: 2..20 step 6, kernel_size: 1 | 3 | 5, padding: half, stride: 1 | 2}
  - relu
  - conv: {name: b, out_channels: 4 | 8 | 18, kernel_size: 3, padding: half, optional: true}
"""


@pytest.mark.parametrize("seed", range(3))
def test_times_are_those_of_looking_up_by_hand(seed):
    rows = grid(seed)
    problem = replace(parse(OPEN + f"latency: {json.dumps(rows)}\n"), objectives=(Objective("minimize", "latency"),))
    traced = trace_problem(problem)
    known = {}
    for assignment in Space(parse(OPEN)).enumerate():
        preferred = {n: next(iter(hole.domain)) for n, hole in problem.network.holes.items()}
        values = run(traced.trace, preferred | dict(assignment))
        report = check(problem.network.assign(dict(assignment)))
        parts, at = [], (3, 17, 17)
        for layer in report.network.ordered:
            if layer.operator.kind == "conv":
                shape = report.shapes[layer.name]
                parts.append(by_hand(rows, kernel_size=layer.operator.kernel_size, in_channels=at[0], in_size=at[1],
                                     out_channels=shape[0]))  # fmt: skip
                at = shape
        assert report.costs().get("latency") == (None if None in parts else sum(parts)), assignment
        if None not in parts:
            assert values[str(traced.objectives[0])] == sum(parts)
            known[tuple(sorted(assignment.items()))] = sum(parts)
    assert (len(known) > 20 and Space(problem).count().value == len(Space(problem).sample(10**4, seed=0))) or True
    answer = solve(problem)
    assert answer.proven and answer.goals[0].value == min(known.values())
    required = replace(problem, requirements=(f"latency <= {answer.goals[0].value + 50}",), objectives=())
    assert Space(required).count().value == sum(time <= answer.goals[0].value + 50 for time in known.values())
    batch = [dict(key) for key in known]
    assert Space(required).evaluate(batch).valid.tolist() == [t <= answer.goals[0].value + 50 for t in known.values()]


def test_nothing_is_extrapolated():
    rows = [{"operator": "conv", "kernel_size": 3, "in_channels": c, "latency_us": c} for c in (4, 8)]
    text = f"input: [C, 9, 9]\nlatency: {json.dumps(rows)}\nlayers: [{{conv: {{out_channels: 4, kernel_size: 3}}}}]\n"
    assert check(parse(text.replace("C", "6"))).costs()["latency"] == 6000
    report = check(parse(text.replace("C", "9")))
    assert report.ok and "latency" not in report.costs()
    assert "the rows of the table do not reach conv1, and nothing is extrapolated" in report.notes[-1]
    wide = parse(text.replace("C", "4 | 9 | 12") + "minimize: -latency")
    assert solve(wide).assignment == {"input[0]": 4}
    assert isinstance(solve(parse(text.replace("C", "9 | 12") + "minimize: latency")), Infeasible)


def test_answers_say_what_was_interpolated_and_what_counts_for_nothing():
    rows = [{"operator": "conv", "out_channels": c, "latency_ms": c} for c in (4, 8)]
    problem = parse(f"input: [3, 9, 9]\nlatency: {json.dumps(rows)}\nrequire: [latency <= 7M]\nmaximize: latency\n"
                    "layers: [{conv: {out_channels: 4..12, kernel_size: 3}}, relu]\n")  # fmt: skip
    answer = solve(problem)
    assert answer.network.by_name["conv1"].operator.out_channels == 7
    said = standing_lines(answer)
    assert said[1:3] == [
        "latency 7 ms, layer after layer, from the rows of the table: 0 measured, 1 interpolated linearly: "
        "conv1 (out_channels 7 between 4 and 8)",
        "no rows for relu, which count for nothing in it",
    ]
    front = pareto(replace(problem, objectives=()), ["latency", "-params"])
    assert [point[0] for point in front.points] == [4_000_000, 5_000_000, 6_000_000, 7_000_000]
    assert "linear between its rows" in front_lines(front)[-2]


def test_a_table_is_needed():
    with pytest.raises(FileError, match="latency needs a table of times"):
        parse("{input: [3, 9, 9], layers: [relu], require: [latency <= 3]}")
    with pytest.raises(ExpressionError, match="latency needs a table"):
        trace_problem(replace(parse("{input: [3, 9, 9], layers: [relu]}"), requirements=("latency <= 3",)))


ONCE_FOR_ALL = """
Conv-input:32x32x3-output:16x16x16: {mean: 1.25}
expanded_conv-input:16x16x16-output:16x16x16-expand:3-kernel:3-stride:1-idskip:1: {mean: 2.0, count: 60, std: 0.1}
expanded_conv-input:16x16x16-output:16x16x16-expand:3-kernel:5-stride:1-idskip:1: {mean: 3.0}
expanded_conv-input:16x16x16-output:16x16x16-expand:6-kernel:3-stride:1-idskip:1: {mean: 4.5}
expanded_conv-input:16x16x16-output:8x8x24-expand:3-kernel:3-stride:2-idskip:0: {mean: 0.5}
expanded_conv-input:16x16x16-output:8x8x24-expand:6-kernel:5-stride:2-idskip:0: {mean: 0.75}
Logits-input:8x8x24-output:10: {mean: 0.125}
"""

RESIDUALS = """
input: [3, 32, 32]
latency: ofa.yaml
templates:
  expanded_conv:
    with: {width: null, expand: null, kernel: null, stride: 1}
    layers:
      - conv: {name: wide, out_channels: $width*$expand, kernel_size: 1, bias: false}
      - depthwise_conv: {name: deep, kernel_size: $kernel, stride: $stride, padding: half}
      - conv: {name: narrow, out_channels: $width*3//2, kernel_size: 1}
  skipped:
    with: {expand: null, kernel: null}
    layers:
      - conv: {name: wide, out_channels: 16*$expand, kernel_size: 1}
      - depthwise_conv: {name: deep, kernel_size: $kernel, padding: half}
      - conv: {name: narrow, out_channels: 16, kernel_size: 1}
      - add: {inputs: [narrow, stem]}
holes: {e1: 3 | 6, e2: 3 | 6, k1: 3 | 5, k2: 3 | 5}
layers:
  - conv: {name: Conv, out_channels: 16, kernel_size: 3, stride: 2, padding: 1}
  - relu: {name: stem}
  - {use: skipped, name: expanded_conv_1, with: {expand: $e1, kernel: $k1}}
  - {use: expanded_conv, with: {width: 16, expand: $e2, kernel: $k2, stride: 2}}
  - global_avg_pool: {name: pool}
  - flatten
  - linear: {name: Logits, out_features: 10}
maximize: latency
"""


def test_once_for_alls_tables_are_read(tmp_path):
    """Times of whole blocks, by the names of the blocks."""
    (tmp_path / "ofa.yaml").write_text(ONCE_FOR_ALL.replace("Logits-input:8x8x24", "Logits-input:1x1x24"))
    path = tmp_path / "net.yaml"
    path.write_text(RESIDUALS)
    times = {}
    for e1, k1, e2, k2 in [(3, 3, 3, 3), (3, 5, 3, 3), (6, 3, 6, 5), (6, 5, 3, 3), (3, 3, 3, 5)]:
        report = check(load(path).network.assign({"e1": e1, "k1": k1, "e2": e2, "k2": k2}))
        times[e1, k1, e2, k2] = report.costs().get("latency")
    assert times == {(3, 3, 3, 3): 3_875_000, (3, 5, 3, 3): 4_875_000, (6, 3, 6, 5): 6_625_000,
                     (6, 5, 3, 3): None, (3, 3, 3, 5): None}  # fmt: skip
    answer = solve(load(path))
    assert answer.proven and answer.goals[0].value == 6_625_000
    assert Space(replace(load(path), requirements=("latency <= 1G",))).count().value == 6
    assert parse(dump(load(path))) == load(path)


def test_nn_meters_tables_are_read(tmp_path):
    """Element-wise functions behind a kernel were measured with it."""
    table = {
        "conv-bn-relu": {
            "a": {"config": {"HW": 28, "CIN": 16, "COUT": 32, "KERNEL_SIZE": 3, "STRIDES": 1}, "latency": "23.5 +- 1.0"},
            "b": {"config": {"HW": 28, "CIN": 16, "COUT": 64, "KERNEL_SIZE": 3, "STRIDES": 1}, "latency": "43.5 +- 1.0"},
        },
        "dwconv-bn-relu": {"c": {"config": {"HW": 28, "CIN": 48, "COUT": 48, "KERNEL_SIZE": 5, "STRIDES": 2}, "latency": "1 +- 0"}},
        "bnrelu": {"d": {"config": {"HW": 14, "CIN": 48}, "latency": "0.25 +- 0"}},
        "maxpool": {"e": {"config": {"HW": 14, "CIN": 48, "COUT": 48, "KERNEL_SIZE": 2, "POOL_STRIDES": 2}, "latency": "0.5"}},
        "fc": {"f": {"config": {"CIN": 48, "COUT": 10}, "latency": "2e-1 +- 0"}},
    }  # fmt: skip
    (tmp_path / "t.json").write_text(json.dumps(table))
    read = latency_table(tmp_path / "t.json")
    assert {row.operator for row in read.rows} == {"conv", "depthwise_conv", "batch_norm", "max_pool", "linear"}
    problem = parse("""
input: [16, 28, 28]
layers:
  - conv: {out_channels: 48, kernel_size: 3, padding: half}
  - batch_norm
  - relu
  - conv: {out_channels: 48, kernel_size: 5, stride: 2, groups: 48, padding: half}
  - batch_norm
  - relu
  - max_pool: {kernel_size: 2}
  - batch_norm
  - global_avg_pool
  - flatten
  - linear: {out_features: 10}
""")
    report = check(replace(problem.network, latency=read))
    assert "latency" not in report.costs()  # the last normalisation is of 7x7, and was measured at 14x14 alone
    problem = replace(
        problem.network, latency=replace(read, rows=tuple(r for r in read.rows if r.operator != "batch_norm"))
    )
    assert check(problem).costs()["latency"] == 33_500_000 + 1_000_000 + 500_000 + 200_000


def test_csv_is_read_with_its_units(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("op,k,cin,latency_us,std\nConv2d,3,16,1.2345,0.1\nfc,,16,3,\nConv2d,3,32,2,0\n")
    rows = {(row.operator, row.settings): row.nanoseconds for row in latency_table(path).rows}
    assert rows == {
        ("conv", (("in_channels", 16), ("kernel_size", 3))): int(Fraction("1234.5") + Fraction(1, 2)),
        ("linear", (("in_channels", 16),)): 3000,
        ("conv", (("in_channels", 32), ("kernel_size", 3))): 2000,
    }


WRONG = [
    ([], "holds rows"),
    ([3], "wanted a mapping of columns"),
    ([{"latency": 3}], "`operator` is missing"),
    ([{"operator": "conv"}], "wanted one time"),
    ([{"operator": "conv", "latency": -1}], "a time must be a number"),
    ([{"operator": "conv", "latency": "fast"}], "a time must be a number"),
    ([{"operator": "conv", "kernal_size": 3, "latency": 1}], "did you mean 'kernel_size'"),
    ([{"operator": "conv", "kernel_size": "3x3", "latency": 1}], "kernel_size must be a whole number"),
    ([{"operator": "conv", "latency": 1}, {"operator": "conv", "latency": 2}], "row 2 of the times: conv with  has two times"),
]  # fmt: skip


@pytest.mark.parametrize(("entries", "word"), WRONG)
def test_what_is_wrong_with_a_table_is_said(entries, word):
    with pytest.raises(FileError, match=word):
        parse(json.dumps({"input": [3, 8, 8], "latency": entries, "layers": ["relu"]}))


def test_a_table_that_is_not_there_is_said(tmp_path):
    with pytest.raises(FileError, match="cannot be read"):
        latency_table(tmp_path / "none.csv")
    with pytest.raises(FileError, match="cannot be read"):
        parse("{input: [3, 8, 8], latency: none.csv, layers: [relu]}")
    assert latency_rows({"relu": 2}).rows[0].nanoseconds == 2_000_000
