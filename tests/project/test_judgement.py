"""What a project says of its networks holds, or does not, or is not known; on the command line and in pytest, too."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from convsolve.project import Declared, judge

ROOT = Path(__file__).parent.parent.parent

POOLS = "input: [1, 16, 16]\nlayers:\n  - max_pool: {kernel_size: 2}\n  - conv: {out_channels: 4, kernel_size: 3}\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pools.yaml").write_text(POOLS)
    (tmp_path / "open.yaml").write_text(POOLS.replace("16, 16", "8..64, 8..64"))
    (tmp_path / "holes.yaml").write_text(POOLS.replace("kernel_size: 3", "kernel_size: 3 | 5"))
    return tmp_path


@pytest.mark.parametrize(
    ("said", "verdict", "line"),
    [
        ({}, "valid", "the output is 4x6x6"),
        ({"sizes": "6..512"}, "valid", "it holds for sizes 6..512 (proven)"),
        ({"sizes": "5..512"}, "invalid", "an input of 1x5x5 breaks it:"),
        ({"sizes": {"width": "3..9", "height": "8"}}, "invalid", "an input of 1x8x3 breaks it:"),
        (
            {"sizes": "6..64", "claims": ("output.height == input.height // 2 - 2",)},
            "valid",
            "it holds for sizes 6..64 (proven)",
        ),
        (
            {"sizes": "6..64", "claims": ("2*output.height == input.height - 4",)},
            "invalid",
            "an input of 1x7x6 breaks it:",
        ),
        ({"claims": ("params <= 39",)}, "invalid", "CS026 the requirement `params <= 39` does not hold: params=40"),
        ({"claims": ("params <= 40",)}, "valid", "the output is 4x6x6"),
        ({"claims": ("param <= 40",)}, "not read", None),
        ({"input_shape": (1, 4, 4)}, "invalid", None),
        ({"sizes": "big"}, "not read", None),
        ({"source": "open.yaml"}, "valid", "it holds for every size of its input (proven)"),
        ({"source": "open.yaml", "sizes": "4..9"}, "invalid", "an input of 1x4x4 breaks it:"),
        ({"source": "holes.yaml"}, "not read", None),
        (
            {"source": "pool.yaml"},
            "not read",
            "pool.yaml:1:1: cannot be read: there is no such file: did you mean 'pools.yaml'?",
        ),
    ],
)
def test_verdicts(folder, said, verdict, line):
    judged = judge(Declared("net", **{"source": "pools.yaml", **said}), folder)
    assert judged.verdict == verdict, judged.lines
    assert line is None or judged.lines[0] == line


def test_what_takes_too_long_is_not_known(folder):
    assert judge(Declared("net", "pools.yaml", sizes="6..512", timeout=1e-9), folder).verdict == "not known"


PROJECT = """
[tool.convsolve.networks]
fine = "pools.yaml"
[tool.convsolve.networks.small]
source = "pools.yaml"
sizes = "5..64"
"""
GONE = '[tool.convsolve.networks.gone]\nsource = "gone.yaml"\n'


def convsolve(folder, *words):
    return subprocess.run([sys.executable, "-m", "convsolve", *words], cwd=folder, capture_output=True, text=True)


def test_check_without_a_source_judges_them_all(folder):
    (folder / "pyproject.toml").write_text(PROJECT)
    ran = convsolve(folder, "check")
    assert (ran.returncode, ran.stderr) == (1, "")
    assert ran.stdout.splitlines()[:3] == [
        "valid      fine   the output is 4x6x6",
        "invalid    small",
        "  an input of 1x5x5 breaks it:",
    ]
    assert [one["status"] for one in json.loads(convsolve(folder, "check", "--json").stdout)["networks"]] == [
        "valid",
        "invalid",
    ]
    (folder / "pyproject.toml").write_text(PROJECT + GONE)
    (folder / "inner").mkdir()
    ran = convsolve(folder / "inner", "check", "-q")
    assert ran.returncode == 2
    assert "fine" not in ran.stdout
    assert convsolve(folder, "check", "--input", "1x8x8").returncode == 2


def test_where_no_project_says_anything(folder):
    ran = convsolve(folder, "check")
    assert ran.returncode == 2
    assert "no SOURCE is given" in ran.stderr
    (folder / "pyproject.toml").write_text("[tool.convsolve]\ntimeout = 3\n")
    assert "names no network" in convsolve(folder, "check").stderr


def test_findings_have_places_that_a_problem_matcher_reads(folder):
    (folder / "pyproject.toml").write_text(PROJECT)
    (pattern,) = json.loads((ROOT / ".github" / "problem-matcher.json").read_text())["problemMatcher"][0]["pattern"]
    (line,) = convsolve(folder, "check", "--output-format", "concise").stdout.splitlines()
    match = re.fullmatch(pattern["regexp"], line)
    assert [match[pattern[part]] for part in ("file", "line", "column", "code")] == ["pools.yaml", "4", "5", "CS001"]
    github = convsolve(folder, "check", "--output-format", "github").stdout
    assert github.startswith("::error file=pools.yaml,line=4,col=5,title=CS001::conv1: ")


def test_pytest_judges_them_as_tests(folder):
    (folder / "pyproject.toml").write_text(PROJECT + GONE)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--convsolve", "-n0"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "2 failed, 1 passed" in ran.stdout
    assert "an input of 1x5x5 breaks it:" in ran.stdout
    assert "FAILED pyproject.toml::gone - not read: gone.yaml" in ran.stdout
    chosen = subprocess.run([*command, "-k", "fine"], cwd=folder, capture_output=True, text=True)
    assert "1 passed, 2 deselected" in chosen.stdout
    (folder / "pyproject.toml").unlink()
    lost = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert lost.returncode == 4
    assert "has [tool.convsolve]" in lost.stderr


def test_the_hook_and_the_action_run_commands_that_there_are():
    hook = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())[-1]
    assert convsolve(ROOT, *hook["entry"].split()[1:]).returncode == 0
    assert re.search(hook["files"], "models/net.py")
    action = yaml.safe_load((ROOT / ".github" / "actions" / "check" / "action.yml").read_text())
    assert set(re.findall(r"inputs\.(\w+)", json.dumps(action))) == set(action["inputs"])
    assert "-m convsolve check --output-format github" in action["runs"]["steps"][-1]["run"]
