"""Optimisation with z3: ask for better and better until there is nothing better, in one session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import z3

from ..dims import Dim, Domain, Expr, Var, evaluate
from .outcome import Outcome
from .system import values_of
from .task import Task
from .z3_session import GaveUp, Session

__all__ = ["Z3"]

_FAR = 1 << 62
_MOST_RANKED = 1 << 11


class Z3:
    """z3: also for unknowns without an end, and for proofs where nothing can be written down."""

    reason = ""

    def bound(self, task: Task) -> None:
        """Know no limits before the search."""

    def improve(self, task: Task) -> None:
        """Find nothing outside of the search."""

    def decide(self, task: Task) -> Outcome | None:
        """Return the best assignments that z3 finds, with a proof that there are no better ones."""
        found: list[dict[str, int]] = []
        try:
            session = Session(task.system, task.domains, task.clock, task.seed)
            while len(found) < task.keep:
                session.push()
                search = _Z3Search(task, session, None if found else task.best)
                search.run()
                session.pop()
                if search.best is None:
                    break
                found.append(search.best)
                session.add(z3.Or([session.term(_var(task, n)) != v for n, v in search.best.items()]))
        except GaveUp as error:
            self.reason = f"z3 gave up: {error}"
            return None
        return Outcome(tuple(found), True, plainest=True)


def _var(task: Task, name: str) -> Dim:
    return Var(name, task.system.holes[name])


class _Z3Search:
    """One search for the best: after each answer, a stronger question."""

    def __init__(self, task: Task, session: Session, start: dict[str, int] | None) -> None:
        self.task = task
        self.session = session
        self.best = start
        self.first = start is not None or task.keep == 1

    def run(self) -> None:
        """Search, and leave the best where it is proven; raises as the session does."""
        if self.best is None and not self._ask():
            return
        for i, goal in enumerate(self.task.system.goals):
            if isinstance(goal.value, Expr):
                self._least(self.session.term(goal.value), goal.value, goal.sense, first=i == 0)
            if self.first:
                self.task.settle(i + 1)
        if self.task.plainest:
            self._plainest()

    def _ask(self, *assumptions: Any) -> bool:
        """Ask for a solution under assumptions; return whether there is one, which is then the best."""
        answer = self.session.solve(*assumptions)
        if answer is None:
            return False
        self.best = dict(answer)
        if self.first:
            self.task.offer(self.best)
        return True

    def _least(self, term: Any, value: Expr, sense: int, *, first: bool) -> None:
        """Bring an objective down (or up) as far as it goes, by bisection, and hold it there."""
        assert self.best is not None
        reached = evaluate(value, values_of(self.task.system, self.best))
        known = self.task.interval(value)
        limit = known[0] if sense > 0 else known[1]
        if first and self.task.bound is not None:
            limit = self.task.bound
        step = 1
        while limit is None or limit != reached:
            if limit is None:
                if step > _FAR:
                    raise GaveUp("the objective has no limit")
                asked = reached - sense * step
                step *= 2
            else:
                asked = limit + (reached - limit) // 2 if sense > 0 else limit - (limit - reached) // 2
            if self._ask(term <= asked if sense > 0 else term >= asked):
                reached = evaluate(value, values_of(self.task.system, self.best))
            else:
                limit = asked + sense
                if first and self.first:
                    self.task.limit(limit)
        self.session.add(term == reached)

    def _plainest(self) -> None:
        holes = self.task.system.holes
        ranks = {name: self._rank(name) for name in holes}
        self._down(z3.Sum([*ranks.values()]), lambda found: sum(holes[n].rank(v) for n, v in found.items()))
        for name, rank in ranks.items():
            self._down(rank, lambda found, name=name: holes[name].rank(found[name]))  # type: ignore[misc]

    def _down(self, term: Any, value: Callable[[Mapping[str, int]], int]) -> None:
        """Bring a term that is never negative down as far as it goes, and hold it there."""
        assert self.best is not None
        low, high = 0, value(self.best)
        while low < high:
            middle = (low + high) // 2
            if self._ask(term <= middle):
                high = value(self.best)
            else:
                low = middle + 1
        self.session.add(term == high)

    def _rank(self, name: str) -> Any:
        """Return the z3 term of how many values are preferred to the hole's.

        Raises:
            GaveUp: there are too many values whose order of preference is not that of their size.
        """
        domain: Domain = self.task.system.holes[name]
        term = self.session.term(_var(self.task, name))
        if len(domain.spans) == 1:
            return (term - domain.lower) / domain.spans[0].step
        if domain.size is None or domain.size > _MOST_RANKED:
            raise GaveUp(f"which value of {name} is preferred is not decided among so many")
        array = self.task.domains[name].array
        values = domain.values() if array is None else array.tolist()
        result = z3.IntVal(0, term.ctx)
        for value in values:
            result = z3.If(term == value, z3.IntVal(domain.rank(value), term.ctx), result)
        return result
