"""Modules that do something else in training: said where it is not looked at, and looked at where it is asked for."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import torch

import convsolve as cs
from convsolve.cli import main

PROGRAM = """import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2)
        self.aux = nn.Conv2d(8, 4, 5)
        self.head = nn.Conv2d(8, 10, 1)

    def forward(self, x):
        x = F.dropout(self.stem(x), training=self.training)
        if self.training:
            return self.head(x), self.aux(F.avg_pool2d(x, 3))
        return self.head(x)
"""


def said(*words: str) -> tuple[int, str]:
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(io.StringIO()), pytest.raises(SystemExit) as end:
        main(list(words))
    return int(end.value.code or 0), out.getvalue()


def test_another_branch_is_said_checked_and_repaired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "net_with_an_auxiliary_head.py"
    path.write_text(PROGRAM)
    source = [f"{path.name}:Net", "--input", "3x24x24"]
    code, text = said("check", *source)
    assert code == 0 and "in training the program does something else" in text and "aux" in text
    code, text = said("check", *source, "--training")
    assert code == 1 and "aux: CS001" in text and "smallest network input that works: 3x31x31" in text
    code, text = said("sizes", *source, "--training")
    assert code == 0 and "height >= 31" in text
    code, text = said("repair", *source, "--training", "--write", "--lock", "input")
    assert code == 0 and path.read_text() != PROGRAM
    module = {}
    exec(path.read_text(), module)
    module["Net"]().train()(torch.zeros(2, 3, 24, 24))


@pytest.mark.parametrize(("size", "works"), [(31, True), (30, False)])
def test_the_size_that_training_needs_is_what_pytorch_needs(size: int, works: bool) -> None:
    module: dict = {}
    exec(PROGRAM, module)
    net = module["Net"]().train()
    assert cs.check(cs.from_torch(net, (3, size, size), training=True)).ok == works
    try:
        net(torch.zeros(2, 3, size, size))
    except RuntimeError:
        assert not works
    else:
        assert works


def test_what_is_passed_on_is_no_branch() -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Dropout(), torch.nn.BatchNorm2d(8))
    assert cs.from_torch(net, (3, 9, 9)).only_in_training == ()
