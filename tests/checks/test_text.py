"""What answers say as text: tables that fit, and what ``print`` shows of every result."""

from __future__ import annotations

import pytest

import convsolve as cs
from convsolve.checks.text import report_lines, screenful, table_lines

UNET = cs.load("problems/unet_300x300.yaml")
LONG = cs.parse("input: [1, 4000, 4000]\nlayers:\n" + "".join(
    f"  - conv: {{name: layer_with_a_name_{i}, out_channels: 4, kernel_size: [3, {1 + i % 5}], stride: [2, 1], padding: 1}}\n"
    for i in range(9)) + "  - conv: {kernel_size: 99, out_channels: 1}\n")  # fmt: skip


@pytest.mark.parametrize("width", [30, 46, 60, 80, 100, 120, 400])
@pytest.mark.parametrize("problem", [UNET, LONG], ids=["unet", "long"])
def test_tables_fit_and_keep_what_matters(problem, width):
    report = cs.check(problem)
    head, *lines = table_lines(report, width=width)
    whole = table_lines(report)
    assert len(lines) == len(report.rows)
    for row, line in zip(report.rows, lines, strict=True):
        shape = "x".join("?" if n is None else str(n) for n in row.shape)
        assert row.layer in line and shape in line and ("FAILS" in line) == row.fails
    needed = max(len(f"{row.layer}  {'x'.join(map(str, row.shape))}") for row in report.rows) + len("FAILS") + 8
    assert max(map(len, [head, *lines])) <= max(width, needed)
    order = ["layer", "output", "operator", "params", "log size", "formula"]
    there = [name in head for name in order]
    assert there == sorted(there, reverse=True)  # what gives way first is gone first
    assert width < 400 or [head, *lines] == whole


def test_numbers_stand_under_their_heads_at_the_right():
    head, *lines = table_lines(cs.check(UNET))
    end = head.index("params") + len("params")
    assert all(line[end - 1] in "0123456789?" and line[end : end + 2] in ("", "  ") for line in lines)


def test_a_long_table_is_cut_in_the_middle():
    lines = ["head", *(f"{i} FAILS" if i == 100 else str(i) for i in range(200))]
    shown = screenful(lines)
    assert len(shown) < 45 and shown[0] == "head" and shown[-1] == "199" and "100 FAILS" in shown
    assert any("more" in line for line in shown)
    assert screenful(lines[:30]) == lines[:30]


def results():
    solution = cs.solve(cs.load("problems/mnist_repair.yaml"))
    space = cs.Space(cs.load("problems/cell_search.yaml"))
    return {
        "problem": UNET, "network": UNET.network, "report": cs.check(UNET), "solution": solution,
        "infeasible": cs.solve(cs.load("problems/overconstrained_tiny_model.yaml")), "repair": cs.repair(UNET, limit=1)[0],
        "sizes": cs.valid_sizes(UNET), "counterexample": cs.counterexample(UNET, "64..70"), "space": space,
        "front": cs.pareto(cs.load("problems/imagenet_stem.yaml"), ["macs", "-receptive_field.height"]),
        "samples": space.sample(500, seed=0), "unknown": cs.Unknown("the time ran out", 3, ("params <= 3",)),
        "large": cs.check(cs.parse("input: [1, 900, 900]\nlayers:\n" + "  - conv: {out_channels: 1, kernel_size: 3}\n" * 300)),
    }  # fmt: skip


def test_print_shows_at_most_a_screen_and_repr_a_line():
    for name, result in results().items():
        text, short = str(result), repr(result)
        assert text.count("\n") < 60, name
        assert len(short) < 400 and "\n" not in short, name


def test_what_print_shows():
    shown = {name: str(result) for name, result in results().items()}
    assert shown["report"].splitlines()[-1] == "invalid: 1 failure" and "skip2: CS013" in shown["report"]
    assert "conv2.padding    = 1" in shown["solution"] and "(proven best)" in shown["solution"]
    assert "params <= 25K" in shown["infeasible"] and "ways out" in shown["infeasible"]
    assert shown["unknown"].startswith("not known: the time ran out") and "params <= 3" in shown["unknown"]
    assert "4 points: the whole front, proven" in shown["front"]
    assert "... 480 more ..." in shown["samples"]
    assert "enc1: conv(kernel_size=3, stride=2, padding=1, out_channels=16) of input" in shown["network"]


def test_what_is_no_answer_is_false():
    assert not cs.Unknown("why") and not cs.Infeasible(("a",), True) and cs.solve(cs.load("problems/mnist_repair.yaml"))


def test_reports_say_what_is_not_known():
    text = "input: [1, 5, 5]\nlayers:\n  - opaque: {what: deform, seen: [[1, 8, 8]], outputs: [[1, 4, 4]]}\n"
    lines = report_lines(cs.check(cs.parse(text)))
    assert lines[-1] == "not known" and any(line.startswith("unknown: opaque1") for line in lines)
