"""What checks and lints say, as lines of plain text: tables of shapes, costs, findings, the verdict.

The command line colours these lines, ``print`` shows them as they are, shortened to about a screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from math import log2
from typing import TYPE_CHECKING

from ..network.costs import DERIVED
from ..operators.base import to_canonical
from .branch_lines import branch_lines

if TYPE_CHECKING:
    from .check import CheckReport, Failure, Row
    from .lint import LintReport

__all__ = [
    "aligned",
    "cost_line",
    "derived_cost_lines",
    "failure_line",
    "failure_lines",
    "lint_lines",
    "report_lines",
    "screenful",
    "shape",
    "table_lines",
    "unknown_lines",
    "verdict",
]

_SCREEN = 40
"""So many lines at most does ``print`` show of a table."""

_LEAST_FORMULA = 12
"""A formula of which fewer letters can be shown is left out."""


def shape(sizes: Sequence[int | None] | None) -> str:
    """Return a shape as text; ``?`` where it depends on a failure.

    >>> shape((3, 32, None)), shape(()), shape(None)
    ('3x32x?', 'one number', '?')
    """
    if sizes is None:
        return "?"
    return "x".join("?" if n is None else str(n) for n in sizes) or "one number"


def table_lines(report: CheckReport, *, width: int | None = None, plain: bool = False) -> list[str]:
    """Return the table of shapes: its heads, then a line for each row.

    Where the lines are longer than ``width``, formulas are shortened; then they go, then the bars, parameters and
    operators. Names, shapes and what fails always stay. ``plain`` leaves out signs that not every terminal has.

    >>> from convsolve.checks.check import check
    >>> from convsolve.files import parse
    >>> net = parse("{input: [1, 9, 9], layers: [{conv: {out_channels: 2, kernel_size: 3}}]}")
    >>> for line in table_lines(check(net), width=36): print(line)
    layer  operator  output  params
    input  input     1x9x9        0
    conv1  conv      2x7x7       20
    """
    lines = {} if plain or report.network is None else branch_lines(report.network)
    rows = report.rows
    columns: dict[str, list[str]] = {
        "layer": [lines.get(row.layer, "") + row.layer for row in rows],
        "operator": [row.operator for row in rows],
        "output": [shape(row.shape) for row in rows],
        "log size": [_bar(row, report, plain) for row in rows],
        "params": ["?" if row.params is None else f"{row.params:,}" for row in rows],
    }
    if any(row.fails for row in rows):
        columns[""] = ["FAILS" if row.fails else "" for row in rows]
    columns["formula"] = [row.formula for row in rows]
    if width is not None:
        _fit(columns, width)
    return aligned(columns, right=("params",))


def _fit(columns: dict[str, list[str]], width: int) -> None:
    """Leave out of a table's columns what does not fit."""
    left = width - sum(map(_wide, columns.items())) - 2 * (len(columns) - 1) + _wide(("formula", columns["formula"]))
    if left >= _LEAST_FORMULA:
        columns["formula"] = [f if len(f) <= left else f[: left - 3] + "..." for f in columns["formula"]]
        return
    for name in ("formula", "log size", "params", "operator"):
        if sum(map(_wide, columns.items())) + 2 * (len(columns) - 1) <= width:
            return
        del columns[name]


def _wide(column: tuple[str, Sequence[str]]) -> int:
    return max(map(len, (column[0], *column[1])))


def aligned(columns: Mapping[str, Sequence[str]], right: Sequence[str] = ()) -> list[str]:
    """Return lines of columns under their heads, without blanks at their ends."""
    padded = []
    for name, cells in columns.items():
        width = _wide((name, cells))
        padded.append([cell.rjust(width) if name in right else cell.ljust(width) for cell in (name, *cells)])
    return ["  ".join(cells).rstrip() for cells in zip(*padded, strict=True)]


def _bar(row: Row, report: CheckReport, plain: bool) -> str:
    """Return a bar for a tensor's size along its spatial axes (their geometric mean): half a letter less for each
    time that it is smaller by the square root of two."""
    if row.shape is None or report.network is None:
        return ""
    sizes = to_canonical(report.network.data_format, row.shape)[1:]
    if not sizes or any(n is None or n < 1 for n in sizes):
        return ""
    halves = 1 + round(2 * sum(log2(n) for n in sizes) / len(sizes))
    return ("█" * (halves // 2) + "▌" * (halves % 2)) if plain is False else "#" * -(-halves // 2)


def cost_line(report: CheckReport) -> str:
    """Return the costs of a network, as far as they are known, in one line."""
    parts = [f"{name} {value:,}" for name in ("params", "macs", "activations")
             if (value := getattr(report, name)) is not None]  # fmt: skip
    field = report.receptive_field
    if field is not None:
        parts.append(f"receptive field {shape(field) if isinstance(field, tuple) else field}")
    return "   ".join(parts)


def derived_cost_lines(report: CheckReport) -> list[str]:
    """Return the costs that follow from sizes, one a line, each with what it means."""
    costs = report.costs()
    shown = {name: f"{value:,} {DERIVED[name].unit}".rstrip() for name, value in costs.items()}
    wide, long = max(map(len, shown), default=0), max(map(len, shown.values()), default=0)
    return [f"{name.ljust(wide)}  {text.rjust(long)}  {DERIVED[name].meaning}" for name, text in shown.items()]


def failure_line(failure: Failure) -> str:
    """Return which layer fails, of the whole network none, by which rule, and how."""
    return f"{f'{failure.layer}: ' if failure.layer else ''}{failure.code} {failure.message}"


def failure_lines(failure: Failure) -> list[str]:
    """Return what fails, where, and what would mend it."""
    lines = [failure_line(failure)]
    if failure.source:
        lines.append(f"  at {failure.source}")
    if failure.note:
        lines.append(f"  note: {failure.note}")
    return lines + [f"  {line}" for line in _ways_out(failure)]


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


def verdict(report: CheckReport) -> str:
    """Return in a line whether a network works."""
    if report.ok:
        return f"valid: the output is {shape(report.output)}"
    count = len(report.failures)
    return f"invalid: {count} failure{'s' if count > 1 else ''}" if count else "not known"


def report_lines(report: CheckReport) -> list[str]:
    """Return a whole report: table, costs, failures, notes, verdict."""
    failures = [line for failure in report.failures for line in failure_lines(failure)]
    notes = [f"note: {note}" for note in report.notes]
    unknown = [f"unknown: {line}" for line in unknown_lines(report)]
    costs = [line] if (line := cost_line(report)) else []
    return [*screenful(table_lines(report)), "", *costs, *failures, *notes, *unknown, verdict(report)]


def unknown_lines(report: CheckReport) -> list[str]:
    """Return what is not known, a line for each layer."""
    return [f"{found.layer}: {found.message}" if found.layer else found.message for found in report.unknown]


def screenful(lines: Sequence[str]) -> list[str]:
    """Return the first and the last lines of a table that is longer than a screen; those that fail stay, too."""
    if len(lines) <= _SCREEN:
        return list(lines)
    half = _SCREEN // 2
    kept = [*range(half), *(i for i in range(half, len(lines) - half) if "FAILS" in lines[i])][: 2 * half]
    kept += range(len(lines) - half, len(lines))
    shown: list[str] = []
    for i, after in zip_longest(kept, kept[1:]):
        shown.append(lines[i])
        if after is not None and after > i + 1:
            shown.append(f"... {after - i - 1} more ...")
    return shown


def lint_lines(report: LintReport, *, mend: bool = True) -> list[str]:
    """Return what lints found: a line for each finding, perhaps what mends it, and how many there are."""
    if not report.checked.ok:
        failures = [line for failure in report.checked.failures for line in failure_lines(failure)]
        return [*failures, verdict(report.checked)]
    lines = []
    for finding in report.findings:
        lines.append(f"{finding.layer}: {finding.code} {finding.level}: {finding.message}")
        if finding.source:
            lines.append(f"  at {finding.source}")
        if mend:
            lines.append(f"  {finding.mend}")
    counts = {"warning": len(report.warnings), "hint": len(report.findings) - len(report.warnings)}
    said = [f"{count} {level}{'s' if count > 1 else ''}" for level, count in counts.items() if count]
    return [*lines, ", ".join(said) or "nothing to remark"]
