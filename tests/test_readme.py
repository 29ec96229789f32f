"""The README tells the truth: every block is run, every code and option it must name is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import convsolve as cs
from convsolve.cli import _COMMANDS, cli
from convsolve.files.schema import schema
from convsolve.operators import OPERATORS, RULES
from convsolve.queries.diagnosis.causes import CAUSES
from convsolve.queries.repairs.edits import KINDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
CONSOLE = [text for kind, text in BLOCKS if kind == "console"]


def test_there_are_blocks_of_each_kind():
    assert {kind for kind, _ in BLOCKS} == {"console", "yaml", "python"}


@pytest.mark.parametrize("text", CONSOLE, ids=[text.splitlines()[0] for text in CONSOLE])
def test_transcripts(text, monkeypatch):
    monkeypatch.chdir(ROOT)
    command, _, expected = text.partition("\n")
    words = shlex.split(command.removeprefix("$ "))
    assert words[0] == "convsolve"
    result = CliRunner().invoke(cli, words[1:], standalone_mode=False)
    assert result.exception is None, result.exception
    assert result.stdout == expected


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind == "yaml"])
def test_problems(text):
    assert cs.solve(cs.parse(text)) is not None


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind == "python"])
def test_python(text):
    exec(compile(text, "README.md", "exec"), {"__name__": "__main__"})


def test_every_operator_code_command_and_option_is_documented():
    for name in OPERATORS:
        identity = not OPERATORS[name].parameters() and name not in ("matmul", "identity")
        assert identity or re.search(rf"\b{name}\b", README), name
    for rule in RULES.values():
        assert f"| {rule.code} | {rule.demand} |" in README, rule.code
    for kind in (*KINDS, *CAUSES):
        assert f"`{kind}`" in README, kind
    for name in _COMMANDS:
        assert f"convsolve {name}" in README, name
        command = cli.get_command(click.Context(cli), name)
        for parameter in command.params:
            long = [o for o in parameter.opts if o.startswith("--")]
            known = {"--quiet", "--number", "--seed"}
            assert isinstance(parameter, click.Argument) or set(long) & known or any(o in README for o in long), long


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_picture_of_the_house_is_true():
    picture = README.split("    convsolve/\n")[1].split("\n\n")[0]
    named = re.findall(r"^      ([\w./]+)", picture, re.MULTILINE)
    real = {p.name + ("/" if p.is_dir() else "") for p in (ROOT / "convsolve").iterdir()}
    real -= {"__init__.py", "__main__.py", "__pycache__/", "py.typed"}
    assert set(named) == real


def test_the_schema_is_what_the_command_prints():
    import json

    assert json.loads(CliRunner().invoke(cli, ["schema"], standalone_mode=False).stdout) == schema()
