"""The portfolio: methods that share one best, one bound and one clock, each for what it is best at.

What decides takes turns, in slices of time that grow: no more is lost than a part, whichever of them is the
right one. Between the turns, what improves does. Whoever proves the answer, it is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from . import cpsat
from .clock import OutOfTime
from .dive import Dive
from .neighbourhoods import Neighbourhoods
from .outcome import Outcome, Stopped
from .sweep import Sweep
from .task import Method, Task

__all__ = ["solve"]

_FIRST_SLICE = (0.2, 0.07)
"""Seconds of the processor that each method gets in the first turn, without objectives (where only a decision helps)
and with them; those of a general solver are longer."""

_FOR_BOUNDS = 0.2
"""Seconds of the processor that each method gets before that to find bounds."""

_GROWTH = 4
_GENERAL = 5


def solve(task: Task) -> Outcome:
    """Return the answer of a task whose unknowns are all finite, or what is known when the time runs out."""
    try:
        if task.keep == 1 and not task.system.goals:
            Dive().improve(task)
            if task.best is not None and not task.plainest:
                return Outcome((task.best,), True)
        return _in_turns(task)
    except OutOfTime:
        return task.outcome("the time ran out")
    except KeyboardInterrupt:
        raise Stopped(task.outcome("the search was stopped")) from None


def by_z3(task: Task) -> Outcome:
    """Return the answer that z3 alone gives: for unknowns without an end."""
    method = _z3()
    try:
        return method.decide(task) or task.outcome(method.reason)
    except OutOfTime:
        return task.outcome("the time ran out")
    except KeyboardInterrupt:
        raise Stopped(task.outcome("the search was stopped")) from None


def _z3() -> Method:
    from .z3_search import Z3

    return Z3()


def _in_turns(task: Task) -> Outcome:
    waiting: list[Callable[[], Method]] = [Sweep, *([cpsat.CpSat] if cpsat.installed() else []), _z3]
    deciders = [waiting.pop(0)(), waiting.pop(0)()]
    improvers: list[Method] = [Dive(), Neighbourhoods()] if task.keep == 1 and task.system.goals else []
    seconds = _FIRST_SLICE[bool(task.system.goals)]
    reason = ""
    for method in deciders:
        with suppress(OutOfTime), task.within(_FOR_BOUNDS):
            method.bound(task)
    while deciders:
        for method in list(deciders):
            if task.over:
                return task.outcome("the time ran out")
            try:
                share = seconds if isinstance(method, Sweep) else _GENERAL * seconds
                with task.within(share if len(deciders) + len(improvers) > 1 else None):
                    outcome = method.decide(task)
            except OutOfTime:
                continue
            if outcome is not None:
                return outcome
            reason = method.reason
            deciders.remove(method)
        if waiting and len(deciders) < (1 if cpsat.installed() else 2):
            deciders.append(waiting.pop(0)())
        for method in list(improvers):
            if task.over or task.decided:
                break
            try:
                with task.within(seconds):
                    method.improve(task)
                    improvers.remove(method)
            except OutOfTime:
                continue
        seconds *= _GROWTH
    return task.outcome(reason)
