"""The problems in ``problems/``: each is answered as its author expects, and what is found runs."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from convsolve import CheckReport, Infeasible, Problem, Solution, Unknown, check, dump, load, parse, solve
from convsolve.errors import FileError
from convsolve.files.schema import schema

FOLDER = Path(__file__).parent.parent / "problems"
READERS = {".yaml": yaml.safe_load, ".yml": yaml.safe_load, ".json": json.loads, ".toml": tomllib.loads}
FILES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.suffix in READERS)
SECONDS = 60
"""Far more than any of the problems takes."""

Answer = CheckReport | Solution | Infeasible | Unknown


@pytest.mark.parametrize("file", FILES)
def test_a_comment_says_whose_question_it_is(file):
    first = (FOLDER / file).read_text().splitlines()[0]
    assert first.startswith("# ") or "Asked by" in (problem_of(file).description if file.endswith(".json") else "")


@cache
def problem_of(file: str) -> Problem:
    return load(FOLDER / file)


@cache
def answer_of(file: str) -> Answer:
    problem = problem_of(file)
    return solve(problem, timeout=SECONDS) if problem.network.holes or problem.objectives else check(problem)


def having(verdict: str) -> list[str]:
    """Return the files that expect a verdict; one that cannot be read is left to its own test."""

    def expects(file: str) -> bool:
        try:
            return problem_of(file).expect.get("verdict") == verdict
        except FileError:
            return False

    return [file for file in FILES if expects(file)]


def verdict(answer: Answer) -> str:
    if isinstance(answer, CheckReport):
        return "valid" if answer.ok else "invalid"
    return {Solution: "solved", Infeasible: "infeasible", Unknown: "unknown"}[type(answer)]


def disagreements(expect: dict[str, Any], answer: Answer) -> list[str]:
    """Return where an answer is not what is expected of it."""
    failures = getattr(answer, "failures", ())
    goals = getattr(answer, "goals", ())
    found: dict[str, Any] = {
        "verdict": verdict(answer),
        "fails_at": failures[0].layer or None if failures else None,
        "code": failures[0].code if failures else None,
        "objective": goals[0].value if goals and goals[0].proven else None,
        "core": sorted(getattr(answer, "core", ())),
    }
    wanted = {**expect, "core": sorted(expect.get("core", ()))}
    wrong = [f"{key}: {found[key]}, not {wanted[key]}" for key in found if key in wanted and found[key] != wanted[key]]
    shapes = {name: list(shape) for name, shape in getattr(answer, "shapes", {}).items()}
    for key, values in (("shapes", shapes), ("assignment", getattr(answer, "assignment", {}))):
        for name, value in expect.get(key, {}).items():
            if values.get(name) != value:
                wrong.append(f"{name}: {values.get(name)}, not {value}")
    return wrong


def with_values(text: str, assignment: dict[str, int]) -> str:
    """Return a requirement with the values of the holes in it."""
    return re.sub(r"\$([A-Za-z_][\w.\[\]]*)", lambda match: str(assignment[match[1]]), text)


def test_there_are_problems():
    assert len(FILES) > 30
    assert {Path(file).suffix for file in FILES} == {".yaml", ".json", ".toml"}
    assert all(having(v) for v in ("valid", "invalid", "solved", "infeasible"))


@pytest.mark.parametrize("file", FILES)
def test_answer(file):
    problem = problem_of(file)
    assert problem.description
    assert "verdict" in problem.expect
    answer = answer_of(file)
    assert not disagreements(dict(problem.expect), answer)
    if isinstance(answer, Solution):
        assert answer.proven, answer.reason
    if isinstance(answer, Infeasible):
        assert answer.minimal


@pytest.mark.parametrize("file", having("solved"))
def test_requirements_hold(file):
    problem, solution = problem_of(file), answer_of(file)
    texts = [with_values(text, {**solution.assignment, **solution.derived}) for text in problem.requirements]
    report = check(Problem(solution.network, texts))
    assert not report.failures
    assert report.shapes == solution.shapes


@pytest.mark.parametrize("file", having("solved"))
def test_finished_network_reads_back(file):
    solution = answer_of(file)
    again = parse(dump(solution.concrete))
    assert again.network == solution.network
    assert check(again) == solution.report


@pytest.mark.parametrize("file", having("infeasible"))
def test_core_is_needed(file):
    problem = problem_of(file)
    core = [text for text in answer_of(file).core if text in problem.requirements]
    assert core
    for text in core:
        others = [r for r in problem.requirements if r != text]
        answer = solve(dataclasses.replace(problem, requirements=others, objectives=()), timeout=SECONDS)
        assert isinstance(answer, Solution), text


def executed(network: Any, costs: CheckReport) -> dict[str, tuple[int, ...]]:
    """Run a network where it is meant to run; large ones in PyTorch on tensors without data."""
    if network.framework == "keras":
        pytest.importorskip("keras")
        from .conformance import execute_keras

        return execute_keras.execute(network)
    pytest.importorskip("torch")
    from .conformance import execute_torch

    large = (costs.macs or 0) > 10**9 or (costs.activations or 0) > 10**7
    return execute_torch.execute(network, device="meta" if large else "cpu")


@pytest.mark.parametrize("file", [*having("solved"), *having("valid")])
def test_frameworks_compute_the_same_shapes(file):
    answer = answer_of(file)
    solved = isinstance(answer, Solution)
    report = answer.report if solved else answer
    network = answer.network if solved else problem_of(file).network
    shapes = executed(network, report)
    assert {name: shapes[name] for name in report.shapes} == report.shapes
    assert report.shapes.keys() == {layer.name for layer in network.layers}


@pytest.mark.parametrize("file", having("invalid"))
def test_frameworks_fail_at_the_same_layer(file):
    from .conformance.execute_torch import RefusedError

    problem, report = problem_of(file), answer_of(file)
    with pytest.raises(RefusedError) as refused:
        executed(problem.network, report)
    assert refused.value.layer == report.failures[0].layer
    before = {name: shape for name, shape in report.shapes.items() if name in refused.value.shapes}
    assert before == refused.value.shapes


@pytest.mark.parametrize("format", ["yaml", "json"])
@pytest.mark.parametrize("file", FILES)
def test_round_trip(file, format):
    problem = problem_of(file)
    again = parse(dump(problem, format), format=format)
    assert again == problem
    assert dump(again, format) == dump(problem, format)


@pytest.mark.parametrize("file", FILES)
def test_schema(file):
    document = READERS[Path(file).suffix]((FOLDER / file).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema()).validate(document)


WRONG = [
    ("seeds/mnist_valid_5x5.yaml", {"verdict": "invalid"}),
    ("seeds/mnist_valid_5x5.yaml", {"shapes": {"conv1": [24, 24, 31]}}),
    ("seeds/mnist_valid_5x5.yaml", {"fails_at": "conv1"}),
    ("seeds/strided_volume_10.yaml", {"fails_at": "conv2"}),
    ("seeds/strided_volume_10.yaml", {"code": "CS002"}),
    ("seeds/strided_volume_10.yaml", {"shapes": {"conv3": [64, 1, 1, 1]}}),
    ("seeds/strided_volume_smallest.yaml", {"objective": 14}),
    ("shared_kernel.yaml", {"verdict": "infeasible"}),
    ("shared_kernel.yaml", {"assignment": {"k": 3}}),
    ("shared_kernel.yaml", {"core": ["params <= 1"]}),
    ("overconstrained_tiny_model.yaml", {"core": ["params <= 25K"]}),
    ("overconstrained_tiny_model.yaml", {"objective": 1}),
]


@pytest.mark.parametrize(("file", "wrong"), WRONG)
def test_wrong_expectations_are_seen(file, wrong):
    assert disagreements(wrong, answer_of(file))


def test_wrong_shapes_are_seen(monkeypatch):
    pytest.importorskip("torch")
    problem = problem_of("seeds/strided_volume_20.yaml")
    monkeypatch.setattr("convsolve.operators.convolution.window_count", lambda padded, window, stride: padded // stride)
    report = check(problem)
    shapes = executed(problem.network, report)
    assert {name: shapes[name] for name in report.shapes} != report.shapes


@pytest.mark.parametrize("file", FILES)
def test_a_problem_can_be_sent_to_another_process(file):
    problem = problem_of(file)
    received = pickle.loads(pickle.dumps(problem))
    assert received == problem and dump(received) == dump(problem)
