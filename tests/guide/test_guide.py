"""The guide as pages, and the examples; what stands in the pages is tested with the README."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

import convsolve as cs
from convsolve.cli import cli
from convsolve.guide import TOPICS, page
from convsolve.guide.examples import example, examples
from convsolve.lints import LINTS
from convsolve.operators import OPERATORS, RULES


def run(*words):
    return CliRunner().invoke(cli, list(words), standalone_mode=False)


def test_the_list_names_every_page_and_each_can_be_read():
    listed = run("guide").stdout
    for topic in TOPICS:
        assert re.search(rf"^  {topic} ", listed, re.MULTILINE)
        assert run("guide", topic).stdout == page(topic)


def test_pages_that_are_made_hold_everything():
    assert re.findall(r"^## (\w+)$", page("operators"), re.MULTILINE) == list(OPERATORS)
    assert re.findall(r"^## (CS\d+):", page("rules"), re.MULTILINE) == [rule.code for rule in RULES.values()]
    assert re.findall(r"^## (W\d+):", page("rules"), re.MULTILINE) == list(LINTS)


def test_a_topic_that_there_is_not():
    with pytest.raises(cs.ConvsolveError, match="did you mean 'repair'"):
        page("repiar")
    with pytest.raises(cs.ConvsolveError, match="did you mean 'how_deep'"):
        example("howdeep")


def test_the_site_is_whole(tmp_path):
    assert run("guide", "--html", str(tmp_path)).exception is None
    pages = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert set(pages) == {"index.html", *(f"{topic}.html" for topic in TOPICS)}
    for name, text in pages.items():
        targets = set(re.findall(r'(?:href|src)="([^"#]+)"', text))
        assert targets <= {*pages}, name
        assert "<script" not in text and "```" not in text, name
    assert "<table>" in pages["repair.html"] and "<code" in pages["check.html"]


def test_examples_are_problems():
    found = examples()
    assert len(found) > 25 and all(found.values())
    for name in found:
        assert run("example", name).stdout == example(name)
    assert cs.parse(example("mnist_repair")).network.holes


def test_the_guide_is_a_module_too(tmp_path):
    import subprocess
    import sys

    command = [sys.executable, "-m", "convsolve.guide"]
    ran = subprocess.run(
        [*command, "--html", str(tmp_path / "new" / "site")], capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"{tmp_path / 'new' / 'site' / 'index.html'}\n"
    assert subprocess.run([*command, "check"], capture_output=True, text=True, check=True).stdout.startswith("# ")
    assert subprocess.run([*command, "chek"], capture_output=True, text=True, check=False).returncode == 2


def test_versions_agree():
    import tomllib
    from pathlib import Path

    import yaml

    import convsolve

    root = Path(__file__).parent.parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((root / ".github" / "CITATION.cff").read_text())
    assert (
        project["version"] == convsolve.__version__ == citation["version"] and project["license"] == citation["license"]
    )
