"""What a recording is conditional on: layers that failed, numbers that were frozen, sizes that divide; by execution."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

import convsolve as cs

from .executed import SCALE, Program, truthful

SIDES = 2 if SCALE == 1 else None
"""At how many shapes each program is recorded."""


def cut(x, side):
    b, c, h, w = x.shape
    return x.view(b, c, h // side, side, w // side, side)


BEHIND = {
    "view": lambda self, x: self.fc(x.flatten(2)).reshape(-1, 2),
    "view back": lambda self, x: self.fc(x.flatten(2)).reshape(-1, 2).view(x.shape[0], -1),
    "linear twice": lambda self, x: self.again(self.fc(x.flatten(2)).flatten(1)),
    "windows": lambda self, x: cut(x, 2).permute(0, 2, 4, 1, 3, 5).flatten(1, 2).flatten(2).mean(2),
    "kernel, then rest": lambda self, x: self.conv(x)[:, :, 1:, : x.shape[2] - 3],
    "kernel, then loop": lambda self, x: [y := self.conv(x), *(y := y[:, :, 1:] for _ in range(y.shape[2] - 1))][-1],
    "sum": lambda self, x: x[:, :, 1:] + x[:, :, :, 1:].mean(1, keepdim=True),
    "branch": lambda self, x: (self.fc if self.conv(x).shape[2] < 3 else self.conv)(self.conv(x).flatten(2)),
    "two": lambda self, x: torch.cat([self.conv(x).flatten(1), self.conv(x.transpose(2, 3)).flatten(1)], 1),
    "own error": lambda self, x: (
        self.fc(x.flatten(2)) if self.conv(x).shape[3] != 2 else 1 // (2 - self.conv(x).shape[3])
    ),
    "shape by name": lambda self, x: functional.pad(self.conv(x), (0, 5 - self.conv(x).shape[3], 0, 0)),
}


@pytest.mark.parametrize("side", [(3, 4), (4, 4), (2, 2), (5, 6)][:SIDES])
@pytest.mark.parametrize("name", BEHIND)
def test_what_stands_behind_a_layer_that_fails(name, side):
    def make():
        return Program(BEHIND[name], fc=nn.Linear(16, 4), again=nn.Linear(8, 2), conv=nn.Conv2d(2, 2, 3))

    truthful(make, (2, *side), range(1, 9), most_unknown=1)


def test_the_only_layer_that_fails_leaves_nothing_open():
    sizes = truthful(lambda: nn.Sequential(nn.Flatten(), nn.Linear(32, 4)), (2, 5, 5), range(1, 9))
    assert sizes.proved and sizes.complete and (4, 4) in sizes
    network = cs.from_torch(nn.Sequential(nn.Flatten(), nn.Linear(32, 4)), (2, 5, 5))
    assert not network.guards


FROZEN = {
    "opaque": lambda self, x: self.fc(torch.cumulative_trapezoid(x).flatten(1)),
    "opaque, then sum": lambda self, x: torch.cumulative_trapezoid(x) + self.pool(x),
    "opaque aside": lambda self, x: (self.conv(x), torch.cumulative_trapezoid(x))[0],
    "lost": lambda self, x: self.fc(x[:, :, : int(str(x.shape[2]))].flatten(1)),
}


@pytest.mark.parametrize("side", [(4, 4), (6, 6), (4, 6)][:SIDES])
@pytest.mark.parametrize("name", FROZEN)
def test_numbers_that_were_frozen(name, side):
    def make():
        return Program(FROZEN[name], fc=nn.Linear(24, 4), pool=nn.AdaptiveAvgPool2d((4, 3)), conv=nn.Conv2d(2, 2, 3))

    sizes = truthful(make, (2, *side), range(1, 8), most_unknown=1)
    assert not sizes.proved or sizes.complete


def test_a_failure_behind_frozen_numbers_does_not_hold_for_all_sizes():
    network = cs.from_torch(Program(FROZEN["opaque"], fc=nn.Linear(24, 4)), (2, 6, 6))
    sizes = cs.valid_sizes(network)
    assert not cs.check(network).ok and not sizes.complete and not sizes.proved and not sizes.never
    assert cs.check(network, (2, 4, 4)).ok


DIVIDED = {
    "smaller side": lambda self, x: cut(self.patch(x), min(self.patch(x).shape[2:])).mean((3, 5)),
    "by itself": lambda self, x: x[:, :, :: self.patch(x).shape[2]],
    "rest": lambda self, x: functional.pad(x, (0, x.shape[3] % self.patch(x).shape[2])),
    "strided": lambda self, x: functional.avg_pool2d(x, (x.shape[2] // self.patch(x).shape[2], 1)),
}


@pytest.mark.parametrize("side", [(8, 8), (2, 9), (4, 16)][:SIDES])
@pytest.mark.parametrize("name", DIVIDED)
def test_divisors_that_are_0_where_a_layer_fails(name, side):
    make = lambda: Program(DIVIDED[name], patch=nn.Conv2d(2, 2, 4, 4))  # noqa: E731
    truthful(make, (2, *side), [1, 2, 3, 4, 5, 8, 9, 12, 16], most_unknown=1)


class Subsampled(nn.Module):
    """Pictures of time and features, the sizes of a layer taken up by a later view."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2d(1, 4, 3, 2), nn.Conv2d(4, 4, 3, 2), nn.Linear(4 * 4, 8)

    def forward(self, x):
        x = self.b(self.a(x.unsqueeze(1)))
        b, c, t, f = x.size()
        return self.out(x.transpose(1, 2).contiguous().view(b, t, c * f))


def test_repairs_of_a_recorded_program():
    network = cs.from_torch(Subsampled(), (6, 20))
    repairs = cs.repair(network, limit=9)
    assert "b: removed (conv); out: in_features 16 -> 36" in ("; ".join(sorted(map(str, r.edits))) for r in repairs)
    head = cs.from_torch(Program(BEHIND["view"], fc=nn.Linear(64, 2)), (2, 7, 8))
    assert {str(r) for r in cs.repair(head)} >= {"fc: in_features 64 -> 56", "input: shape [2, 7, 8] -> [2, 8, 8]"}
    assert all(r.report.output == (2, 2) for r in cs.repair(head, (2, 4, 4)) if "input" not in str(r))


def test_that_a_layer_still_fails_is_said_in_the_words_of_what_it_requires():
    def function(self, x):
        return self.again(self.fc(self.conv(x).flatten(2)).flatten(1))

    network = cs.from_torch(
        Program(function, conv=nn.Conv2d(2, 2, 3), fc=nn.Linear(16, 4), again=nn.Linear(8, 2)), (2, 5, 4)
    )
    sizes = cs.valid_sizes(network)
    assert (
        sizes.complete
        and (6, 6) in sizes
        and (4, 10) in sizes
        and (5, 4) not in sizes
        and network.guards[0].fails == "fc"
    )
