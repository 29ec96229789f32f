"""Optimisation with z3: ask for better and better until there is nothing better, in one session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import z3

from ..dims import Dim, Domain, Expr, Var, evaluate
from ..dims.expr import bounds
from .clock import Clock, OutOfTime
from .outcome import Outcome
from .presolve import Domains
from .system import System, values_of
from .z3_session import GaveUp, Session

__all__ = ["tighten"]

_FAR = 1 << 62
_MOST_RANKED = 1 << 11


def tighten(
    system: System, domains: Domains, clock: Clock, seed: int, keep: int, plainest: bool,
    start: dict[str, int] | None = None,
) -> Outcome:
    """Return the best assignments that z3 finds, with a proof that there are no better ones if time allows.

    ``start`` is a solution that is known already.
    """
    found: list[dict[str, int]] = []
    try:
        session = Session(system, domains, clock, seed)
        while len(found) < keep:
            session.push()
            search = _Search(system, domains, session, start if not found else None)
            complete = search.run(plainest)
            session.pop()
            if search.best is None:
                return Outcome(tuple(found), True)
            found.append(search.best)
            if not complete:
                return Outcome(tuple(found), False, search.bound, search.reason)
            session.add(z3.Or([session.term(_var(system, n)) != v for n, v in search.best.items()]))
    except (OutOfTime, GaveUp) as error:
        reason = "the time ran out" if isinstance(error, OutOfTime) else f"z3 gave up: {error}"
        known = [start] if start is not None and not found else []
        return Outcome((*found, *known), False, reason=reason)
    return Outcome(tuple(found), True)


def _var(system: System, name: str) -> Dim:
    return Var(name, system.holes[name])


class _Search:
    """One search for the best: after each answer, a stronger question."""

    def __init__(self, system: System, domains: Domains, session: Session, start: dict[str, int] | None) -> None:
        self.system = system
        self.domains = domains
        self.session = session
        self.best = start
        self.bound: int | None = None
        self.reason = ""

    def run(self, plainest: bool) -> bool:
        """Search; return whether the answer is proven best. Without a first answer, raises as the session does."""
        if self.best is None:
            first = self.session.solve()
            if first is None:
                return True
            self.best = dict(first)
        try:
            for i, goal in enumerate(self.system.goals):
                if isinstance(goal.value, Expr):
                    self._least(self.session.term(goal.value), goal.value, goal.sense, first=i == 0)
            if plainest:
                self._plainest()
        except (OutOfTime, GaveUp) as error:
            self.reason = "the time ran out" if isinstance(error, OutOfTime) else f"z3 gave up: {error}"
            return False
        return True

    def _least(self, term: Any, value: Expr, sense: int, *, first: bool) -> None:
        """Bring an objective down (or up) as far as it goes, by bisection, and hold it there."""
        assert self.best is not None
        values = values_of(self.system, self.best)
        reached = evaluate(value, values)
        known = self.domains[value.args[0]].interval if value.op == "var" else bounds(value)
        limit = known[0] if sense > 0 else known[1]
        step = 1
        while limit is None or limit != reached:
            if limit is None:
                if step > _FAR:
                    raise GaveUp("the objective has no limit")
                asked = reached - sense * step
                step *= 2
            else:
                asked = limit + (reached - limit) // 2 if sense > 0 else limit - (limit - reached) // 2
            answer = self.session.solve(term <= asked if sense > 0 else term >= asked)
            if answer is None:
                limit = asked + sense
            else:
                self.best = dict(answer)
                reached = evaluate(value, values_of(self.system, self.best))
            if first:
                self.bound = limit
        self.session.add(term == reached)

    def _plainest(self) -> None:
        assert self.best is not None
        ranks = {name: self._rank(name) for name in self.system.holes}
        self._down(z3.Sum([*ranks.values()]), self._sum_of_ranks)
        for name, rank in ranks.items():
            self._down(rank, lambda found, name=name: self.system.holes[name].rank(found[name]))  # type: ignore[misc]

    def _down(self, term: Any, value: Callable[[Mapping[str, int]], int]) -> None:
        """Bring a term that is never negative down as far as it goes, and hold it there."""
        assert self.best is not None
        low, high = 0, value(self.best)
        while low < high:
            middle = (low + high) // 2
            answer = self.session.solve(term <= middle)
            if answer is None:
                low = middle + 1
            else:
                self.best = dict(answer)
                high = value(answer)
        self.session.add(term == high)

    def _sum_of_ranks(self, assignment: Mapping[str, int]) -> int:
        return sum(self.system.holes[n].rank(v) for n, v in assignment.items())

    def _rank(self, name: str) -> Any:
        """Return the z3 term of how many values are preferred to the hole's.

        Raises:
            GaveUp: there are too many values whose order of preference is not that of their size.
        """
        domain: Domain = self.system.holes[name]
        term = self.session.term(_var(self.system, name))
        if len(domain.spans) == 1:
            return (term - domain.lower) / domain.spans[0].step
        if domain.size is None or domain.size > _MOST_RANKED:
            raise GaveUp(f"which value of {name} is preferred is not decided among so many")
        array = self.domains[name].array
        values = domain.values() if array is None else array.tolist()
        result = z3.IntVal(0, term.ctx)
        for value in values:
            result = z3.If(term == value, z3.IntVal(domain.rank(value), term.ctx), result)
        return result
