"""The plan of a sweep: which steps are taken together, what is remembered between them, what only adds up.

The system is cut into *parts* that share no open unknown, and each part into *blocks*: a block introduces
some holes and ends where something that is known is not needed any more. Costs that only add up along the
network (a running sum that nothing but the end looks at) are *accumulators*: they are no part of a state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..dims import Expr, Var, variables
from ..dims.rewrite import rewrite
from .presolve import Domains
from .system import Define, Demand, Step, System, SystemGoal

__all__ = ["Accumulator", "SweepBlock", "Part", "plan"]


@dataclass(frozen=True)
class Accumulator:
    """A sum over the network: what each block adds to it, and between which bounds it must end."""

    name: str
    added: Mapping[int, tuple[Expr | int, ...]]
    low: int
    high: int


@dataclass(frozen=True)
class SweepBlock:
    """Holes that are introduced together, the steps that follow, and the names that are needed afterwards."""

    holes: tuple[str, ...]
    steps: tuple[Step, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """Blocks in order; accumulators; demands on accumulators at the end; the goals that this part decides.

    ``goals`` are places in the system's goals.
    """

    blocks: tuple[SweepBlock, ...]
    accumulators: tuple[Accumulator, ...]
    final: tuple[Demand, ...]
    goals: tuple[int, ...]


def plan(system: System, domains: Domains, *, in_order: bool = True, sums: bool = True) -> list[Part]:
    """Return the parts of a system whose unknowns are all finite.

    With ``in_order``, the blocks of a part introduce its holes in the system's order, for preference to be
    decided in that order; otherwise each hole as late as possible. Without ``sums``, costs that add up are
    remembered as everything else is, and nothing is left to be demanded at the end.
    """
    return [_part(steps, holes, system, domains, in_order, sums) for steps, holes in _independent(system, domains)]


def _independent(system: System, domains: Domains) -> list[tuple[list[Step], list[str]]]:
    """Split the system where nothing but fixed unknowns connects it."""
    leader = {name: name for name, values in domains.items() if values.fixed is None}

    def find(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    def open_names(step: Step) -> list[str]:
        names = (*step.inputs, step.name) if isinstance(step, Define) else step.inputs
        return [n for n in names if n in leader]

    for step in system.steps:
        names = open_names(step)
        for other in names[1:]:
            leader[find(names[0])] = find(other)
    parts: dict[str, tuple[list[Step], list[str]]] = {}
    for name in system.holes:
        if name in leader:
            parts.setdefault(find(name), ([], []))[1].append(name)
    for step in system.steps:
        names = open_names(step)
        if names and find(names[0]) in parts:
            parts[find(names[0])][0].append(step)
    return list(parts.values())


def _part(steps: list[Step], holes: list[str], system: System, domains: Domains, in_order: bool, sums: bool) -> Part:
    place = {name: i for i, name in enumerate(holes)}  # in the order of the system
    introduced: set[str] = set()
    own = {*holes, *(s.name for s in steps if isinstance(s, Define))}
    own = {name for name in own if domains[name].fixed is None}
    goals = [i for i, g in enumerate(system.goals) if isinstance(g.value, Var) and g.value.name in own]
    chains, final = _chains(steps, [system.goals[i] for i in goals], domains) if sums else ([], [])
    inside = {name: chain for chain in chains for name in chain.links}
    blocks: list[SweepBlock] = []
    added: dict[str, dict[int, list[Expr | int]]] = {chain.name: {} for chain in chains}
    last = _last_uses(steps, [system.goals[i] for i in goals], inside, final)
    known: dict[str, None] = {}
    fresh: list[str] = []
    taken: list[Step] = []
    pending: set[str] = set()  # names that this block has seen

    def close(position: int) -> None:
        nonlocal fresh, taken, pending, known
        known = {name: None for name in known if last.get(name, -1) >= position}
        blocks.append(SweepBlock(tuple(sorted(fresh, key=place.__getitem__)), tuple(taken), tuple(known)))
        fresh, taken, pending = [], [], set()

    for position, step in enumerate(steps):
        if step in final:
            continue
        new = [n for n in step.inputs if n in own and n in system.holes and n not in known and n not in fresh]
        new = [n for n in new if domains[n].fixed is None]
        if in_order and new:
            latest = max(place[n] for n in new)
            new = [n for n in holes[: latest + 1] if n not in introduced]
        introduced.update(new)
        if new and any(last.get(name, -1) < position for name in {*known, *fresh} & pending):
            close(position)
        fresh += new
        known.update(dict.fromkeys(new))
        pending.update(new, (n for n in step.inputs if n in known))
        if isinstance(step, Define) and step.name in inside:
            added[inside[step.name].name].setdefault(len(blocks), []).append(inside[step.name].links[step.name])
            continue
        taken.append(step)
        if isinstance(step, Define) and domains[step.name].fixed is None:
            known[step.name] = None
            pending.add(step.name)
    untouched = [n for n in holes if n not in known and not any(n in b.holes for b in blocks) and n not in fresh]
    fresh += untouched  # holes that nothing but a goal speaks of
    known.update(dict.fromkeys(untouched))
    close(len(steps))
    accumulators = []
    for chain in chains:
        low, high = domains[chain.name].interval
        assert low is not None and high is not None
        parts = {block: tuple(terms) for block, terms in added[chain.name].items()}
        accumulators.append(Accumulator(chain.name, parts, low, high))
    return Part(tuple(blocks), tuple(accumulators), tuple(final), tuple(goals))


def _last_uses(
    steps: Sequence[Step], goals: Sequence[SystemGoal], inside: Mapping[str, _Chain], final: Sequence[Demand]
) -> dict[str, int]:
    """Return the last step at which each unknown is needed; goals need theirs to the end."""
    last: dict[str, int] = {}
    for position, step in enumerate(steps):
        if step in final:
            continue
        for name in step.inputs:
            last[name] = position
    for goal in goals:
        if isinstance(goal.value, Var) and goal.value.name not in inside:
            last[goal.value.name] = len(steps)
    return last


@dataclass(frozen=True)
class _Chain:
    """A running sum: its last name, and what each of its links adds."""

    name: str
    links: Mapping[str, Expr | int]


def _chains(steps: Sequence[Step], goals: Sequence[SystemGoal], domains: Domains) -> tuple[list[_Chain], list[Demand]]:
    """Find the running sums that only demands of their own, and goals, look at."""
    defined = {s.name: s for s in steps if isinstance(s, Define)}
    fixed = {name for name in defined if domains[name].fixed is not None}
    uses = Counter(name for s in steps for name in s.inputs)
    in_definitions = {name for s in steps if isinstance(s, Define) for name in s.inputs}
    wanted = {g.value.name for g in goals if isinstance(g.value, Var)}
    uses.update(wanted)  # what is a goal itself is no link of another sum
    demands = [s for s in steps if isinstance(s, Demand)]
    sums = {
        name for name, s in defined.items()
        if s.value.op == "add" and name not in in_definitions
        and (name in wanted or name in fixed or any(name in d.inputs for d in demands))
    }  # fmt: skip
    between = {name: s for name, s in defined.items() if name not in fixed}
    chains = {name: _follow(name, {**between, name: defined[name]}, uses) for name in defined if name in sums}
    chains = {name: chain for name, chain in chains.items() if len(chain.links) > 1}
    while True:  # a demand that also speaks of something else must be made where that is known
        mixed = {
            name for d in demands for name in d.inputs if name in chains
            and any(n not in chains and domains[n].fixed is None for n in d.inputs)
        }  # fmt: skip
        if not mixed:
            return list(chains.values()), [d for d in demands if any(n in chains for n in d.inputs)]
        chains = {name: chain for name, chain in chains.items() if name not in mixed}


def _follow(name: str, defined: Mapping[str, Define], uses: Mapping[str, int]) -> _Chain:
    links: dict[str, Expr | int] = {}
    while True:
        value = defined[name].value
        before = None
        for term in value.args:
            if isinstance(term, Var) and term.name in defined and uses[term.name] == 1:
                alone = sum(v.name == term.name for arg in value.args for v in variables(arg)) == 1
                if alone and defined[term.name].value.op == "add":
                    before = term.name
                    break
        links[name] = rewrite(value, {before: 0}) if before else value
        if before is None:
            return _Chain(next(iter(links)), links)
        name = before
