"""Sizes whose digits code of C reads: none is lost unseen, and those that nothing comes of stay open."""

from __future__ import annotations

import math

import numpy
import pytest
from torch import nn
from torch.nn import functional

import convsolve as cs
from convsolve.dims import Var
from convsolve.dims.normal import Polynomial
from convsolve.frameworks.torch.digit_probes import sizes_read

from .executed import Program, faithful

READ = {
    "list": lambda h: [0, 1, 2, 3, 4, 5][h // 8],
    "the same entries": lambda h: [1, 1, 1, 2, 2, 3][h // 8],
    "slice": lambda h: min(len(list(range(40))[h:]), 6),
    "tuple": lambda h: (1, 2, 3)[h % 3],
    "letter": lambda h: "abcabcab".index("abcdefgh"[h % 3]),
    "percent": lambda h: len("%d" % h),  # noqa: UP031
    "factor": lambda h: int(0.5 * h) % 4,
    "compared": lambda h: 3 if 10.5 < h else 1,
    "power": lambda h: int(2.0**h) % 5,
    "shift": lambda h: (1 << h) % 7,
    "popped": lambda h: list(range(60)).pop(h) % 3,
    "counted": lambda h: next(iter(enumerate("ab", h)))[0] % 3,
    "bytes": lambda h: len(bytes(h)) % 3,
    "numpy": lambda h: int(numpy.int64(h)) % 4,
    "root": lambda h: int(math.sqrt(h / 2)),
    "quotient": lambda h: len(f"{h / 3:.2f}"),
}


def padded(name):
    def run(self, x):
        h = x.shape[2]
        if h > 20:
            x = functional.avg_pool2d(x, 2)
        return functional.pad(x, (0, READ[name](h)))

    return run


@pytest.mark.parametrize("name", READ)
def test_other_sizes_are_not_believed(name):
    faithful(Program(padded(name)), (1, 16, 24), *[(1, h, 9) for h in (1, 7, 15, 17, 24, 33, 40)])


MODULES = {
    "list": lambda self, x: self.parts[x.shape[2] // 8](x),
    "sequential": lambda self, x: self.chain[x.shape[2] % 3](x),
    "part of it": lambda self, x: self.chain[: x.shape[2] // 8](x),
    "by name": lambda self, x: getattr(self, "part%d" % (x.shape[2] % 2))(x),  # noqa: UP031
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_chosen_by_a_size(name):
    convs = [nn.Conv2d(1, 1, n, padding=1) for n in (1, 3, 5)]
    parts = {"parts": nn.ModuleList(convs), "chain": nn.Sequential(*convs), "part0": convs[0], "part1": convs[1]}
    faithful(Program(MODULES[name], **parts), (1, 9, 9), *[(1, h, 9) for h in (3, 7, 8, 16, 23, 24)])


def test_one_size_is_kept_and_the_others_are_open():
    network = cs.from_torch(Program(lambda self, x: functional.pad(x, (0, [1, 2, 3][x.shape[2] // 8]))), (1, 9, 9))
    assert [str(g.condition) for g in network.guards] == ["input.height//8 == 1"]
    assert cs.check(network.with_shapes((1, 12, 1000))).output == (1, 12, 1002)


@pytest.mark.parametrize("function", [
    lambda self, x: ("%d rows" % x.shape[2]) and x.relu(),  # noqa: UP031
    lambda self, x: x.relu() if [0.5 * x.shape[2]] else x,
    lambda self, x: functional.pad(x, (0, len([1, 2, 3][: x.shape[2] * 0 + 2]))),
])  # fmt: skip
def test_what_nothing_comes_of_is_not_kept(function):
    assert not cs.from_torch(Program(function), (1, 9, 9)).guards


def test_sizes_are_told_apart():
    forms = [Polynomial.of(Var(name)) for name in "abcdefghij"]
    read = {forms[2], forms[7]}

    def same(digits):
        return not [form for form in forms if digits(form) is not None and form in read]

    assert sizes_read(same, 100) == read
    assert sizes_read(lambda digits: not [*map(digits, forms)] or True, 100) == frozenset()
    assert sizes_read(lambda digits: False, 100) is None
