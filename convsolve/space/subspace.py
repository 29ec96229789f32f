"""A subspace: the solutions of a problem with some holes decided, or with a cost inside of a range."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import Any

from ..dims import Cond, Dim, eq
from ..errors import WorkersError
from ..network.trace import Definition, Requirement
from ..problem import Problem, ProblemTrace, Scope, trace_problem
from ..rules import PROBLEM
from ..solver.clock import Clock
from .assignments import Assignments, Bin, Columns, Samples
from .completions import Completions
from .components import Outline, Parts, TooManyStates, in_words, outlined, parts_of, presence
from .cubes import Decided
from .evaluation import Evaluator
from .path_counts import Drawing, Weight, Weights

__all__ = ["Steps", "Subspace", "cost_of", "extended", "having", "inside"]

Steps = tuple[Definition | Requirement, ...]


def having(problem: Problem, given: Mapping[str, int]) -> Steps:
    """Return the steps that give some holes their values."""
    holes = problem.network.holes
    return tuple(_demands((f"{name} == {value}", eq(holes[name], value)) for name, value in given.items()))


def cost_of(traced: ProblemTrace, text: str) -> tuple[Steps, Dim]:
    """Return an expression, read as an objective is, and the steps that define what it speaks of.

    Raises:
        ExpressionError: the text cannot be read.
    """
    scope = Scope(traced.trace)
    cost = scope.objective(text)
    return tuple(scope.definitions), cost


def inside(traced: ProblemTrace, text: str, wanted: range) -> Steps:
    """Return the steps that keep an expression inside of a range."""
    steps, cost = cost_of(traced, text)
    low, high = (f"{text} >= {wanted.start}", cost >= wanted.start), (f"{text} < {wanted.stop}", cost < wanted.stop)
    return (*steps, *_demands([low, high]))


def extended(traced: ProblemTrace, steps: Steps) -> ProblemTrace:
    """Return a problem with further steps; what is defined already is not defined again."""
    known = {definition.name for definition in traced.trace.definitions}
    more = (step for step in steps if isinstance(step, Requirement) or step.name not in known)
    return dataclasses.replace(traced, trace=dataclasses.replace(traced.trace, steps=(*traced.trace.steps, *more)))


def _demands(conditions: Iterable[tuple[str, Cond]]) -> Iterator[Requirement]:
    return (Requirement("", PROBLEM, c, text=text) for text, c in conditions if c is not True)


class _Whole:
    """What a subspace has in common with those of its cubes."""

    def __init__(self, problem: Problem, timeout: float | None) -> None:
        self.problem = problem
        self.timeout = timeout
        self.running: Clock | None = None
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


class Subspace:
    """The solutions of a problem within further steps. Other processes get it as what it is made of."""

    def __init__(
        self,
        problem: Problem,
        timeout: float | None = None,
        *,
        whole: _Whole | None = None,
        steps: Steps = (),
        coarse: int = 0,
    ) -> None:
        self._whole = whole or _Whole(problem, timeout)
        self.steps = steps
        self.coarse = coarse
        self._cube: tuple[Decided, Subspace] | None = None
        self._drawing: tuple[Weight | None, Drawing] | None = None
        self._drawn: Columns | None = None

    def within(self, steps: Steps, coarse: int = 0) -> Subspace:
        """Return the subspace with further steps.

        Where sums are too many to be told apart, ``coarse`` says how often to halve the number of those that are.
        """
        coarse = max(coarse, self.coarse)
        return Subspace(self.problem, whole=self._whole, steps=(*self.steps, *steps), coarse=coarse)

    def cube(self, decided: Decided) -> Subspace:
        """Return the subspace where some holes have their values; the last one is remembered."""
        if not decided:
            return self
        if self._cube is None or self._cube[0] != decided:
            self._cube = decided, self.within(having(self.problem, dict(decided)))
        return self._cube[1]

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._whole.data, pickle.dumps((self.steps, self.coarse)))

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
        """The clock of the question that is being answered; outside of one, a clock that starts now."""
        return self._whole.running or Clock(self._whole.timeout)

    @contextmanager
    def question(self) -> Iterator[None]:
        """Let all that one question takes share one clock, which starts with it.

        Raises:
            UndecidedError: the time ran out.
        """
        outer = self._whole.running
        self._whole.running = outer or Clock(self._whole.timeout)
        try:
            with in_words():
                yield
        finally:
            self._whole.running = outer

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
        return None if self.outline is None else parts_of(self.traced, self.outline, self.clock, self.coarse)

    @cached_property
    def completions(self) -> Completions | None:
        """What decides whether some values lead to a solution; None if there are none, or too many states.

        Raises:
            UndecidedError: the time ran out.
        """
        if self.outline is None:
            return None
        try:
            with in_words():
                return Completions(self.traced, self.outline, self.clock)
        except TooManyStates:
            return None

    def drawn(self, draw: Callable[[Subspace], Columns]) -> Columns:
        """Return some solutions, drawn once."""
        if self._drawn is None:
            self._drawn = draw(self)
        return self._drawn

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
            weights = (
                None
                if not weight
                else Weights({self.assignments.known(name): self.assignments.domains[name] for name in weight}, weight)
            )
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
def _restored(data: bytes, steps: bytes) -> Subspace:
    """Return a subspace that was sent; it is made once for many jobs."""
    whole = _whole(data)
    own, coarse = pickle.loads(steps)
    return Subspace(whole.problem, whole=whole, steps=own, coarse=coarse)
