"""The batch axis as a factor: samples folded, in groups and back, repeated, written into; held against executions."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn
from torch.nn import functional

import convsolve as cs

from .executed import Program, truthful


def frames(self, x, inside):
    b, t, c, h, w = x.shape
    return inside(x.reshape(b * t, c, h, w)).flatten(1).view(b, t, -1)


def grouped(self, x):
    b, c, h, w = x.shape
    y = self.conv(x.reshape(-1, c // 2, h, w))
    return y.reshape(b, -1, *y.shape[2:])


def windows(self, x):
    b, c, h, w = x.shape
    y = x.view(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(-1, c, 2, 2)
    y = self.norm(self.pad(y))
    return y.view(b, (h // 2) * (w // 2), -1).transpose(1, 2)


def columns(self, x):
    b, c, h, w = x.shape
    y = self.line(x.permute(0, 3, 1, 2).reshape(b * w, c, h))
    return y.reshape(b, w, -1).permute(0, 2, 1)


def with_positions(self, x):
    b, c, h, w = x.shape
    y = x.permute(0, 2, 3, 1).reshape(b * h, w, c)
    return (y + self.position.repeat(b * h, 1, 1)[:, :w]).view(b, h, w, c)


def with_token(self, x):
    b, c, h, w = x.shape
    y = x.permute(0, 2, 3, 1).reshape(b * h, w, c)
    return torch.cat([self.token.expand(b * h, -1, -1), y], 1).view(b, h, w + 1, c).permute(0, 3, 1, 2)


def one_by_one(self, x):
    b, c, h, w = x.shape
    y = functional.relu(self.single(x.reshape(b * c, 1, h, w)))
    return functional.max_pool2d(y, 2).view(b, c * 4, (h - 2) // 2, -1)


def by_numbers(self, x):
    return self.four(x.reshape(-1, 4)).view(x.shape[0], -1)


def padded(self, x):
    b, c, h, w = x.shape
    out = x.new_zeros(b, c, h + 2, w + 2)
    out[:, :, 1:-1, 1:-1] = x
    return self.conv(out[:, :2])


def corner(self, x):
    out = torch.zeros(x.shape[0], 2, *x.shape[2:], device=x.device)
    out[:, :, :2, :2] = self.conv(x[:, :2])[:, :, :2, :2]
    return out


def filled(self, x):
    y = x.clone()
    y[:, 0] = 0
    y[:, :, 1:] += 1
    y[..., 0] = y.mean(-1)
    return self.conv(y[:, :2])


FOUR = {
    "rows": lambda self, x: x.flatten(0, 1),
    "groups of channels": grouped,
    "windows": windows,
    "columns": columns,
    "positions": with_positions,
    "token": with_token,
    "one channel each": one_by_one,
    "by numbers": by_numbers,
    "padded": padded,
    "corner": corner,
    "filled": filled,
    "repeated": lambda self, x: self.conv(x.repeat(3, 1, 1, 1)[:, :2]).view(3, x.shape[0], -1).mean(0),
    "flat": lambda self, x: x.flatten(0).view(x.shape),
    "scaled": lambda self, x: functional.interpolate(self.conv(x.reshape(-1, 2, *x.shape[2:])), scale_factor=2)
              .reshape(x.shape[0], 4, -1),
    "adaptive": lambda self, x: functional.adaptive_avg_pool2d(x.reshape(-1, 1, *x.shape[2:]), 3).view(x.shape[0], 4, 9),
    "transposed": lambda self, x: self.up(x.reshape(-1, 2, *x.shape[2:])).flatten(1).reshape(x.shape[0], -1),
    "averages": lambda self, x: functional.avg_pool2d(x.reshape(-1, 2, *x.shape[2:]), 2).reshape(x.shape[0], 2, -1),
    "features of groups": lambda self, x: self.four(x.reshape(x.shape[0] * 2, 2, -1)[:, :, :4]).view(x.shape[0], -1),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUR)
def test_samples_in_groups_and_back(name):
    def make():
        return Program(
            FOUR[name], conv=nn.Conv2d(2, 2, 3), line=nn.Conv1d(4, 3, 3), norm=nn.BatchNorm2d(4), pad=nn.ZeroPad2d(1),
            single=nn.Conv2d(1, 4, 3), four=nn.Linear(4, 3), position=nn.Parameter(torch.zeros(1, 6, 4)),
            token=nn.Parameter(torch.zeros(1, 1, 4)), up=nn.ConvTranspose2d(2, 3, 2, 2))  # fmt: skip

    sizes = truthful(make, (4, 6, 6), range(1, 9), most_unknown=1)
    assert "31" not in str(sizes) and "31" not in str(cs.check(cs.from_torch(make(), (4, 6, 6))))


CLIPS = {
    "conv": lambda self, x: frames(self, x, self.conv),
    "recurrent": lambda self, x: self.steps(frames(self, x, self.pool))[0][:, -1],
    "linear": lambda self, x: self.head(frames(self, x, self.conv)),
    "net": lambda self, x: frames(self, x, lambda y: self.norm(self.conv(y)).relu().mean((2, 3), keepdim=True)),
    "pads": lambda self, x: frames(self, x, lambda y: functional.pad(self.conv(y), (1, 1, 0, 0))),
}


@pytest.mark.parametrize("name", CLIPS)
def test_frames_of_clips(name):
    def make():
        return Program(
            CLIPS[name],
            conv=nn.Conv2d(2, 3, 3, 2, 1),
            norm=nn.BatchNorm2d(3),
            head=nn.Linear(27, 2),
            pool=nn.AdaptiveMaxPool2d(1),
            steps=nn.GRU(4, 5, batch_first=True),
        )

    class Clips(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside = make()

        def forward(self, x):
            channels = 4 if name == "recurrent" else 2
            return self.inside(x.permute(0, 2, 1, 3, 4)[:, :, :channels])

    sizes = truthful(Clips, (4, 3, 6, 6), [1, 2, 5, 6, 7], most_unknown=1)
    assert sizes.complete or sizes.unresolved
    network = cs.from_torch(Clips(), (4, 3, 6, 6))
    assert not any(layer.operator.kind == "opaque" for layer in network.layers)
    assert cs.check(network).params == sum(p.numel() for p in Clips().parameters())


def test_waves_without_channels():
    def make():
        convs = {"a": nn.Conv1d(1, 4, 10, 5), "b": nn.Conv1d(4, 4, 3, 2)}
        return Program(lambda self, x: self.b(self.a(x.unsqueeze(1))), **convs)

    sizes = truthful(make, (30,), range(1, 60))
    assert str(sizes) == "features >= 20" and cs.minimum_input(cs.from_torch(make(), (50,))) == (20,)


def test_groups_that_are_given_back_are_an_axis():
    network = cs.from_torch(Program(lambda self, x: x.flatten(0)), (4, 6, 6))
    assert cs.check(network).output == (144,)
    network = cs.from_torch(Program(lambda self, x: x.reshape(-1, *x.shape[2:])), (4, 6, 6))
    assert cs.check(network).output == (4, 6, 6)


@pytest.mark.parametrize("function", [
    lambda self, x: x.mean(0), lambda self, x: x @ x.flatten(1).t(), lambda self, x: x[: x.shape[0] // 2],
    lambda self, x: x.view(x.shape[0] + 1, -1), lambda self, x: torch.linalg.inv(x),
])  # fmt: skip
def test_the_number_of_samples_that_is_recorded_is_not_shown(function):
    try:
        report = cs.check(cs.from_torch(Program(function), (3, 8)))
        text = f"{report} {report.failures} {report.unknown}"
    except cs.ConvsolveError as error:
        text = str(error)
    assert not {"31", "29", "32", "15"} & set(re.findall(r"(?<!CS0)\b\d+", text)), text
