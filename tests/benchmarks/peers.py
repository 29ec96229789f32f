"""What the engine is compared with: the same problem, as others would put it to their solvers.

- ``plain_z3``: the formulas as a first-time user writes them, ``(n + 2*p - k) / s + 1`` on z3 integers.
- ``cp_sat``: OR-Tools CP-SAT with one worker, as a competent user writes it: bounded variables, domains as
  value lists, ``AddDivisionEquality`` and ``AddMultiplicationEquality``, enforced literals for choices.
- ``brute_force``: every assignment in turn, by integer arithmetic.

Each peer returns a verdict ("sat", "unsat", "unknown"), the best value of the first objective, and whether
that is proven. All read the trace that convsolve writes, so that the problem is the same for all.
"""

from __future__ import annotations

import itertools
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from convsolve.dims import Domain, Var, evaluate, variables
from convsolve.dims.bounds import INTERVALS
from convsolve.dims.expr import Symbolic
from convsolve.network.trace import Definition
from convsolve.problem import ProblemTrace
from convsolve.solver.system import build

__all__ = ["PEERS", "Answer", "brute_force", "cp_sat", "plain_z3"]


@dataclass(frozen=True)
class Answer:
    """What a solver said, and how long it took (seconds, without reading the problem)."""

    verdict: str
    value: int | None
    proven: bool
    seconds: float


def _needed(problem: ProblemTrace) -> list[Definition]:
    """Return the definitions that matter: nobody would model costs that no requirement speaks of."""
    wanted = {v.name for r in problem.trace.requirements for v in variables(r.condition)}
    wanted |= {v.name for o in problem.objectives for v in variables(o)}
    wanted |= {v.name for c in problem.trace.canonical.values() for v in variables(c)}
    found = []
    for definition in reversed(list(problem.trace.definitions)):
        if definition.name in wanted:
            wanted.update(v.name for v in variables(definition.value))
            found.append(definition)
    return found[::-1]


def _senses(problem: ProblemTrace) -> list[int]:
    return [1 if o.sense == "minimize" else -1 for o in problem.problem.objectives]


# -- plain z3


def plain_z3(problem: ProblemTrace, timeout: float) -> Answer:
    """Ask z3 with the formulas as they stand; with an objective, its ``Optimize``.

    In a process of its own: nonlinear division can keep z3 from noticing its own time limit.
    """
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    start = time.monotonic()
    process = context.Process(target=lambda: send.send(_plain_z3(problem, timeout)), daemon=True)
    process.start()
    answer = receive.recv() if receive.poll(timeout + 1) else None
    process.kill()
    return answer or Answer("unknown", None, False, time.monotonic() - start)


def _plain_z3(problem: ProblemTrace, timeout: float) -> Answer:
    import z3

    context = z3.Context()
    table: dict[str, Callable[[list[Any]], Any]] = {
        "add": z3.Sum, "sub": lambda a: a[0] - a[1], "mul": lambda a: a[0] * a[1], "floordiv": lambda a: a[0] / a[1],
        "mod": lambda a: a[0] % a[1], "min": lambda a: _z3_least(a, False), "max": lambda a: _z3_least(a, True),
        "where": lambda a: z3.If(a[0], a[1], a[2]), "eq": lambda a: a[0] == a[1], "lt": lambda a: a[0] < a[1],
        "le": lambda a: a[0] <= a[1], "and": z3.And, "or": z3.Or, "not": lambda a: z3.Not(a[0]),
    }  # fmt: skip

    def _z3_least(args: list[Any], most: bool) -> Any:
        result = args[0]
        for a in args[1:]:
            result = z3.If(a > result if most else a < result, a, result)
        return result

    def read(x: Any) -> Any:
        if isinstance(x, Var):
            return z3.Int(x.name, context)
        if isinstance(x, Symbolic):
            return table[x.op]([read(a) for a in x.args])
        return z3.BoolVal(x, context) if isinstance(x, bool) else z3.IntVal(x, context)

    start = time.monotonic()
    solver = z3.Optimize(ctx=context) if problem.objectives else z3.Solver(ctx=context)
    solver.set("timeout", int(timeout * 1000))
    for name, unknown in problem.problem.network.holes.items():
        x, domain = z3.Int(name, context), unknown.domain
        assert domain is not None
        if domain.size is not None and domain.size <= 64:
            solver.add(z3.Or([x == v for v in domain.values()]))
        else:
            solver.add(x >= domain.lower)
    for definition in _needed(problem):
        solver.add(z3.Int(definition.name, context) == read(definition.value))
    for condition in [*(r.condition for r in problem.trace.requirements), *problem.trace.canonical.values()]:
        solver.add(read(condition))
    for objective, sense in zip(problem.objectives, _senses(problem), strict=True):
        (solver.minimize if sense > 0 else solver.maximize)(read(objective))
    answer = solver.check()
    seconds = time.monotonic() - start
    if answer == z3.sat:
        model = solver.model()
        value = model.eval(read(problem.objectives[0])).as_long() if problem.objectives else None
        return Answer("sat", value, True, seconds)
    return Answer("unsat" if answer == z3.unsat else "unknown", None, answer == z3.unsat, seconds)


# -- CP-SAT


class _CpSat:
    def __init__(self, problem: ProblemTrace) -> None:
        from ortools.sat.python import cp_model

        self.cp = cp_model
        self.model = cp_model.CpModel()
        self.known: dict[str, Any] = {}
        self.intervals: dict[str, tuple[int, int]] = {}
        self.cache: dict[Any, Any] = {}
        for name, unknown in problem.problem.network.holes.items():
            domain: Domain | None = unknown.domain
            assert domain is not None and domain.size is not None
            values = cp_model.Domain.FromValues(list(domain.values()))
            self.known[name] = self.model.NewIntVarFromDomain(values, name)
            self.intervals[name] = (domain.lower, domain.upper or 0)
        for definition in _needed(problem):
            value = definition.value
            term, interval = self.dim(value)
            if isinstance(value, int) or isinstance(term, int):
                self.known[definition.name] = term
            else:
                x = self.model.NewIntVar(*interval, definition.name)
                self.model.Add(x == term)
                self.known[definition.name] = x
            self.intervals[definition.name] = interval
        for condition in [*(r.condition for r in problem.trace.requirements), *problem.trace.canonical.values()]:
            self.demand(condition)

    def new(self, interval: tuple[int, int]) -> Any:
        return self.model.NewIntVar(*interval, "")

    def dim(self, x: Any) -> tuple[Any, tuple[int, int]]:
        """Return a linear expression and its bounds."""
        if isinstance(x, int):
            return x, (x, x)
        if isinstance(x, Var):
            return self.known[x.name], self.intervals[x.name]
        if x in self.cache:
            return self.cache[x]
        if x.op == "where":
            literal = self.literal(x.args[0])
            parts = [self.dim(a) for a in x.args[1:]]
            interval = INTERVALS["where"]([(0, 1), *(i for _, i in parts)])
            result = self.new(interval)
            self.model.Add(result == parts[0][0]).OnlyEnforceIf(literal)
            self.model.Add(result == parts[1][0]).OnlyEnforceIf(literal.Not())
        else:
            args = [self.dim(a) for a in x.args]
            terms = [t for t, _ in args]
            interval = INTERVALS[x.op]([i for _, i in args])
            result = self.operation(x.op, terms, args, interval)
        self.cache[x] = (result, interval)
        return result, interval

    def operation(self, op: str, terms: list[Any], args: list[Any], interval: Any) -> Any:
        if op == "add":
            return sum(terms)
        if op == "sub":
            return terms[0] - terms[1]
        if op == "mul" and any(isinstance(t, int) for t in terms):
            return terms[0] * terms[1]
        result = self.new(interval)
        if op == "mul":
            self.model.AddMultiplicationEquality(result, terms)
        elif op == "floordiv":  # CP-SAT truncates: shift the numerator so that it is never negative
            low, (least, _) = args[0][1][0], args[1][1]
            if low >= 0:
                self.model.AddDivisionEquality(result, terms[0], terms[1])
            elif isinstance(terms[1], int):
                shift = -(low // terms[1])
                shifted = self.new((interval[0] + shift, interval[1] + shift))
                self.model.AddDivisionEquality(shifted, terms[0] + shift * terms[1], terms[1])
                self.model.Add(result == shifted - shift)
            else:
                shift = -(low // least)
                product_range = INTERVALS["mul"]([(shift, shift), args[1][1]])
                added = shift * terms[1]
                total = INTERVALS["add"]([args[0][1], product_range])
                numerator = self.new((max(0, total[0]), total[1]))
                self.model.Add(numerator == terms[0] + added)
                shifted = self.new((interval[0] + shift, interval[1] + shift))
                self.model.AddDivisionEquality(shifted, numerator, terms[1])
                self.model.Add(result == shifted - shift)
        elif op == "mod":
            self.model.AddModuloEquality(result, terms[0], terms[1])
        elif op == "min":
            self.model.AddMinEquality(result, terms)
        else:
            self.model.AddMaxEquality(result, terms)
        return result

    def literal(self, x: Any) -> Any:
        """Return a literal that is true just when the condition holds."""
        if isinstance(x, bool):
            return self.model.NewConstant(int(x))
        if x in self.cache:
            return self.cache[x]
        if x.op == "not":
            return self.literal(x.args[0]).Not()
        result = self.model.NewBoolVar("")
        if x.op in ("and", "or"):
            literals = [self.literal(a) for a in x.args]
            if x.op == "and":
                self.model.AddBoolAnd(literals).OnlyEnforceIf(result)
                self.model.AddBoolOr([a.Not() for a in literals]).OnlyEnforceIf(result.Not())
            else:
                self.model.AddBoolOr(literals).OnlyEnforceIf(result)
                self.model.AddBoolAnd([a.Not() for a in literals]).OnlyEnforceIf(result.Not())
        else:
            a, b = (self.dim(arg)[0] for arg in x.args)
            holds, fails = {
                "eq": (lambda: a == b, lambda: a != b),
                "lt": (lambda: a < b, lambda: a >= b),
                "le": (lambda: a <= b, lambda: a > b),
            }[x.op]
            self.model.Add(holds()).OnlyEnforceIf(result)
            self.model.Add(fails()).OnlyEnforceIf(result.Not())
        self.cache[x] = result
        return result

    def demand(self, x: Any) -> None:
        if isinstance(x, bool):
            if not x:
                self.model.AddBoolOr([])
            return
        if x.op == "and":
            for part in x.args:
                self.demand(part)
        elif x.op in ("eq", "lt", "le"):
            a, b = (self.dim(arg)[0] for arg in x.args)
            holds = a == b if x.op == "eq" else a < b if x.op == "lt" else a <= b
            self.model.Add(holds) if not isinstance(holds, bool) else self.demand(holds)
        else:
            self.model.AddBoolOr([self.literal(x)])


def cp_sat(problem: ProblemTrace, timeout: float) -> Answer:
    """Ask CP-SAT with one worker; several objectives one after the other."""
    start = time.monotonic()
    made = _CpSat(problem)
    solver = made.cp.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    value, proven = None, True
    status: Any = None
    for i, sense in enumerate(_senses(problem) or [0]):
        solver.parameters.max_time_in_seconds = max(0.01, timeout - (time.monotonic() - start))
        if sense:
            term = made.dim(problem.objectives[i])[0]
            made.model.Minimize(term) if sense > 0 else made.model.Maximize(term)
        status = solver.Solve(made.model)
        if status not in (made.cp.OPTIMAL, made.cp.FEASIBLE):
            break
        proven &= status == made.cp.OPTIMAL or not sense
        if sense:
            reached = int(solver.Value(term)) if not isinstance(term, int) else term
            value = reached if i == 0 else value
            made.model.ClearObjective()
            made.model.Add(term == reached)
    seconds = time.monotonic() - start
    if status in (made.cp.OPTIMAL, made.cp.FEASIBLE):
        return Answer("sat", value, proven, seconds)
    verdict = "unsat" if status == made.cp.INFEASIBLE else "unknown"
    return Answer(verdict, None, verdict == "unsat", seconds)


# -- brute force


def brute_force(problem: ProblemTrace, timeout: float, most: int = 200_000) -> Answer | None:
    """Try every assignment, by plain integers; None where there are too many to finish."""
    system = build(problem)
    holes = system.holes
    count = 1
    for domain in holes.values():
        count *= domain.size or most + 1
    if count > most:
        return None
    start = time.monotonic()
    needed = _needed(problem)
    conditions = [*(r.condition for r in problem.trace.requirements), *problem.trace.canonical.values()]
    best: tuple[int, ...] | None = None
    for choice in itertools.product(*(d.values() for d in holes.values())):
        values = dict(zip(holes, choice, strict=True))
        for definition in needed:
            values[definition.name] = evaluate(definition.value, values)
        if all(evaluate(c, values) for c in conditions):
            reached = tuple(s * evaluate(o, values) for s, o in zip(_senses(problem), problem.objectives, strict=True))
            if best is None or reached < best:
                best = reached
            if not reached:
                break
        if time.monotonic() - start > timeout:
            return None
    seconds = time.monotonic() - start
    if best is None:
        return Answer("unsat", None, True, seconds)
    return Answer("sat", best[0] * _senses(problem)[0] if best else None, True, seconds)


PEERS: dict[str, Callable[[ProblemTrace, float], Answer | None]] = {
    "CP-SAT": cp_sat,
    "plain z3": plain_z3,
    "brute force": brute_force,
}
