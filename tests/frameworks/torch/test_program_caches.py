"""What outlives a run: caches, containers and attributes, from which no size gets into another recording."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import nn

import convsolve as cs

from .executed import truthful

KEPT: dict = {}
LAST: dict = {"size": None}
SEEN: list = []


@functools.lru_cache(None)
def product(h, w):
    return h * w


@functools.lru_cache(maxsize=8)
def halves(shape):
    return tuple(n // 2 for n in shape)


class Holder:
    grids: dict = {}

    @staticmethod
    @functools.lru_cache
    def area(h, w):
        return h * w

    @functools.lru_cache  # noqa: B019 -- as programs do
    def rows(self, h):
        return h - h % 2


HOLDER = Holder()


def kept(key, make):
    if key not in KEPT:
        KEPT[key] = make()
    return KEPT[key]


def changed(x):
    if LAST["size"] != x.shape[2:]:
        LAST["size"] = x.shape[2:]
    SEEN.append(x.shape[2])
    return SEEN[-1] * LAST["size"][1]


def set_by_default(self, h, w):
    return self.cache.setdefault((h, w), h * w)


def grid(self, x):
    if self.grid is None or self.grid.shape[-1] != x.shape[-1]:
        self.grid = x.new_zeros(1, 1, 1, x.shape[-1])
    return x + self.grid


AREAS = {
    "cached": lambda self, x: product(x.shape[2], x.shape[3]),
    "cached by shape": lambda self, x: 4 * functools.reduce(lambda a, b: a * b, halves(tuple(x.shape[2:]))),
    "cached in a class": lambda self, x: Holder.area(x.shape[2], x.shape[3]),
    "cached method": lambda self, x: HOLDER.rows(x.shape[2]) * x.shape[3],
    "dictionary": lambda self, x: kept((x.shape[2], x.shape[3]), lambda: x.shape[2] * x.shape[3]),
    "dictionary of numbers": lambda self, x: kept(x.shape[2], lambda: x.shape[2]) * x.shape[3],
    "dictionary by get": lambda self, x: KEPT.get(x.shape[2], x.shape[2]) * x.shape[3],
    "dictionary of a class": lambda self, x: Holder.grids.setdefault((x.shape[2],), x.shape[2]) * x.shape[3],
    "state": lambda self, x: changed(x),
    "attribute": lambda self, x: set_by_default(self, x.shape[2], x.shape[3]),
}


class Flattened(nn.Module):
    def __init__(self, area, first):
        super().__init__()
        self.area, self.cache, self.first, self.head = area, {}, first, nn.Linear(4, 2)

    def forward(self, x):
        x = self.first(x)
        return self.head(x.reshape(x.shape[0], 4, self.area(self, x)).transpose(1, 2))


@pytest.mark.parametrize("name", AREAS)
def test_what_is_kept_of_sizes(name):
    sides = [2, 4, 5, 8] if "method" not in name and "by shape" not in name else [2, 4, 6, 8]
    for first, recorded in ((nn.Conv2d(3, 4, 1), (3, 8, 8)), (nn.Conv2d(3, 4, 1), (3, 4, 8))):
        make = lambda first=first: Flattened(AREAS[name], first)  # noqa: E731
        sizes = truthful(make, recorded, sides, most_unknown=1, after=forgotten)
        assert sizes.complete or sizes.unresolved
    assert not KEPT and not SEEN and LAST == {"size": None} and not Holder.grids


def forgotten():
    for container in (KEPT, SEEN, Holder.grids):
        container.clear()
    LAST["size"] = None


def test_two_networks_do_not_share_sizes():
    for first in (nn.Conv2d(3, 4, 4, 4), nn.Sequential(nn.Conv2d(3, 4, 2, 2), nn.Conv2d(4, 4, 2, 2))):
        for name in AREAS:
            report = cs.check(cs.from_torch(Flattened(AREAS[name], first), (3, 32, 32)))
            assert report.ok and report.output == (64, 2), name


def test_what_was_kept_before_is_there():
    KEPT[8, 8] = 16
    try:
        network = cs.from_torch(Flattened(AREAS["dictionary"], nn.Conv2d(3, 4, 1)), (3, 8, 8))
        assert not cs.check(network).ok and cs.check(network, (3, 8, 4)).ok and KEPT == {(8, 8): 16}
        assert (8, 8) in cs.valid_sizes(network).known
    finally:
        KEPT.clear()


def test_attributes_start_anew():
    class Grids(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.grid = nn.Conv2d(3, 4, 3), None

        def forward(self, x):
            return self.conv(grid(self, x))

    module = Grids()
    truthful(lambda: module if module.grid is None else Grids(), (3, 8, 8), [2, 3, 5, 8])
    assert module.grid is None or not module.grid.is_meta


class Kept(nn.Module):
    """Keeps a tensor for each length; running it fills the cache."""

    def __init__(self):
        super().__init__()
        self.kept = {}

    def forward(self, x):
        if x.shape[-1] not in self.kept:
            self.kept[x.shape[-1]] = torch.ones(x.shape[-1])
        return x * self.kept[x.shape[-1]]


def test_what_a_run_found_in_a_cache_is_not_found_by_the_next():
    module = Kept()
    for length in (8, 15, 40):
        module(torch.zeros(1, 3, length))
    network = cs.from_torch(module, (3, 8))
    assert all(cs.check(network, (3, length)).ok for length in (15, 8, 40, 7, 15))
    assert str(cs.valid_sizes(network)) == "length >= 1"
