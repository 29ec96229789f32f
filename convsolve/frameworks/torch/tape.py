"""What a recorded program decided by its sizes: guards, and the places where sizes became plain numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
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


@dataclass
class Tape:
    """Keeps the branches that a program takes by its sizes.

    ``source`` says where in the program a frame stands; ``known`` has the operations that a tensor's dimension is
    the result of, by that dimension. ``leaks`` are the global names of modules that called ``int`` on a size.
    ``positive`` are sizes of tensors, which are at least 1, or a layer before has failed. ``idle`` tells of a frame
    that nothing comes of what it asks.
    """

    source: Callable[[FrameType | None], str]
    idle: Callable[[FrameType], bool] = lambda frame: False
    known: dict[Expr, Polynomial] = field(default_factory=dict)
    conditions: dict[Cond, str] = field(default_factory=dict)
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

    @property
    def guards(self) -> tuple[Guard, ...]:
        """The branches, each once, in the order in which they were first taken."""
        return tuple(Guard(condition, source) for condition, source in self.conditions.items())

    def holds(self, condition: Cond, outcome: bool) -> bool:
        """Keep that the program found a condition to hold, or not to; return the outcome.

        What is certain, and what depends on nothing but the batch, is no branch.
        """
        condition = normal(condition if outcome else negation(condition))
        if bounds(condition)[0] != 1 and any(v.name != BATCH_NAME for v in variables(condition)):
            frame = sys._getframe(1)
            if not self.idle(frame):
                self.conditions.setdefault(condition, self.source(frame))
        return outcome

    def freeze(self, form: Polynomial, value: Fraction | int) -> None:
        """Keep that a size must stay what it is, as the program goes on with the plain number."""
        scale = form.denominator
        self.holds(eq(form.scaled(scale).dim(), int(value * scale)), True)

    def leak(self, frame: FrameType) -> None:
        """Keep which module called ``int`` on a size."""
        self.leaks[id(frame.f_globals)] = frame.f_globals
