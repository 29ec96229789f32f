"""The sweep: dynamic programming over the network, from input to output.

A *row* is what later steps need to know of a partial assignment: the values of the unknowns that are
still in use. Steps are applied to all rows at once, rows that agree are merged, and of merged rows the
best is kept. Depth costs nothing extra, and what is found is certain: no row left means no solution, and
the row that comes out is the best there is.

*Better* is lexicographic: the objectives, then the sum of preference ranks, then the ranks in the order of
the holes. An unknown that can only do harm by being larger (a cost so far, under a budget) does not tell
rows apart; of two rows that differ only in such unknowns, the one that is worse in all of them goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from ..dims import Condition, Domain, Expr, Var, evaluate_arrays, variables
from .clock import Clock
from .presolve import Domains
from .system import Define, Demand, Goal, Step, System

__all__ = ["TooWide", "sweep"]

_Scored = tuple[tuple[int, ...], dict[str, int]]  # what an assignment is compared by, and the assignment

_MOST_ROWS = 1 << 21
_WORD = 1 << 62


class TooWide(Exception):
    """The rows are too many for this method."""


@dataclass
class _Record:
    """Values of holes that are no longer in use, for each row, and the row of the record before."""

    parent: np.ndarray
    holes: dict[str, np.ndarray]


class _Rows:
    def __init__(self) -> None:
        self.count = 1
        self.columns: dict[str, np.ndarray] = {}
        self.ranks = np.zeros(1, dtype=np.int64)
        self.order = np.zeros(1, dtype=np.int64)  # place in the lexicographic order of the holes so far
        self.parent = np.zeros(1, dtype=np.int64)
        self.records: list[_Record] = []

    def take(self, index: np.ndarray) -> None:
        """Keep the rows of an index array (or mask)."""
        self.columns = {name: column[index] for name, column in self.columns.items()}
        self.ranks, self.order, self.parent = self.ranks[index], self.order[index], self.parent[index]
        self.count = len(self.ranks)


def sweep(
    system: System, domains: Domains, clock: Clock, *, keep: int = 1, plainest: bool = True,
    most_rows: int = _MOST_ROWS,
) -> list[dict[str, int]]:
    """Return the ``keep`` best assignments of the system's holes, best first; none if there is no solution.

    Args:
        system: what to solve.
        domains: the values that presolve left; all finite.
        clock: the deadline.
        keep: how many assignments to return.
        plainest: whether preference decides where the objectives do not; otherwise any will do.
        most_rows: how many rows to hold at most.

    Raises:
        TooWide: the rows become too many.
    """
    results: list[list[_Scored]] = []
    for part in _parts(system, domains):
        found = _sweep_part(part, system, domains, clock, keep, plainest, most_rows)
        if not found:
            return []
        results.append(found)
    return _combine(results, keep, system.holes)


def _combine(parts: list[list[_Scored]], keep: int, holes: dict[str, Domain]) -> list[dict[str, int]]:
    """Join the best assignments of independent parts into the best of all."""
    joined: list[_Scored] = [((), {})]
    for part in parts:
        pairs = [
            (tuple(map(sum, zip_longest(key_a, key_b, fillvalue=0))), {**a, **b})
            for key_a, a in joined for key_b, b in part
        ]  # fmt: skip
        if keep > 1:
            pairs.sort(key=lambda pair: (pair[0], [holes[n].rank(pair[1][n]) for n in holes if n in pair[1]]))
        joined = pairs[:keep]
    return [assignment for _, assignment in joined]


@dataclass
class _Part:
    """Steps and holes that share no open unknown with the rest, with the goals that they decide."""

    steps: list[Step]
    holes: list[str]


def _parts(system: System, domains: Domains) -> list[_Part]:
    """Split the system where nothing but fixed unknowns connects it."""
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    def names_of(step: Step) -> list[str]:
        names = (*step.inputs, step.name) if isinstance(step, Define) else step.inputs
        return [n for n in names if domains[n].fixed is None]

    for name, values in domains.items():
        if values.fixed is None:
            leader[name] = name
    for step in system.steps:
        names = names_of(step)
        for other in names[1:]:
            leader[find(names[0])] = find(other)
    parts: dict[str, _Part] = {}
    for name in system.holes:
        if domains[name].fixed is None:
            parts.setdefault(find(name), _Part([], [])).holes.append(name)
    for step in system.steps:
        names = names_of(step)
        if names and find(names[0]) in parts:
            parts[find(names[0])].steps.append(step)
    fixed = [name for name in system.holes if domains[name].fixed is not None]
    return [_Part([], fixed), *parts.values()]


def _sweep_part(
    part: _Part, system: System, domains: Domains, clock: Clock, keep: int, plainest: bool, most_rows: int
) -> list[_Scored]:
    fixed = {name: values.fixed for name, values in domains.items() if values.fixed is not None}
    own = {*part.holes, *(s.name for s in part.steps if isinstance(s, Define))} - set(fixed)
    goals = [g for g in system.goals if isinstance(g.value, Var) and g.value.name in own]
    last = _last_uses(part.steps, goals)
    senses = _harmful(part.steps, goals) if keep == 1 else {}
    rows = _Rows()
    for name in part.holes:
        if name in fixed:
            rows.records.append(_Record(np.zeros(1, dtype=np.int64), {name: np.array([fixed[name]], dtype=object)}))
    introduced: list[str] = []
    for position, step in enumerate(part.steps):
        clock.check("searching")
        for name in step.inputs:
            if name in system.holes and name not in rows.columns and name not in fixed and name not in introduced:
                introduced.append(name)
                _introduce(rows, name, domains, system, most_rows)
        _apply(rows, step, domains, fixed)
        if rows.count == 0:
            return []
        dead = [n for n in rows.columns if last.get(n, -1) <= position]
        if dead:
            _retire(rows, dead, part.holes)
            _merge(rows, senses, goals, keep, plainest)
    for name in part.holes:
        if name not in introduced and name not in fixed:  # nothing but a goal speaks of it
            _introduce(rows, name, domains, system, most_rows)
            introduced.append(name)
    return _best(rows, system.goals, part.holes, keep)


def _last_uses(steps: Sequence[Step], goals: Sequence[Goal]) -> dict[str, int]:
    """Return the last step at which each unknown is needed."""
    last: dict[str, int] = {}
    for position, step in enumerate(steps):
        for name in step.inputs:
            last[name] = position
        if isinstance(step, Define):
            last.setdefault(step.name, position)
    for goal in goals:
        assert isinstance(goal.value, Var)
        last[goal.value.name] = len(steps)
    return last


def _introduce(rows: _Rows, name: str, domains: Domains, system: System, most_rows: int) -> None:
    """Pair every row with every value of a hole."""
    values = domains[name].array
    if values is None or rows.count * len(values) > most_rows:
        raise TooWide
    domain = system.holes[name]
    ranks = np.array([domain.rank(int(v)) for v in values], dtype=np.int64)
    by_rank = np.argsort(ranks)
    values, ranks = values[by_rank], ranks[by_rank]
    many = len(values)
    if rows.count and int(rows.order.max()) >= _WORD // (many + 1):
        rows.order = np.argsort(np.argsort(rows.order, kind="stable"), kind="stable")
    index = np.repeat(np.arange(rows.count), many)
    place = np.tile(np.arange(many, dtype=np.int64), rows.count)
    rows.take(index)
    rows.columns[name] = values[place]
    rows.ranks = rows.ranks + ranks[place]
    rows.order = rows.order * many + place


def _apply(rows: _Rows, step: Step, domains: Domains, fixed: Mapping[str, int]) -> None:
    columns = {n: rows.columns[n] if n in rows.columns else fixed[n] for n in step.inputs}
    if isinstance(step, Define):
        if step.name in fixed:
            mask = _column(step.value, columns, rows.count) == fixed[step.name]
        else:
            column = _column(step.value, columns, rows.count)
            rows.columns[step.name] = column
            mask = domains[step.name].holds(column)
    else:
        mask = _column(step.condition, columns, rows.count)
    mask = mask.astype(bool)
    if not mask.all():
        rows.take(mask)


def _column(x: Expr | Condition, columns: Mapping[str, Any], count: int) -> np.ndarray:
    column = np.broadcast_to(evaluate_arrays(x, columns), (count,))
    if column.dtype == object and count and isinstance(x, Expr):
        if max(abs(int(column.min())), abs(int(column.max()))) >= _WORD:
            raise TooWide
        return column.astype(np.int64)
    return column


def _retire(rows: _Rows, dead: list[str], holes: list[str]) -> None:
    """Take unknowns that are not needed any more out of the rows; the holes among them go on record."""
    gone = {name: rows.columns.pop(name) for name in dead}
    gone = {name: column for name, column in gone.items() if name in holes}
    if gone:
        rows.records.append(_Record(rows.parent, gone))
        rows.parent = np.arange(rows.count)


def _merge(rows: _Rows, senses: dict[str, _Sense], goals: Sequence[Goal], keep: int, plainest: bool) -> None:
    """Of rows that agree in everything that later steps see, keep the best."""
    harmful = _criteria(rows, senses, goals)
    costs = {name: rows.columns[name] * senses[name].sign for name in harmful}
    group = _group([rows.columns[n] for n in rows.columns if n not in costs], rows.count)
    firsts = [costs[n] for n in harmful if senses[n].goal]
    budgets = [costs[n] for n in harmful if not senses[n].goal]
    preference = [rows.order, rows.ranks] if plainest else []
    order = np.lexsort((*budgets, *preference, *reversed(firsts), group))
    sorted_group = group[order]
    starts = np.flatnonzero(np.r_[True, sorted_group[1:] != sorted_group[:-1]])
    if keep > 1:
        place = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
        chosen = order[place < keep]
    elif not budgets:
        chosen = order[starts]
    else:
        chosen = order[_undominated([b[order] for b in budgets], starts)]
    rows.take(np.sort(chosen))
    if rows.records and len(rows.records[-1].parent) > rows.count:
        _compact(rows)


def _compact(rows: _Rows) -> None:
    """Drop what no row refers to from the newest record."""
    record = rows.records[-1]
    used, rows.parent = np.unique(rows.parent, return_inverse=True)
    record.parent = record.parent[used]
    record.holes = {name: column[used] for name, column in record.holes.items()}


def _undominated(budgets: list[np.ndarray], starts: np.ndarray) -> np.ndarray:
    """Return which rows (sorted, best first within each group) no earlier row of their group beats.

    With one budget this is exact. With several, each row is compared with the earlier row that is least
    in one of them, which lets some dominated rows stay.
    """
    count = len(budgets[0])
    group = np.zeros(count, dtype=np.int64)
    group[starts[1:]] = 1
    group = np.cumsum(group)
    kept = np.ones(count, dtype=bool)
    first = np.zeros(count, dtype=bool)
    first[starts] = True
    for lead in budgets:
        best = _running_argmin(lead, group)
        beaten = ~first
        for budget in budgets:
            earlier = np.r_[0, best[:-1]]
            beaten &= budget[earlier] <= budget
        kept &= ~beaten
    return kept


def _running_argmin(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return for each row the place of the least value so far in its group."""
    # ranks make values of different groups incomparable in the running minimum: later groups start lower
    _, ranks = np.unique(values, return_inverse=True)
    span = int(ranks.max()) + 1 if len(ranks) else 1
    shifted = ranks - group * span
    least = np.minimum.accumulate(shifted)
    places = np.where(shifted == least, np.arange(len(values)), 0)
    return np.maximum.accumulate(places)


def _group(columns: list[np.ndarray], count: int) -> np.ndarray:
    """Return a number for each row, equal where the columns agree."""
    key = np.zeros(count, dtype=np.int64)
    size = 1
    for column in columns:
        if column.dtype == object:
            _, column = np.unique(column, return_inverse=True)
        low, high = int(column.min()), int(column.max())
        span = high - low + 1
        if span >= _WORD // size:
            _, key = np.unique(key, return_inverse=True)
            size = int(key.max()) + 1
            if span >= _WORD // size:
                _, column = np.unique(column, return_inverse=True)
                low, span = 0, int(column.max()) + 1
        key = key * span + (column - low)
        size *= span
    return key


@dataclass(frozen=True)
class _Sense:
    """How an unknown does harm: by being large (sign 1) or small (-1); ``goal``: to the first objective."""

    sign: int
    goal: bool


def _harmful(steps: Sequence[Step], goals: Sequence[Goal]) -> dict[str, _Sense]:
    """Return the unknowns that can only do harm by being larger (or smaller), and to what."""
    signs: dict[str, set[int]] = {}
    to_goal: dict[str, bool] = {}

    def note(name: str, sign: int, goal: bool) -> None:
        signs.setdefault(name, set()).add(sign)
        to_goal[name] = to_goal.get(name, False) or goal

    for i, goal in enumerate(goals):
        assert isinstance(goal.value, Var)
        note(goal.value.name, goal.sense if i == 0 else 0, True)
    for step in reversed(steps):
        uses = _demand_senses(step) if isinstance(step, Demand) else _sum_senses(step, signs, to_goal)
        for name in step.inputs:
            note(name, *uses.get(name, (0, False)))
    return {name: _Sense(next(iter(s)), to_goal[name]) for name, s in signs.items() if s in ({1}, {-1})}


def _demand_senses(step: Demand) -> dict[str, tuple[int, bool]]:
    condition = step.condition
    if condition.op not in ("le", "lt"):
        return {}
    small, large = condition.args
    found: dict[str, tuple[int, bool]] = {}
    for side, sign in ((small, 1), (large, -1)):
        if isinstance(side, Var) and step.inputs.count(side.name) == 1 and small != large:
            other = large if side is small else small
            if isinstance(other, int):
                found[side.name] = (sign, False)
    return found


def _sum_senses(step: Define, signs: dict[str, set[int]], to_goal: dict[str, bool]) -> dict[str, tuple[int, bool]]:
    own = signs.get(step.name, set())
    if own not in ({1}, {-1}) or step.value.op != "add":
        return {}
    sign = next(iter(own))
    terms = [a for a in step.value.args if isinstance(a, Var)]
    found = {}
    for term in terms:
        elsewhere = [v.name for a in step.value.args if a is not term for v in variables(a)]
        if term.name not in elsewhere:
            found[term.name] = (sign, to_goal.get(step.name, False))
    return found


def _criteria(rows: _Rows, senses: dict[str, _Sense], goals: Sequence[Goal]) -> list[str]:
    """Return the harmful unknowns by which rows are compared, at most one for the first objective.

    A cost that is still made up of several open parts tells rows apart like any other unknown, but for
    one of the parts.
    """
    found, objective = [], False
    for name in rows.columns:
        sense = senses.get(name)
        if sense is None or rows.columns[name].dtype == object:
            continue
        if sense.goal:
            if objective or len(goals) > 1:
                continue
            objective = True
        found.append(name)
    return found


def _best(rows: _Rows, goals: Sequence[Goal], holes: list[str], keep: int) -> list[_Scored]:
    """Return the best rows with their keys: the objectives that this part decides, then the sum of ranks."""
    scores = [
        rows.columns[g.value.name] * g.sense
        if isinstance(g.value, Var) and g.value.name in rows.columns else np.zeros(rows.count, dtype=np.int64)
        for g in goals
    ]  # fmt: skip
    order = np.lexsort((rows.order, rows.ranks, *reversed(scores)))[:keep]
    found: list[_Scored] = []
    for row in order:
        assignment = {n: int(rows.columns[n][row]) for n in holes if n in rows.columns}
        at = int(rows.parent[row])
        for record in reversed(rows.records):
            assignment.update({name: int(column[at]) for name, column in record.holes.items()})
            at = int(record.parent[at])
        found.append(((*(int(s[row]) for s in scores), int(rows.ranks[row])), assignment))
    return found
