"""``convsolve check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .output import (
    ShapeType,
    cause_data,
    console,
    print_causes,
    print_costs,
    print_failures,
    print_json,
    print_table,
    report_data,
    shape,
)

if TYPE_CHECKING:
    from ..queries.check import CheckReport

__all__ = ["command"]


@click.command()
@click.argument("source")
@click.option("--input", "input_shape", type=ShapeType(), help="The input's shape without the batch: 3x224x224.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("-q", "--quiet", is_flag=True, help="Print findings only.")
def command(source: str, input_shape: tuple[int, ...] | None, as_json: bool, quiet: bool) -> int:
    """Check a network's shapes, and find the layers that are impossible.

    SOURCE is a problem file (.yaml, .json or .toml); - reads YAML from standard input. Exits with 0 when
    every requirement holds, with 1 when one does not, with 3 when that is not known.
    """
    from ..files import load
    from ..queries.check import check
    from ..queries.diagnose import diagnose

    problem = load(source)
    report = check(problem, input_shape)
    causes = diagnose(problem, report, input_shape=input_shape) if report.failures else ()
    if as_json:
        print_json({**report_data(report), "causes": cause_data(causes)})
        return _code(report)
    out = console()
    if not quiet:
        print_table(out, report)
        out.print()
        print_costs(out, report)
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
    return _code(report)


def _code(report: CheckReport) -> int:
    return 0 if report.ok else 1 if report.failures else 3
