"""What a recorded program decided by its sizes: guards, and the places where sizes became plain numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import FrameType
from typing import Any

from ...dims import Cond, Expr, Var, bounds, eq, negation, variables
from ...dims.normal import Polynomial, normal
from ...network import Guard

__all__ = ["BATCH", "BATCH_NAME", "BATCH_SIZE", "Tape"]

BATCH_SIZE = 31
"""The number of samples in the recorded batch: a prime, which no other size is likely to be."""

BATCH_NAME = "batch"
BATCH = Polynomial.of(Var(BATCH_NAME, interval=(1, None)))


@dataclass(frozen=True)
class _Taken:
    """Where a branch was taken: the line of the program, and how many layers had been recorded."""

    source: str
    count: int
    fails: str


@dataclass
class Tape:
    """Keeps the branches that a program takes by its sizes.

    ``source`` says where in the program a frame stands; ``layers`` are the names of those recorded so far,
    ``numbers`` the recorded values of the dimensions that expressions speak of; ``known`` has the operations that a
    tensor's dimension is the result of, by that dimension. ``leaks`` are the global names of modules that called
    ``int`` on a size. ``ended`` says that the recording is over: sizes of it are plain numbers now. ``positive`` are
    sizes of tensors, which are at least 1, or a layer before has failed. ``idle`` tells of a frame that nothing comes
    of what it asks.
    """

    source: Callable[[FrameType | None], str]
    idle: Callable[[FrameType], bool] = lambda frame: False
    known: dict[Expr, Polynomial] = field(default_factory=dict)
    conditions: dict[Cond, _Taken] = field(default_factory=dict)
    layers: list[str] = field(default_factory=list)
    ended: bool = False
    numbers: dict[str, int] = field(default_factory=lambda: {BATCH_NAME: BATCH_SIZE})
    leaks: dict[int, dict[str, Any]] = field(default_factory=dict)
    positive: set[Polynomial] = field(default_factory=set)

    def canonical(self, form: Polynomial) -> Polynomial:
        """Return an expression with the names of tensors' dimensions in place of what makes them."""
        if not any(atom in self.known for atom in form.atoms()):
            return form
        result = Polynomial(())
        for monomial, factor in form.terms:
            term = Polynomial.of(1).scaled(factor)
            for atom in monomial:
                term = term * (self.known[atom] if atom in self.known else Polynomial.atom(atom))
            result = result + term
        return result

    def guards(self, kept: Container[str], ended: bool) -> tuple[Guard, ...]:
        """Return the branches, each once, in the order in which they were first taken.

        Args:
            kept: the names of the layers that the network has.
            ended: whether the program came to its end: then nothing was recorded behind the last layer.
        """
        found = []
        for condition, taken in self.conditions.items():
            if not (ended and taken.fails and taken.count == len(self.layers)):
                after = next((name for name in reversed(self.layers[: taken.count]) if name in kept), "")
                fails = taken.fails if taken.fails in kept else ""
                found.append(Guard(condition, taken.source, after, fails))
        return tuple(found)

    def holds(self, condition: Cond, outcome: bool, *, fails: str = "", count: int | None = None) -> bool:
        """Keep that the program found a condition to hold, or not to; return the outcome.

        What is certain, and what depends on nothing but the batch, is no branch. Where a condition speaks of the batch
        and other sizes, those are frozen. ``fails`` names a layer of which it is that it fails. ``count``: how many
        layers had been recorded when it was decided, by default all.
        """
        condition = normal(condition if outcome else negation(condition))
        if bounds(condition)[0] == 1 or self.ended:
            return outcome
        count = len(self.layers) if count is None else count
        names = {v.name: v for v in variables(condition)}
        with_batch = names.pop(BATCH_NAME, None) is not None
        frame = sys._getframe(1)
        if names and not self.idle(frame):
            for one in (eq(v, self.numbers[name]) for name, v in names.items()) if with_batch else (condition,):
                taken = self.conditions.setdefault(one, _Taken(self.source(frame), count, fails))
                if taken.count > count:
                    self.conditions[one] = replace(taken, count=count)
        return outcome

    def forget_after(self, count: int) -> None:
        """Undo layers but for so many; what was decided behind them stays."""
        del self.layers[count:]
        for condition, taken in self.conditions.items():
            if taken.count > count:
                self.conditions[condition] = replace(taken, count=count)

    def freeze(self, form: Polynomial, value: Fraction | int) -> None:
        """Keep that a size must stay what it is, as the program goes on with the plain number."""
        scale = form.denominator
        self.holds(eq(form.scaled(scale).dim(), int(value * scale)), True)

    def leak(self, frame: FrameType) -> None:
        """Keep which module called ``int`` on a size."""
        self.leaks[id(frame.f_globals)] = frame.f_globals
