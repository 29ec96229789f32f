"""torch.export takes the dimensions that the closed form names, and its program runs at their sizes."""

from __future__ import annotations

import pytest
import torch

import convsolve as cs
from convsolve.sizes.export_constraints import torch_dimensions
from tests.sizes.test_valid_sizes import ALEXNET, VGG, encoder_decoder

NETWORKS = {
    "alexnet": ALEXNET, "vgg": VGG, "u-net": encoder_decoder(5), "strict u-net": encoder_decoder(3, first=0),
    "stride": "input: [3, 64, 64]\nlayers: [{conv: {out_channels: 4, kernel_size: 5, stride: 3}}]",
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_torch_export_takes_what_is_declared(name):
    network = cs.parse(NETWORKS[name]).network
    sizes = cs.valid_sizes(network)
    for declared in zip(*(torch_dimensions(sizes, axis) for axis in sizes), strict=True):
        space = {"torch": torch}
        for dimension in declared:
            exec(dimension.text, space)
        example, other = ((3, d.sizes.nth(3), e.sizes.nth(5)) for d, e in (declared, reversed(declared)))
        module = cs.to_torch(network.with_input(example)).eval().to("meta")
        dims = {i: space[axis] for i, axis in enumerate(sizes, start=2)}
        program = torch.export.export(module, (torch.zeros(2, *example, device="meta"),), dynamic_shapes=[dims])
        for shape in (example, other):
            expected = cs.check(network, shape).shapes
            output = program.module()(torch.zeros(2, *shape, device="meta"))
            assert tuple(output.shape[1:]) in expected.values()
