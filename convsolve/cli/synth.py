"""``convsolve synth``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click

from ..synthesis.text import assignment_lines, broken_lines, no_answer_lines, standing_lines
from .deadline import Deadline
from .output import (
    bar,
    console,
    print_costs,
    print_front,
    print_json,
    print_table,
    progress,
    report_data,
)
from .source import loaded, source_argument, source_options, stated, what_if_options
from .workers import checkpoint_option, kept, workers_options, working

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ..network import InputShapes
    from ..problem import Problem
    from ..synthesis.pareto import Front
    from ..synthesis.solve import Infeasible, Solution, Unknown

__all__ = ["command"]

_INTERRUPTED = 130


class DifferenceType(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """What solutions differ in: a number of values, or their structure."""

    name = "difference"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = str(value)
        if text == "structure":
            return text
        if not text.isdecimal() or len(text) > 9 or int(text) < 1:
            self.fail(f"{text!r} is no number of values from 1 on (SOURCE stands before --different)", param, ctx)
        return int(text)


@click.command()
@source_argument
@source_options
@what_if_options
@click.option("-n", "--number", type=click.IntRange(1, 100_000), default=1, show_default=True,
              help="How many different solutions to find, best first.")  # fmt: skip
@click.option("--different", type=DifferenceType(), is_flag=False, flag_value="structure", default="1",
              show_default=True, metavar="[N]", help="In how many values each solution differs from those before it; "
              "without a number, in kernels, strides, dilations and depth.")  # fmt: skip
@click.option("--pareto", metavar="A,B[,C]", help="Find the Pareto front of two or three expressions, all minimised.")
@workers_options
@checkpoint_option
@click.option("--emit", type=click.Choice(["yaml", "json"]), help="Print the finished network as a problem file.")
@click.option("--diff", is_flag=True, help="Print what --open has chosen as a unified diff of the Python source.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds after which to stop.")
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, help="For the solver, where it makes choices.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(
    source: str,
    input_shape: InputShapes | None,
    arguments: str,
    number: int,
    different: int | Literal["structure"],
    pareto: str | None,
    workers: int | None,
    cluster: str | None,
    checkpoint: str | None,
    emit: str | None,
    diff: bool,
    as_json: bool,
    timeout: float | None,
    seed: int,
    quiet: bool,
) -> int:
    """Find values for the open parameters of a problem, or say why there are none.

    SOURCE is a problem file (.yaml, .json or .toml; - reads YAML from standard input), a framework's file
    (.keras, .h5, .onnx, .pt2), or package.module:factory or file.py:Class, which is imported and called.
    Exits with 0 for a solution, 1 when it is proven that there is none, 3 when the time ran out before either.
    """
    from ..synthesis.solve import Interrupted, Solution, Unknown

    if (emit or diff) and (as_json or number > 1 or (emit and diff)):
        option = "--emit writes one network: leave out --json and -n"
        raise click.UsageError(option if not diff else "--diff writes one diff: leave out --json, --emit and -n")
    if (workers or cluster or checkpoint) and number > 1:
        raise click.UsageError("workers, and a checkpoint, are for the best solution, or for a front: leave out -n")
    deadline = Deadline(timeout)
    problem = loaded(source, input_shape, arguments, deadline)
    wished = [text.strip() for text in pareto.split(",")] if pareto else []
    options = {"timeout": deadline.left, "seed": seed}
    stopped, reason = False, ""
    with working(workers, cluster) as executor:
        if pareto is not None or (problem.pareto and number == 1 and not emit):
            try:
                return _print_front(_front(problem, wished, executor, checkpoint, quiet, **options), as_json)
            except Interrupted as interrupted:
                _print_front(interrupted.answer, as_json)
                return _interrupted()
        if number == 1:
            try:
                answer = _best(problem, executor, checkpoint, quiet, **options)
            except Interrupted as interrupted:
                answer, stopped = interrupted.answer, True
            found = [answer] if isinstance(answer, Solution) else []
        else:
            answer, found, reason, stopped = _several(problem, number, different, quiet, **options)
    status = 0 if found else 3 if isinstance(answer, Unknown) else 1
    if as_json:
        print_json(_data(answer, found) | ({"reason": reason} if reason else {}))
    elif emit:
        _emit(answer, emit)
    elif diff:
        _diff(source, input_shape, arguments, answer)
    else:
        _show(answer, found, number, reason, apart=different != 1)
    return _interrupted() if stopped else status


def _interrupted() -> int:
    """Say that the answer is what was known so far, and return the exit code."""
    click.echo("interrupted: this is what was known", err=True)
    return _INTERRUPTED


def _best(
    problem: Problem, executor: Executor | None, checkpoint: str | None, quiet: bool, **options: Any
) -> Solution | Infeasible | Unknown:
    """Ask for the best solution, here or cube by cube."""
    from ..synthesis.solve import Solution, Unknown, solve

    if executor is not None or checkpoint is not None:
        from ..space import Space

        with bar("searching", quiet) as share, kept(checkpoint) as say_kept:
            answer = Space(problem).best(executor=executor, checkpoint=checkpoint, tell=share, **options)
        if isinstance(answer, Unknown) or (isinstance(answer, Solution) and not answer.proven):
            say_kept()
        return answer
    tell = progress(quiet)
    try:
        return solve(problem, progress=tell, **options)
    finally:
        tell.done()  # type: ignore[attr-defined]


def _several(
    problem: Problem, number: int, different: int | Literal["structure"], quiet: bool, **options: Any
) -> tuple[Solution | Infeasible | Unknown, list[Solution], str, bool]:
    """Ask for several solutions; if there is none, for the reason.

    Says why there may be others, too, and whether the user has interrupted.
    """
    from ..synthesis.solve import Interrupted, Solution, Unknown, solutions, solve

    tell = progress(quiet)
    found: list[Solution] = []
    try:
        for solution in solutions(problem, limit=number, different=different, progress=tell, **options):
            found.append(solution)
        return (found[0] if found else solve(problem, progress=tell, **options)), found, "", False
    except TimeoutError as error:
        return (found[0] if found else Unknown(str(error))), found, str(error), False
    except Interrupted as interrupted:
        answer = interrupted.answer
        if not found and isinstance(answer, Solution):
            found.append(answer)
        return (found[0] if found else answer), found, "the search was stopped", True
    finally:
        tell.done()  # type: ignore[attr-defined]


def _front(
    problem: Problem, wished: list[str], executor: Executor | None, checkpoint: str | None, quiet: bool, **options: Any
) -> Front:
    """Ask for a Pareto front, here or cube by cube."""
    from ..synthesis.pareto import pareto

    if executor is not None or checkpoint is not None:
        from ..space import Space

        with bar("searching", quiet) as share, kept(checkpoint) as say_kept:
            found = Space(problem).pareto(*wished, executor=executor, checkpoint=checkpoint, tell=share, **options)
        if not found.complete:
            say_kept()
        return found
    tell = progress(quiet)
    try:
        return pareto(problem, wished, progress=tell, **options)
    finally:
        tell.done()  # type: ignore[attr-defined]


def _print_front(front: Front, as_json: bool) -> int:
    """Print a Pareto front, and return the exit code."""
    if as_json:
        found = zip(front.points, front.solutions, strict=True)
        data = [{"values": point, "assignment": dict(solution.assignment)} for point, solution in found]
        print_json({"objectives": front.objectives, "complete": front.complete, "reason": front.reason, "points": data})
    else:
        print_front(console(), front)
    return 0 if front.points else 1 if front.complete else 3


def _emit(answer: Solution | Infeasible | Unknown, format: str) -> None:
    from ..files import dump
    from ..synthesis.solve import Solution

    if isinstance(answer, Solution):
        click.echo(dump(answer.concrete, format), nl=False)
    else:
        for line in no_answer_lines(answer):
            click.echo(line, err=True)


def _diff(
    source: str, input_shape: InputShapes | None, arguments: str, answer: Solution | Infeasible | Unknown
) -> None:
    """Print what was chosen as a change of the Python source that the network comes from."""
    from ..repairs.opened_edits import edits_of_opened
    from ..repairs.source_patch import patch
    from ..synthesis.solve import Solution

    if not isinstance(answer, Solution):
        for line in no_answer_lines(answer):
            click.echo(line, err=True)
        return
    before = stated(source, input_shape, arguments).network
    edits = edits_of_opened(before, answer.network)
    click.echo(patch(before, edits).diff() if edits else "", nl=False)
    for line in standing_lines(answer):
        click.echo(line, err=True)


def _show(
    answer: Solution | Infeasible | Unknown, found: list[Solution], number: int, reason: str, apart: bool
) -> None:
    from ..synthesis.solve import Solution

    if not isinstance(answer, Solution):
        for line in no_answer_lines(answer):
            click.echo(line)
        return
    out = console()
    for i, solution in enumerate(found, start=1):
        if number > 1:
            out.print(f"solution {i}", style="bold", markup=False)
        if solution.assignment:
            for line in assignment_lines({**solution.assignment, **solution.derived}):
                out.print(line, markup=False)
        else:
            out.print("  nothing was open", markup=False)
        if number == 1:
            out.print()
            print_table(out, solution.report)
            out.print()
        print_costs(out, solution.report)
        for line in standing_lines(solution, first=i == 1):
            out.print(line, markup=False)
        for line in broken_lines(solution) if number == 1 else ():
            out.print(line, markup=False)
        if number > 1:
            out.print()
    if reason:
        click.echo(f"there may be others: {reason}")
    elif apart and 1 < number != len(found):
        click.echo("no other solution differs so much from those above")
    elif number > 1 and len(found) < number:
        click.echo("this is the only solution" if len(found) == 1 else f"these {len(found)} are all the solutions")


def _data(answer: Any, found: list[Solution]) -> dict[str, Any]:
    from ..synthesis.solve import Infeasible, Unknown

    if isinstance(answer, Unknown):
        return {"status": "unknown", "reason": answer.reason, "bound": answer.bound, "unmet": list(answer.unmet)}
    if isinstance(answer, Infeasible):
        ways = [{"change": r.change, "instead_of": r.instead_of, "least": r.least} for r in answer.relaxations]
        return {"status": "infeasible", "core": list(answer.core), "minimal": answer.minimal, "relaxations": ways}
    return {
        "status": "solved",
        "solutions": [
            {
                "assignment": dict(s.assignment),
                "proven": s.proven,
                "plainest": s.plainest,
                "reason": s.reason,
                "objectives": [
                    {"sense": g.objective.sense, "expression": g.objective.text, "value": g.value, "proven": g.proven,
                     "bound": g.bound}
                    for g in s.goals
                ],
                "network": report_data(s.report),
            }
            for s in found
        ],
    }  # fmt: skip
