"""Presolve: the values that each unknown can still have, by propagation to a fixpoint.

A step whose unknowns have few values is a table: it is evaluated for all of them at once by numpy
broadcasting, and what remains is projected onto each unknown. Larger steps narrow intervals. Only values
that no solution has are removed; on a tree of tables, exactly those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..dims.evaluate import evaluate, evaluate_words, fits_word
from ..network.trace import Requirement
from .clock import Clock
from .propagate import Contradiction, narrow
from .system import Define, Demand, Step, System
from .values import EMPTY, MOST_VALUES, ValueSet

__all__ = ["Domains", "Refuted", "presolve"]

Domains = dict[str, ValueSet]

_MOST_CELLS = 1 << 11
"""A table with more entries than this is not made; intervals are narrowed instead.

Larger tables narrow more, but what they cost the sweep does not earn back (measured on the benchmarks)."""

_MOST_ROUNDS = 40


class Refuted(Exception):
    """No values are left for some unknown: the system has no solution.

    ``origins`` are the requirements that had a part in that.
    """

    def __init__(self, origins: Iterable[Requirement | None] = ()) -> None:
        super().__init__("no values are left")
        self.origins = tuple(origin for origin in dict.fromkeys(origins) if origin is not None)


def presolve(system: System, clock: Clock, known: Domains | None = None) -> Domains:
    """Return the values that each unknown of the system can still have, given what is known of some.

    Raises:
        Refuted: some unknown has none.
    """
    if system.refuted:
        raise Refuted(system.refuted[:1])
    domains = {name: ValueSet.of_domain(domain) for name, domain in system.holes.items()}
    domains.update(known or {})
    touched = dict.fromkeys(domains, 1)
    tick = 1
    done: dict[int, int] = {}
    changed: dict[str, list[int]] = {}
    steps = list(enumerate(system.steps))
    for round_number in range(_MOST_ROUNDS):
        quiet = True
        for i, step in steps if round_number % 2 == 0 else reversed(steps):
            names = (*step.inputs, step.name) if isinstance(step, Define) else step.inputs
            last = done.get(i, 0)
            if last and all(touched.get(name, 0) <= last for name in names):
                continue
            clock.check("narrowing the values of each unknown")
            tick += 1
            for name, values in _propagate(step, domains).items():
                if values.empty:
                    raise Refuted(_involved(step, changed, system))
                changed.setdefault(name, []).append(i)
                domains[name] = values
                touched[name] = tick
                quiet = False
            done[i] = tick
        if quiet:
            break
    for i, step in steps:
        names = (*step.inputs, step.name) if isinstance(step, Define) else step.inputs
        if any(touched.get(name, 0) >= done.get(i, 0) for name in names) and not _holds(step, names, domains):
            raise Refuted(_involved(step, changed, system))
    return domains


def _holds(step: Step, names: Sequence[str], domains: Domains) -> bool:
    """Return whether a step holds where it has no open unknown: nothing later looks at it then.

    A step is not read again for what it has changed itself, which may have left one value to each of its unknowns, but
    not such as fit together.
    """
    values = {name: fixed for name in names if (fixed := domains[name].fixed) is not None}
    if len(values) < len({*names}):
        return True
    if isinstance(step, Define):
        return bool(evaluate(step.value, values) == values[step.name])
    return bool(evaluate(step.condition, values))


def _involved(last: Step, changed: Mapping[str, list[int]], system: System) -> list[Requirement | None]:
    """Return where the steps come from that changed the values that the last one found wrong, or those before them.

    The last one comes first, then what is nearest to the network's end.
    """
    waiting, seen, names = [last], {id(last)}, set()
    while waiting:
        step = waiting.pop()
        for name in (*step.inputs, step.name) if isinstance(step, Define) else step.inputs:
            if name not in names:
                names.add(name)
                more = [other for i in changed.get(name, ()) if id(other := system.steps[i]) not in seen]
                seen.update(map(id, more))
                waiting += more
    steps = [last, *(step for step in reversed(system.steps) if id(step) in seen)]
    return [step.origin for step in steps if isinstance(step, Demand)]


def _propagate(step: Step, domains: Domains) -> Domains:
    """Return the unknowns of a step whose values have become fewer, with those that remain."""
    open_names = [name for name in step.inputs if domains[name].fixed is None]
    cells = 1
    for name in open_names:
        size = domains[name].size
        if domains[name].array is None or size is None:
            cells = _MOST_CELLS + 1
            break
        cells *= size
    expression = step.value if isinstance(step, Define) else step.condition
    if cells <= _MOST_CELLS and fits_word(expression, {name: domains[name].interval for name in step.inputs}):
        return _by_table(step, open_names, domains)
    return _by_intervals(step, domains)


def _by_table(step: Step, open_names: list[str], domains: Domains) -> Domains:
    columns: dict[str, np.ndarray | int] = {}
    rank = len(open_names)
    for name in step.inputs:
        values = domains[name]
        if name in open_names:
            assert values.array is not None
            axis = open_names.index(name)
            columns[name] = values.array.reshape([-1 if i == axis else 1 for i in range(rank)])
        else:
            assert values.fixed is not None
            columns[name] = values.fixed
    shape = tuple(len(domains[name].array) for name in open_names)  # type: ignore[arg-type]
    changes: Domains = {}
    if isinstance(step, Define):
        result = np.broadcast_to(evaluate_words(step.value, columns), shape)
        old = domains.get(step.name)
        if old is None:
            changes[step.name] = _set_of(result)
            return changes
        mask = old.holds(result)
        new = _set_of(result[mask])
        if new.size != old.size:
            changes[step.name] = new
    else:
        mask = np.broadcast_to(evaluate_words(step.condition, columns), shape).astype(bool)
    if mask.all():
        return changes
    if not mask.any():
        return dict.fromkeys(open_names or step.inputs or ("",), EMPTY)
    for axis, name in enumerate(open_names):
        kept = mask.any(axis=tuple(i for i in range(rank) if i != axis))
        if not kept.all():
            array = domains[name].array
            assert array is not None
            changes[name] = ValueSet.of(array[kept])
    return changes


def _set_of(array: np.ndarray) -> ValueSet:
    """Return the set of the values that a step defines; of very many, only between which ends they lie."""
    flat = array.ravel()
    if flat.size == 0:
        return EMPTY
    low, high = int(flat.min()), int(flat.max())
    if high - low < 4 * flat.size + 1024:
        seen = np.zeros(high - low + 1, dtype=bool)
        seen[flat - low] = True
        values = np.flatnonzero(seen) + low
    else:
        values = np.unique(flat)
    return ValueSet.of(values) if len(values) <= MOST_VALUES else ValueSet(low, high)


def _by_intervals(step: Step, domains: Domains) -> Domains:
    known = {name: domains[name].interval for name in step.inputs}
    changes: Domains = {}
    try:
        if isinstance(step, Define):
            old = domains.get(step.name)
            own, found = narrow(step.value, old.interval if old is not None else (None, None), known)
            new = ValueSet.between(*own) if old is None else old.within(*own)
            if new is not old:
                changes[step.name] = new
        else:
            _, found = narrow(step.condition, (1, 1), known)
    except Contradiction:
        return dict.fromkeys(step.inputs[:1] or ("",), EMPTY)
    for name, interval in found.items():
        new = domains[name].within(*interval)
        if new is not domains[name]:
            changes[name] = new
    return changes
