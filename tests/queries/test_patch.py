"""Patch: a repair as a diff of the program that the network comes from."""

from __future__ import annotations

import dataclasses

import pytest

import convsolve as cs
from convsolve.operators import Conv, Flatten, Input, Linear, MaxPool
from convsolve.queries.repair import Repair
from convsolve.queries.repairs.patch import patch

SOURCE = '''from torch import nn


class Net(nn.Module):  # größer
    def __init__(self, wide=3):
        super().__init__()
        self.a = nn.Conv2d(1, 8, 3, stride=2)      # kept as it is
        self.b, self.c = nn.MaxPool2d((2, 2)), nn.Conv2d(8, 8,
            kernel_size=5)
        self.d = nn.Conv2d(8, 8, wide)
        self.head = nn.Linear(100, 10)
'''


@pytest.fixture
def network():
    def layer(name, operator, above, line):
        return cs.Layer(name, operator, (above,), source=f"net.py:{line}")

    return cs.Network((
        cs.Layer("x", Input(shape=(1, 20, 20))),
        layer("a", Conv(out_channels=8, kernel_size=3, stride=2, in_channels=1), "x", 7),
        layer("b", MaxPool(kernel_size=2), "a", 8),
        layer("c", Conv(out_channels=8, kernel_size=5, in_channels=8), "b", 8),
        layer("flat", Flatten(), "c", 12),
        layer("head", Linear(out_features=10, in_features=100), "flat", 11),
    ))  # fmt: skip


def by_kinds(network, *kinds) -> Repair:
    return next(r for r in cs.repair(network, limit=9) if set(r.kinds) <= set(kinds))


def edited(network, layer, parameter, before, after):
    repair = cs.repair(network)[0]
    edit = dataclasses.replace(repair.edits[0], kind="padding", layer=layer, parameter=parameter, before=before, after=after)
    return dataclasses.replace(repair, edits=(edit,))


def test_only_the_literals_change(network, tmp_path):
    (tmp_path / "net.py").write_text(SOURCE)
    found = patch(network, by_kinds(network, "padding", "in_features", "kernel", "stride"), folder=tmp_path)
    diff = found.diff()
    removed = [x for x in diff.splitlines() if x.startswith("-") and not x.startswith("---")]
    added = [x for x in diff.splitlines() if x.startswith("+") and not x.startswith("+++")]
    assert removed and len(removed) == len(added)
    assert (tmp_path / "net.py").read_text() == SOURCE
    found.write()
    assert (tmp_path / "net.py").read_text() == next(iter(found.after.values())) != SOURCE
    with pytest.raises(cs.NetworkError, match="has changed"):
        found.write()


@pytest.mark.parametrize(("layer", "parameter", "before", "after", "text"), [
    ("a", "stride", 2, 1, "nn.Conv2d(1, 8, 3, stride=1)      # kept"),
    ("a", "padding", 0, 1, "nn.Conv2d(1, 8, 3, stride=2, padding=1)      # kept"),
    ("b", "kernel_size", 2, 1, "nn.MaxPool2d(1), nn.Conv2d(8, 8,\n            kernel_size=5)"),
    ("c", "kernel_size", 5, (4, 5), "nn.MaxPool2d((2, 2)), nn.Conv2d(8, 8,\n            kernel_size=(4, 5))"),
    ("head", "in_features", 100, 8, "nn.Linear(8, 10)"),
])
def test_each_place(network, tmp_path, layer, parameter, before, after, text):
    (tmp_path / "net.py").write_text(SOURCE)
    found = patch(network, edited(network, layer, parameter, before, after), folder=tmp_path)
    assert text in next(iter(found.after.values()))


def test_what_cannot_be_patched_is_refused(network, tmp_path):
    (tmp_path / "net.py").write_text(SOURCE)

    def refused(match, repair, network=network):
        with pytest.raises(cs.NetworkError, match=match):
            patch(network, repair, folder=tmp_path)

    moved = dataclasses.replace(network, layers=tuple(
        dataclasses.replace(x, source="net.py:10") if x.name == "c" else x for x in network.layers))  # fmt: skip
    refused("written as wide", edited(network, "c", "kernel_size", 5, 3), moved)
    refused("not as the literal 3", edited(network, "c", "kernel_size", 3, 1))
    refused("this is not a parameter of a call", edited(network, "x", "", None, "pad"))
    refused("does not say where", edited(network, "x", "shape", (1, 20, 20), (1, 24, 24)))
    nowhere = dataclasses.replace(network, layers=tuple(dataclasses.replace(x, source="") for x in network.layers))
    refused("does not say where", edited(network, "a", "stride", 2, 1), nowhere)
    twice = dataclasses.replace(network, layers=(
        *network.layers, cs.Layer("again", Conv(out_channels=8, kernel_size=3), ("x",), source="net.py:7")))  # fmt: skip
    refused("makes several layers", edited(network, "a", "stride", 2, 1), twice)
    (tmp_path / "net.py").write_text(SOURCE.replace("8, 3, stride=2", "8, (3)"))
    refused("cannot be added to", edited(network, "a", "padding", 0, 1))
    (tmp_path / "net.py").write_text(SOURCE.replace("1, 8, 3, stride=2", "*sizes"))
    refused("not all written out", edited(network, "a", "padding", 0, 1))
    (tmp_path / "net.py").write_text("def (")
    refused("is not Python", edited(network, "a", "stride", 2, 1))
    (tmp_path / "net.py").unlink()
    refused("cannot be read", edited(network, "a", "stride", 2, 1))
