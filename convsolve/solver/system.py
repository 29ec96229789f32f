"""What the solver works on: the part of a problem's trace that matters, in one order of computation.

Aliases and constants are substituted, long sums become running sums (so that a cost adds up along the
network), conjunctions become single demands, and everything that no demand and no objective depends on
is left out. Steps are ordered so that each comes as soon as what it needs is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..dims import Cond, Condition, Dim, Domain, Expr, Var, evaluate, variables
from ..dims.rewrite import rewrite
from ..network.trace import Requirement
from ..problem import ProblemTrace

__all__ = ["Define", "Demand", "SystemGoal", "Step", "System", "build", "values_of"]

_LONG_SUM = 3


@dataclass(frozen=True, eq=False)
class Define:
    """``name := value``."""

    name: str
    value: Expr
    inputs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Demand:
    """A condition that must hold; ``origin`` is the requirement it comes from (None: a rule of the solver's)."""

    condition: Condition
    inputs: tuple[str, ...]
    origin: Requirement | None


Step = Define | Demand


@dataclass(frozen=True)
class SystemGoal:
    """An objective: a name (or a number, where nothing can change it), and its sense (1: minimise)."""

    value: Dim
    sense: int


@dataclass
class System:
    """Holes with their domains, steps in order, goals; ``refuted`` has where demands come from that can never hold."""

    holes: dict[str, Domain]
    steps: list[Step]
    goals: list[SystemGoal]
    refuted: tuple[Requirement | None, ...] = ()

    def only(self, in_force: Iterable[Requirement]) -> System:
        """Return the system in which of the requirements only some are in force, and what these depend on."""
        kept = {None, *map(id, in_force)}
        needed = {goal.value.name for goal in self.goals if isinstance(goal.value, Var)}
        steps: list[Step] = []
        for step in reversed(self.steps):
            if step.name in needed if isinstance(step, Define) else (step.origin and id(step.origin)) in kept:
                needed.update(step.inputs)
                steps.append(step)
        refuted = tuple(origin for origin in self.refuted if (origin and id(origin)) in kept)
        return System(self.holes, steps[::-1], self.goals, refuted)


def build(
    problem: ProblemTrace,
    in_force: Iterable[Requirement] | None = None,
    *,
    extra: Sequence[Cond] = (),
    goals: bool = True,
) -> System:
    """Return the system of a problem.

    Args:
        problem: the traced problem.
        in_force: the requirements that must hold; by default all.
        extra: further conditions over names of the trace.
        goals: whether to carry the problem's objectives.
    """
    trace = problem.trace
    wanted = list(trace.requirements) if in_force is None else list(in_force)
    demanded: list[tuple[Cond, Requirement | None]] = [(r.condition, r) for r in wanted]
    demanded += [(c, None) for c in (*trace.canonical.values(), *extra)]
    senses = [1 if o.sense == "minimize" else -1 for o in problem.problem.objectives]
    objectives = list(zip(problem.objectives, senses, strict=True)) if goals else []
    needed = trace.needed(*(c for c, _ in demanded), *(d for d, _ in objectives))
    builder = _Builder()
    for definition in trace.definitions:
        if definition.name in needed:
            builder.define(definition.name, definition.value)
    for condition, origin in demanded:
        builder.demand(rewrite(condition, builder.replaced), origin)
    found = []
    for i, (value, sense) in enumerate(objectives):
        value = rewrite(value, builder.replaced)
        if isinstance(value, Expr) and not isinstance(value, Var):
            builder.define(f"objective {i + 1}", value)
            value = builder.replaced.get(f"objective {i + 1}", Var(f"objective {i + 1}", interval=value.interval))
        found.append(SystemGoal(value, sense))
    return builder.system(problem, found)


class _Builder:
    def __init__(self) -> None:
        self.replaced: dict[str, Dim] = {}
        self.steps: list[Step] = []
        self.refuted: list[Requirement | None] = []

    def define(self, name: str, value: Dim) -> None:
        value = rewrite(value, self.replaced)
        if isinstance(value, (int, Var)):
            self.replaced[name] = value
            return
        if value.op == "add" and len(value.args) > _LONG_SUM:
            value = self._running_sum(name, value)
        self.steps.append(Define(name, value, _inputs(value)))
        self.replaced[name] = Var(name, interval=value.interval)

    def _running_sum(self, name: str, value: Expr) -> Expr:
        sofar: Dim = value.args[0]
        for i, term in enumerate(value.args[1:-1], start=1):
            partial = f"{name} up to {i}"
            step = sofar + term
            assert isinstance(step, Expr)
            self.steps.append(Define(partial, step, _inputs(step)))
            sofar = Var(partial, interval=step.interval)
        result = sofar + value.args[-1]
        assert isinstance(result, Expr)
        return result

    def demand(self, condition: Cond, origin: Requirement | None) -> None:
        if isinstance(condition, bool):
            if not condition:
                self.refuted.append(origin)
            return
        for part in condition.args if condition.op == "and" else (condition,):
            self.steps.append(Demand(part, _inputs(part), origin))

    def system(self, problem: ProblemTrace, goals: list[SystemGoal]) -> System:
        holes = {n: v.domain for n, v in problem.problem.network.holes.items() if v.domain is not None}
        return System(holes, _ordered(self.steps, holes), goals, tuple(self.refuted))


def _inputs(x: Expr | Condition) -> tuple[str, ...]:
    return tuple(v.name for v in variables(x))


def _ordered(steps: list[Step], holes: dict[str, Domain]) -> list[Step]:
    """Order the steps so that each comes as soon as its inputs are known.

    A hole becomes known at the first definition or demand that uses it; what is computed for the whole
    network (running sums, receptive fields) then moves up beside the layer that decides it.
    """
    stage: dict[str, int] = {}
    placed: list[tuple[int, int, Step]] = []
    for position, step in enumerate(steps):
        late = [stage[name] for name in step.inputs if name in stage]
        fresh = any(name in holes and name not in stage for name in step.inputs)
        at = position if fresh or not late else max(late)
        for name in step.inputs:
            stage.setdefault(name, at)
        if isinstance(step, Define):
            stage[step.name] = at
        placed.append((at, position, step))
    return [step for _, _, step in sorted(placed, key=lambda p: p[:2])]


def values_of(system: System, assignment: Mapping[str, int]) -> dict[str, int]:
    """Return the value of every name of a system, by plain integer arithmetic."""
    values = dict(assignment)
    for step in system.steps:
        if isinstance(step, Define):
            values[step.name] = evaluate(step.value, values)
    return values
