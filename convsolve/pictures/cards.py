"""Cards: what notebooks show of answers that are no pictures, and above those that are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..checks.check import CheckReport
from ..checks.text import failure_line, shape, unknown_lines, verdict
from ..repairs.edits import shown_value
from ..repairs.repair import Repair, RepairList
from ..sizes.counterexample import Counterexample
from ..space import Samples, Space
from ..synthesis.solve import Infeasible
from .svg import escape

__all__ = ["card"]

_BOX = "border:1px solid #8a94a3;border-radius:6px;padding:.4rem .8rem;margin:.4rem 0;max-width:60rem;overflow:auto"
_ROWS = 10
"""So many samples are shown."""


def card(what: Any) -> str | None:
    """Return an answer as HTML, with nothing in it that runs; None for what has no card.

    >>> import convsolve as cs
    >>> net = cs.parse("{input: [1, 8, 8], layers: [{conv: {out_channels: 4, kernel_size: 9}}]}").network
    >>> "invalid: 1 failure" in card(cs.check(net))
    True
    """
    maker = next((maker for kind, maker in _CARDS.items() if isinstance(what, kind)), None)
    return None if maker is None else maker(what)


def _boxed(*parts: str) -> str:
    return f'<div style="{_BOX}">{"".join(parts)}</div>'


def _lines(lines: Iterable[str]) -> str:
    text = "\n".join(map(escape, lines))
    return f'<pre style="margin:.3rem 0;white-space:pre-wrap">{text}</pre>' if text else ""


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _report(report: CheckReport) -> str:
    failures = map(failure_line, report.failures)
    sign = "✓" if report.ok else "✗" if report.failures else "?"
    return _boxed(f"<b>{sign} {escape(verdict(report))}</b>", _lines([*failures, *unknown_lines(report)]))


def _repair(repair: Repair) -> str:
    """Return what a repair changes, the old value struck out, and what comes of it."""
    changes = []
    for edit in repair.edits:
        if edit.parameter:
            old, new = (escape(shown_value(value)) for value in (edit.before, edit.after))
            said = f"{escape(f'{edit.layer}: {edit.parameter}')} <del>{old}</del> <ins>{new}</ins>"
            changes.append(f"<li>{said}{escape(f' ({edit.why})' if edit.why else '')}</li>")
        else:
            changes.append(f"<li>{escape(str(edit))}</li>")
    report = repair.report
    costs = "" if report.params is None or report.macs is None else f", params {report.params:,}, macs {report.macs:,}"
    proven = "" if repair.proven else " (not proven to be the cheapest)"
    return _boxed(
        f'<ul style="margin:.2rem 0">{"".join(changes)}</ul>', f"output {shape(report.output)}{costs}{proven}"
    )


def _repairs(repairs: RepairList) -> str:
    found = "".join(f"<li>{_repair(repair)}</li>" for repair in repairs)
    return f"<ol>{found}</ol>" if found else _boxed("nothing is to be repaired")


def _counterexample(found: Counterexample) -> str:
    sizes = ", ".join(f"{axis} = {size}" for axis, size in found.sizes.items())
    return _boxed(f"<b>{escape(sizes)}</b>", _lines(str(found).splitlines()))


def _values(values: Sequence[int]) -> str:
    listed = len(values) <= _ROWS
    return " | ".join(map(str, values)) if listed else f"{min(values)}..{max(values)} ({len(values):,} values)"


def _space(space: Space) -> str:
    rows = [(name, _values(values)) for name, values in space.holes.items()]
    requirements = [f"requires {text}" for text in space.problem.requirements]
    return _boxed(
        f"<b>a space of {len(rows)} parameters</b>", _table(("parameter", "values"), rows), _lines(requirements)
    )


def _samples(samples: Samples) -> str:
    names = list(samples.columns)
    shown = samples[:_ROWS]
    rows = [[assignment.get(name, "–") for name in names] for assignment in shown]
    left = len(samples) - len(shown)
    more = f"<p>and {left:,} more; – : its layer is left out</p>" if left else ""
    return _boxed(f"<b>{len(samples):,} valid architectures</b>", _table(names, rows), more)


def _infeasible(answer: Infeasible) -> str:
    return _boxed("<b>✗ no solution (proven)</b>", _lines(f"in each other's way: {text}" for text in answer.core))


_CARDS: dict[type, Callable[[Any], str]] = {
    CheckReport: _report, Repair: _repair, RepairList: _repairs, Counterexample: _counterexample, Space: _space,
    Samples: _samples, Infeasible: _infeasible,
}  # fmt: skip
