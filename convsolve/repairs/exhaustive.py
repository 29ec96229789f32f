"""Trying: every single change and every pair of changes of parameters, all at once, as columns of numbers.

One trace of the sketch is read with numpy: a column holds for each candidate which option every layer takes.
That decides the sets of one and two changes completely; larger ones are left to the solver.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..dims import evaluate_arrays
from ..errors import ConvsolveError
from ..network.trace import Requirement, run_arrays
from ..problem import Problem, trace_problem
from .edits import Change
from .evaluated_network import Situation
from .search import Options, sketched
from .single_edits import working_edits

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Point", "TriedChanges", "single_and_double"]

Point = Mapping[str, int]
"""Sizes of the inputs by the names that the trace gives them (``input.height``)."""

_CHUNK = 1 << 15
_MOST = 200_000_000
"""How many values are computed at most to decide the pairs; beyond, they are left to the solver."""


@dataclass(frozen=True)
class TriedChanges:
    """Some changes that work at all points tried."""

    changes: tuple[Change, ...]

    @property
    def weight(self) -> int:
        """What they cost together."""
        return sum(change.weight for change in self.changes)

    @property
    def kinds(self) -> frozenset[str]:
        """What is changed."""
        return frozenset().union(*(change.kinds for change in self.changes))


class _Trials:
    """The sets of one size among the changes of a network, and which of them work."""

    def __init__(self, now: Situation, options: Options) -> None:
        network, self.holes = sketched(now, options)
        self.trace = trace_problem(Problem(network, now.problem.requirements)).trace
        self.candidates = [
            (name, i, change) for name in reversed(self.holes) for i, (_, change) in enumerate(options[name], start=1)
        ]
        self.steps = len(self.trace.steps)

    def sets(self, size: int) -> list[tuple[int, ...]]:
        """Return the sets of so many changes of different layers."""
        if size == 1:
            return [(i,) for i in range(len(self.candidates))]
        return [
            (i, j)
            for i, j in itertools.combinations(range(len(self.candidates)), 2)
            if self.candidates[i][0] != self.candidates[j][0]
        ]

    def feasible(self, size: int) -> bool:
        """Whether so many sets can be tried in reasonable time."""
        sets = len(self.candidates) ** size // size
        options = len(self.candidates) // len(self.holes) + 1
        return bool(sets * self.steps * options <= _MOST)

    def work(self, sets: Sequence[tuple[int, ...]], points: Sequence[Point]) -> np.ndarray:
        """Return which of some sets fulfil every requirement at every point."""
        import numpy as np

        parts = []
        for start in range(0, len(sets), _CHUNK):
            chunk = np.array(sets[start : start + _CHUNK], dtype=np.int64)
            columns = {hole.name: np.zeros(len(chunk), dtype=np.int64) for hole in self.holes.values()}
            names = list(self.holes)
            owners = np.array([names.index(name) for name, _, _ in self.candidates])
            numbers = np.array([i for _, i, _ in self.candidates])
            for k in range(chunk.shape[1]):
                for at, hole in enumerate(self.holes.values()):
                    here = owners[chunk[:, k]] == at
                    columns[hole.name][here] = numbers[chunk[here, k]]
            works = np.ones(len(chunk), dtype=bool)
            for point in points:
                works &= self._holds({**columns, **{n: np.array([s]) for n, s in point.items()}}, len(chunk))
            parts.append(works)
        return np.concatenate(parts) if parts else np.zeros(0, dtype=bool)

    def _holds(self, columns: Mapping[str, np.ndarray], count: int) -> np.ndarray:
        import numpy as np

        values = run_arrays(self.trace, columns)
        holds = np.ones(count, dtype=bool)
        for step in self.trace.steps:
            if isinstance(step, Requirement):
                holds &= np.broadcast_to(evaluate_arrays(step.condition, values), (count,)).astype(bool)
        return holds


def single_and_double(
    now: Situation, options: Options, size: int, points: list[Point]
) -> Iterator[TriedChanges] | None:
    """Yield the sets of one or of two changes that work, cheapest first; None where there are too many to try.

    Points that are added to the list while it runs count for what comes after.
    """
    try:
        if size == 1:
            found = working_edits(now, options, points)
            if found is not None:
                return _while_they_work(now, options, found, points)
        trials = _Trials(now, options)
    except ConvsolveError:
        return iter(())
    if not trials.holes:
        return iter(())
    if not trials.feasible(size):
        return None
    return _working(trials, size, points)


def _while_they_work(
    now: Situation, options: Options, found: Sequence[Change], points: list[Point]
) -> Iterator[TriedChanges]:
    """Yield single changes, those behind a point that was added only where they work there, too."""
    seen = len(points)
    left = list(found)
    while left:
        first, *left = left
        yield TriedChanges((first,))
        if len(points) > seen:
            again = {id(change) for change in working_edits(now, options, points[seen:]) or ()}
            left = [change for change in left if id(change) in again]
            seen = len(points)


def _working(trials: _Trials, size: int, points: list[Point]) -> Iterator[TriedChanges]:
    sets = trials.sets(size)
    seen = len(points)
    works = trials.work(sets, points)
    left = [s for s, w in zip(sets, works, strict=True) if w]
    order = sorted(left, key=lambda s: sum(trials.candidates[i][2].weight for i in s))
    while order:
        first, *order = order
        yield TriedChanges(tuple(trials.candidates[i][2] for i in first))
        if len(points) > seen:
            works = trials.work(order, points[seen:])
            seen = len(points)
            order = [s for s, w in zip(order, works, strict=True) if w]
