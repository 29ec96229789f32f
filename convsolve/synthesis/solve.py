"""Synthesize: find values for the holes of a problem, or say why there are none."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from ..checks.check import CheckReport, check
from ..dims import Condition, Expr, Var, bounds, evaluate, ne, total, variables, where
from ..errors import ExpressionError, InternalError
from ..network import Network
from ..network.trace import Definition, Requirement, run
from ..operators import Choice
from ..operators.parameters import substitute
from ..problem import Objective, Problem, ProblemTrace, as_problem, trace_problem
from ..rules import PROBLEM
from ..support.arguments import checked
from ..support.notebook_display import Carded, Shown
from ..support.suggestions import few, whole
from .relax import LONGEST, Relaxation, relaxations

if TYPE_CHECKING:
    from ..solver.outcome import Outcome, Stopped
    from .robust import RobustSearch

__all__ = [
    "Goal",
    "Infeasible",
    "Interrupted",
    "Solution",
    "Unknown",
    "conclusion",
    "solution_of",
    "solutions",
    "solve",
]


@dataclass(frozen=True)
class Goal:
    """An objective and what a solution reaches: ``bound`` is the best that is not ruled out yet."""

    objective: Objective
    value: int
    proven: bool
    bound: int | None = None


@dataclass(frozen=True)
class Solution(Shown):
    """Values for the holes, the network that they make, and its shapes and costs.

    ``assignment`` leaves out holes of layers that are not present. ``proven`` says that no solution is
    better in the objectives; ``plainest``, that of equals none is plainer: the least sum of preference ranks, then
    the ranks in the order of the holes. ``reason`` says why something is not proven.
    """

    assignment: Mapping[str, int]
    network: Network
    report: CheckReport
    goals: tuple[Goal, ...]
    proven: bool
    problem: Problem
    reason: str = ""
    plainest: bool = False

    def __str__(self) -> str:
        """Return the values, the table of shapes, the costs, and how good it is."""
        from .text import solution_lines

        return "\n".join(solution_lines(self))

    def __repr__(self) -> str:
        values = few((f"{name}={value}" for name, value in self.assignment.items()), 8)
        return f"<Solution: {values or 'nothing was open'}{'' if self.proven else '; not proven'}>"

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The output shape of each layer."""
        return self.report.shapes

    @property
    def output(self) -> tuple[int, ...] | None:
        """The network's output shape."""
        return self.report.output

    @property
    def params(self) -> int | None:
        """The number of learned parameters."""
        return self.report.params

    @property
    def macs(self) -> int | None:
        """The number of multiply-accumulate operations for one sample."""
        return self.report.macs

    @property
    def activations(self) -> int | None:
        """The number of elements of all layers' outputs."""
        return self.report.activations

    @property
    def receptive_field(self) -> tuple[int, ...] | int | None:
        """The receptive field along each axis of the input; a number where there is one axis."""
        return self.report.receptive_field

    @property
    def derived(self) -> dict[str, int]:
        """What the file computes from its holes, by name, with these values of them."""
        named = {name: value for name, value in self.problem.network.named if isinstance(value, Expr)}
        known = {name: substitute(value, dict(self.assignment)) for name, value in named.items()}
        return {name: value for name, value in known.items() if isinstance(value, int) and name not in self.assignment}

    @property
    def concrete(self) -> Problem:
        """The finished network as a problem of its own, with the requirements that do not speak of what was open."""
        kept = []
        for text in self.problem.requirements:
            try:
                trace_problem(Problem(self.network, (text,)))
            except ExpressionError:
                continue
            kept.append(text)
        problem, network = self.problem, self.network
        return replace(problem, network=network, requirements=tuple(kept), objectives=(), pareto=(), expect={})

    def to_torch(self) -> Any:
        """Return the network as a PyTorch module: :func:`convsolve.to_torch`."""
        from ..frameworks import to_torch

        return to_torch(self.network)

    def to_keras(self) -> Any:
        """Return the network as a Keras model: :func:`convsolve.to_keras`."""
        from ..frameworks import to_keras

        return to_keras(self.network)

    def to_onnx(self, *, seed: int = 0) -> Any:
        """Return the network as an ONNX model: :func:`convsolve.to_onnx`."""
        from ..frameworks import to_onnx

        return to_onnx(self.network, seed=seed)

    def code(self, language: str = "torch", *, name: str = "Net") -> str:
        """Return the network as source code for "torch" or "keras": :func:`convsolve.code`."""
        from ..frameworks import code

        return code(self.network, language, name=name)


@dataclass(frozen=True)
class Infeasible(Carded):
    """There is no solution: ``core`` names requirements that cannot hold together.

    ``minimal`` says that each of them is needed: without it, the others can hold.
    """

    core: tuple[str, ...]
    minimal: bool
    problem: Problem | None = field(default=None, compare=False, repr=False)
    seconds: float = field(default=LONGEST, compare=False, repr=False)
    """How long to look for ways out: what was left of the time that was given."""

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        """Return what is in each other's way, and the ways out."""
        from .text import no_answer_lines

        return "\n".join(no_answer_lines(self))

    @cached_property
    def relaxations(self) -> tuple[Relaxation, ...]:
        """Ways out, each of which is enough by itself and has been solved; found when first asked for."""
        return relaxations(self.problem, self.core, seconds=self.seconds) if self.problem is not None else ()


@dataclass(frozen=True)
class Unknown:
    """It is not known whether there is a solution.

    ``bound`` is what the first objective cannot pass, ``unmet`` are requirements that no candidate met that was
    looked at: where to begin, if the problem asks too much.
    """

    reason: str
    bound: int | None = None
    unmet: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        """Return why it is not known, and what is."""
        from .text import no_answer_lines

        return "\n".join(no_answer_lines(self))


class Interrupted(KeyboardInterrupt):
    """The user has interrupted a search; ``answer`` is what it would have returned, as far as it had come."""

    def __init__(self, answer: Any) -> None:
        super().__init__("the search was stopped")
        self.answer = answer


@checked
def solve(
    problem: Problem,
    *,
    timeout: float | None = None,
    seed: int = 0,
    explain: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Solution | Infeasible | Unknown:
    """Find the best solution of a problem, or the requirements that rule every solution out.

    Args:
        problem: a network with holes, requirements and objectives.
        timeout: seconds; afterwards the best so far is returned, or Unknown.
        seed: for z3, where it is asked.
        explain: whether to look for the core of a problem that has no solution; otherwise it stays empty.
        progress: called with a short text at each stage.

    Raises:
        InternalError: two ways of computing the answer disagree (a bug).
        Interrupted: the user interrupted (it is a KeyboardInterrupt); it carries the best so far.

    >>> from convsolve.files import parse
    >>> solution = solve(parse('''
    ... input: [1, 28, 28]
    ... layers:
    ...   - conv: {out_channels: 8, kernel_size: 3 | 5, padding: 0..2, stride: 1 | 2}
    ... require: [output.height == 14]
    ... '''))
    >>> dict(solution.assignment), solution.output
    ({'conv1.kernel_size': 3, 'conv1.stride': 2, 'conv1.padding': 1}, (8, 14, 14))
    """
    from ..solver.clock import Clock
    from ..solver.outcome import Stopped
    from .robust import RobustSearch

    problem = as_problem(problem)
    search = RobustSearch(problem, Clock(timeout, progress), whole("seed", seed))
    try:
        outcome = search.optimise(search.trace)
    except Stopped as stopped:
        raise _interrupted(search, search.trace, stopped) from None
    answer = conclusion(search, search.trace, outcome, explain=explain)
    return replace(answer, problem=problem) if isinstance(answer, Infeasible) else answer


def _interrupted(search: RobustSearch, traced: ProblemTrace, stopped: Stopped) -> Interrupted:
    """Return what carries the best that a search had found when it was stopped."""
    from ..solver.outcome import Outcome

    known = stopped.outcome
    if search.problem.for_all:  # of a range of sizes, what was found holds for a few as yet
        known = Outcome((), False, reason=known.reason)
    return Interrupted(conclusion(search, traced, known, explain=False))


def conclusion(
    search: RobustSearch, traced: ProblemTrace, outcome: Outcome, *, explain: bool = True
) -> Solution | Infeasible | Unknown:
    """Return the answer that an outcome of a search is; where there is no solution, with the core if it is wanted."""
    from ..solver.core import minimal_core

    if outcome.assignments:
        return solution_of(traced, outcome.assignments[0], outcome)
    if not outcome.proven:
        return Unknown(outcome.reason or "the search gave no answer", outcome.bound, outcome.unmet)
    if not explain:
        return Infeasible((), False)
    clock = search.clock
    core = minimal_core(search.everywhere(traced), clock, search.seed)
    seconds = LONGEST if clock.left is None else min(LONGEST, max(clock.left, 0.0))
    return Infeasible(_names(core.requirements), core.minimal, seconds=seconds)


def _names(requirements: Sequence[Requirement]) -> tuple[str, ...]:
    """Return the requirements in the network's words, the axes of one rule together."""
    axes: dict[tuple[str, str, str], list[str]] = {}
    for r in requirements:
        head = r.text if not r.layer else f"{r.layer}: {r.rule.demand}"
        found = axes.setdefault((head, r.layer, r.rule.code), [])
        if r.axis and r.axis not in found:
            found.append(r.axis)
    return tuple(f"{head} ({', '.join(names)})" if names else head for (head, _, _), names in axes.items())


def solutions(
    problem: Problem,
    *,
    limit: int | None = None,
    different: int | Literal["structure"] = 1,
    timeout: float | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Iterator[Solution]:
    """Yield the distinct solutions of a problem, best first, until there are no more (or ``limit``).

    Args:
        problem: the problem.
        limit: how many to yield at most.
        different: in how many holes each solution must differ from every one before it; with more than 1, each
            is the best that differs so much. With "structure", each differs in the kernels, strides, dilations and
            layers that are there: in a third of these that are open, or in as many as can be.
        timeout: seconds for all.
        seed: for z3, where it is asked.
        progress: called with a short text at each stage.

    Raises:
        TimeoutError: the time ran out before the next solution was known.
        Interrupted: the user interrupted (it is a KeyboardInterrupt); it carries the best that was found for the next.

    >>> from convsolve.files import parse
    >>> problem = parse("{input: [1, 28, 28], layers: [{max_pool: {kernel_size: 2 | 4 | 7}}], minimize: output.size}")
    >>> [solution.output for solution in solutions(problem, limit=2)]
    [(1, 4, 4), (1, 7, 7)]
    """
    from ..solver.clock import Clock
    from ..solver.outcome import Stopped
    from .robust import RobustSearch

    problem = as_problem(problem)
    limit = None if limit is None else whole("limit", limit, least=1)
    search = RobustSearch(problem, Clock(timeout, progress), whole("seed", seed))
    if isinstance(different, str) and different == "structure":
        structure = _structure(problem)
        yield from _different(search, limit, -(-len(structure) // 3) or 1, structure or None)
        return
    if whole("different", different, least=1) > 1:
        yield from _different(search, limit, different)
        return
    traced = search.trace
    given = 0
    for keep in itertools.chain([8], (64 * 4**i for i in itertools.count())):
        wanted = keep if limit is None else min(keep, limit)
        try:
            outcome = search.optimise(traced, wanted)
        except Stopped as stopped:
            raise _interrupted(search, traced, stopped) from None
        for assignment in outcome.assignments[given:]:
            yield solution_of(traced, assignment, outcome)
        given = max(given, len(outcome.assignments))
        if not outcome.proven and given < wanted:
            raise TimeoutError(outcome.reason)
        if len(outcome.assignments) < wanted or given == limit:
            return


_STRUCTURAL = ("kernel_size", "stride", "dilation", "scale", "factor")


def _structure(problem: Problem) -> frozenset[str]:
    """Return the holes that decide a network's structure: windows and strides, and which layers are there."""
    layers = problem.network.layers
    windows = (getattr(layer.operator, name, None) for layer in layers for name in _STRUCTURAL)
    choices = (layer.operator.conditions for layer in layers if isinstance(layer.operator, Choice))
    parts = [layer.when for layer in layers] + [
        part for value in (*windows, *choices) for part in (value if isinstance(value, tuple) else (value,))
    ]
    return frozenset(v.name for v in variables(*(p for p in parts if isinstance(p, (Expr, Var, Condition)))))


def _different(
    search: RobustSearch, limit: int | None, different: int, counted: frozenset[str] | None = None
) -> Iterator[Solution]:
    """Yield solutions that differ in some holes: for each before, the number of other values is a requirement.

    Only ``counted`` holes count, if they are given; then fewer are asked for where so many others cannot be had.
    """
    from ..solver.outcome import Stopped

    traced, problem = search.trace, search.problem
    known: list[dict[str, int]] = []
    steps = traced.trace.steps
    while limit is None or len(known) < limit:
        try:
            outcome = search.optimise(traced)
        except Stopped as stopped:
            raise _interrupted(search, traced, stopped) from None
        if not outcome.assignments:
            if not outcome.proven:
                raise TimeoutError(outcome.reason)
            if counted is None or different == 1 or not known:
                return
            different //= 2
            steps = (
                *search.trace.trace.steps,
                *(step for i, one in enumerate(known, 1) for step in _unlike(problem, one, i, different, counted)),
            )
            traced = replace(traced, trace=replace(traced.trace, steps=steps))
            continue
        assignment = outcome.assignments[0]
        yield solution_of(traced, assignment, outcome)
        known.append(assignment)
        more = _unlike(problem, assignment, len(known), different, counted)
        if not more:
            return  # nothing is open
        steps = (*steps, *more)
        traced = replace(traced, trace=replace(traced.trace, steps=steps))


def _unlike(
    problem: Problem, known: Mapping[str, int], number: int, different: int, counted: frozenset[str] | None
) -> tuple[Definition | Requirement, ...]:
    """Return the steps that require so many other values than an assignment has; none where nothing is open."""
    holes = problem.network.holes
    changed = total(where(ne(holes[name], value), 1, 0) for name, value in known.items()
                    if counted is None or name in counted)  # fmt: skip
    if not isinstance(changed, (Expr, Var)):
        return ()
    name = f"values other than in solution {number}"
    count = Var(name, interval=bounds(changed))
    return Definition(name, changed, ""), Requirement("", PROBLEM, count >= different, text=name)


def solution_of(traced: ProblemTrace, assignment: dict[str, int], outcome: Outcome) -> Solution:
    """Replay an assignment of an outcome by integer arithmetic, and build the network it makes.

    Raises:
        InternalError: the solver and the rules disagree.
    """
    problem = traced.problem
    values = run(traced.trace, assignment)
    broken = _names([r for r in traced.trace.requirements if not evaluate(r.condition, values)])
    network = replace(problem.network.assign(assignment), named=())
    report = check(network)
    if broken or not report.ok:
        wrong = broken or [f.message for f in report.failures]
        raise InternalError(
            f"an answer of the solver does not hold ({'; '.join(wrong[:3])}). Please report this with the problem "
            f"file and the assignment {assignment}"
        )
    goals = []
    for i, (objective, value) in enumerate(zip(problem.objectives, traced.objectives, strict=True)):
        reached = evaluate(value, values)
        known = outcome.bound if i == 0 and not outcome.proven else None
        goals.append(Goal(objective, reached, outcome.proven or i < outcome.settled or known == reached, known))
    present = {
        u.name for layer in problem.network.layers if evaluate(layer.when, assignment)
        for u in layer.operator.unknowns()
    }  # fmt: skip
    shown = {n: v for n, v in assignment.items() if n in present or n in traced.named}
    ordered = {n: shown[n] for n in problem.network.holes if n in shown}
    proven = outcome.proven or (bool(goals) and all(goal.proven for goal in goals))
    return Solution(ordered, network, report, tuple(goals), proven, problem, outcome.reason, outcome.plainest)
