"""What a recorded program decided by its sizes: guards, and the places where sizes became plain numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import CodeType, FrameType
from typing import Any

from ....dims import Cond, Expr, Var, all_of, any_of, bounds, eq, negation, variables
from ....dims.normal import Polynomial, normal
from ....errors import UnreadableError
from ....network import Guard
from ....support.caller_errors import pass_on
from .joined_conditions import joined_at
from .source_locations import asking

__all__ = ["BATCH", "BATCH_NAME", "BATCH_SIZE", "Tape"]

BATCH_SIZE = 31
"""The number of samples in the recorded batch: a prime, which no other size is likely to be."""

BATCH_NAME = "batch"
BATCH = Polynomial.of(Var(BATCH_NAME, interval=(1, None)))


@dataclass(frozen=True)
class _TakenBranch:
    """Where a branch was taken: the line of the program, and how many layers had been recorded."""

    source: str
    count: int
    fails: str


@dataclass
class Tape:
    """Keeps the branches that a program takes by its sizes.

    Where it joins comparisons by ``and`` or ``or``, what they come to together is one branch.

    ``source`` says where in the program a frame stands; ``layers`` are the names of those recorded so far,
    ``numbers`` the recorded values of the dimensions that expressions speak of; ``known`` has the operations that a
    tensor's dimension is the result of, by that dimension. ``leaks`` are the global names of modules that called
    ``int`` on a size. ``ended`` says that the recording is over: sizes of it are plain numbers now. ``positive`` are
    sizes of tensors, which are at least 1, or a layer before has failed. ``read`` are the expressions of sizes that
    code of C reads unseen. ``digits`` says what it finds in place of which sizes, while that is tried out: then nothing
    is kept. ``idle`` tells of a frame that nothing comes of what it asks. ``asked`` are the comparisons of a condition
    that is asked before its time, None at other times.
    """

    source: Callable[[FrameType | None], str]
    idle: Callable[[FrameType], bool] = lambda frame: False
    known: dict[Expr, Polynomial] = field(default_factory=dict)
    conditions: dict[Cond, _TakenBranch] = field(default_factory=dict)
    layers: list[str] = field(default_factory=list)
    ended: bool = False
    numbers: dict[str, int] = field(default_factory=lambda: {BATCH_NAME: BATCH_SIZE})
    leaks: dict[int, dict[str, Any]] = field(default_factory=dict)
    positive: set[Polynomial] = field(default_factory=set)
    asked: list[tuple[Cond, bool]] | None = None
    _ahead: list[tuple[FrameType, Cond]] = field(default_factory=list)
    read: frozenset[Polynomial] = frozenset()
    digits: Callable[[Polynomial], int | None] | None = None

    @property
    def trying(self) -> bool:
        """Whether it is tried out what code of C reads."""
        return self.digits is not None

    def shown(self, form: Polynomial, value: Any, exact: Fraction | int) -> Any:
        """Return the digits of a number that is made of a size; keep that one which code of C reads stays what it is.

        Args:
            form: the expression of the size.
            value: the number.
            exact: the size's value.
        """
        if form in self.read:
            self.freeze(form, exact)
            return value
        found = self.digits(form) if self.digits is not None else None
        return value if found is None else type(value)(found)

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

    def compares(self, condition: Cond, outcome: bool) -> bool:
        """Keep how a comparison of the program comes out, with those that it joins to it; return the outcome."""
        if self.asked is not None:
            self.asked.append((condition, outcome))
            return outcome
        frame = asking(sys._getframe(1))
        if frame is None or self.ended:
            return outcome
        if (frame, condition) in self._ahead:  # it has been asked before its time
            self._ahead.remove((frame, condition))
            return outcome
        self._ahead.clear()
        joined = joined_at(frame)
        found = [] if joined is None else [self._foreseen(code, frame) for code in joined.conditions]
        known = [one for one in found if one is not None]
        truths = [truth for _, truth in known]
        sure = len(known) == len(found) and known[:1] == [(condition, outcome)]
        if joined is None or not sure or joined.decides not in truths:
            return self.holds(condition, outcome)
        every = (one for one, _ in known)
        self.holds(any_of(*every) if joined.decides else all_of(*every), joined.decides)
        asked = known[1 : truths.index(joined.decides) + 1]
        self._ahead += [(frame, one) for one, _ in asked if not isinstance(one, bool)]
        return outcome

    def _foreseen(self, code: CodeType, frame: FrameType) -> tuple[Cond, bool] | None:
        """Return a condition that a frame has not asked yet, and whether it holds; None where that is not clear."""
        outside = sys.exception()
        self.asked = []
        try:
            value = eval(code, frame.f_globals, frame.f_locals)
            truth = bool(value)
        except Exception as error:  # whatever it raises: the program may never ask
            pass_on(error, within=outside)
            return None
        finally:
            asked, self.asked = self.asked, None
        if not isinstance(value, (int, float)) or len(asked) > 1 or (asked and asked[0][1] is not truth):
            return None
        return asked[0] if asked else (truth, truth)

    def holds(self, condition: Cond, outcome: bool, *, fails: str = "", count: int | None = None) -> bool:
        """Keep that the program found a condition to hold, or not to; return the outcome.

        What is certain, and what depends on nothing but the batch, is no branch. Where a condition speaks of the batch
        and other sizes, those are frozen. ``fails`` names a layer of which it is that it fails. ``count``: how many
        layers had been recorded when it was decided, by default all.
        """
        if self.ended or self.trying:
            return outcome
        condition = normal(condition if outcome else negation(condition))
        if bounds(condition)[0] == 1:
            return outcome
        if self.asked is not None:
            raise UnreadableError("a condition that does more than to compare")
        count = len(self.layers) if count is None else count
        names = {v.name: v for v in variables(condition)}
        with_batch = names.pop(BATCH_NAME, None) is not None
        frame = sys._getframe(1)
        if names and not self.idle(frame):
            for one in (eq(v, self.numbers[name]) for name, v in names.items()) if with_batch else (condition,):
                taken = self.conditions.setdefault(one, _TakenBranch(self.source(frame), count, fails))
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
