"""Networks that PyTorch exports with open axes: the output at other sizes, and the parameters."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import onnx
import pytest
import torch
from onnxruntime.capi import onnxruntime_pybind11_state as errors
from torch import nn
from torch.nn import functional

import convsolve as cs
from tests.frameworks.onnx.graphs import executed_shapes


class UNet(nn.Module):
    """Two scales, whose skip is padded and resized to what it meets."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 8, 3, stride=2)
        self.deep = nn.Sequential(nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.Conv2d(8, 16, 3, padding=1), nn.PReLU(16))
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.out = nn.Conv2d(16, 12, 1)

    def forward(self, x: Any) -> Any:
        skip = self.down(x)
        y = self.up(self.deep(skip))
        y = functional.pad(y, [0, y.shape[3] % 2, 1, 1])
        y = functional.interpolate(y, size=skip.shape[2:], mode="bilinear")
        y = self.out(torch.cat([skip, y], 1))
        return functional.interpolate(functional.pixel_shuffle(y, 2), scale_factor=1.5)


class Tokens(nn.Module):
    """A transformer over patches, with a class token."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, stride=4)
        self.token = nn.Parameter(torch.zeros(1, 1, 16))
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 5)

    def forward(self, x: Any) -> Any:
        y = self.patches(x).flatten(2).transpose(1, 2)
        y = torch.cat([self.token.expand(y.shape[0], -1, -1), y], 1)
        y = y + self.attention(y, y, y, need_weights=False)[0]
        return self.head(self.norm(y)[:, 0])


class Gated(nn.Module):
    """Squeeze and excitation, shuffled channels, means."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gate = nn.Conv2d(3, 8, 3, groups=1, padding="same"), nn.Conv2d(8, 8, 1)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))

    def forward(self, x: Any) -> Any:
        y = self.conv(x)
        y = y * torch.sigmoid(self.gate(y.mean((2, 3), keepdim=True)))
        n, c, h, w = y.shape
        y = y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        a, b = y.chunk(2, 1)
        return self.head(torch.cat([torch.maximum(a, b), a], 1))


class Windows(nn.Module):
    """Windows of a map that are folded into the batch, and out of it again, as in Swin."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.inside = nn.Conv2d(3, 8, 2, stride=2), nn.Linear(8, 8)

    def forward(self, x: Any) -> Any:
        y = self.patches(x).permute(0, 2, 3, 1)
        padded = functional.pad(y, [0, 0, 0, (4 - y.shape[2] % 4) % 4, 0, (4 - y.shape[1] % 4) % 4])
        _, h, w, c = padded.shape
        rows = padded.view(-1, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)
        rows = self.inside(rows).view(-1, h // 4, w // 4, 4, 4, c).permute(0, 1, 3, 2, 4, 5)
        return y + rows.reshape(-1, h, w, c)[:, : y.shape[1], : y.shape[2]]


@pytest.mark.parametrize("kind", [UNet, Tokens, Gated, Windows])
def test_exported_networks(kind: Any, tmp_path: Any) -> None:
    module, path = kind().eval(), tmp_path / "net.onnx"
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            torch.zeros(2, 3, 32, 36),
            path,
            dynamo=False,
            opset_version=17,
            input_names=["x"],
            dynamic_axes={"x": {0: "N", 2: "H", 3: "W"}},
            do_constant_folding=False,
        )
    network = cs.from_onnx(path)
    proto = onnx.load(path)
    for size in ((3, 32, 36), (3, 45, 60)):
        report = cs.check(network, size)
        (output,) = [info.name for info in proto.graph.output]
        if kind is Tokens and size != (3, 32, 36):  # the exporter writes the length of attention as a number
            assert report.failures
            with pytest.raises(errors.Fail, match="Reshape"):
                executed_shapes(proto, [size], 2)
            continue
        assert report.ok, report.failures
        assert (2, *(report.output or ())) == executed_shapes(proto, [size], 2)[output]
        assert report.params == sum(p.numel() for p in module.parameters())
    assert not any(layer.operator.kind == "opaque" for layer in network.layers)
