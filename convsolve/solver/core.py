"""Why there is no solution: a minimal set of requirements that cannot hold together.

The method is QuickXplain (Junker, "QUICKXPLAIN: Preferred Explanations and Relaxations for
Over-Constrained Problems", AAAI 2004), asking the engine each time; every member of the result has been
seen to be needed: without it, the others can hold together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..network.trace import Requirement
from ..problem import ProblemTrace
from .clock import Clock, OutOfTime
from .engine import feasible
from .presolve import Refuted, presolve
from .system import System, build

__all__ = ["Core", "minimal_core"]

_Group = tuple[Requirement, ...]


@dataclass(frozen=True)
class Core:
    """Requirements that cannot hold together; ``minimal`` says that each is known to be needed."""

    requirements: tuple[Requirement, ...]
    minimal: bool


class _Undecided(Exception):
    """The engine could not tell whether some requirements can hold together."""


def minimal_core(problem: ProblemTrace, clock: Clock, seed: int = 0) -> Core:
    """Return a minimal core of a problem that has no solution.

    The problem's own requirements come first: rules of layers appear only where they are part of the reason.
    """
    own, rules = _groups(problem)
    whole = build(problem, goals=False)

    def infeasible(wanted: Sequence[_Group]) -> bool:
        asked = [r for group in wanted for r in group]
        answer = feasible(problem, whole.only(asked), asked, clock, seed)
        if answer is None:
            raise _Undecided
        return not answer

    try:
        own, rules = _involved(whole, own, rules, clock)
        if infeasible(own):
            found = _quickxplain(infeasible, [], own)
        else:
            few = 1  # the likeliest come first: most often a few of them are enough
            while few < len(rules) and not infeasible([*own, *rules[:few]]):
                few *= 4
            needed_rules = _quickxplain(infeasible, own, rules[:few])
            found = [*_quickxplain(infeasible, needed_rules, own), *needed_rules]
    except (OutOfTime, _Undecided):
        return Core(tuple(r for group in (*own, *rules) for r in group), minimal=False)
    return Core(tuple(r for group in found for r in group), minimal=True)


def _involved(
    system: System, own: list[_Group], rules: list[_Group], clock: Clock
) -> tuple[list[_Group], list[_Group]]:
    """Return the requirements that had a part where presolve alone shows that there is no solution; else all.

    What had a part the second time, when only those of the first are in force, may be less still.
    """
    asked = [r for group in (*own, *rules) for r in group]
    while True:
        try:
            presolve(system.only(asked), clock)
        except Refuted as refuted:
            part = set(map(id, refuted.origins))
            if len(part) < len(asked):
                asked = [r for r in asked if id(r) in part]
                own, rules = ([g for g in groups if any(id(r) in part for r in g)] for groups in (own, rules))
                continue
            place = {id(r): i for i, r in enumerate(refuted.origins)}
            rules = sorted(rules, key=lambda group: min(place[id(r)] for r in group if id(r) in place))
        return own, rules


def _groups(problem: ProblemTrace) -> tuple[list[_Group], list[_Group]]:
    """Return the requirements of the problem, and those of layers (one group for all axes of one rule)."""
    own: list[_Group] = []
    rules: dict[tuple[str, str], list[Requirement]] = {}
    for requirement in problem.trace.requirements:
        if requirement.layer:
            rules.setdefault((requirement.layer, requirement.rule.code), []).append(requirement)
        else:
            own.append((requirement,))
    return own, [tuple(group) for group in rules.values()]


def _quickxplain(
    infeasible: Callable[[Sequence[_Group]], bool], background: Sequence[_Group], candidates: Sequence[_Group]
) -> list[_Group]:
    """Return a minimal part of the candidates that is infeasible together with the background, as all are."""

    def explain(base: list[_Group], added: bool, parts: list[_Group]) -> list[_Group]:
        if added and infeasible(base):
            return []
        if len(parts) == 1:
            return parts
        half = len(parts) // 2
        first, second = parts[:half], parts[half:]
        from_second = explain([*base, *first], True, second)
        from_first = explain([*base, *from_second], bool(from_second), first)
        return [*from_first, *from_second]

    if not candidates:
        return []
    return explain(list(background), bool(background), list(candidates))
