"""Programs with branches on sizes: what is said of each size is what running them does, and few words say it."""

from __future__ import annotations

import dataclasses
import os

import pytest
import torch
from torch import nn
from torch.nn import functional

import convsolve as cs
from convsolve.errors import UndecidedError

from .executed import executed

SIZES = range(1, 41) if os.environ.get("CONVSOLVE_SCALE") else [*range(1, 10), 12, 15, 16, 17, 20, 31, 40]


class Same(nn.Module):
    """Padding of TensorFlow, computed where it is used."""

    def __init__(self, layers):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3, 3, 3, 2) for _ in range(layers))

    def forward(self, x):
        for conv in self.convs:
            h, w = int(x.shape[-2]), int(x.shape[-1])
            ph = max(3 - 2, 0) if h % 2 == 0 else max(3 - (h % 2), 0)
            pw = max(3 - 2, 0) if w % 2 == 0 else max(3 - (w % 2), 0)
            x = conv(functional.pad(x, (pw // 2, pw - pw // 2, ph // 2, ph - ph // 2)))
        return x


class Fitted(nn.Module):
    """A decoder that pads what is one short, axis by axis."""

    def __init__(self, levels):
        super().__init__()
        self.levels = levels

    def forward(self, x):
        kept = []
        for _ in range(self.levels):
            kept.append(x)
            x = functional.max_pool2d(x, 2)
        for skip in reversed(kept):
            x = functional.interpolate(x, scale_factor=2)
            pad = [0, 0, 0, 0]
            for i in range(2):
                if skip.shape[-i - 1] != x.shape[-i - 1]:
                    pad[i * 2 + 1] = 1
            x = functional.pad(x, pad, "replicate") + skip
        return x


class Pooling(nn.Module):
    def forward(self, x):
        while min(x.shape[-2:]) > 7:
            x = functional.avg_pool2d(x, 2)
        return functional.conv2d(x, torch.zeros(2, 3, 3, 3, device=x.device))


class Together(nn.Module):
    """Fails only where both axes are odd, which is asked of them one after the other."""

    def forward(self, x):
        odd = [n % 2 == 1 for n in x.shape[-2:]]
        if odd[0] and odd[1]:
            raise ValueError("odd")
        return functional.max_pool2d(x, 2)


class Wider(nn.Module):
    """Compares one axis with the other, which no boxes describe."""

    def forward(self, x):
        if x.shape[-1] > x.shape[-2]:
            x = x.transpose(-1, -2)
        return functional.max_pool2d(x, (3, 5))


class Windows(nn.Module):
    """Cuts windows after padding to a multiple, on one axis only, or on none."""

    def __init__(self, padded):
        super().__init__()
        self.padded = padded

    def forward(self, x):
        b, c, h, w = x.shape
        x = functional.pad(x, (0, (5 - w % 5) % 5 if self.padded > 1 else 0, 0, (4 - h % 4) % 4 if self.padded else 0))
        h, w = x.shape[-2:]
        x = x.view(b, c, h // 4, 4, w // 5, 5).permute(0, 2, 4, 3, 5, 1).reshape(-1, 20, c)
        return x.view(b, h // 4, w // 5, 4, 5, c).permute(0, 5, 1, 3, 2, 4).reshape(b, c, h, w)


PROGRAMS = {
    "same 2": (lambda: Same(2), "height >= 1\nwidth >= 1", True),
    "same 3": (lambda: Same(3), "height >= 1\nwidth >= 1", False),
    "fitted 2": (lambda: Fitted(2), "height >= 4\nwidth >= 4", True),
    "fitted 3": (lambda: Fitted(3), "height >= 8\nwidth >= 8", False),
    "together": (Together, None, True),
    "windows": (lambda: Windows(0), "height mod 4 = 0, height >= 4\nwidth mod 5 = 0, width >= 5", None),
    "windows 1": (lambda: Windows(1), "height >= 1\nwidth mod 5 = 0, width >= 5", None),
    "windows 2": (lambda: Windows(2), "height >= 1\nwidth >= 1", None),
}


def runs(module, h, w):
    try:
        return 0 not in module(torch.zeros(2, 3, h, w, device="meta")).shape
    except (RuntimeError, ValueError):
        return False


@pytest.mark.parametrize("name", PROGRAMS)
def test_sizes_are_what_running_takes(name):
    make, text, proved = PROGRAMS[name]
    module = make().to("meta")
    sizes = cs.valid_sizes(cs.from_torch(module, (3, 40, 40)), timeout=None)
    assert sizes.complete and (text is None or str(sizes) == text)
    assert proved is None or sizes.proved is proved
    for h in SIZES:
        for w in SIZES:
            assert ((h, w) in sizes) is runs(module, h, w), (h, w)


@pytest.mark.parametrize("make", [Pooling, Wider])
def test_what_is_not_known_is_asked_of_the_program(make):
    module = make().to("meta")
    sizes = cs.valid_sizes(cs.from_torch(module, (3, 40, 24)))
    assert (40, 24) in sizes.known and not sizes.complete and not sizes.proved and "not known for" in str(sizes)
    for h in (1, 2, 3, 7, 8, 9, 16, 31):
        for w in (1, 3, 5, 8, 15, 40):
            assert ((h, w) in sizes) is runs(module, h, w), (h, w)
    assert cs.minimum_input(cs.from_torch(module, (3, 40, 24))) == ((3, 3, 3) if make is Pooling else (3, 5, 5))
    network = dataclasses.replace(cs.from_torch(module, (3, 40, 24)), record=None)
    with pytest.raises(UndecidedError, match="7x40"):
        assert (7, 40) in cs.valid_sizes(network)


class Table(nn.Module):
    """Fails for one in a thousand of the combinations of its branches."""

    def forward(self, x):
        rest = [sum(2**i for i in range(5) if n // 2**i % 2) for n in x.shape[-2:]]
        if rest == [21, 9]:
            raise ValueError("this one")
        return functional.max_pool2d(x, 1)


def test_combinations_that_were_not_recorded_are_not_called_proven():
    module = Table()
    assert not runs(module, 21, 9)
    sizes = cs.valid_sizes(cs.from_torch(module, (3, 32, 32)))
    assert not sizes.proved


def test_a_time_limit_bounds_the_whole_answer_and_changes_no_claim():
    network = cs.from_torch(Fitted(3), (3, 32, 32))
    whole = cs.valid_sizes(network, timeout=None, prove=False)
    for timeout in (1e-6, 0.2):
        sizes = cs.valid_sizes(network, timeout=timeout)
        assert not sizes.complete and not sizes.proved and (32, 32) in sizes.known
        assert not sizes.known & (sizes.region - whole.region) and not (sizes.known & whole.region) - sizes.region
    with pytest.raises(UndecidedError):
        cs.counterexample(network, range(8, 200), timeout=1e-6)
    assert cs.counterexample(network, range(8, 200)) is None
    found = cs.counterexample(network, range(6, 200))
    assert found is not None and found.input_shape == (3, 6, 6)
    assert cs.minimum_input(network) == (3, 8, 8)


class Asserted(nn.Module):
    """Asks for one height, and says in text of several lines which it has got."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3)

    def forward(self, x):
        x = self.conv(x)
        torch._assert(x.shape[2] == 6, f"wanted a height of 6, and not of {x.shape[2]} by {x.shape[3]}")
        return x


def test_what_an_assertion_says_freezes_no_size():
    sizes = cs.valid_sizes(cs.from_torch(Asserted(), (1, 8, 9)))
    assert str(sizes).splitlines() == ["height = 8", "width >= 3"] and sizes.complete and sizes.proved
    assert all(((h, w) in sizes) is (executed(Asserted(), [(1, h, w)]) is not None)
               for h in (2, 7, 8, 9, 40) for w in (2, 3, 9, 40))  # fmt: skip
