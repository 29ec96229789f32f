"""The valid sizes of real networks, against running every size.

By default a few networks; ``CONVSOLVE_CONFORMANCE_SCALE=10`` takes all of them.
"""

from __future__ import annotations

import os
import warnings

import pytest
import torch

import convsolve as cs
from convsolve.frameworks.torch import declare_torchvision_operators

declare_torchvision_operators()
timm = pytest.importorskip("timm")
smp = pytest.importorskip("segmentation_models_pytorch")
import torchvision  # noqa: E402

ALL = int(os.environ.get("CONVSOLVE_CONFORMANCE_SCALE", "1")) > 1
LARGEST = 160

FEW = ["alexnet", "squeezenet1_1", "smp Unet", "timm dla34"]
NETWORKS = {
    **{name: (lambda name=name: torchvision.models.get_model(name, weights=None)) for name in (
        "alexnet", "vgg11", "squeezenet1_0", "squeezenet1_1", "densenet121", "resnet18", "resnext50_32x4d",
        "shufflenet_v2_x1_0", "mobilenet_v2", "mobilenet_v3_small", "mnasnet0_5", "efficientnet_b0",
        "regnet_y_400mf", "convnext_tiny")},
    "googlenet": lambda: torchvision.models.googlenet(weights=None, init_weights=False),
    "inception_v3": lambda: torchvision.models.inception_v3(weights=None, init_weights=False),
    "smp Unet": lambda: smp.Unet("resnet18", encoder_weights=None),
    "smp Linknet": lambda: smp.Linknet("resnet18", encoder_weights=None),
    **{f"timm {name}": (lambda name=name: timm.create_model(name)) for name in (
        "dla34", "hrnet_w18_small", "tf_efficientnet_b0", "res2net50_26w_4s", "vovnet39a", "ghostnet_100")},
}  # fmt: skip


def runs(module, size):
    """Return whether a module runs on the meta device, no tensor in between being empty."""
    empty = []

    def note(module, inputs, output):
        found = output if isinstance(output, (tuple, list)) else [output]
        empty.extend(t for t in found if isinstance(t, torch.Tensor) and 0 in t.shape)

    hook = torch.nn.modules.module.register_module_forward_hook(note)
    try:
        module(torch.zeros(1, 3, size, size, device="meta"))
    except (RuntimeError, ValueError, AssertionError):
        return False
    finally:
        hook.remove()
    return not empty


@pytest.mark.parametrize("name", NETWORKS if ALL else FEW)
def test_every_size_from_1_to_160(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if "regnet" in name:
            module = NETWORKS[name]().to("meta").eval()  # it computes with its weights when it is made
        else:
            with torch.device("meta"):
                module = NETWORKS[name]().eval()
        sizes = cs.valid_sizes(cs.from_torch(module, (3, 256, 256)))
        assert sizes.proved and sizes.complete
        with torch.no_grad():
            wrong = [n for n in range(1, LARGEST + 1) if ((n, n) in sizes) != runs(module, n)]
    assert not wrong, (wrong, str(sizes))


@pytest.mark.parametrize(("name", "text"), [
    ("alexnet", "height >= 63"), ("vgg11", "height >= 32"), ("inception_v3", "height >= 75"),
    ("squeezenet1_0", "height >= 21"), ("densenet121", "height >= 29"), ("googlenet", "height >= 15"),
    ("smp Unet", "height >= 1"), ("smp Linknet", "height mod 32 = 0, height >= 32"),
])  # fmt: skip
def test_published_sizes(name, text):
    with torch.device("meta"):
        module = NETWORKS[name]().eval()
    sizes = cs.valid_sizes(cs.from_torch(module, (3, 256, 256)))
    assert str(sizes["height"]) == text and sizes["height"] == sizes["width"] and sizes.proved


class Refusing(torch.nn.Module):
    """Takes even sizes of at least 8 alone, and says so itself."""

    def __init__(self):
        super().__init__()
        self.pool = torch.nn.MaxPool2d(2)

    def forward(self, x):
        height, width = x.shape[-2:]
        if height % 2 or width % 2:
            raise ValueError(f"odd size {height}x{width}")
        assert height >= 8, "too low"
        return self.pool(x)


@pytest.mark.parametrize("size", [64, 33, 6])
def test_a_program_that_refuses_sizes_itself(size):
    network = cs.from_torch(Refusing(), (3, size, 64))
    report = cs.check(network)
    assert report.ok is (size == 64)
    if size != 64:
        assert [f.code for f in report.failures] == ["CS029"] and (
            "odd size" if size == 33 else "too low"
        ) in network.refusal
    sizes = cs.valid_sizes(network)
    assert sizes.complete and sizes.proved
    assert str(sizes) == "height mod 2 = 0, height >= 8\nwidth mod 2 = 0, width >= 2"


class SquareRoot(torch.nn.Module):
    """Takes only as many positions as a square has, by a way that no formula follows."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 4, 4)

    def forward(self, x):
        tokens = self.conv(x).flatten(2)
        side = int(tokens.shape[-1] ** 0.5)
        return tokens.view(tokens.shape[0], 8, side, side)


def test_a_program_with_branches_without_end(monkeypatch):
    monkeypatch.setattr("convsolve.sizes.branches._MOST_ALONG", 12)
    monkeypatch.setattr("convsolve.sizes.branches._MOST_BRANCHES", 12)
    sizes = cs.valid_sizes(cs.from_torch(SquareRoot(), (3, 32, 32)))
    assert not sizes.complete and (16, 16) in sizes and (4, 64) in sizes and (3, 8) not in sizes
    module = SquareRoot().to("meta")
    for h in range(1, 30):
        for w in range(1, 30):
            if (h, w) in sizes.known:
                try:
                    ran = 0 not in module(torch.zeros(1, 3, h, w, device="meta")).shape
                except RuntimeError:
                    ran = False
                assert ((h, w) in sizes) is ran, (h, w)


class FailsFirst(torch.nn.Module):
    """Fails in a convolution, and then in a call that no rule describes."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 7)

    def forward(self, x):
        return torch.einsum(
            "nchw,nchv->nwv", self.conv(x), torch.ones(x.shape[0], 8, x.shape[2] - 6, 5, device=x.device)
        )


def test_what_comes_after_a_failure_does_not_hide_it():
    report = cs.check(cs.from_torch(FailsFirst(), (3, 4, 4)))
    assert [(f.layer, f.code) for f in report.failures] == [("conv", "CS001")]


class Middle(torch.nn.Module):
    """Takes the middle one of three sizes."""

    def forward(self, x):
        side = sorted([*x.shape[2:], 5])[1]
        return x[:, :, :1, :1].expand(x.shape[0], 3, side, side)


def test_a_program_that_compares_sizes_with_each_other():
    sizes = cs.valid_sizes(cs.from_torch(Middle(), (3, 8, 12)))
    for h in range(1, 9):
        for w in range(1, 9):
            assert (h, w) not in sizes.known or (h, w) in sizes
