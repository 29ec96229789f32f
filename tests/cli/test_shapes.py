"""Shapes and sources as people write them on the command line."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from convsolve.cli import cli, main
from convsolve.cli.shapes import ShapeType

NETS = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, width, 3), nn.Linear(width * 6 * 6, 10)

    def forward(self, x):
        return self.fc(self.conv(x).flatten(1))

class Volume(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv3d(1, 2, 3))

class Gray(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 2, 3))

class Sound(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv1d(3, 2, 3))

class Lacking(nn.Module):
    def __init__(self, width, *, depth):
        super().__init__()
"""
YAML = "input: [3, 16, 16]\nlayers: [{conv: {out_channels: 2, kernel_size: 3}}]\n"
OPEN = YAML.replace("kernel_size: 3", "kernel_size: 3 | 5")


@pytest.mark.parametrize("text", [
    "3x224x224", "3,224,224", "3, 224, 224", "(3,224,224)", "(3, 224, 224)", "[3, 224, 224]", "3×224×224", "3X224X224",
    "3 224 224", "3*224*224", " (3, 224, 224,) "])  # fmt: skip
def test_ways_to_write_a_shape(text):
    assert ShapeType().convert(text, None, None) == (3, 224, 224)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "3xx4",
        "3x",
        "-3x4",
        "3x0",
        "3.5x4",
        "(3x4",
        "3x4]",
        "²x3",
        "9" * 30,
        "NaN",
        "0x10",
        "()",
        "torch.Size([3, 4])",
    ],
)
def test_what_is_no_shape(text, tmp_path):
    (tmp_path / "net.yaml").write_text(YAML)
    result = CliRunner().invoke(cli, ["check", str(tmp_path / "net.yaml"), "--input", text])
    assert result.exit_code == 2 and "is not a shape" in result.output


@pytest.fixture
def run(capfd):
    def called(*words):
        with pytest.raises(SystemExit) as end:
            main(words)
        return end.value.code, *capfd.readouterr()

    return called


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "net.yaml").write_text(YAML)
    (tmp_path / "open.yaml").write_text(OPEN)
    return tmp_path


@pytest.mark.parametrize(("command", "source", "given", "read"), [
    ("check", "nets.py:Net", "1x3x8x8", True), ("check", "nets.py:Net", "3x8x8", False), ("check", "net.yaml", "1x3x20x20", True),
    ("sizes", "nets.py:Net", "1x3x8x8", True), ("synth", "open.yaml", "1x3x20x20", True), ("check", "nets.py:Volume", "1x9x9x9", False),
    ("check", "nets.py:Volume", "1x1x9x9x9", True), ("repair", "nets.py:Net", "(1, 3, 8, 8)", True), ("check", "nets.py:Sound", "1x3x50", True),
])  # fmt: skip
def test_a_batch_of_one_goes_where_the_network_cannot_take_it(folder, run, command, source, given, read):
    code, out, err = run(command, source, "--input", given)
    assert code == 0, out + err
    assert ("shapes leave out the batch axis" in err) == read


def test_a_larger_batch_stays_wrong(folder, run):
    assert run("check", "nets.py:Net", "--input", "2x3x8x8")[0] == 1
    assert run("check", "net.yaml", "--input", "2x3x8x8")[0] == 2


@pytest.mark.parametrize(
    ("source", "whole"),
    [
        ("nets.py:Net", "3x8x8"),
        ("nets.py:Gray", "1x8x8"),
        ("net.yaml", "3x8x8"),
        ("open.yaml", "3x8x8"),
        ("gray.yaml", "8x8x1"),
    ],
)
def test_channels_that_are_left_out_are_asked_for(folder, run, source, whole):
    (folder / "gray.yaml").write_text(
        YAML.replace("[3, 16, 16]", "[16, 16, 1]") + "framework: keras\ndata_format: channels_last\n"
    )
    code, _, err = run("check" if source != "open.yaml" else "synth", source, "--input", "8x8")
    assert code == 2 and "8x8 leaves out the channels" in err and f"--input {whole}" in err


@pytest.mark.parametrize(("source", "said"), [
    ("nets.py", "nets.py:Net, nets.py:Volume, nets.py:Gray, nets.py:Sound, nets.py:Lacking"), ("nets.Net", "perhaps nets:Net"),
    ("torchvision.models.resnet18", "perhaps torchvision.models:resnet18"), ("nets.py:Nett", "did you mean 'Net'"),
    ("net.yml", "did you mean"), ("netz.py:Net", "did you mean 'nets.py'"), ("nett.yaml", "did you mean 'net.yaml'"),
    ("nets.py:Lacking", """--kwargs '{"width": "..."}'"""), ("no/such/folder/x.yaml", "there is no such file"),
])  # fmt: skip
def test_sources_that_are_nearly_right(folder, source, said):
    if source == "net.yml":
        (folder / "nets.yml").write_text(YAML)
    result = CliRunner().invoke(cli, ["check", source, "--input", "3x8x8"], standalone_mode=False)
    assert result.exception is not None and said in str(result.exception)


def test_a_file_is_read_and_not_imported_to_list_its_classes(folder):
    (folder / "evil.py").write_text("open('canary', 'w')\nclass Net: pass\n")
    assert "evil.py:Net" in str(CliRunner().invoke(cli, ["check", "evil.py"], standalone_mode=False).exception)
    assert not (folder / "canary").exists()


def test_several_sources_are_judged_one_by_one(folder, run):
    (folder / "bad.yaml").write_text(YAML.replace("kernel_size: 3", "kernel_size: 99"))
    code, out, err = run("check", "-q", "net.yaml", "bad.yaml", "open.yaml", "missing.yaml")
    assert code == 2 and "CS001" in out and err.count("error: ") == 2
    assert [line.split() for line in out.splitlines()[-4:]] == [
        ["valid", "net.yaml"],
        ["invalid", "bad.yaml"],
        ["not", "read", "open.yaml"],
        ["not", "read", "missing.yaml"],
    ]
    assert run("check", "-q", "net.yaml", "bad.yaml")[0] == 1 and run("check", "-q", "net.yaml", "net.yaml")[0] == 0
    code, out, _ = run("check", "--output-format", "concise", "net.yaml", "bad.yaml")
    assert code == 1 and out.startswith("bad.yaml:2:") and out.count("\n") == 1
    code, out, _ = run("check", "--json", "net.yaml", "bad.yaml")
    assert code == 1 and [one["status"] for one in json.loads(out)["networks"]] == ["valid", "invalid"]


def test_every_error_has_one_prefix(run):
    for words in (["chekc"], ["check", "--input", "3x"], ["check", "gone.yaml"], ["rule", "CS999"], ["draw"]):
        code, _, err = run(*words)
        assert code == 2 and "Error:" not in err and len([x for x in err.splitlines() if x.startswith("error: ")]) == 1
