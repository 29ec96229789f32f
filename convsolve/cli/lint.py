"""``convsolve lint``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .deadline import Deadline, timeout_option
from .formats import FORMATS, Found, located
from .output import failure_data, print_json
from .source import found, source_argument, source_options, what_if_options

if TYPE_CHECKING:
    from ..network import InputShapes

__all__ = ["command"]


@click.command()
@source_argument
@source_options
@what_if_options
@click.option("--only", metavar="CODE[,CODE...]", help="Ask these lints alone.")
@click.option("--output-format", "form", type=click.Choice(["text", "json", *FORMATS]), default="text",
              show_default=True, help="For people, or for the tools that read findings.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --output-format json.")
@timeout_option
@click.option("-q", "--quiet", is_flag=True, help="Print findings only, without what mends them.")
def command(
    source: str,
    input_shape: InputShapes | None,
    arguments: str,
    only: str | None,
    form: str,
    as_json: bool,
    timeout: float | None,
    quiet: bool,
) -> int:
    """Say what an expert would change in a network that works.

    Windows that read nothing but padding, rows that nobody reads, gridding, checkerboards, branches that are
    shifted, and more: `convsolve rule W001` explains each. SOURCE is as in `check`.
    Exits with 0 when there is no warning (there may be hints), with 1 when there is one or the shapes fail.
    """
    import dataclasses

    from ..checks.lint import lint
    from ..checks.text import lint_lines
    from ..files import layer_places
    from ..lints import LINTS
    from ..sources import is_problem_file

    codes = [code.strip().upper() for code in only.split(",")] if only else list(LINTS)
    with Deadline(timeout)():
        problem, input_shape = found(source, input_shape, arguments)
        report = lint(problem, input_shape, codes=codes)
    if form in FORMATS:
        places = layer_places(source) if is_problem_file(source) else {}
        shown = dataclasses.replace(report.checked, failures=(*report.checked.failures, *report.findings))
        click.echo(FORMATS[form]([Found(source, shown, located(source, problem.network, places))]), nl=False)
    elif as_json or form == "json":
        findings = [{**failure_data(f), "level": f.level, "mend": f.mend} for f in report.findings]
        print_json({"ok": report.checked.ok, "findings": findings})
    else:
        for line in lint_lines(report, mend=not quiet):
            click.echo(line)
    if not report.checked.ok and not report.checked.failures:
        return 3
    return 1 if report.warnings or not report.checked.ok else 0
