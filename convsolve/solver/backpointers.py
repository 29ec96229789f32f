"""Backpointers of a sweep: how each state, or label, was reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..dims import Var
from .plan import Part
from .system import System
from .transitions import MOST_BYTES, Choices, TooWide

__all__ = ["BestAssignments", "Scored", "Backpointers", "goal_scores"]

Scored = tuple[tuple[int, ...], dict[str, int]]
"""What an assignment is compared by (objectives, then the sum of ranks), and the assignment."""


@dataclass(frozen=True)
class BestAssignments:
    """The best assignments of a part; ``plainest`` says that preference is decided, too."""

    best: list[Scored]
    plainest: bool = True


class Backpointers:
    """For each block: the row of the block before, and the combination of values that was chosen."""

    def __init__(self) -> None:
        self._links: list[tuple[np.ndarray, np.ndarray, Choices]] = []
        self._bytes = 0

    def add(self, row: np.ndarray, combination: np.ndarray, choices: Choices) -> None:
        """Note how the rows after one more block were come by.

        Raises:
            TooWide: there are too many to be remembered.
        """
        self._bytes += 8 * len(row)
        if self._bytes > MOST_BYTES:
            raise TooWide
        self._links.append((row.astype(np.int32), combination.astype(np.int32), choices))

    def assignments(
        self, rows: Sequence[int] | np.ndarray, scores: Sequence[np.ndarray], ranks: np.ndarray
    ) -> list[Scored]:
        """Return the assignments that led to some rows, with what they are compared by."""
        found: list[Scored] = []
        for row in rows:
            at = int(row)
            assignment: dict[str, int] = {}
            for parent, combination, choices in reversed(self._links):
                assignment.update(choices.combination(int(combination[at])))
                at = int(parent[at])
            found.append(((*(int(s[row]) for s in scores), int(ranks[row])), assignment))
        return found


def goal_scores(part: Part, system: System, columns: Mapping[str, np.ndarray], count: int) -> list[np.ndarray]:
    """Return the value of every goal for each state, zero for goals that other parts decide."""
    scores = []
    for i, goal in enumerate(system.goals):
        score = np.zeros(count, dtype=np.int64)
        if i in part.goals:
            assert isinstance(goal.value, Var)
            score = columns[goal.value.name] * goal.sense
        scores.append(score)
    return scores
