"""The ground of a space: its problem, what is decided in it, and its solutions, found when they are first needed."""

from __future__ import annotations

import dataclasses
import pickle
from functools import cached_property, lru_cache
from typing import Any

from ..errors import WorkersError
from ..problem import Problem, ProblemTrace, trace_problem
from ..solver.clock import Clock
from .assignments import Assignments
from .cubes import Decided
from .drawing import Columns, Drawing, Weight, Weights
from .evaluation import Evaluator
from .parts import Outline, Parts, outlined, parts_of, presence
from .samples import Bin, Samples
from .within import Steps, extended, having

__all__ = ["Ground"]


class _Whole:
    """What a ground has in common with those of its cubes."""

    def __init__(self, problem: Problem, timeout: float | None) -> None:
        self.problem = problem
        self.timeout = timeout
        self.traced = trace_problem(dataclasses.replace(problem, objectives=(), pareto=()))
        self.assignments = Assignments(problem.network, presence(self.traced))

    @cached_property
    def data(self) -> bytes:
        """What it is made of, for another process, where the program that a network comes from is not needed."""
        network = dataclasses.replace(self.problem.network, record=None)
        try:
            return pickle.dumps((dataclasses.replace(self.problem, network=network), self.timeout))
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise WorkersError(f"the problem cannot be sent to workers: {error}") from None


class Ground:
    """The solutions of a problem within further steps. Other processes get it as what it is made of."""

    def __init__(
        self, problem: Problem, timeout: float | None = None, *, whole: _Whole | None = None, steps: Steps = ()
    ) -> None:
        self._whole = whole or _Whole(problem, timeout)
        self.steps = steps
        self._cube: tuple[Decided, Ground] | None = None
        self._drawing: tuple[Weight | None, Drawing] | None = None

    def within(self, steps: Steps) -> Ground:
        """Return the ground with further steps."""
        return Ground(self.problem, whole=self._whole, steps=(*self.steps, *steps))

    def cube(self, decided: Decided) -> Ground:
        """Return the ground where some holes have their values; the last one is remembered."""
        if not decided:
            return self
        if self._cube is None or self._cube[0] != decided:
            self._cube = decided, self.within(having(self.problem, dict(decided)))
        return self._cube[1]

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._whole.data, pickle.dumps(self.steps))

    @property
    def problem(self) -> Problem:
        """The problem, without the further steps."""
        return self._whole.problem

    @property
    def assignments(self) -> Assignments:
        """The reader of assignments."""
        return self._whole.assignments

    @property
    def clock(self) -> Clock:
        """A clock for going through the space, which starts now."""
        return Clock(self._whole.timeout)

    @cached_property
    def traced(self) -> ProblemTrace:
        """The trace of the problem without its objectives, with the further steps."""
        return extended(self._whole.traced, self.steps)

    @cached_property
    def outline(self) -> Outline | None:
        """What is known before the space is gone through; None if it has no solution."""
        return outlined(self.traced, self.clock)

    @cached_property
    def parts(self) -> Parts | None:
        """The solutions as paths; None if there are none.

        Raises:
            TooManyStates: there are too many states to go through.
        """
        return None if self.outline is None else parts_of(self.traced, self.outline, self.clock)

    @cached_property
    def evaluator(self) -> Evaluator:
        """Evaluates candidates."""
        return Evaluator(self.traced, self.assignments.present)

    def drawing(self, weight: Weight | None = None) -> Drawing:
        """Return the candidates by number, which may be weighed; the last such drawing is remembered.

        Raises:
            NetworkError: a weight is no weight, or no hole's.
        """
        assert self.parts is not None
        if self._drawing is None or self._drawing[0] != (weight or None):
            weights = None if not weight else Weights(
                {self.assignments.known(name): self.assignments.domains[name] for name in weight}, weight)
            self._drawing = weight or None, Drawing(self.parts, lambda c: self.evaluator(c).valid, weights)
        return self._drawing[1]

    def samples(
        self, columns: Columns, size: int, *, weighted: bool = False, tried: int = 0, bins: tuple[Bin, ...] = ()
    ) -> Samples:
        """Return candidates, which must be solutions, as samples."""
        ordered = {name: columns[name] for name in self.assignments.values}
        return Samples(ordered, self.problem.network, self.assignments.present, weighted, size, tried, bins)


@lru_cache(maxsize=4)
def _whole(data: bytes) -> _Whole:
    return _Whole(*pickle.loads(data))


@lru_cache(maxsize=4)
def _restored(data: bytes, steps: bytes) -> Ground:
    """Return a ground that was sent; it is made once for many jobs."""
    whole = _whole(data)
    return Ground(whole.problem, whole=whole, steps=pickle.loads(steps))
