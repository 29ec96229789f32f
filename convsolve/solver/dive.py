"""The dive: a short depth-first search on plain integers, for when any solution will do.

After presolve most first choices are right, and a handful of integers is quicker than arrays of all. The
search gives up soon, as it knows nothing that could lead it out of a wrong beginning; another order of the
values may know better.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

from ..dims import evaluate
from .outcome import Outcome
from .presolve import Domains
from .system import Define, Step
from .task import Task

__all__ = ["Dive", "dive"]

_MOST_TRIED = 3000
_TRIED_IN_EACH_ORDER = 600
_NEAR = 64
"""A set with more values than this is looked up by its bounds first."""

_RANDOM_ORDERS = 4


class Dive:
    """Dives in several orders: preferred values first, small ones, large ones, and at random."""

    reason = "no dive decides"

    def bound(self, task: Task) -> None:
        """Know no limits."""

    def improve(self, task: Task) -> None:
        """Offer what dives find."""
        rng = random.Random(task.seed)
        orders: list[Callable[[str, int], Any]] = [lambda name, value: task.system.holes[name].rank(value)]
        if task.system.goals:
            orders += [lambda name, value: value, lambda name, value: -value]
            orders += [lambda name, value: rng.random()] * _RANDOM_ORDERS
        most = _TRIED_IN_EACH_ORDER if task.system.goals else _MOST_TRIED
        for order in orders:
            found = dive(task, order, most)
            if found is not None:
                task.offer(found)

    def decide(self, task: Task) -> Outcome | None:
        """Decide nothing."""
        return None


def dive(task: Task, order: Callable[[str, int], Any], most: int = _MOST_TRIED) -> dict[str, int] | None:
    """Return an assignment that fulfils every step, or None where none was found soon.

    The values of a hole are tried as ``order`` sorts them; the task is told which requirements were met.
    """
    system, domains = task.system, task.domains
    values: dict[str, int] = {n: v.fixed for n, v in domains.items() if v.fixed is not None}
    choices: dict[str, list[int]] = {}
    for name in system.holes:
        if name in values:
            continue
        array = domains[name].array
        if array is None:
            return None
        choices[name] = sorted(array.tolist(), key=lambda value, name=name: order(name, value))  # type: ignore[misc]
    allowed = {name: _allowed(domains, name) for name in domains}
    stages: list[tuple[Step, list[str]]] = []
    seen: set[str] = set()
    for step in system.steps:
        fresh = [n for n in step.inputs if n in choices and n not in seen]
        seen.update(fresh)
        stages.append((step, fresh))
    tried = 0
    open_stages: list[Iterator[tuple[int, ...]]] = []

    def begin(position: int) -> None:
        open_stages.append(itertools.product(*(choices[name] for name in stages[position][1])))

    if stages:
        begin(0)
    while open_stages and len(open_stages) <= len(stages):
        position = len(open_stages) - 1
        step, fresh = stages[position]
        for combination in open_stages[-1]:
            tried += 1
            if tried > most:
                return None
            values.update(zip(fresh, combination, strict=True))
            if _holds(step, values, allowed, task):
                if position + 1 == len(stages):
                    rest = {name: options[0] for name, options in choices.items() if name not in seen}
                    return {name: values.get(name, rest.get(name, 0)) for name in system.holes}
                begin(position + 1)
                break
        else:
            open_stages.pop()
        if tried % 256 == 0:
            task.clock.check("searching")
    if stages:
        return None
    return {name: values.get(name, choices.get(name, [0])[0]) for name in system.holes}


def _allowed(domains: Domains, name: str) -> Any:
    """Return what tells quickly whether a value is in a set: the set of few values, or a range."""
    values = domains[name]
    if values.array is not None and len(values.array) <= _NEAR:
        return frozenset(values.array.tolist())
    low = values.low if values.low is not None else -(2**62)
    high = values.high if values.high is not None else 2**62
    return range(low, high + 1)


def _holds(step: Step, values: dict[str, int], allowed: dict[str, Any], task: Task) -> bool:
    """Take one step; return whether its demand, or the set of what it defines, is kept."""
    if isinstance(step, Define):
        value = values[step.name] = evaluate(step.value, values)
        return value in allowed[step.name]
    holds = bool(evaluate(step.condition, values))
    if step.origin is not None:
        task.met[step.origin] = holds or task.met.get(step.origin, False)
    return holds
