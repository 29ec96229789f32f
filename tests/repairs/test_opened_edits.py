"""What was chosen for the opened parameters of a Python network, as a change of its source: the changed source makes it."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from click.testing import CliRunner

from convsolve.checks.check import check
from convsolve.cli import cli
from convsolve.errors import NetworkError
from convsolve.repairs.opened_edits import edits_of_opened
from convsolve.repairs.source_patch import patch
from convsolve.sources import load
from convsolve.synthesis.open_parameters import open as opened
from convsolve.synthesis.solve import solve

torch = pytest.importorskip("torch")

SOURCE = """import torch
from torch import nn


def block(width):
    return nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU())


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, kernel_size=7, stride=2, padding=3)
        self.bn = nn.BatchNorm2d(16)
        self.body = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.deep = nn.Conv2d(32, 32, 3, 1, 1, groups=32)
        self.twice = nn.Sequential(block(32), block(32))
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        x = torch.relu(self.bn(self.stem(x)))
        x = self.twice(torch.relu(self.deep(self.body(x))))
        return self.head(x.mean((2, 3)))
"""

ASKED = [
    ({"stem.kernel_size": "3 | 5 | 7", "stem.padding": "1..3", "stem.out_channels": "8 | 24 | 32"}, ["params >= 25K"]),
    ({"deep.stride": "1 | 2", "body.2.kernel_size": "2 | 3"}, ["twice.1.0.height == 8"]),
    ({"stem.stride": "1 | 2 | 4", "body.0.out_channels": "32", "stem.out_channels": "8..32 step 8"}, []),
]


@pytest.mark.parametrize(("parameters", "require"), ASKED)
def test_the_changed_source_makes_what_was_chosen(parameters, require, tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    network = load("net.py:Net", input_shape=(3, 64, 64)).network
    answer = solve(opened(network, parameters, require=require, minimize="macs"))
    change = patch(network, edits_of_opened(network, answer.network))
    change.write()
    spec = importlib.util.spec_from_file_location("changed_net", tmp_path / "net.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "changed_net", module)
    spec.loader.exec_module(module)
    made = module.Net().eval()
    assert made(torch.zeros(1, 3, 64, 64)).shape == (1, 10)
    assert sum(p.numel() for p in made.parameters()) == answer.params
    assert check(load("net.py:Net", input_shape=(3, 64, 64))).macs == answer.macs
    assert edits_of_opened(network, network) == ()


def test_the_command_prints_the_diff_and_how_good_it_is(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    asked = ["synth", "net.py:Net", "--input", "3x64x64", "--open", "deep.stride=1|2", "--require", "deep.height == 8"]
    result = CliRunner().invoke(cli, [*asked, "--diff", "-q"], standalone_mode=False)
    assert "+        self.deep = nn.Conv2d(32, 32, 3, 2, 1, groups=32)" in result.stdout.splitlines()
    assert "the plainest solution" in result.stderr and result.return_value == 0
    assert CliRunner().invoke(cli, [*asked, "--diff", "-n", "2"]).exit_code == 2


def test_a_line_that_makes_several_layers_is_changed_where_all_are_to_change(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    network = load("net.py:Net", input_shape=(3, 64, 64)).network
    one = solve(opened(network, {"twice.0.0.kernel_size": "5", "twice.0.0.padding": "2"}))
    with pytest.raises(NetworkError, match=r"change it by hand|not all of them"):
        patch(network, edits_of_opened(network, one.network))
