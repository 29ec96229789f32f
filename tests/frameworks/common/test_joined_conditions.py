"""Conditions that programs join by `and` and `or`: one branch for what they come to together, and the right one."""

from __future__ import annotations

import importlib.util
import itertools
import random

import pytest
from torch import nn
from torch.nn.functional import pad

import convsolve as cs
from tests.frameworks.torch.executed import SCALE, executed


class Padded(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.window = nn.Conv2d(1, 1, 3), 7

    def forward(self, x):
        height, width = x.shape[2:]
        down, right = -height % self.window, -width % self.window
        if down or right:
            x = pad(x, (0, right, 0, down))
        if not (x.shape[2] == self.window and x.shape[3] == self.window):
            x = self.conv(x)
        return x.unfold(2, 7, 7)


def test_conditions_that_are_joined_are_one_branch():
    network = cs.from_torch(Padded().eval(), (1, 9, 14))
    assert [str(g.condition) for g in network.guards] == [
        "not 6*input.height % 7 == 0 or not 6*input.width % 7 == 0",
        "not (pad.height == 7 and pad.width == 7)",
    ]
    sizes = cs.valid_sizes(network)
    assert sizes.complete and sizes.proved
    for point in itertools.product((1, 6, 7, 8, 14, 15), repeat=2):
        assert (point in sizes) is _runs(Padded().eval(), point)


CONDITIONS = [
    "h % 3", "w % 2 == 0", "h > 7", "self.k == w", "h // 2 < w", "self.off", "self.on", "10 // h > 2", "h * w > 30",
    "max(h, w) > 6", "not w % 3", "3 < h < 9", "x.shape[2] >= 5", "x.size(3) > 4", "(h > 4 and w > 4)", "h == w", "k > 3",
    "x.sum().shape == ()", "math.ceil(h / 2) * 2 != h", "missing.thing", "bool(h > 5)", "h in (4, 6)"]  # fmt: skip
EFFECTS = ["F.pad(x, (0, 1, 0, 1))", "x[:, :, 1:]", "F.max_pool2d(x, 2)", "self.conv(x)", "x.mT", "x[..., ::2]"]


def _program(draw: random.Random) -> str:
    lines = ["        h, w, k = x.shape[2], x.shape[3], 0"]
    for _ in range(draw.randrange(1, 4)):
        some = draw.sample(CONDITIONS, draw.randrange(2, 4))
        joined = draw.choice([" or ", " and "]).join(some)
        effect = draw.choice(EFFECTS)
        lines += draw.choice([
            [f"        if {joined}:", f"            x = {effect}"],
            [f"        if not ({joined}):", f"            x = {effect}"],
            [f"        chosen = {joined}", "        if chosen:", f"            x = {effect}"],
            [f"        x = {effect} if {joined} else x"],
            ["        for k in (0, h, 2):", f"            if {joined}:", f"                x = {effect}"],
            [f"        x = x[:, :, : (h if any(({joined}, w > 2)) else 2)]"],
        ])  # fmt: skip
    return "\n".join(lines)


HEAD = """
import math
import torch
from torch import nn
from torch.nn import functional as F


class Program(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.k, self.on, self.off = nn.Conv2d(1, 1, 2), 6, True, 0

    def forward(self, x):
"""


@pytest.mark.parametrize("seed", range(40 * SCALE))
def test_joined_conditions_at_random_do_what_running_them_does(seed, tmp_path):
    draw = random.Random(seed)
    source = HEAD + _program(draw) + "\n        return self.conv(x)\n"
    path = tmp_path / f"joined_{seed}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    program = module.Program().eval()
    try:
        network = cs.from_torch(program, (1, draw.randrange(2, 13), draw.randrange(2, 13)))
    except cs.UnreadableError:
        return
    sizes = cs.valid_sizes(network, prove=False)
    for point in draw.sample(list(itertools.product(range(1, 14), repeat=2)), 25):
        if point in sizes.known and (known := sizes.holds(point)) is not None:
            assert known is _runs(program, point), (point, source)


def _runs(program, point):
    try:
        return executed(program, [(1, *point)]) is not None
    except (NameError, ZeroDivisionError):
        return False
