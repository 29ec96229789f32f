"""torchvision's deformed convolution, by an operator of the same name and checks where torchvision has none to run."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

import convsolve as cs

from .executed import opaque

SCHEMA = (
    "deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, SymInt stride_h, "
    "SymInt stride_w, SymInt pad_h, SymInt pad_w, SymInt dilation_h, SymInt dilation_w, SymInt groups, "
    "SymInt offset_groups, bool use_mask) -> Tensor"
)


def deformed(x, weight, offset, mask, bias, sh, sw, ph, pw, dh, dw, groups, offset_groups, use_mask):
    """The shape of what comes out, with the checks of torchvision's ``deform_conv2d_kernel.cpp``."""
    out = torch.nn.functional.conv2d(x, weight, bias, (sh, sw), (ph, pw), (dh, dw), groups)
    kernel = offset_groups * weight.shape[2] * weight.shape[3]
    torch._check(offset.shape[1] == 2 * kernel and x.shape[1] % offset_groups == 0)
    torch._check(offset.shape[2:] == out.shape[2:])
    torch._check(not use_mask or (mask.shape[1] == kernel and mask.shape[2:] == out.shape[2:]))
    return out


@pytest.fixture(scope="module")
def operator():
    found = getattr(torch.ops.torchvision, "deform_conv2d", None)
    if found is not None:
        yield found
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    library.define(SCHEMA)
    for key in ("CPU", "Meta"):
        library.impl("deform_conv2d", deformed, key)
    yield torch.ops.torchvision.deform_conv2d
    library._destroy()


class Deformed(nn.Module):
    def __init__(self, operator, offset, mask, stride=1, padding=0, groups=1):
        super().__init__()
        self.operator, self.offset, self.mask = operator, offset, mask
        self.weight, self.bias = nn.Parameter(torch.zeros(4, 4 // groups, 3, 3)), nn.Parameter(torch.zeros(4))
        self.numbers = (stride, stride, padding, padding, 1, 1)

    def forward(self, x):
        offset, mask = self.offset(x), x.new_zeros(x.shape[0], 1) if self.mask is None else self.mask(x).sigmoid()
        groups = x.shape[1] // self.weight.shape[1], offset.shape[1] // 18
        return self.operator(x, self.weight, offset, mask, self.bias, *self.numbers, *groups, self.mask is not None)


@pytest.mark.parametrize(("shifts", "mask", "options"), [
    (nn.Conv2d(4, 18, 3, padding=1), None, {"padding": 1}), (nn.Conv2d(4, 36, 3, 2), None, {"stride": 2}),
    (nn.Conv2d(4, 18, 3), nn.Conv2d(4, 9, 3), {"groups": 2}), (nn.Conv2d(4, 18, 2, 2), None, {"stride": 2}),
    (nn.Conv2d(4, 18, 1), None, {"padding": 1}), (nn.Conv2d(4, 18, 5, padding=1), nn.Conv2d(4, 9, 3), {}),
])  # fmt: skip
def test_offsets_must_fit(operator, shifts, mask, options):
    module = Deformed(operator, shifts, mask, **options).eval()
    network = cs.from_torch(module, (4, 8, 9))
    sizes = cs.valid_sizes(network)
    assert not opaque(network) and sizes.complete
    assert cs.check(network).params == sum(p.numel() for p in module.parameters())
    for height, width in itertools.product((1, 3, 4, 5, 8), (2, 3, 6, 9)):
        try:
            with torch.no_grad():
                made = tuple(module(torch.zeros(2, 4, height, width)).shape[1:])
        except RuntimeError:
            made = None
        assert ((height, width) in sizes) is (made is not None), (height, width, str(sizes))
        assert made is None or cs.check(network, (4, height, width)).output == made
