"""What earlier runs of a program have made: it makes another run needless only where it tells as much."""

from __future__ import annotations

import pytest
import torch

import convsolve as cs
from convsolve.frameworks.common.recording import second_runs

from .executed import Program

LOST = {
    "a constant": lambda _, x: x + torch.block_diag(torch.zeros(1, x.shape[3], device=x.device)),
    "a constant, rounded": lambda _, x: (
        torch.block_diag(torch.zeros(x.shape[3] // 4, 1, device=x.device)).sum()
        + x[..., ::4]
        + torch.block_diag(torch.zeros(1, -(-x.shape[3] // 4), device=x.device))
    ),
}
"""Programs of which the recording loses a size, as nothing is known of one call."""


@pytest.mark.parametrize("name", LOST)
def test_a_number_of_one_run_is_no_requirement_after_others(name, monkeypatch):
    monkeypatch.setattr(second_runs, "_FEW_LAYERS", 0)
    network = cs.from_torch(Program(LOST[name]), (3, 8, 8))
    for height, width in ((8, 9), (9, 8), (16, 7), (40, 40), (4, 10)):
        again = network.record((3, height, width))
        assert cs.check(again, (3, height, width)).ok
    for shape in ((3, 8, 8), (3, 8, 9)):
        sizes = cs.valid_sizes(network.record(shape), branches=False)
        assert shape[1:] in sizes.known and (20, 23) not in sizes.known
        assert cs.check(network.record(shape), (3, 20, 23)).ok
