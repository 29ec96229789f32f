"""``convsolve design``."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from .output import console, print_json, progress, report_data
from .shapes import ShapeType
from .source import complete_source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..dims import Domain
    from ..problem import Problem
    from ..synthesis.solve import Solution

__all__ = ["command"]


class AmountType(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A number as in requirements: ``100_000``, ``100K``, ``1.5M``."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from ..dims.grammar import parse_dim
        from ..errors import ExpressionError

        if isinstance(value, int):
            return value
        try:
            read = parse_dim(str(value), _unknown)
        except ExpressionError:
            read = -1
        if not isinstance(read, int) or read < 0:
            self.fail(f"{value!r} is no number: write it like 100_000, 100K or 1.5M", param, ctx)
        return read


def _unknown(name: str, column: int) -> Any:
    from ..errors import ExpressionError

    raise ExpressionError(f"{name!r} is no number", column)


@click.command()
@click.option("--input", "input_shape", type=ShapeType(), help="The input: channels and sizes, 3x480x640.")
@click.option("--output", "output_shape", type=ShapeType(), help="What has to come out: sizes (15x20), "
              "channels and sizes (64x15x20), or a number of classes (10).")  # fmt: skip
@click.option("--layers", type=click.IntRange(1, 64), default=4, show_default=True, help="How many convolutions.")
@click.option("--channels", metavar="DOMAIN", help="The widths that a layer may have: 16..256, 32 | 64, 8..64 step 8.")
@click.option("--kernel", "kernels", metavar="DOMAIN", help="The kernels that a layer may have.")
@click.option("--receptive-field", type=AmountType(), help="How far an output must see, at least.")
@click.option("--params", type=AmountType(), help="At most so many parameters: 100K.")
@click.option("--macs", type=AmountType(), help="At most so many multiply-accumulates: 50M.")
@click.option("--memory", type=AmountType(), help="At most so many elements of tensors that live at once.")
@click.option(
    "--require", multiple=True, metavar="CONDITION", help="A further requirement, such as 'conv1.stride == 2'."
)
@click.option("--minimize", multiple=True, metavar="EXPRESSION", help="What to make as small as possible.")
@click.option("--maximize", multiple=True, metavar="EXPRESSION", help="What to make as large as possible.")
@click.option("--mirror", "encoder", metavar="SOURCE", shell_complete=complete_source, help="Design the decoder that "
              "gives back an encoder's sizes, stage by stage.")  # fmt: skip
@click.option(
    "--sizes", metavar="DOMAIN", help="With --mirror: give back every such size along every axis, '32..256 step 8'."
)
@click.option("--framework", type=click.Choice(["torch", "keras"]), default="torch", help="Whose rules apply.")
@click.option("-n", "--number", type=click.IntRange(1, 20), default=3, show_default=True,
              help="How many answers of different structure to show.")  # fmt: skip
@click.option("--emit", type=click.Choice(["problem", "yaml", "torch", "keras"]), help="Print the problem that is "
              "solved, or the best answer as a finished problem file or as source code.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=60, show_default=True,
              help="Seconds after which to stop.")  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(
    number: int,
    emit: str | None,
    as_json: bool,
    timeout: float,
    quiet: bool,
    encoder: str | None,
    sizes: str | None,
    **wished: Any,
) -> int:
    """Design a network from its ends: kernels, strides, padding and widths that make --output of --input.

    Every answer is sensible (`convsolve lint` has no warning) and keeps the budgets; three answers of different
    structure stand side by side. A mirrored decoder has its encoder's windows. Exits with 0 for an answer, 1 when it is
    proven that there is none, 3 when the time ran out.
    """
    from ..synthesis.solve import Unknown, solutions, solve
    from ..synthesis.text import no_answer_lines

    if emit and as_json:
        raise click.UsageError("--emit writes one network: leave out --json")
    if sizes and encoder is None:
        raise click.UsageError("--sizes is for a decoder: give --mirror, too")
    problem = _problem(encoder, sizes, wished)
    if emit == "problem":
        from ..files import dump

        click.echo(dump(problem), nl=False)
        return 0
    tell = progress(quiet)
    found: list[Solution] = []
    reason = ""
    try:
        asked = solutions(problem, limit=1 if emit else number, different="structure", timeout=timeout, progress=tell)
        found.extend(islice(asked, number))
    except TimeoutError as error:
        reason = str(error)
    finally:
        tell.done()  # type: ignore[attr-defined]
    if not found:
        answer = solve(problem, timeout=timeout)
        status = 3 if isinstance(answer, Unknown) else 1
        if as_json:
            print_json(
                {"status": "unknown" if status == 3 else "infeasible", "reason": "\n".join(no_answer_lines(answer))}
            )
        for line in () if as_json else no_answer_lines(answer):
            click.echo(line)
        if sizes and status == 1 and not as_json:
            click.echo("where several sizes become one in the encoder, no fixed decoder can tell them apart: give a "
                       "step that is a multiple of the encoder's strides together")  # fmt: skip
        return status
    _show(problem, found, emit, as_json, reason, number)
    return 0


def _problem(encoder: str | None, sizes: str | None, wished: dict[str, Any]) -> Problem:
    from ..sources import problem_of
    from ..synthesis.design import Wishes, design, mirror
    from ..synthesis.open_parameters import with_demands

    demands = [wished.pop(name) for name in ("require", "minimize", "maximize")]
    budgets = {cost: limit for cost, name in (("params", "params"), ("macs", "macs"), ("peak_memory", "memory"))
               if (limit := wished.pop(name)) is not None}  # fmt: skip
    shape, output = wished.pop("input_shape"), wished.pop("output_shape")
    if encoder is not None:
        if output is not None:
            raise click.UsageError("--mirror takes the sizes from the encoder: leave out --output")
        problem = problem_of(encoder, shape)
        made = mirror(problem, _ranges(problem.network.spatial_input_axes, sizes))
        return with_demands(made, [*demands[0], *(f"{c} <= {n}" for c, n in budgets.items())], *demands[1:])
    if shape is None or output is None:
        raise click.UsageError(
            "give --input and --output (or --mirror SOURCE), such as --input 3x480x640 --output 15x20"
        )
    given = {name: value for name, value in wished.items() if value is not None}
    require, minimize, maximize = map(tuple, demands)
    return design(
        Wishes(shape, output, budgets=budgets, require=require, minimize=minimize, maximize=maximize, **given)
    )


def _ranges(axes: Iterable[str], sizes: str | None) -> dict[str, Domain]:
    """Return the range of sizes that an option writes, for each axis."""
    from ..dims import Domain
    from ..dims.grammar import parse_value
    from ..errors import ExpressionError

    if sizes is None:
        return {}
    try:
        read = parse_value(sizes, _unknown)
    except ExpressionError as error:
        raise click.UsageError(f"--sizes: {error}") from None
    domain = Domain.of(read) if isinstance(read, int) else read
    if not isinstance(domain, Domain) or domain.lower < 1:
        raise click.UsageError(f"--sizes is a range such as '32..256 step 8', got {sizes!r}")
    return dict.fromkeys(axes, domain)


def _show(problem: Problem, found: list[Solution], emit: str | None, as_json: bool, reason: str, number: int) -> None:
    """Print what was found: one network, or answers side by side."""
    from ..files import dump
    from ..frameworks import code
    from ..synthesis.text import side_by_side_lines, standing_lines

    if emit:
        best = found[0].concrete
        click.echo(dump(best) if emit == "yaml" else code(best.network, emit), nl=False)
        return
    if as_json:
        answers = [
            {"assignment": dict(s.assignment), "proven": s.proven, "network": report_data(s.report)} for s in found
        ]
        print_json({"status": "solved", "problem": dump(problem), "solutions": answers})
        return
    out = console()
    for line in side_by_side_lines(found):
        out.print(line, markup=False)
    for line in standing_lines(found[0]):
        out.print(line if len(found) == 1 else f"answer 1: {line}", markup=False)
    if reason:
        click.echo(f"there may be others: {reason}")
    elif len(found) < number:
        click.echo("no other structure keeps all that is asked")
