"""A task: one question to the solver, and what all its methods together know of the answer so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from ..dims import Cond, Expr, Var, bounds, evaluate
from ..errors import InternalError
from ..network.trace import Requirement
from ..problem import ProblemTrace
from .clock import Clock
from .outcome import Outcome
from .presolve import Domains, presolve
from .system import Define, System, build, values_of

__all__ = ["Method", "Task"]

_FOR_PREFERENCE = (10.0, 0.06)
"""Seconds to look for plainer ones at least, without objectives and with them."""

_SHARE_OF_PREFERENCE = 4
"""Otherwise one of so many parts of the time that the answer took."""


class Method(Protocol):
    """One way to solve a task, which does what it is best at; what it finds stands in the task.

    ``reason`` says why it gives up, where it does.
    """

    reason: str

    def bound(self, task: Task) -> None:
        """Find limits of the first objective."""

    def improve(self, task: Task) -> None:
        """Find solutions that are better than the best so far."""

    def decide(self, task: Task) -> Outcome | None:
        """Return the proven answer; None where this method cannot give one, however long it tries.

        Raises:
            OutOfTime: the task's clock ran out; what was found stands in the task.
        """


@dataclass
class Task:
    """A question: a system, what presolve has left, the clock, and how much is wanted.

    ``keep`` is the number of assignments that are wanted, ``plainest`` whether preference decides between equals.
    The rest is what is known: ``best`` so far, with what it is compared by (``score``: the objectives, all to be
    small, then the sum of ranks), the ``bound`` of the first objective, and how many objectives are ``settled``.
    """

    problem: ProblemTrace
    in_force: Sequence[Requirement] | None
    system: System
    domains: Domains
    clock: Clock
    seed: int = 0
    keep: int = 1
    plainest: bool = True
    best: dict[str, int] | None = None
    score: tuple[int, ...] = ()
    bound: int | None = None
    settled: int = 0
    rest: Clock | None = None
    """What may be spent on preference, once nothing else is left to be decided."""
    met: dict[Requirement, bool] = field(default_factory=dict)
    """For each requirement that a candidate was tried against: whether some candidate met it."""

    @classmethod
    def of(
        cls,
        problem: ProblemTrace,
        clock: Clock,
        *,
        in_force: Sequence[Requirement] | None = None,
        seed: int = 0,
        keep: int = 1,
        plainest: bool = True,
        goals: bool = True,
        extra: Sequence[Cond] = (),
        known: Domains | None = None,
    ) -> Task:
        """Return the task of a problem.

        Args:
            problem: the problem.
            clock: the deadline.
            in_force: the requirements that must hold; by default all.
            seed: for whatever makes choices.
            keep: how many assignments are wanted.
            plainest: whether preference decides between equals.
            goals: whether the problem's objectives count.
            extra: further conditions over names of the trace.
            known: what is known of some unknowns.

        Raises:
            Refuted: presolve leaves no values for some unknown.
            OutOfTime: the deadline passed.
        """
        system = build(problem, in_force, extra=extra, goals=goals)
        return cls(problem, in_force, system, presolve(system, clock, known), clock, seed, keep, plainest)

    def narrowed(self, known: Domains) -> Task:
        """Return the task with fewer values for some unknowns; raises Refuted."""
        return Task(self.problem, self.in_force, self.system, presolve(self.system, self.clock, known), self.clock,
                    self.seed, self.keep, self.plainest)  # fmt: skip

    def region(self, extra: Sequence[Cond], known: Domains | None, *, plainest: bool, goals: bool) -> Task:
        """Return the task of finding one solution where further conditions hold; raises Refuted."""
        return Task.of(self.problem, self.clock, in_force=self.in_force, seed=self.seed, plainest=plainest,
                       goals=goals, extra=extra, known=known)  # fmt: skip

    def __post_init__(self) -> None:
        if self.system.goals:
            goal = self.system.goals[0]
            low, high = self.interval(goal.value)
            self.bound = low if goal.sense > 0 else high

    def interval(self, value: int | Expr) -> tuple[int | None, int | None]:
        """Return between which numbers a goal's value lies."""
        if isinstance(value, Var) and value.name in self.domains:
            return self.domains[value.name].interval
        return bounds(value)

    @property
    def fixed(self) -> dict[str, int]:
        """The holes that presolve has decided."""
        return {n: v for n in self.system.holes if (v := self.domains[n].fixed) is not None}

    @property
    def decided(self) -> bool:
        """Whether what is known is the answer, whatever is plainer."""
        return self.keep == 1 and self.best is not None and self.settled == len(self.system.goals)

    @property
    def over(self) -> bool:
        """Whether the time is over, or that which preference is worth."""
        return self.clock.out or (self.rest is not None and self.rest.out)

    @contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """Work with a part of the time."""
        whole, self.clock = self.clock, (self.rest or self.clock).part(seconds)
        try:
            yield
        finally:
            self.clock = whole

    def offer(self, assignment: Mapping[str, int]) -> bool:
        """Take a solution, computed again by integer arithmetic; return whether it is the best so far.

        Raises:
            InternalError: it is none.
        """
        score = self._score(assignment)
        if self.best is not None and score >= self.score:
            return False
        if self.best is None and not self.system.goals:
            self.best, self.score = dict(assignment), score
            self._patience()
        self.best, self.score = dict(assignment), score
        self._compare()
        return True

    def values(self, assignment: Mapping[str, int]) -> list[int]:
        """Return the objectives' values."""
        known = values_of(self.system, assignment)
        return [evaluate(goal.value, known) for goal in self.system.goals]

    def _score(self, assignment: Mapping[str, int]) -> tuple[int, ...]:
        values = dict(assignment)
        wrong = [f"{n} = {values[n]}" for n, domain in self.system.holes.items() if values[n] not in domain]
        for step in self.system.steps:
            if isinstance(step, Define):
                values[step.name] = evaluate(step.value, values)
            elif not evaluate(step.condition, values):
                wrong.append(str(step.condition))
        if wrong:
            raise InternalError(
                f"an answer of the solver does not hold ({'; '.join(wrong[:3])}). Please report this with the problem "
                f"file and the assignment {dict(assignment)}"
            )
        goals = (goal.sense * evaluate(goal.value, values) for goal in self.system.goals)
        return (*goals, sum(domain.rank(values[n]) for n, domain in self.system.holes.items()))

    def limit(self, bound: int | None) -> None:
        """Take a limit that the first objective cannot pass."""
        if bound is None:
            return
        sense = self.system.goals[0].sense
        if self.bound is None or sense * bound > sense * self.bound:
            self.bound = bound
            self._compare()

    def settle(self, count: int) -> None:
        """Take that so many of the objectives, the first ones, are as good as they can be."""
        if count > self.settled:
            self.settled = count
            if self.best is not None and self.keep == 1:
                self.limit(self.system.goals[0].sense * self.score[0])
            if self.decided:
                self._patience()

    def _compare(self) -> None:
        """See what the best and the bound say together, and tell."""
        if self.best is None or not self.system.goals:
            return
        goal = self.system.goals[0]
        value = goal.sense * self.score[0]
        if value == self.bound:
            self.settle(1)
            self.clock.note(f"best {value:,} (proven)")
        elif self.bound is None:
            self.clock.note(f"best {value:,}")
        else:
            gap = 100 * abs(self.bound - value) / max(1, abs(self.bound))
            self.clock.note(f"best {value:,} (bound {self.bound:,}, gap {gap:.1f} %)")

    def _patience(self) -> None:
        """From now on only preference is left to be decided: that is worth some time, but not all."""
        if self.keep == 1:
            seconds = max(_FOR_PREFERENCE[bool(self.system.goals)], self.clock.worked / _SHARE_OF_PREFERENCE)
            self.clock.shorten(seconds)
            self.rest = self.clock.part(seconds)

    def outcome(self, reason: str) -> Outcome:
        """Return what is known, where the search is over before the proof."""
        if self.best is None:
            unmet = dict.fromkeys(_name(r) for r, met in self.met.items() if not met)
            return Outcome((), False, self.bound, reason, unmet=tuple(unmet))
        if self.decided:
            reason = "the plainest of very many solutions was not looked for to the end"
        return Outcome((self.best,), self.decided, self.bound, reason, settled=self.settled)


def _name(requirement: Requirement) -> str:
    return requirement.text if not requirement.layer else f"{requirement.layer}: {requirement.rule.demand}"
