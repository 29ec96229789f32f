"""A z3 session: one question, one fresh context, incremental inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import z3

from ..dims import Cond, Dim
from .background import in_background
from .clock import Clock
from .presolve import Domains
from .system import System
from .z3_terms import Lowering

__all__ = ["GaveUp", "Session", "ask"]

_PATIENCE = 2.0
"""Seconds that z3 gets to stop once it has been told to."""

_MEMORY_MB = 1024


class GaveUp(Exception):
    """z3 answered "unknown" for a reason other than time; the text is its reason."""


class Session:
    """Asks z3 about a system; every answer is a dictionary of the holes' values, or None for "there is none"."""

    def __init__(self, system: System, domains: Domains, clock: Clock, seed: int = 0) -> None:
        self._system = system
        self._clock = clock
        self._lowering = Lowering(domains)
        context = self._lowering.context
        self._solver = z3.Solver(ctx=context)
        self._solver.set("random_seed", seed)
        self._solver.set("max_memory", _MEMORY_MB)
        self._solver.set("ctrl_c", False)
        for step in system.steps:
            clock.check("encoding")
            self._lowering.step(step)
        for name in system.holes:
            self._lowering.unknown(name)
        self._flush()

    def _flush(self) -> None:
        self._solver.add(self._lowering.assertions)
        self._lowering.assertions.clear()

    def term(self, value: Dim | Cond) -> Any:
        """Return the z3 term of an expression over the system's names."""
        term = self._lowering.read(value)[0]
        self._flush()
        return term

    def add(self, condition: Any) -> None:
        """Assert a z3 condition for good."""
        self._solver.add(condition)

    def push(self) -> None:
        """Begin a group of assertions that can be taken back."""
        self._solver.push()

    def pop(self) -> None:
        """Take back the assertions since the last push."""
        self._solver.pop()

    def solve(self, *assumptions: Any) -> Mapping[str, int] | None:
        """Return values for the holes, or None when none exist under the assumptions.

        Raises:
            OutOfTime: the deadline passed.
            GaveUp: z3 does not know.
            KeyboardInterrupt: the user interrupted.
        """
        model = ask(self._solver, self._clock, *assumptions)
        if model is None:
            return None
        return {
            name: model.eval(self._lowering.unknown(name), model_completion=True).as_long()
            for name in self._system.holes
        }


def ask(solver: Any, clock: Clock, *assumptions: Any) -> Any:
    """Return a model of a z3 solver's assertions, or None where there is none.

    z3 works in a thread of its own, so that a deadline or an interrupt is honoured at once.

    Raises:
        OutOfTime: the deadline passed.
        GaveUp: z3 does not know.
        KeyboardInterrupt: the user interrupted.
    """
    found: list[tuple[Any, str]] = []

    def work() -> None:
        try:
            answer = solver.check(*assumptions)
            found.append((answer, solver.reason_unknown() if answer == z3.unknown else ""))
        except z3.Z3Exception as error:
            found.append((z3.unknown, str(error)))

    told: list[bool] = []

    def stop() -> None:
        if not told:  # told twice, z3 may take it for what it is asked next
            told.append(True)
            solver.ctx.interrupt()

    in_background(work, stop, lambda: clock.check("asking z3"), _PATIENCE)
    answer, reason = found[0]
    if answer == z3.sat:
        return solver.model()
    if answer == z3.unsat:
        return None
    if "interrupted" in reason or "keyboard" in reason:
        raise KeyboardInterrupt
    raise GaveUp(reason)
