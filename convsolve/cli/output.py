"""What commands print: tables, findings, numbers. Colour only underlines what words already say."""

from __future__ import annotations

import errno
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import log2
from typing import TYPE_CHECKING, Any

import click

from ..operators.base import to_canonical
from .rails import rails

if TYPE_CHECKING:
    from rich.console import Console

    from ..queries.check import CheckReport, Failure, Row
    from ..queries.diagnose import Cause
    from ..queries.pareto import Front

__all__ = [
    "ShapeType", "assignment_lines", "bar", "cause_data", "console", "no_answer", "print_causes", "print_costs",
    "print_failures", "print_front", "print_json", "print_table", "progress", "report_data", "shape",
]


class ShapeType(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A shape on the command line: ``3x224x224`` or ``3,224,224``."""

    name = "shape"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = str(value).lower().replace(",", "x").split("x")
        try:
            sizes = tuple(int(part) for part in parts)
        except ValueError:
            self.fail(f"{value!r} is not a shape: write it like 3x224x224 or 3,224,224", param, ctx)
        if not sizes or any(n < 1 or n > 2**40 for n in sizes):
            self.fail(f"{value!r} is not a shape: every size must be at least 1 (and no larger than 2^40)", param, ctx)
        return sizes


def console() -> Console:
    """Return where results go: standard output, never wrapped."""
    from rich.console import Console

    class Output(Console):
        def on_broken_pipe(self) -> None:
            """Leave it to the command line what a closed pipe means; rich would exit with 1."""
            raise BrokenPipeError(errno.EPIPE, "nobody reads the output")

    if sys.stdout.isatty():
        return Output(highlight=False, soft_wrap=True)
    return Output(highlight=False, soft_wrap=True, width=10_000, color_system=None)


def shape(sizes: Sequence[int | None] | None) -> str:
    """Return a shape as text; ``?`` where it depends on a failure."""
    if sizes is None:
        return "?"
    return "x".join("?" if n is None else str(n) for n in sizes) or "one number"


def print_json(data: Any) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(data, indent=2))


def print_table(out: Console, report: CheckReport) -> None:
    """Print the table of shapes."""
    from rich.table import Table
    from rich.text import Text

    failing = any(row.fails for row in report.rows)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("layer", no_wrap=True)
    table.add_column("operator", no_wrap=True)
    table.add_column("output", no_wrap=True)
    table.add_column("log size", no_wrap=True)
    table.add_column("params", justify="right", no_wrap=True)
    if failing:
        table.add_column("", no_wrap=True)
    table.add_column("formula", no_wrap=True)
    plain = (sys.stdout.encoding or "").lower().startswith(("utf", "cp65001"))
    lines = rails(report.network) if report.network is not None and plain else {}
    for row in report.rows:
        style = "bold red" if row.fails else ""
        cells = [lines.get(row.layer, "") + row.layer, row.operator, shape(row.shape), _bar(row, report, plain),
                 "?" if row.params is None else f"{row.params:,}"]  # fmt: skip
        if failing:
            cells.append("FAILS" if row.fails else "")
        table.add_row(*(Text(cell, style=style) for cell in [*cells, row.formula]))
    _print_stripped(out, table)


def _bar(row: Row, report: CheckReport, plain: bool) -> str:
    """Return a bar for a tensor's size along its spatial axes (their geometric mean): half a letter less for each
    time that it is smaller by the square root of two."""
    if row.shape is None or report.network is None:
        return ""
    sizes = to_canonical(report.network.data_format, row.shape)[1:]
    if not sizes or any(n is None or n < 1 for n in sizes):
        return ""
    halves = 1 + round(2 * sum(log2(n) for n in sizes) / len(sizes))
    return ("█" * (halves // 2) + "▌" * (halves % 2)) if plain else "#" * -(-halves // 2)


def _print_stripped(out: Console, table: Any) -> None:
    """Print a table without the blanks that pad its last column."""
    if out.is_terminal:
        out.print(table)
        return
    with out.capture() as capture:
        out.print(table)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def print_costs(out: Console, report: CheckReport) -> None:
    """Print the costs of a network in one line."""
    parts = [f"{name} {value:,}" for name in ("params", "macs", "activations")
             if (value := getattr(report, name)) is not None]  # fmt: skip
    field = report.receptive_field
    if field is not None:
        parts.append(f"receptive field {shape(field) if isinstance(field, tuple) else field}")
    if parts:
        out.print("   ".join(parts), markup=False)


def print_front(out: Console, front: Front) -> None:
    """Print a Pareto front: the objectives' values, and what makes them."""
    from rich.table import Table
    from rich.text import Text

    if front.points:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for name in front.objectives:
            table.add_column(Text(name), justify="right", no_wrap=True)
        table.add_column("assignment", no_wrap=True)
        for point, solution in zip(front.points, front.solutions, strict=True):
            made = ", ".join(f"{name}={value}" for name, value in solution.assignment.items())
            table.add_row(*(f"{value:,}" for value in point), Text(made))
        _print_stripped(out, table)
    count = f"{len(front.points)} point{'' if len(front.points) == 1 else 's'}"
    if front.complete:
        out.print(f"{count}: the whole front, proven" if front.points else "no solution (proven)", markup=False)
    else:
        out.print(f"{count}, not the whole front: {front.reason}", markup=False)


def print_failures(out: Console, failures: Sequence[Failure]) -> None:
    """Print each failure: what, where, and what would mend it."""
    for failure in failures:
        head = f"{failure.layer}: " if failure.layer else ""
        out.print(f"{head}{failure.code} {failure.message}", markup=False, style="red" if out.is_terminal else None)
        if failure.source:
            out.print(f"  at {failure.source}", markup=False)
        if failure.note:
            out.print(f"  note: {failure.note}", markup=False)
        for line in _ways_out(failure):
            out.print(f"  {line}", markup=False)


def _ways_out(failure: Failure) -> list[str]:
    lines = []
    if failure.needs:
        by_size: dict[int, list[str]] = {}
        for axis, size in failure.needs.items():
            by_size.setdefault(size, []).append(axis)
        wants = "; ".join(f"{', '.join(axes)} of at least {size}" for size, axes in by_size.items())
        lines.append(f"needs {wants} at its input")
    if failure.smallest_input:
        smallest, nearest = shape(failure.smallest_input), shape(failure.nearest_input)
        also = "" if smallest == nearest else f", the nearest: {nearest}"
        what = "that works" if failure.mends_all else "for which at least this holds"
        others = f" (only the {' and '.join(failure.along)} changed)" if failure.along else ""
        lines.append(f"the smallest network input {what}{others}: {smallest}{also}")
    return lines


def print_causes(out: Console, causes: Sequence[Cause]) -> None:
    """Print what caused the failures: the layer that causes, the sizes that led there, the evidence."""
    for cause in causes:
        head = "cause" if cause.certain else "possible cause"
        where = f" in {cause.layer}" if cause.layer else ""
        path = f"  ({cause.path})" if len(cause.chain) > 1 else ""
        out.print(f"{head}: {cause.kind}{where}: {cause.message}{path}", markup=False)
        for line in cause.evidence:
            out.print(f"  {line}", markup=False)


def cause_data(causes: Sequence[Cause]) -> list[dict[str, Any]]:
    """Return causes as plain data for JSON."""
    return [
        {"kind": c.kind, "layer": c.layer, "reported_by": c.reported_by, "message": c.message,
         "evidence": list(c.evidence), "certain": c.certain, "chain": [list(sizes) for sizes in c.chain]}
        for c in causes
    ]  # fmt: skip


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
        "failures": [
            {"layer": f.layer, "code": f.code, "requirement": f.requirement, "message": f.message, "axes": f.axes,
             "note": f.note, "needs": dict(f.needs), "smallest_input": f.smallest_input or None,
             "nearest_input": f.nearest_input or None, "mends_all": f.mends_all, "source": f.source}
            for f in report.failures
        ],
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


def assignment_lines(assignment: Mapping[str, int]) -> list[str]:
    """Return the values of the holes, one a line."""
    width = max(map(len, assignment), default=0)
    return [f"  {name.ljust(width)} = {value}" for name, value in assignment.items()]


def no_answer(answer: Any) -> list[str]:
    """Return why there is no solution, and the ways out, one a line."""
    from ..queries.synthesize import Unknown

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
