"""Patch: a repair as a diff of the program that the network comes from."""

from __future__ import annotations

import dataclasses

import pytest

import convsolve as cs
from convsolve.operators import Conv, Flatten, Input, Linear, MaxPool
from convsolve.repairs.repair import Repair
from convsolve.repairs.source_patch import patch

SOURCE = """from torch import nn


class Net(nn.Module):  # größer
    def __init__(self, wide=3):
        super().__init__()
        self.a = nn.Conv2d(1, 8, 3, stride=2)      # kept as it is
        self.b, self.c = nn.MaxPool2d((2, 2)), nn.Conv2d(8, 8,
            kernel_size=5)
        self.d = nn.Conv2d(8, 8, wide)
        self.head = nn.Linear(100, 10)
"""


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
    edit = dataclasses.replace(
        repair.edits[0], kind="padding", layer=layer, parameter=parameter, before=before, after=after
    )
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


@pytest.mark.parametrize(
    ("layer", "parameter", "before", "after", "text"),
    [
        ("a", "stride", 2, 1, "nn.Conv2d(1, 8, 3, stride=1)      # kept"),
        ("a", "padding", 0, 1, "nn.Conv2d(1, 8, 3, stride=2, padding=1)      # kept"),
        ("b", "kernel_size", 2, 1, "nn.MaxPool2d(1), nn.Conv2d(8, 8,\n            kernel_size=5)"),
        ("c", "kernel_size", 5, (4, 5), "nn.MaxPool2d((2, 2)), nn.Conv2d(8, 8,\n            kernel_size=(4, 5))"),
        ("head", "in_features", 100, 8, "nn.Linear(8, 10)"),
    ],
)
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
    refused("change it by hand", edited(network, "x", "", None, "pad"))
    refused("give it other data", edited(network, "x", "shape", (1, 20, 20), (1, 24, 24)))
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


# -- what --write writes

PROGRAM = """{cookie}from torch import nn


class Net(nn.Module):  # {word}
    def forward(self, x):
        return nn.MaxPool2d(9)(x)
"""


def repaired(*words):
    import io
    from contextlib import redirect_stderr, redirect_stdout

    from convsolve.cli import main

    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        main(["repair", *words, "--lock", "input", "--write"])
    return end.value.code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize(("encoding", "cookie", "word"), [
    ("utf-8", "", "größer 🙂"), ("utf-8-sig", "", "größer"), ("latin-1", "# -*- coding: latin-1 -*-\n", "größer"),
    ("cp1251", "# vim: set fileencoding=cp1251 :\n", "больше"), ("utf-8", "# coding: utf-8\n", "é"),
])  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_source_keeps_its_encoding_its_ends_of_lines_and_its_mode(tmp_path, monkeypatch, encoding, cookie, word, end):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "nets_to_mend.py"
    before = PROGRAM.format(cookie=cookie, word=word).replace("\n", end).encode(encoding)
    path.write_bytes(before)
    path.chmod(0o640)
    (tmp_path / "link.py").symlink_to(path)
    code, diff, said = repaired("link.py:Net", "--input", "1x8x8")
    assert code == 0 and said == "" and "MaxPool2d(9, padding=1)" in diff, said
    assert path.read_bytes() == before.replace(b"MaxPool2d(9)", b"MaxPool2d(9, padding=1)") != before
    assert path.stat().st_mode & 0o777 == 0o640 and (tmp_path / "link.py").is_symlink()
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix) == ["link.py", "nets_to_mend.py"]


def test_only_what_the_user_names_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "made.py").write_text(PROGRAM.format(cookie="", word=""))
    (tmp_path / "uses.py").write_text("from made import Net\n")
    before = (tmp_path / "made.py").read_bytes()
    for source in ("uses.py:Net", "uses:Net"):
        code, diff, said = repaired(source, "--input", "1x8x8")
        assert code == 2 and "+        return nn.MaxPool2d(9, padding=1)(x)" in diff
        assert "made.py is left as it is: --write changes only a file that is named, as made.py:Class" in said
        assert (tmp_path / "made.py").read_bytes() == before
    assert repaired("made:Net", "--input", "1x8x8")[0] == 0 and (tmp_path / "made.py").read_bytes() != before


@pytest.mark.parametrize("victim", ["made.py", "../made.py", "{folder}/made.py"])
def test_a_strangers_file_names_no_file_to_write(tmp_path, monkeypatch, victim):
    """What a layer says of where it comes from is text, whoever reads it, and from whatever file."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for place in (folder, tmp_path):
        (place / "made.py").write_text(PROGRAM.format(cookie="", word=""))
    text = "input: [1, 8, 8]\nlayers: [{max_pool: {kernel_size: 9}}]\n"
    (folder / "net.yaml").write_text(text)
    problem = cs.load("net.yaml")
    layers = [dataclasses.replace(x, source=f"{victim.format(folder=tmp_path)}:6") for x in problem.network.layers]
    stranger = dataclasses.replace(problem, network=dataclasses.replace(problem.network, layers=tuple(layers)))
    monkeypatch.setattr("convsolve.sources.load_file", lambda source: stranger)
    code, diff, said = repaired("net.yaml")
    assert code == 2 and "+        return nn.MaxPool2d(9, padding=1)(x)" in diff and "is left as it is" in said
    for place in (folder, tmp_path):
        assert (place / "made.py").read_text() == PROGRAM.format(cookie="", word="")


def test_a_source_on_a_full_disk_stays(tmp_path, monkeypatch):
    import errno
    import os

    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets_that_stay.py").write_text(PROGRAM.format(cookie="", word=""))

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    code, _, said = repaired("nets_that_stay.py:Net", "--input", "1x8x8")
    assert code == 2 and "cannot write nets_that_stay.py: No space left" in said
    assert (tmp_path / "nets_that_stay.py").read_text() == PROGRAM.format(cookie="", word="")
    assert [p.name for p in tmp_path.iterdir() if p.suffix] == ["nets_that_stay.py"]


CALLED = """from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 5)

    def forward(self, x):
        return self.conv(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU())
        self.one = Block()

    def forward(self, x):
        return self.one(self.stem(x))
"""


@pytest.mark.parametrize(("layer", "line", "new"), [
    ("stem.0", 20, "nn.Conv2d(1, 8, 3, padding=9)"), ("one.conv", 10, "nn.Conv2d(8, 8, 5, padding=9)"),
    ("stem.2", 20, None), ("gone.conv", 20, None), ("stem.1", 20, None),
])  # fmt: skip
def test_a_layer_that_comes_from_where_it_is_called_is_changed_where_it_is_made(network, tmp_path, layer, line, new):
    (tmp_path / "net.py").write_text(CALLED)
    operator = Conv(out_channels=8, kernel_size=3)
    called = cs.Network((network.layers[0], cs.Layer(layer, operator, ("x",), source=f"net.py:{line}")))
    repair = edited(network, layer, "padding", 0, 9)
    if new is None:
        with pytest.raises(cs.NetworkError, match="no call that makes"):
            patch(called, repair, folder=tmp_path)
    else:
        assert new in patch(called, repair, folder=tmp_path).diff()
