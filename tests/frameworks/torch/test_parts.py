"""Parts of tensors of which perhaps nothing is left: what is said of each size is what running it gives."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from .executed import Program, truthful


def written(statement):
    """Return a program that writes into a copy of its input, or into zeros, ``y``."""

    def write(self, x):
        names = {"x": x, "y": torch.zeros_like(x)}
        exec(statement, names)
        return names["y"] + x

    return write


EMPTY = {
    "shifted": written("y[..., 1:] = x[..., :-1]"),
    "shifted by two": written("y[:, :, 2:] = x[:, :, :-2] * 2"),
    "on two axes": written("y[:, :, 3:, 2:] = x[:, :, 3:, 2:].relu()"),
    "one for all": written("y[:, :, 3:] = x.mean(2, keepdim=True)"),
    "added": written("y[:, :, 3:] += 1"),
    "of one channel": written("y[:, 1, 3:] = x[:, 0, 3:]"),
    "other rows": written("y[:, :, 3:] = x[:, :, 4:]"),
    "last one": written("y[..., -1:] = x[..., 3:4]"),
    "new axis": written("y[:, :, 3:, None, 0] = x[:, :, 3:, 0, None]"),
    "columns in turn": written("y[:, :, 2:5, ::2] = x[:, :, 2:5, 1::2]"),
    "a position": written("y[:, :, 3] = 0"),
    "chunks": lambda self, x: torch.cat(x.chunk(3, 2)[::-1], 2),
    "chunks as channels": lambda self, x: torch.stack(x.chunk(4, 3), 1).flatten(1, 2),
    "two chunks": lambda self, x: (lambda a, b: a + b)(*x.chunk(2, 3)) if x.shape[3] > 1 else x,
    "last chunk": lambda self, x: x.chunk(3, -1)[-1],
    "chunks of channels": lambda self, x: torch.cat(x[:, :1].chunk(2, 1), 1),
}


@pytest.mark.parametrize("name", EMPTY)
def test_nothing_may_be_left(name):
    truthful(lambda: Program(EMPTY[name]), (2, 6, 7), range(1, 11), most_unknown=1)


GROUPS = {
    "sum": lambda self, x: x.reshape(-1, 1, 8, 8) + x.flatten(0, 1).unsqueeze(1),
    "pooled": lambda self, x: x.reshape(-1, 1, 8, 8) + functional.adaptive_avg_pool2d(x, 8).flatten(0, 1)[:, None],
    "concatenated": lambda self, x: torch.cat(
        [x.reshape(-1, 1, 8, 8), functional.adaptive_avg_pool2d(x, 8).flatten(0, 1).unsqueeze(1)], 1
    ),
    "stacked": lambda self, x: torch.stack(
        [x.reshape(-1, 8, 8), functional.adaptive_max_pool2d(x, 8).flatten(0, 1)], 1
    ),
}


@pytest.mark.parametrize("shape", [(3, 8, 8), (3, 4, 8)])
@pytest.mark.parametrize("name", GROUPS)
def test_groups_of_elements_beside_groups_of_channels(name, shape):
    truthful(lambda: Program(GROUPS[name]), shape, (1, 2, 4, 8, 16, 32, 64), most_unknown=1)
