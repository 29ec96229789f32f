"""Tallies: how many paths there are, exactly, and which one has a given number.

Paths are counted from the end backwards, with numpy's integers where the total fits and Python's where it does not.
The number of a path, read from the start as in a mixed radix, leads to its edges: so what is drawn by number is drawn
uniformly, whatever the total, and different numbers are different paths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .paths import Paths, Stage

__all__ = ["Tally", "tally"]

_WORD = 2.0**61


@dataclass(frozen=True)
class Tally:
    """For each stage the running sum of paths over its edges, beginning with 0, and each edge's own weight."""

    paths: Paths
    total: int
    running: tuple[np.ndarray, ...]
    weights: tuple[np.ndarray | None, ...]

    def edges(self, numbers: np.ndarray) -> list[np.ndarray]:
        """Return the edges, stage by stage, of the paths with these numbers, from 0 to ``total`` - 1."""
        rest = numbers if self.total >= _WORD else numbers.astype(np.int64)
        node = np.zeros(len(numbers), dtype=np.int64)
        found = []
        for stage, running, weights in zip(self.paths.stages, self.running, self.weights, strict=True):
            goal = running[stage.starts[node]] + rest
            edge = np.searchsorted(running, goal, side="right") - 1
            rest = goal - running[edge]
            if weights is not None:
                rest = rest // weights[edge]
            node = stage.target[edge]
            found.append(edge)
        return found


def tally(
    paths: Paths, *, certain: bool = False, weigh: Callable[[Stage], np.ndarray | None] = lambda stage: None
) -> Tally:
    """Count the paths.

    Args:
        paths: the paths.
        certain: count only those that are solutions for certain.
        weigh: returns a positive whole number for each edge of a stage, or None; a path counts their product.
    """
    weights = tuple(weigh(stage) for stage in paths.stages)
    end = paths.certain if certain else np.ones(len(paths.certain), dtype=bool)
    rough = _count(paths, end.astype(float), weights)
    small = all(float(running[-1]) < _WORD for running in rough)
    exact = _count(paths, end.astype(np.int64 if small else object), weights)
    return Tally(paths, int(exact[0][-1]) if exact else 1, tuple(exact), weights)


def _count(paths: Paths, end: np.ndarray, weights: tuple[np.ndarray | None, ...]) -> list[np.ndarray]:
    ways = end
    found: list[np.ndarray] = []
    for stage, own in zip(reversed(paths.stages), reversed(weights), strict=True):
        each = ways[stage.target]
        if own is not None:
            each = each * own.astype(end.dtype)
        running = np.zeros(len(each) + 1, dtype=end.dtype)
        np.cumsum(each, out=running[1:])
        ways = running[stage.starts[1:]] - running[stage.starts[:-1]]
        found.append(running)
    return found[::-1]
