"""``convsolve count``, ``sample`` and ``enumerate``."""

from __future__ import annotations

import json

import pytest
import yaml
from click.testing import CliRunner

import convsolve as cs
from convsolve.cli import cli, main

TEXT = "input: [1, 8, 8]\nlayers: [{conv: {out_channels: 4, kernel_size: 1..12, optional: true}}]\n"


def run(*words: str, text: str = TEXT) -> tuple[int, str]:
    result = CliRunner().invoke(cli, words, input=text, standalone_mode=False)
    assert result.exception is None, result.exception
    return result.return_value, result.stdout


def test_count():
    assert run("count", "-") == (0, "9 valid architectures\nof 13 without any requirement: 69.231%\n")
    code, text = run("count", "-", "--json")
    assert code == 0 and json.loads(text) == {
        "version": 1, "command": "count", "count": 9, "exact": True, "low": 9, "high": 9, "of": 13, "share": 9 / 13}  # fmt: skip


def test_no_architecture():
    text = TEXT + "require: [output.height == 20]\n"
    assert run("count", "-", text=text) == (1, "0 valid architectures\nof 13 without any requirement: none\n")
    assert run("sample", "-", text=text)[0] == 1
    assert run("enumerate", "-", text=text) == (1, "")


def test_enumerate():
    code, text = run("enumerate", "-")
    rows = [json.loads(line) for line in text.splitlines()]
    assert code == 0 and len(rows) == 9 and {"conv1.present": 0} in rows
    assert run("enumerate", "-", "-n", "2")[1].splitlines() == text.splitlines()[:2]


def test_sample():
    code, text = run("sample", "-", "-n", "9", "--distinct", "--seed", "3")
    assert code == 0 and len(set(text.splitlines())) == 9
    code, text = run("sample", "-", "-n", "3", "--emit", "yaml")
    networks = [cs.parse(yaml.safe_dump(document)) for document in yaml.safe_load_all(text)]
    assert len(networks) == 3 and all(cs.check(network).ok for network in networks)
    assert "class Net2(" in run("sample", "-", "-n", "2", "--emit", "torch")[1]


def test_a_spread_says_what_its_bins_hold():
    result = CliRunner().invoke(cli, ["sample", "-", "-n", "6", "--spread", "params", "--bins", "3", "--seed", "1"],
                                input=TEXT, standalone_mode=False)  # fmt: skip
    assert result.return_value == 0 and len(result.stdout.splitlines()) == 6
    assert result.stderr.splitlines() == [
        "params from 0 to 86: 5 architectures, 2 drawn", "params from 87 to 173: 2 architectures, 2 drawn",
        "params from 174 to 260: 2 architectures, 2 drawn"]  # fmt: skip


def test_workers_give_the_same_answers(tmp_path):
    file = tmp_path / "space.yaml"
    file.write_text(TEXT + "minimize: params\n")
    for words in (["count"], ["sample", "-n", "5"], ["enumerate"], ["synth"], ["synth", "--pareto", "macs,params"]):
        assert run(words[0], str(file), *words[1:], "--workers", "2") == run(words[0], str(file), *words[1:]), words
    impossible = TEXT + "require: [output.height == 20]\n"
    assert run("sample", "-", "--workers", "1", text=impossible)[0] == 1
    assert run("synth", "-", "--workers", "1", text=impossible) == run("synth", "-", text=impossible)


def test_a_file_is_written(tmp_path):
    path = tmp_path / "all.jsonl"
    result = CliRunner().invoke(cli, ["enumerate", "-", "-o", str(path)], input=TEXT, standalone_mode=False)
    assert result.return_value == 0 and result.stdout == "" and result.stderr == f"wrote {path}: 9 architectures\n"
    assert path.read_text() == run("enumerate", "-")[1] and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("words", "said"), [
    (["count", "-", "--workers", "2", "--cluster", "tcp://here:1"], "two ways"),
    (["count", "-", "--workers", "0"], "range"),
    (["synth", "-", "-n", "2", "--workers", "2"], "leave out -n"),
    (["enumerate", "-", "-o", "no/such/folder/x"], "cannot write no/such/folder/x: No such file"),
])  # fmt: skip
def test_what_workers_do_not_do(words, said, monkeypatch, capsys):
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2 and said in capsys.readouterr().err


def test_a_mistake_is_one_line(capsys, tmp_path):
    path = tmp_path / "open.yaml"
    path.write_text("input: [1, 8.., 8]\nlayers: [relu]\n")
    with pytest.raises(SystemExit) as end:
        main(["count", str(path)])
    assert end.value.code == 2
    assert "open above" in capsys.readouterr().err


def test_out_of_time(capsys):
    with pytest.raises(SystemExit) as end:
        main(["count", "problems/once_for_all.yaml", "--timeout", "0.000001"])
    assert end.value.code == 3
    assert "time ran out" in capsys.readouterr().err
