"""Paths: the solutions of one part of a system as the ways through layers of nodes, each solution exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["Budget", "Paths", "Stage"]


@dataclass(frozen=True)
class Stage:
    """The edges of one block, sorted by the node that they come from; those of node ``n`` start at ``starts[n]``.

    ``options`` has for each hole the values that it may take, preferred ones first, and ``places`` which of them an
    edge takes; ``absent`` says for holes whose layer's presence is known from here on whether it is absent.
    """

    starts: np.ndarray
    source: np.ndarray
    target: np.ndarray
    options: Mapping[str, np.ndarray]
    places: Mapping[str, np.ndarray]
    absent: Mapping[str, np.ndarray]

    def values(self, hole: str, edges: np.ndarray) -> np.ndarray:
        """Return the values that a hole takes on some edges."""
        found: np.ndarray = self.options[hole][self.places[hole][edges]]
        return found


@dataclass(frozen=True)
class Budget:
    """States without sums, what their edges add to the only sum there is, and the most that it may come to."""

    stages: tuple[Stage, ...]
    added: tuple[np.ndarray, ...]
    limit: int
    ends: int


@dataclass(frozen=True)
class Paths:
    """Stages in order; ``certain`` says which of the last nodes are reached by solutions only.

    ``budget`` says the same in another way, where sums were merged and that is possible: then whether a path with
    some values exists is a question of shortest paths, and has a certain answer.
    """

    stages: tuple[Stage, ...]
    certain: np.ndarray
    budget: Budget | None = None

    @property
    def exact(self) -> bool:
        """Whether every path is a solution."""
        return bool(self.certain.all())
