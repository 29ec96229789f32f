"""Sources: what `convsolve check` and `load` take beside problem files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import convsolve as cs
from convsolve import sources
from convsolve.cli import main

ROOT = Path(__file__).parent.parent

NETS = """
import torch
from torch import nn
import convsolve as cs
from convsolve.operators import Conv, Input


class LeNet(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.conv1, self.conv2, self.pool = nn.Conv2d(1, width, 5), nn.Conv2d(width, 16, 5), nn.MaxPool2d(2)
        self.fc = nn.Linear(16 * 5 * 5, 10)

    def forward(self, x):
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        return self.fc(x.view(x.size(0), -1))


class Pair(nn.Module):
    def forward(self, left, right):
        return left + right[:, :, 1:]


ready = LeNet()
number = 3


def network():
    return cs.Network((cs.Layer("x", Input(shape=(3, 8, 8))), cs.Layer("c", Conv(out_channels=2, kernel_size=3), ("x",))))


def problem():
    return cs.Problem(network(), requirements=("c.height == 6",))


def fails():
    raise KeyError("nothing here")


def leaves():
    raise SystemExit(5)
"""


@pytest.fixture
def nets(tmp_path):
    path = tmp_path / "nets_of_mine.py"
    path.write_text(NETS)
    return path


def test_a_class_in_a_file(nets):
    problem = cs.load(f"{nets}:LeNet", input_shape=(1, 32, 32), arguments={"width": 8})
    report = cs.check(problem)
    assert report.ok and report.output == (10,) and report.shapes["conv1"] == (8, 28, 28)
    assert cs.check(cs.load(f"{nets}:ready", input_shape=(1, 32, 32))).ok


def test_networks_and_problems_need_no_input_shape(nets):
    assert cs.check(cs.load(f"{nets}:network")).output == (2, 6, 6)
    assert cs.check(cs.load(f"{nets}:network", input_shape=(3, 9, 9))).output == (2, 7, 7)
    assert cs.load(f"{nets}:problem").requirements == ("c.height == 6",)


@pytest.mark.parametrize(
    ("source", "options", "wanted"),
    [
        (":LeNet", {}, "--input 3x224x224"),
        (":Lenet", {}, "did you mean 'LeNet'"),
        (":number", {}, "of type int"),
        (":ready", {"arguments": {"a": 1}}, "no factory"),
        (":fails", {}, r"raised KeyError at .*nets_of_mine.py:\d+: 'nothing here'"),
        (":leaves", {}, "raised SystemExit"),
        (":LeNet", {"arguments": {"wdith": 1}}, "unexpected keyword argument 'wdith'"),
        (":LeNet", {"arguments": {"width": -1}}, "raised RuntimeError"),
        (":NETS.x", {}, "has no 'NETS'"),
    ],
)  # fmt: skip
def test_mistakes_in_what_is_named(nets, source, options, wanted):
    with pytest.raises(cs.UnreadableError, match=wanted) as error:
        cs.load(f"{nets}{source}", **options)
    assert "\n" not in str(error.value)


def test_mistakes_in_names(tmp_path):
    broken = tmp_path / "broken_module.py"
    broken.write_text("def f(:\n")
    for source, wanted in (("no_such_package.module:f", "no module 'no_such_package'"), (f"{broken}:f", "SyntaxError"),
                           (f"{tmp_path}/nothing.py:f", "no such file")):  # fmt: skip
        with pytest.raises(cs.ConvsolveError, match=wanted):
            cs.load(source)
    with pytest.raises(cs.UnreadableError, match="keyword arguments are for Python"):
        cs.load("problems/mnist_repair.yaml", arguments={"a": 1})


def convsolve(*words, cwd=ROOT):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-m", "convsolve", *words], capture_output=True, text=True, cwd=cwd, env=env,
                          check=False)  # fmt: skip


@pytest.fixture
def here(monkeypatch, capsys):
    """Run the command line in this process, which has loaded PyTorch already."""

    def run(*words, cwd):
        monkeypatch.chdir(cwd)
        with pytest.raises(SystemExit) as ended:
            main(words)
        said = capsys.readouterr()
        return SimpleNamespace(returncode=ended.value.code, stdout=said.out, stderr=said.err)

    return run


def test_the_command_line(nets, here):
    words = ["check", "nets_of_mine.py:LeNet", "--kwargs", '{"width": 4}', "--input", "1x28x28"]
    result = convsolve(*words, cwd=nets.parent)
    assert result.returncode == 1 and result.stderr == ""
    assert (
        "fc: CS011 the input has another number of features than declared: features=256, in_features=400"
        in result.stdout
    )
    assert "  at nets_of_mine.py:17\n" in result.stdout and "input that works: 1x32x32" in result.stdout
    data = json.loads(here(*words, "--json", cwd=nets.parent).stdout)
    assert data["failures"][0]["source"] == "nets_of_mine.py:17"
    bad = here("check", "nets_of_mine.py:LeNet", "--kwargs", "[1]", cwd=nets.parent)
    assert bad.returncode == 2 and bad.stdout == "" and "must be a JSON object" in bad.stderr
    module = convsolve("check", "nets_of_mine:fails", cwd=nets.parent)
    assert module.returncode == 2 and module.stderr.count("\n") == 1 and "KeyError" in module.stderr


def test_several_inputs_on_the_command_line(nets, here):
    def run(*words):
        return here("check", "nets_of_mine.py:Pair", *words, "-q", cwd=nets.parent)

    for words in (["--input", "3x8x9", "--input", "3x9x9"], ["--input", "right=3,9,9", "--input", "left=3x8x9"]):
        assert run(*words).returncode == 0
    result = run("--input", "left=3x8x9", "--input", "right=3x8x9")
    assert result.returncode == 1 and "add: CS012" in result.stdout
    for words, wanted in (
        (["--input", "3x8x9"], "(left, right) are not those given: missing a required argument: 'right'"),
        (["--input", "left=3x8x9", "--input", "3x8x9"], "name every input once"),
        (["--input", "left=3x8x9", "--input", "left=3x8x9"], "name every input once"),
        (["--input", "left=3x8x9", "--input", "wright=3x8x9"], "did you mean 'right'"),
        (["--input", "left="], "'' is not a shape"),
    ):
        bad = run(*words)
        assert bad.returncode == 2 and wanted in bad.stderr and bad.stdout == "", bad.stderr


def test_a_package_that_is_installed():
    result = convsolve("check", "torchvision.models:resnet18", "--input", "3x64x64", "-q")
    assert result.returncode == 0 and result.stdout == "" and result.stderr == ""


@pytest.mark.parametrize("loaded", [True, False], ids=["with Keras", "without"])
def test_weights_that_are_published_are_not_fetched(loaded, monkeypatch):
    keras = pytest.importorskip("keras")

    class WeightsEnum:
        def get_state_dict(self):
            raise AssertionError("this would download weights")

    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.models._api", SimpleNamespace(WeightsEnum=WeightsEnum))
    if loaded:
        monkeypatch.setitem(sys.modules, "keras", keras)
    else:
        monkeypatch.delitem(sys.modules, "keras")
    assert sources._called(lambda: WeightsEnum().get_state_dict()) == {}
