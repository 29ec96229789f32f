"""``convsolve check``."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from ..checks.text import failure_line
from ..support.foreign_text import visible
from .deadline import Deadline, timeout_option
from .declared import CODES, check_declared, verdict_of, worst
from .formats import FORMATS, Found, located
from .next_step import say_next
from .output import (
    cause_data,
    console,
    print_causes,
    print_costs,
    print_failures,
    print_json,
    print_table,
    report_data,
)
from .source import complete_source, found, shape_words, source_options, training_option, what_if_options

if TYPE_CHECKING:
    from ..checks.check import CheckReport
    from ..diagnosis.diagnose import Cause
    from ..network import InputShapes

__all__ = ["command"]


@contextmanager
def _few_collections() -> Iterator[None]:
    """Look for rings of objects less often: many are made, and nearly all stay."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE...]", shell_complete=complete_source)
@source_options
@training_option
@what_if_options
@click.option("--output-format", "form", type=click.Choice(["table", "json", *FORMATS]), default="table",
              show_default=True, help="For people, or for the tools that read findings.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --output-format json.")
@click.option("--lint", "linting", is_flag=True, help="Say what `convsolve lint` finds, too, as notes.")
@click.option("--costs", "costing", is_flag=True, help="Say what follows from the sizes, too: operations, bytes, the "
              "memory of live tensors.")  # fmt: skip
@timeout_option
@click.option("-q", "--quiet", is_flag=True, help="Print findings only.")
@_few_collections()
def command(
    sources: tuple[str, ...],
    input_shape: InputShapes | None,
    arguments: str,
    form: str,
    as_json: bool,
    linting: bool,
    costing: bool,
    timeout: float | None,
    quiet: bool,
) -> int:
    """Check a network's shapes, and find the layers that are impossible.

    SOURCE is a problem file (.yaml, .json or .toml; - reads YAML from standard input), a framework's file
    (.keras, .h5, .onnx, .pt2), or package.module:factory or file.py:Class, which is imported and called.
    Exits with 0 when every requirement holds, with 1 when one does not, with 3 when that is not known. Of several
    sources, the results stand at the end, and the worst decides. Without a SOURCE, it judges the networks that
    [tool.convsolve] of the nearest pyproject.toml names.
    """
    form = "json" if as_json else form
    if not sources:
        if input_shape is not None or arguments != "{}" or linting or costing:
            raise click.UsageError(
                "--input, --kwargs, --lint and --costs are for a SOURCE; pyproject.toml says its own"
            )
        return check_declared(form, quiet, timeout)
    one = partial(_checked, input_shape=input_shape, arguments=arguments, form=form, quiet=quiet, linting=linting,
                  costing=costing, deadline=Deadline(timeout))  # fmt: skip
    if len(sources) == 1:
        return one(sources[0])
    gathered: list[Any] = []
    codes = []
    for source in sources:
        if form == "table":
            click.echo(f"== {visible(source)}")
        codes.append(_checked_or_not(source, partial(one, gathered=gathered), form, gathered))
        if form == "table":
            click.echo()
    if form in FORMATS:
        click.echo(FORMATS[form](gathered), nl=False)
    elif form == "json":
        print_json({"networks": gathered})
    if form == "table":
        for source, code in zip(sources, codes, strict=True):
            click.echo(f"{verdict_of(code).ljust(max(map(len, CODES)))}  {visible(source)}")
    return worst(codes)


def _told(found: Found, form: str, gathered: list[Any] | None, code: int) -> int:
    """Print what was found in one source, or keep it for the document of all of them; return its exit code."""
    if gathered is None:
        click.echo(FORMATS[form]([found]), nl=False)
    else:
        gathered.append(found)
    return code


def _checked_or_not(source: str, checked: Callable[[str], int], form: str, gathered: list[Any]) -> int:
    """Check one of several sources; say why one cannot be read, and go on."""
    from ..errors import ConvsolveError, FileError, InternalError, UndecidedError

    try:
        return checked(source)
    except InternalError:
        raise
    except ConvsolveError as error:
        code = 3 if isinstance(error, UndecidedError) else 2
        text = str(error) if isinstance(error, FileError) else f"{visible(str(error))}"
        if form == "json":
            gathered.append(_entry(source, code, None, [text]))
        elif form in FORMATS:
            gathered.append(Found(source, error=visible(text)))
        else:
            click.echo(f"{'not known' if code == 3 else 'error'}: {text}", err=True)
        return code


def _entry(source: str, code: int, report: CheckReport | None, lines: Iterable[str]) -> dict[str, Any]:
    """Return what is said of one of several sources in their document, as of the networks of a project."""
    return {
        "name": source, "source": source, "status": verdict_of(code), "found": list(lines),
        "network": None if report is None else report_data(report), "counterexample": None,
    }  # fmt: skip


def _checked(
    source: str,
    input_shape: InputShapes | None,
    arguments: str,
    form: str,
    quiet: bool,
    linting: bool,
    costing: bool,
    deadline: Deadline,
    gathered: list[Any] | None = None,
) -> int:
    """Check one source, print what was found, and return the exit code."""
    from ..checks.check import check
    from ..checks.lint import lint
    from ..checks.text import derived_cost_lines, shape
    from ..diagnosis.diagnose import diagnose
    from ..errors import UndecidedError
    from ..files import layer_places
    from ..sources import is_problem_file

    try:
        with deadline():
            problem, input_shape = found(source, input_shape, arguments)
            report = check(problem, input_shape)
    except UndecidedError as error:
        if form == "json" and gathered is None:
            print_json({"status": "unknown", "reason": str(error)})
            return 3
        raise
    if linting and report.ok and report.network is not None:
        remarks = map(failure_line, lint(report.network).findings)
        report = dataclasses.replace(report, notes=(*report.notes, *remarks))
    if form in FORMATS:
        places = layer_places(source) if is_problem_file(source) else {}
        return _told(Found(source, report, located(source, problem.network, places)), form, gathered, _code(report))
    if form == "json" and gathered is not None:
        lines = map(failure_line, (*report.failures, *report.unknown))
        gathered.append(_entry(source, _code(report), report, lines))
        return _code(report)
    causes: Sequence[Cause] = ()
    try:
        with deadline():
            causes = diagnose(problem, report, input_shape=input_shape) if report.failures else ()
    except UndecidedError as error:
        report = dataclasses.replace(report, notes=(*report.notes, f"what has caused this is not known: {error}"))
    if form == "json":
        derived = {"costs": report.costs()} if costing else {}
        print_json({**report_data(report), **derived, "causes": cause_data(causes)})
        return _code(report)
    out = console()
    if not quiet:
        print_table(out, report)
        out.print()
        print_costs(out, report)
        for line in derived_cost_lines(report) if costing else ():
            out.print(line, markup=False)
    print_failures(out, report.failures)
    print_causes(out, causes)
    if not quiet:
        for note in report.notes:
            out.print(f"note: {note}", markup=False)
        for unknown in report.unknown:
            out.print(f"unknown: {unknown.layer}{': ' if unknown.layer else ''}{unknown.message}", markup=False)
        if report.ok:
            out.print(f"valid: the output is {shape(report.output)}", markup=False)
        elif report.failures:
            count = len(report.failures)
            out.print(f"invalid: {count} failure{'s' if count > 1 else ''}", markup=False)
    given = [source, *(shape_words(input_shape) if input_shape is not None else ())]
    if report.ok:
        say_next("sizes", *given, why="which other sizes it takes", quiet=quiet)
    elif report.failures:
        say_next("repair", *given, why="what mends it", quiet=quiet)
    return _code(report)


def _code(report: CheckReport) -> int:
    return 0 if report.ok else 1 if report.failures else 3
