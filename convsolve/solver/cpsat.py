"""CP-SAT as a solver (OR-Tools, the extra ``cpsat``): finite domains with steps, tables, products, budgets.

It is asked where it is installed and the sweep does not decide; its answers are computed again as all others are.
"""

from __future__ import annotations

from importlib.util import find_spec
from math import ceil
from typing import Any

from ..dims import Expr
from .background import in_background
from .outcome import Outcome
from .task import Task

__all__ = ["CpSat", "installed"]

_MOST_WEIGHT = 1 << 40
_EFFORT_FOR_PREFERENCE = 0.5
"""In CP-SAT's own measure, which is the same on every machine; about so many seconds."""

_FRESH = 2
"""So many turns begin without the best that is known: CP-SAT may not get away from there, which costs most early."""

_EXACT = 1 << 50

_MEMORY_MB = 1024
_PATIENCE = 0.5


def installed() -> bool:
    """Return whether OR-Tools can be imported."""
    return find_spec("ortools") is not None


class CpSat:
    """CP-SAT, one objective after the other, then preference."""

    reason = "CP-SAT gave up"

    def __init__(self) -> None:
        self._turns = 0

    def bound(self, task: Task) -> None:
        """Know no limits before the search."""

    def improve(self, task: Task) -> None:
        """Find nothing outside of the search."""

    def decide(self, task: Task) -> Outcome | None:
        """Return the best assignments, with a proof that there are no better ones."""
        from .cpsat_terms import Unfit

        found: list[dict[str, int]] = []
        self._turns += 1
        try:
            while len(found) < task.keep:
                search = _CpSatSearch(task, found, hints=self._turns > _FRESH)
                best = search.run()
                if best is None and search.gave_up:
                    return task.outcome(self.reason) if task.decided else None  # preference was worth no more
                if best is None:
                    return Outcome(tuple(found), True, plainest=True)
                found.append(best)
        except Unfit:
            return None
        return Outcome(tuple(found), True, plainest=True)


class _CpSatSearch:
    """One search for the best but for some assignments.

    ``hints`` says whether it begins at the best that is known: most often quicker, but it may not get away from there.
    """

    def __init__(self, task: Task, excluded: list[dict[str, int]], *, hints: bool) -> None:
        from .cpsat_terms import Encoding

        self.task = task
        self.hints = hints
        self.alone = task.keep == 1
        self.tells = not excluded
        self.gave_up = False
        self.best = task.best if not excluded else None
        encoding = self.encoding = Encoding(task.domains, task.clock)
        for step in task.system.steps:
            encoding.step(step)
        self.holes = {name: encoding.unknown(name) for name in task.system.holes}
        for assignment in excluded:
            encoding.differ(self.holes, assignment)

    def run(self) -> dict[str, int] | None:
        """Return the best; None where there is none, or where CP-SAT gave up."""
        goals = self.task.system.goals
        if self.best is None and not goals and not self._solve(None):
            return None
        for i, goal in enumerate(goals):
            if isinstance(goal.value, Expr) and not (self.alone and i < self.task.settled and self.best is not None):
                term = goal.sense * self.encoding.read(goal.value)[0]
                if not self._solve(term, first=i == 0, sense=goal.sense):
                    return None
            if self.best is None and not self._solve(None):
                return None
            self._hold(i)
        if self.task.plainest and not self._plainest():
            return None
        return self.best

    def _hold(self, i: int) -> None:
        """Keep an objective at what has been reached."""
        goal = self.task.system.goals[i]
        assert self.best is not None
        if isinstance(goal.value, Expr):
            self.encoding.model.add(self.encoding.read(goal.value)[0] == self.task.values(self.best)[i])
        if self.alone:
            self.task.settle(i + 1)

    def _plainest(self) -> bool:
        """Bring the sum of ranks down, then the ranks in the order of the holes; return whether that was done."""
        holes = self.task.system.holes
        ranks = {name: self.encoding.rank(name, term, holes[name]) for name, term in self.holes.items()}
        ranks = {name: rank for name, rank in ranks.items() if not isinstance(rank, int)}
        effort = _EFFORT_FOR_PREFERENCE if self.alone else None
        if not ranks:
            return self.best is not None or self._solve(None)
        if not self._solve(sum(ranks.values()), effort=effort):
            return False
        self.encoding.model.add(sum(ranks.values()) == sum(self._rank(name) for name in ranks))
        group: list[str] = []
        weight = 1
        for name in [*ranks, ""]:
            size = self.task.domains[name].size or _MOST_WEIGHT if name else _MOST_WEIGHT
            if not name or (group and weight * size > _MOST_WEIGHT):
                if not self._in_order(group, ranks, effort):
                    return False
                group, weight = [], 1
            if name:
                group.append(name)
                weight *= max(size, holes[name].size or size)
        return True

    def _in_order(self, group: list[str], ranks: dict[str, Any], effort: float | None) -> bool:
        """Bring the ranks of some holes down, the first ones first, and hold them there."""
        holes = self.task.system.holes
        left = list(group)
        while left and self._rank(left[0]) == self.encoding.least_rank(left[0], holes[left[0]]):
            self.encoding.model.add(ranks[left[0]] == self._rank(left[0]))
            left.pop(0)
        if not left:
            return True
        total: Any = 0
        for name in left:
            total = total * (1 + (holes[name].size or 1)) + ranks[name]
        if not self._solve(total, effort=effort):
            return False
        for name in left:
            self.encoding.model.add(ranks[name] == self._rank(name))
        return True

    def _rank(self, name: str) -> int:
        assert self.best is not None
        return self.task.system.holes[name].rank(self.best[name])

    def _solve(self, term: Any, *, first: bool = False, sense: int = 1, effort: float | None = None) -> bool:
        """Bring a term down as far as it goes; return whether that is proven. The best becomes what was found.

        Raises:
            OutOfTime: the clock ran out.
        """
        from ortools.sat.python import cp_model

        task, model = self.task, self.encoding.model
        if isinstance(term, int):
            term = None
        if term is None:
            model.clear_objective()  # type: ignore[no-untyped-call]
        else:
            model.minimize(term)
        model.clear_hints()  # type: ignore[no-untyped-call]
        if self.best is not None and (self.hints or not first):
            for name, unknown in self.holes.items():
                self.encoding.hint(name, unknown, self.best[name])
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = task.seed
        solver.parameters.max_memory_in_mb = _MEMORY_MB
        solver.parameters.catch_sigint_signal = False
        if effort is not None:
            solver.parameters.max_deterministic_time = effort
        met: list[dict[str, int]] = []
        holes = self.holes

        class Watch(cp_model.CpSolverSolutionCallback):
            def on_solution_callback(self) -> None:
                # each is better than the one before: only the last is worth a look
                met[:] = [{n: int(t) if isinstance(t, int) else int(self.value(t)) for n, t in holes.items()}]

        limits: list[float] = []
        solver.best_bound_callback = limits.append
        status: list[Any] = []

        def meanwhile() -> None:
            self._take(met)
            if first and self.alone and limits:
                self._limit(limits[-1], sense)
            task.clock.check("searching")

        try:
            in_background(lambda: status.append(solver.solve(model, Watch())), solver.stop_search, meanwhile, _PATIENCE)
        finally:
            self._take(met)
        if status and status[0] in (cp_model.OPTIMAL, cp_model.INFEASIBLE):
            return bool(status[0] == cp_model.OPTIMAL)
        self.gave_up = True
        return False

    def _take(self, met: list[dict[str, int]]) -> None:
        while met:
            self.best = met.pop(0)
            if self.tells:
                self.task.offer(self.best)

    def _limit(self, limit: float, sense: int) -> None:
        """Take what the first objective cannot pass, where a float tells it exactly."""
        if abs(limit) < _EXACT:
            self.task.limit(sense * ceil(limit - 1e-6))
