"""The dive: a short depth-first search on plain integers, for when any solution will do.

After presolve most first choices are right, and a handful of integers is quicker than arrays of all. The
search gives up soon, as it knows nothing that could lead it out of a wrong beginning.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from ..dims import evaluate
from .clock import Clock
from .presolve import Domains
from .system import Define, Step, System

__all__ = ["dive"]

_MOST_TRIED = 3000
_NEAR = 64
"""A set with more values than this is looked up by its bounds first."""


def dive(system: System, domains: Domains, clock: Clock) -> dict[str, int] | None:
    """Return an assignment that fulfils every step, or None where none was found soon."""
    values: dict[str, int] = {n: v.fixed for n, v in domains.items() if v.fixed is not None}
    choices: dict[str, list[int]] = {}
    for name, domain in system.holes.items():
        if name in values:
            continue
        array = domains[name].array
        if array is None:
            return None
        choices[name] = sorted((int(v) for v in array), key=domain.rank)
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
            if tried > _MOST_TRIED:
                return None
            values.update(zip(fresh, combination, strict=True))
            if _holds(step, values, allowed):
                if position + 1 == len(stages):
                    rest = {name: options[0] for name, options in choices.items() if name not in seen}
                    return {name: values.get(name, rest.get(name, 0)) for name in system.holes}
                begin(position + 1)
                break
        else:
            open_stages.pop()
        if tried % 256 == 0:
            clock.check("searching")
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


def _holds(step: Step, values: dict[str, int], allowed: dict[str, Any]) -> bool:
    """Take one step; return whether its demand, or the set of what it defines, is kept."""
    if isinstance(step, Define):
        value = values[step.name] = evaluate(step.value, values)
        return value in allowed[step.name]
    return bool(evaluate(step.condition, values))
