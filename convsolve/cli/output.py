"""What commands print: tables, findings, numbers. Colour only underlines what words already say."""

from __future__ import annotations

import errno
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ..checks.text import cost_line, failure_lines, table_lines
from ..diagnosis.text import cause_lines
from ..synthesis.text import front_lines

if TYPE_CHECKING:
    from rich.console import Console

    from ..checks.check import CheckReport, Failure
    from ..diagnosis.diagnose import Cause
    from ..repairs.edits import Edit
    from ..synthesis.pareto import Front

__all__ = [
    "bar",
    "cause_data",
    "console",
    "edit_data",
    "print_causes",
    "print_costs",
    "print_failures",
    "print_front",
    "print_json",
    "print_table",
    "progress",
    "report_data",
]


def console() -> Console:
    """Return where results go: standard output, never wrapped."""
    from rich.console import Console

    class Output(Console):
        def on_broken_pipe(self) -> None:
            """Leave it to the command line what a closed pipe means; rich would exit with 1."""
            raise BrokenPipeError(errno.EPIPE, "nobody reads the output")

    if sys.stdout.isatty():
        return Output(highlight=False, emoji=False, soft_wrap=True)
    return Output(highlight=False, emoji=False, soft_wrap=True, width=10_000, color_system=None)


def print_json(data: Mapping[str, Any]) -> None:
    """Print the JSON document of the command that runs; what its keys are: :mod:`convsolve.cli.json_schemas`."""
    from .json_schemas import VERSION

    command = click.get_current_context().command.name
    click.echo(json.dumps({"version": VERSION, "command": command, **data}, indent=2))


def print_table(out: Console, report: CheckReport) -> None:
    """Print the table of shapes, as wide as the terminal is."""
    plain = not (sys.stdout.encoding or "").lower().startswith(("utf", "cp65001"))
    head, *lines = table_lines(report, width=out.width if out.is_terminal else None, plain=plain)
    if not out.is_terminal:
        out.print("\n".join([head, *lines]), markup=False)
        return
    out.print(head, style="bold", markup=False)
    for row, line in zip(report.rows, lines, strict=True):
        out.print(line, style="bold red" if row.fails else None, markup=False)


def print_costs(out: Console, report: CheckReport) -> None:
    """Print the costs of a network in one line."""
    if line := cost_line(report):
        out.print(line, markup=False)


def print_front(out: Console, front: Front) -> None:
    """Print a Pareto front: the objectives' values, and what makes them."""
    for line in front_lines(front):
        out.print(line, markup=False)


def print_failures(out: Console, failures: Sequence[Failure]) -> None:
    """Print each failure: what, where, and what would mend it."""
    for failure in failures:
        head, *lines = failure_lines(failure)
        out.print(head, markup=False, style="red" if out.is_terminal else None)
        for line in lines:
            out.print(line, markup=False)


def print_causes(out: Console, causes: Sequence[Cause]) -> None:
    """Print what caused the failures: the layer that causes, the sizes that led there, the evidence."""
    for line in cause_lines(causes):
        out.print(line, markup=False)


def cause_data(causes: Sequence[Cause]) -> list[dict[str, Any]]:
    """Return causes as plain data for JSON."""
    return [
        {"kind": c.kind, "layer": c.layer, "reported_by": c.reported_by, "message": c.message,
         "evidence": list(c.evidence), "certain": c.certain, "chain": [list(sizes) for sizes in c.chain]}
        for c in causes
    ]  # fmt: skip


def edit_data(e: Edit) -> dict[str, Any]:
    """Return what a repair changes as plain data for JSON."""
    return {"kind": e.kind, "layer": e.layer, "parameter": e.parameter, "before": _plain(e.before),
            "after": _plain(e.after)}  # fmt: skip


def _plain(value: Any) -> Any:
    """Return a parameter's value as JSON has it; fractions and expressions as text."""
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def failure_data(f: Failure) -> dict[str, Any]:
    """Return a failure as plain data for JSON."""
    return {
        "layer": f.layer, "code": f.code, "requirement": f.requirement, "message": f.message, "axes": f.axes,
        "note": f.note, "needs": dict(f.needs), "smallest_input": f.smallest_input or None,
        "nearest_input": f.nearest_input or None, "mends_all": f.mends_all, "source": f.source,
    }  # fmt: skip


def report_data(report: CheckReport) -> dict[str, Any]:
    """Return a report as plain data for JSON."""
    return {
        "ok": report.ok,
        "output": report.output,
        "params": report.params,
        "macs": report.macs,
        "activations": report.activations,
        "receptive_field": report.receptive_field,
        "layers": [
            {"name": r.layer, "operator": r.operator, "shape": r.shape, "params": r.params, "macs": r.macs,
             "activations": r.activations, "formula": r.formula, "fails": r.fails}
            for r in report.rows
        ],
        "failures": [failure_data(f) for f in report.failures],
        "unknown": [{"layer": u.layer, "code": u.code, "message": u.message} for u in report.unknown],
        "notes": report.notes,
    }  # fmt: skip


def progress(quiet: bool) -> Callable[[str], None]:
    """Return a function that shows what is going on, on standard error, once a second has passed."""
    start = time.monotonic()
    shown = [start]
    live = sys.stderr.isatty()

    def tell(stage: str) -> None:
        now = time.monotonic()
        if quiet or now - start < 1 or (now - shown[0] < (0.2 if live else 5) and shown[0] > start):
            return
        shown[0] = now
        text = f"{stage} ({now - start:.0f} s)"
        click.echo(f"\r\x1b[K{text}" if live else text, err=True, nl=not live)

    def done() -> None:
        if live and shown[0] > start:
            click.echo("\r\x1b[K", err=True, nl=False)

    tell.done = done  # type: ignore[attr-defined]
    return tell


@contextmanager
def bar(what: str, quiet: bool = False) -> Iterator[Callable[[float], None]]:
    """Show a progress bar on standard error, where that is a terminal; yield what takes the share that is done."""
    if quiet or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=1.0)
        yield lambda done: shown.update(task, completed=done)
