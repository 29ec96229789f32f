"""Large-neighbourhood search: hold all but some of the best assignment, and decide the rest exactly.

(Shaw, "Using Constraint Programming and Local Search Methods to Solve Vehicle Routing Problems", 1998.) What is
left open is a stretch of holes that follow each other, or holes at random; it grows while nothing better comes.
"""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from .clock import OutOfTime
from .outcome import Outcome
from .presolve import Refuted, presolve
from .sweep import sweep
from .task import Task
from .transitions import TooWide
from .values import ValueSet

__all__ = ["Neighbourhoods"]

_MOST_STATES = 1 << 14
_SECONDS_EACH = 0.5
_WITHOUT_LUCK = 12
"""After so many neighbourhoods without anything better, larger ones are tried."""


class Neighbourhoods:
    """Large-neighbourhood search over the sweep."""

    reason = "nothing better was found nearby"

    def __init__(self) -> None:
        self._open = 3
        self._luck = 0

    def bound(self, task: Task) -> None:
        """Know no limits."""

    def improve(self, task: Task) -> None:
        """Offer what neighbourhoods of the best hold, until the time runs out or the whole is one neighbourhood."""
        rng = random.Random(task.seed)
        names = [n for n in task.system.holes if task.domains[n].fixed is None]
        while task.best is not None and task.system.goals and not task.decided and self._open < len(names):
            task.clock.check("searching nearby")
            begin = rng.randrange(len(names))
            together = [names[(begin + i) % len(names)] for i in range(self._open)]
            chosen = set(together if rng.random() < 0.5 else rng.sample(names, self._open))
            if self._try(task, chosen):
                self._luck = 0
            else:
                self._luck += 1
                if self._luck > _WITHOUT_LUCK:
                    self._open, self._luck = self._open + 1, 0

    def decide(self, task: Task) -> Outcome | None:
        """Decide nothing."""
        return None

    def _try(self, task: Task, chosen: set[str]) -> bool:
        """Decide what some holes are best at, the others as they are; return whether that is better."""
        assert task.best is not None
        known = {
            name: ValueSet.of(np.array([task.best[name]], dtype=np.int64)) if name not in chosen else task.domains[name]
            for name in task.system.holes
        }
        goal = task.system.goals[0]
        if not isinstance(goal.value, int):
            value = goal.sense * task.score[0]
            better = (None, value - 1) if goal.sense > 0 else (value + 1, None)
            known[goal.value.args[0]] = task.domains[goal.value.args[0]].within(*better)
        if any(values.empty for values in known.values()):
            return False
        part = task.clock.part(_SECONDS_EACH).unheard()
        try:
            domains = presolve(task.system, part, known)
            smaller = replace(task, domains=domains, clock=part, best=None, score=(), plainest=False, settled=0)
            found = sweep(smaller, most_states=_MOST_STATES)
        except (Refuted, TooWide):
            return False
        except OutOfTime:
            task.clock.check()
            return False
        return bool(found.assignments) and task.offer(found.assignments[0])
