"""Sizes that code of C reads: what is said of other sizes is true of them all the same."""

from __future__ import annotations

import math
import operator
from math import isqrt

import numpy
import pytest
import torch
from torch import nn
from torch.nn import functional

import convsolve as cs

TO_NUMBERS = {
    "range": lambda h: len(range(0, h, 6)),
    "range down": lambda h: sum(1 for _ in range(h, 0, -7)),
    "isqrt": lambda h: math.isqrt(h) + isqrt(h),
    "gcd": lambda h: math.gcd(h, 12),
    "log2": lambda h: int(math.log2(h)) + math.ceil(math.log2(h)),
    "bit_length": lambda h: h.bit_length(),
    "index": lambda h: operator.index(h) % 5,
    "text": lambda h: len(f"{h}") + int(str(h)[-1]),
    "repeated": lambda h: len([0] * h) % 5,
    "numpy": lambda h: int(numpy.ceil(numpy.sqrt(h))),
    "list": lambda h: [0, 1, 2, 3, 4, 5, 6, 7][h // 8],
    "percent": lambda h: len("%d" % h),  # noqa: UP031
}


class Padded(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.number = TO_NUMBERS[name]

    def forward(self, x):
        h = x.shape[2]
        if h > 40:
            x = functional.avg_pool2d(x, 2)
        return functional.pad(x, (0, self.number(h)))


@pytest.mark.parametrize("name", TO_NUMBERS)
def test_other_sizes_are_what_running_gives(name):
    module = Padded(name)
    network = cs.from_torch(module, (1, 24, 16))
    for h in (1, 4, 9, 13, 23, 25, 31, 40, 41, 55):
        report = cs.check(network, (1, h, 8))
        assert report.ok and report.output == tuple(module(torch.zeros(1, 1, h, 8)).shape[1:]), h


def test_only_what_counts_is_kept():
    guards = [str(g.condition) for g in cs.from_torch(Padded("bit_length"), (1, 24, 16)).guards]
    assert guards == ["input.height <= 40", "16 <= input.height", "input.height < 32"]


def test_loaned_functions_are_taken_back():
    before = math.log2, math.isqrt, operator.index, numpy, range
    cs.from_torch(Padded("log2"), (1, 24, 16))
    assert before == (math.log2, math.isqrt, operator.index, numpy, range)
    assert "range" not in globals() and type(numpy.sqrt) is numpy.ufunc


class Told(nn.Module):
    """Sizes that become text: over several lines, for people, or in the condition of an assert, for the program."""

    def __init__(self, asks):
        super().__init__()
        self.asks = asks

    def forward(self, x):
        h = x.shape[-2]
        if self.asks:
            assert f"{h}" not in (
                "7", "9"), "odd"  # fmt: skip
        if h % 4 != 0:
            wished = h // 4 * 4 + 4
            raise ValueError(f"the height is {h}: take {wished}")
        return x


def test_text_for_people_keeps_no_size_and_text_for_the_program_does():
    network = cs.from_torch(Told(False), (3, 18, 16))
    assert {str(g.condition) for g in network.guards} == {"not input.height % 4 == 0"} and network.refusal
    assert str(cs.valid_sizes(network)["height"]) == "height mod 4 = 0, height >= 4"
    guards = {str(g.condition) for g in cs.from_torch(Told(True), (3, 16, 16)).guards}
    assert guards == {"input.height == 16"} or guards == {"input.height == 16", "input.height % 4 == 0"}
