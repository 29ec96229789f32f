"""Which requirements fail of themselves, and which only because of an earlier one; and how each is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..dims import evaluate, variables
from ..network.trace import Definition, Requirement, Trace
from ..rules import BRANCH, CALL_TAKEN, RANK, REFUSAL

__all__ = ["alike", "failed_requirements", "requirement_message"]


def failed_requirements(traced: Trace, values: Mapping[str, int]) -> tuple[list[Requirement], set[str]]:
    """Return the requirements that fail of themselves, and the names whose values a failure has spoilt.

    What stands behind a branch that is not the one that was recorded does not count: the program does something else.
    """
    failed: list[Requirement] = []
    poisoned: set[str] = set()
    spoilt: dict[str, set[str]] = {}  # by layer: the sizes that a failed rule speaks of
    unknown: set[str] = set()  # layers of whose outputs nothing is known
    left = False  # whether the program has left the way that was recorded
    for step in traced.steps:
        if not failed and (isinstance(step, Definition) or evaluate(step.condition, values)):
            continue
        names = {v.name for v in variables(step.value if isinstance(step, Definition) else step.condition)}
        if isinstance(step, Definition):
            if left or names & poisoned or names & spoilt.get(step.layer, set()) or step.layer in unknown:
                poisoned.add(step.name)
        elif left:
            continue
        elif not names & poisoned and not evaluate(step.condition, values):
            failed.append(step)
            left = step.rule is BRANCH
            if not step.rule.decides and step.layer:
                unknown.add(step.layer)
            elif step.rule.poisons:
                spoilt.setdefault(step.layer, set()).update(names)
    return failed, poisoned


def alike(failed: Iterable[Requirement], values: Mapping[str, int]) -> Iterable[list[Requirement]]:
    """Return the requirements that fail in groups: those of one rule and one layer with the same numbers."""
    groups: dict[tuple[Any, ...], list[Requirement]] = {}
    for r in failed:
        numbers = tuple((name, evaluate(value, values)) for name, value in r.values)
        groups.setdefault((r.layer, r.rule.code, r.text, numbers if r.layer else ()), []).append(r)
    return groups.values()


def requirement_message(requirement: Requirement, values: Mapping[str, int], axes: Sequence[str]) -> str:
    """Return what is wrong where a requirement does not hold, with the numbers."""
    if requirement.rule is RANK:
        return requirement.note
    if requirement.rule is BRANCH:
        return f"{BRANCH.failure}: that one needs {requirement.text}"
    if requirement.rule is CALL_TAKEN:
        return f"{CALL_TAKEN.failure}: {requirement.note}"
    if requirement.rule is REFUSAL:
        return f"{REFUSAL.failure}: {requirement.text}"
    if not requirement.layer:
        numbers = ", ".join(f"{name}={values[name]}" for name in sorted({n for n, _ in requirement.values})
                            if name in values)  # fmt: skip
        return f"the requirement `{requirement.text}` does not hold{f': {numbers}' if numbers else ''}"
    shown = {name: evaluate(value, values) for name, value in requirement.values}
    return requirement.rule.message(", ".join(axes), shown)
