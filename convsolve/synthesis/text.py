"""What a search says, as lines of plain text: values, how good a solution is, why there is none, a Pareto front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..checks.text import aligned, cost_line, screenful, shape, table_lines
from ..lints import SENSIBLE
from ..network.latency import latency_notes
from ..network.trace import run, trace
from ..problem import trace_problem
from ..support.suggestions import few

if TYPE_CHECKING:
    from ..operators import Operator
    from .pareto import Front
    from .solve import Goal, Solution

__all__ = [
    "assignment_lines",
    "broken_lines",
    "front_lines",
    "no_answer_lines",
    "side_by_side_lines",
    "solution_lines",
    "standing_lines",
]


def broken_lines(solution: Solution) -> list[str]:
    """Return in a line which warnings a solution gives, and what forbids them."""
    from ..checks.lint import lint

    found: dict[str, list[str]] = {}
    for finding in lint(solution.network, codes=SENSIBLE).findings:
        found.setdefault(f"{finding.code} {finding.message.split(' (')[0].split(':')[0]}", []).append(finding.layer)
    if not found:
        return []
    said = "; ".join(f"{what} ({few(layers)})" for what, layers in found.items())
    return [f"an expert would object: {said}. `--sensible` forbids that"]


def assignment_lines(assignment: Mapping[str, int]) -> list[str]:
    """Return the values of the holes, one a line."""
    width = max(map(len, assignment), default=0)
    return [f"  {name.ljust(width)} = {value}" for name, value in assignment.items()]


def solution_lines(solution: Solution) -> list[str]:
    """Return a whole solution: values, table, costs, how good it is."""
    values = assignment_lines({**solution.assignment, **solution.derived}) or ["  nothing was open"]
    table = [*screenful(table_lines(solution.report)), "", cost_line(solution.report)]
    return [*screenful(values), "", *table, *standing_lines(solution), *broken_lines(solution)]


def side_by_side_lines(found: Sequence[Solution]) -> list[str]:
    """Return several solutions of one problem beside each other: what was chosen in each layer, and its shape."""
    names = list(dict.fromkeys(row.layer for s in found for row in s.report.rows))
    chosen: dict[str, list[str]] = {"layer": []}
    columns = [f"answer {i}" for i in range(1, len(found) + 1)]
    chosen.update({column: [] for column in columns})
    open_layers = {name.rpartition(".")[0] for s in found for name in s.problem.network.holes}
    for name in names:
        if name not in open_layers:
            continue
        chosen["layer"].append(name)
        for column, solution in zip(columns, found, strict=True):
            row = next((r for r in solution.report.rows if r.layer == name), None)
            operator = solution.network.by_name[name].operator if row is not None else None
            chosen[column].append(f"{_settings(operator)} -> {shape(row.shape)}" if row and operator else "not there")
    for cost in ("params", "macs", "activations", "receptive_field", "peak_memory"):
        chosen["layer"].append(cost.replace("_", " "))
        for column, solution in zip(columns, found, strict=True):
            value: Any = getattr(solution.report, cost, None) if cost != "peak_memory" else _peak(solution)
            chosen[column].append("" if value is None else shape(value) if isinstance(value, tuple) else f"{value:,}")
    return aligned(chosen)


def _peak(solution: Solution) -> int | None:
    return solution.report.costs().get("peak_memory")


_SHORT = {"kernel_size": "k", "stride": "s", "padding": "p", "dilation": "d", "output_padding": "op"}


def _settings(operator: Operator) -> str:
    """Return a layer's windows in the field's short notation: ``k3 s2 p1``."""
    shown = []
    for name, letter in _SHORT.items():
        value = getattr(operator, name, None)
        if value is None or isinstance(value, str) or (name not in ("kernel_size", "stride") and not _any(value)):
            continue
        if name != "dilation" or value != 1:
            shown.append(f"{letter}{'x'.join(map(str, value)) if isinstance(value, tuple) else value}")
    return " ".join(shown)


def _any(value: Any) -> bool:
    return any(map(_any, value)) if isinstance(value, tuple) else bool(value)


def standing_lines(solution: Solution, *, first: bool = True) -> list[str]:
    """Return how good a solution is, the ``first`` or a later one, and what is known of better ones."""
    lines = [_goal_line(goal, first) for goal in solution.goals]
    if not solution.goals and solution.plainest and first:
        lines.append("the plainest solution: no other keeps more closely to the preferred values (proven)")
    if first and any(layer.when is not True for layer in solution.problem.network.layers):
        lines += [f"`{text}` holds only where {' and '.join(names)} {'is' if len(names) == 1 else 'are'} there"
                  for text, names in trace_problem(solution.problem).forced.items()]  # fmt: skip
    if solution.network.latency is not None:
        traced = trace(solution.network)
        lines += latency_notes(traced, run(traced, {}))
    if solution.problem.for_all:
        ranges = ", ".join(f"{axis} {domain}" for axis, domain in solution.problem.for_all.items())
        lines.append(f"every requirement holds for all of {ranges}{' (proven)' if solution.proven else ''}")
    if not solution.proven:
        lines.append(f"not proven: {solution.reason}")
    elif solution.reason:
        lines.append(solution.reason)
    return lines


def _goal_line(goal: Goal, first: bool) -> str:
    text = f"{goal.objective.sense} {goal.objective.text}: {goal.value:,}"
    if goal.proven:
        return text + (" (proven best)" if first else " (proven: nothing better but what is above)")
    if goal.bound is None:
        return f"{text} (best found, not proven)"
    gap = abs(goal.value - goal.bound)
    return f"{text} (best found, not proven; no better than {goal.bound:,} is possible, a gap of {gap:,})"


def no_answer_lines(answer: Any) -> list[str]:
    """Return why there is no solution, or why it is not known, and the ways out."""
    from .solve import Unknown

    if isinstance(answer, Unknown):
        lines = [f"not known: {answer.reason}"]
        if answer.bound is not None:
            lines.append(f"if there is one, its objective is no better than {answer.bound:,}")
        if answer.unmet:
            lines += ["no candidate that was tried met:", *(f"  - {text}" for text in answer.unmet)]
        return lines
    if answer.minimal and len(answer.core) == 1:
        head, tail = "no solution: this requirement cannot hold", []
    elif answer.minimal:
        head = "no solution: these requirements cannot hold together"
        tail = ["each of them is needed for that: any of them left out, the rest of them can hold"]
    else:
        head = "no solution (proven)"
        tail = ["among these is the reason; the time ran out before it was narrowed down"]
    lines = [head, *(f"  - {name}" for name in answer.core), *tail]
    if answer.relaxations:
        lines += ["ways out, each of them enough:", *(f"  - {relaxation}" for relaxation in answer.relaxations)]
    return lines


def front_lines(front: Front) -> list[str]:
    """Return a Pareto front: the objectives' values, and what makes them."""
    lines = []
    if front.points:
        columns = {name: [f"{point[i]:,}" for point in front.points] for i, name in enumerate(front.objectives)}
        columns["assignment"] = [
            ", ".join(f"{name}={value}" for name, value in s.assignment.items()) for s in front.solutions
        ]
        lines = aligned(columns, right=front.objectives)
    if any(solution.network.latency is not None for solution in front.solutions):
        lines.append("latency in ns, of the problem's table: linear between its rows, nothing beyond them")
    count = f"{len(front.points)} point{'' if len(front.points) == 1 else 's'}"
    if not front.complete:
        return [*lines, f"{count}, not the whole front: {front.reason}"]
    return [*lines, f"{count}: the whole front, proven" if front.points else "no solution (proven)"]
