"""Moves between channels and space as reshape, permute, reshape, for any number of axes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .plan import PlannedLayer

__all__ = ["Shuffle", "shuffle"]


@dataclass(frozen=True)
class Shuffle:
    """A rearrangement of a tensor without its batch axis: split the axes, order them anew, merge them."""

    split: tuple[int, ...]
    order: tuple[int, ...]
    merged: tuple[int, ...]


def shuffle(step: PlannedLayer, *, up: bool, last: bool) -> Shuffle:
    """Return the moves of a depth-to-space (``up``) or space-to-depth layer, with the channels first or last.

    The channels are ordered as PyTorch's ``pixel_shuffle`` has them: ``c*block*block``, the channel outermost.
    """
    rank, block = step.rank, step.operator.block_size
    channels, *sizes = step.sizes[0]
    out_channels, *out_sizes = step.made[0]
    blocks = (block,) * rank
    if up:  # (c, b, b, h, w) -> (c, h, b, w, b)
        inner = channels // math.prod(blocks)
        parts = (inner, *blocks)
        split = (*sizes, *parts) if last else (*parts, *sizes)
        first_size, first_channel = (0, rank) if last else (rank + 1, 0)
        mixed = [axis for i in range(rank) for axis in (first_size + i, first_channel + 1 + i)]
        order = (*mixed, first_channel) if last else (first_channel, *mixed)
    else:  # (c, h, b, w, b) -> (c, b, b, h, w)
        split_sizes = [n for size in sizes for n in (size // block, block)]
        split = (*split_sizes, channels) if last else (channels, *split_sizes)
        first, channel = (0, 2 * rank) if last else (1, 0)
        spaces = [first + 2 * i for i in range(rank)]
        parts = (channel, *(first + 2 * i + 1 for i in range(rank)))
        order = (*spaces, *parts) if last else (*parts, *spaces)
    merged = (*out_sizes, out_channels) if last else (out_channels, *out_sizes)
    return Shuffle(split, tuple(order), merged)
