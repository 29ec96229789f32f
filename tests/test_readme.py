"""The README and the guide tell the truth: every block is run, every code and option they must name is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import convsolve as cs
from convsolve.cli import _COMMANDS, cli
from convsolve.diagnosis.causes import CAUSES
from convsolve.files.schema import schema
from convsolve.guide import TOPICS, page
from convsolve.lints import LINTS
from convsolve.operators import OPERATORS, RULES
from convsolve.repairs.edits import KINDS

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "convsolve" / "guide"
DOCUMENTS = {path: path.read_text() for path in (ROOT / "README.md", *sorted(GUIDE.glob("*.md")))}
WHOLE = "\n".join(DOCUMENTS.values())
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(wanted):
    return [
        pytest.param(text, id=f"{path.stem} {i} {text.splitlines()[0][:60]}")
        for path, whole in DOCUMENTS.items()
        for i, (kind, text) in enumerate(BLOCK.findall(whole))
        if kind == wanted
    ]


def test_there_are_blocks_of_each_kind():
    assert {kind for kind, _ in BLOCK.findall(WHOLE)} == {"console", "yaml", "python", "toml"}


def printed(command):
    words = shlex.split(command.removeprefix("$ "))
    assert words[0] == "convsolve"
    result = CliRunner().invoke(cli, words[1:], standalone_mode=False)
    assert result.exception is None, result.exception
    return result.stdout


@pytest.mark.parametrize("text", blocks("console"))
def test_transcripts(text, monkeypatch, request):
    monkeypatch.chdir(ROOT)
    command, _, expected = text.partition("\n")
    shown = printed(command)
    if request.config.getoption("--update-golden"):
        for path in DOCUMENTS:
            path.write_text(path.read_text().replace(f"```console\n{text}```", f"```console\n{command}\n{shown}```"))
        return
    assert shown == expected


@pytest.mark.parametrize("text", blocks("toml"))
def test_what_a_project_says_is_what_this_one_says(text):
    assert text in (ROOT / "pyproject.toml").read_text()


def test_the_readme_is_read_in_a_few_minutes():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 250


@pytest.mark.parametrize("text", blocks("yaml"))
def test_problems(text):
    assert cs.solve(cs.parse(text)) is not None


@pytest.mark.parametrize("text", blocks("python"))
def test_python(text, monkeypatch):
    monkeypatch.chdir(ROOT)
    exec(compile(text, "guide", "exec"), {"__name__": "__main__"})


def test_every_operator_code_command_and_option_is_documented():
    for name in OPERATORS:
        identity = not OPERATORS[name].parameters() and name not in ("matmul", "identity")
        assert identity or re.search(rf"\b{name}\b", WHOLE), name
    for rule in RULES.values():
        assert f"| {rule.code} | {rule.demand} |" in WHOLE, rule.code
    for code, lint in LINTS.items():
        assert f"| {code} | {lint.rule.demand} | {lint.level} |" in WHOLE, code
    for kind in (*KINDS, *CAUSES):
        assert f"`{kind}`" in WHOLE, kind
    for name in _COMMANDS:
        assert f"convsolve {name}" in WHOLE, name
        command = cli.get_command(click.Context(cli), name)
        for parameter in command.params:
            long = [o for o in parameter.opts if o.startswith("--")]
            known = {"--quiet", "--number", "--seed"}
            assert isinstance(parameter, click.Argument) or set(long) & known or any(o in WHOLE for o in long), long


def test_links_lead_somewhere():
    for path, text in DOCUMENTS.items():
        for target in re.findall(r"\]\(([^)]+)\)|src=\"([^\"]+)\"", BLOCK.sub("", text)):
            assert (path.parent / "".join(target)).exists(), (path, target)


def test_the_readme_and_the_list_of_topics_name_every_page():
    assert {path.stem for path in GUIDE.glob("*.md")} | {"operators", "rules"} == set(TOPICS)
    for topic in TOPICS:
        assert page(topic).startswith("# ")
        assert (
            f"guide/{topic}.md" in DOCUMENTS[ROOT / "README.md"] or f"guide {topic}`" in DOCUMENTS[ROOT / "README.md"]
        )


@pytest.mark.parametrize(("name", "words"), [("fails", []), ("works", ["--input", "3x304x304"])])
def test_the_pictures_are_what_is_drawn(name, words, monkeypatch, request):
    monkeypatch.chdir(ROOT)
    drawn = (
        CliRunner()
        .invoke(cli, ["draw", "problems/unet_300x300.yaml", *words, "--to", "svg"], standalone_mode=False)
        .stdout
    )
    if request.config.getoption("--update-golden"):
        (GUIDE / f"unet_{name}.svg").write_text(drawn)
    assert (GUIDE / f"unet_{name}.svg").read_text() == drawn


def test_the_picture_of_the_house_is_true():
    picture = DOCUMENTS[GUIDE / "house.md"].split("    convsolve/\n")[1].split("\n\n")[0]
    named = re.findall(r"^      ([\w./]+)", picture, re.MULTILINE)
    real = {p.name + ("/" if p.is_dir() else "") for p in (ROOT / "convsolve").iterdir()}
    real -= {"__init__.py", "__main__.py", "__pycache__/", "py.typed"}
    assert set(named) == real


def test_the_schema_is_what_the_command_prints():
    import json

    assert json.loads(CliRunner().invoke(cli, ["schema"], standalone_mode=False).stdout) == schema()
