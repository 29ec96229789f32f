"""Exported programs: read from their description alone."""

from __future__ import annotations

import json
import zipfile

import pytest
import torch
from torch import nn
from torch.nn import functional

import convsolve as cs


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        y = functional.relu(self.norm(self.conv(x)))
        y = y + functional.interpolate(functional.max_pool2d(y, 2), size=y.shape[-2:], mode="bilinear")
        return self.head(y.mean((2, 3)).view(x.shape[0], -1)), torch.cat([y[:, 1:], y], 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("exported")
    height, width = torch.export.Dim("height", min=16, max=512), torch.export.Dim("width", min=16, max=512)
    for name, dynamic in (("static", None), ("dynamic", ({2: height, 3: width},))):
        program = torch.export.export(Small().eval(), (torch.zeros(2, 3, 32, 40),), dynamic_shapes=dynamic)
        torch.export.save(program, made / f"{name}.pt2")
    return made


def test_an_exported_program_is_the_network_that_was_exported(folder):
    network = cs.load(folder / "dynamic.pt2").network
    assert network.outputs == ("head", "cat") and not any(x.operator.kind == "opaque" for x in network.layers)
    for shape in ((3, 32, 40), (3, 65, 33)):
        report, recorded = cs.check(network.with_input(shape)), cs.check(cs.from_torch(Small(), shape))
        assert report.ok and report.params == recorded.params and report.macs == recorded.macs
        assert report.shapes["head"] == (5,) and report.shapes["cat"] == recorded.shapes["cat"]
    assert network.by_name["conv"].source.startswith("tests/frameworks/torch/test_pt2_reader.py:")


def test_sizes_that_were_exported_as_numbers_are_bound(folder):
    network = cs.load(folder / "static.pt2").network
    assert cs.check(network).ok
    assert not cs.check(network.with_input((3, 64, 64))).ok
    assert "input.height == 32" in {str(guard.condition) for guard in network.guards}


class Padded(nn.Module):
    """Branches on a size: the file is for one of the branches."""

    def forward(self, x):
        h = x.shape[2]
        return functional.pad(x, (0, 0, 0, 4 - h % 4))[:, :, :h] if h % 4 != 0 else x


class Halved(nn.Module):
    def forward(self, x):
        n, c, h, w = x.shape
        y = x.view(n, c, h // 2, 2, w).mean(3)
        return y if y.shape[-1] > 9 else torch.cat([y, y], 3)


class Wide(nn.Module):
    """A module that refuses sizes itself, in the graph."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 5, stride=3)

    def forward(self, x):
        torch._check(x.shape[2] < 3 * x.shape[3])
        return functional.max_pool2d(self.conv(x), 2)


AUTO = torch.export.Dim.AUTO
HALF, SIDE = torch.export.Dim("half", min=3, max=12), torch.export.Dim("side", min=14, max=22)
CONDITIONS = {
    "one branch": (Padded, (30, 8), {2: AUTO}), "the other branch": (Padded, (28, 9), {2: AUTO, 3: AUTO}),
    "a multiple": (Halved, (14, 8), {2: 2 * HALF}), "wide": (Halved, (14, 12), {2: AUTO, 3: AUTO}),
    "one size for both": (Halved, (14, 14), {2: 2 * HALF, 3: 2 * HALF}), "a range": (Wide, (20, 16), {2: AUTO, 3: SIDE}),
    "asserted": (Wide, (20, 30), {2: AUTO, 3: AUTO}), "fixed": (Wide, (20, 16), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_that_a_file_was_exported_with(name, tmp_path):
    make, shape, dynamic = CONDITIONS[name]
    program = torch.export.export(make().eval(), (torch.zeros(2, 3, *shape),), dynamic_shapes=({0: AUTO, **dynamic},))
    torch.export.save(program, tmp_path / "net.pt2")
    network, runs = cs.load(tmp_path / "net.pt2").network, torch.export.load(tmp_path / "net.pt2").module()
    assert cs.check(network).ok
    sizes, tried, taken = cs.valid_sizes(network), 0, 0
    for height in range(1, 41):
        for width in {shape[1], 1 + height % 3, height, 5 + height * 7 % 35}:
            try:
                expected = tuple(runs(torch.zeros(2, 3, height, width)).shape[1:])
            except (RuntimeError, AssertionError, ValueError):
                expected = None
            report = cs.check(network, (3, height, width))
            assert report.ok == (expected is not None) and (not report.ok or report.output == expected), (height, width)
            assert (height, width) not in sizes.known or ((height, width) in sizes) == report.ok
            tried, taken = tried + 1, taken + report.ok
    assert tried > 120 and 0 < taken < tried


def test_no_code_in_a_file_is_run(folder, tmp_path):
    def rewritten(name, change):
        path = tmp_path / name
        with zipfile.ZipFile(folder / "static.pt2") as old, zipfile.ZipFile(path, "w") as new:
            for entry in old.namelist():
                content = old.read(entry)
                if entry.endswith("models/model.json"):
                    description = json.loads(content)
                    change(description["graph_module"]["graph"])
                    content = json.dumps(description).encode()
                new.writestr(entry, content)
        return path

    def calls(target):
        return lambda graph: graph["nodes"][0].update(target=target)

    for target in (
        "os.system",
        "builtins.eval",
        "torch.ops.mine.run.default",
        "torch.ops.aten.__class__.x",
        "_operator.call",
    ):
        with pytest.raises(cs.UnreadableError, match="none of PyTorch's own operators"):
            cs.load(rewritten("calls.pt2", calls(target)))
    for change in (
        lambda g: g["nodes"][0].pop("inputs"),
        lambda g: g["tensor_values"].clear(),
        lambda g: g["nodes"].clear(),
    ):
        with pytest.raises(cs.UnreadableError, match=r"followed|no tensor"):
            cs.load(rewritten("broken.pt2", change))


def test_files_that_are_none(tmp_path):
    (tmp_path / "text.pt2").write_text("no archive")
    with pytest.raises(cs.UnreadableError, match="no exported program"):
        cs.load(tmp_path / "text.pt2")
    with zipfile.ZipFile(tmp_path / "empty.pt2", "w"):
        pass
    with pytest.raises(cs.UnreadableError, match="found 0"):
        cs.load(tmp_path / "empty.pt2")
    with pytest.raises(cs.UnreadableError, match="holds no network"):
        cs.load(tmp_path / "weights.pt")
