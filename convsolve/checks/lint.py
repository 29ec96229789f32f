"""Lint: what an expert would change in a network that works."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

from ..dims import evaluate
from ..lints import LINTS, demanded, known_codes
from ..network import InputShapes
from ..network.trace import run, trace
from ..sources import Asked, problem_of
from ..support.arguments import checked
from ..support.notebook_display import Shown
from .check import CheckReport, Failure, check
from .failures import alike, requirement_message

__all__ = ["Finding", "LintReport", "lint"]


@dataclass(frozen=True)
class Finding(Failure):
    """What a lint says of one layer: ``level`` is "warning" or "hint", ``mend`` what is done about it."""

    level: str = "warning"
    mend: str = ""


@dataclass(frozen=True)
class LintReport(Shown):
    """What lints found. ``checked`` is the report of the shapes; where they fail, nothing is looked at."""

    findings: tuple[Finding, ...]
    checked: CheckReport

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that say that something is lost or wasted for certain."""
        return tuple(finding for finding in self.findings if finding.level == "warning")

    def __str__(self) -> str:
        """Return a line for each finding, and how many there are."""
        from .text import lint_lines

        return "\n".join(lint_lines(self))

    def __repr__(self) -> str:
        return f"<LintReport: {len(self.warnings)} warnings, {len(self.findings) - len(self.warnings)} hints>"


@checked
def lint(
    network: Asked, input_shape: InputShapes | None = None, *, codes: Collection[str] = tuple(LINTS)
) -> LintReport:
    """Say what an expert would change in a network that works: wasted padding, unread rows, gridding and the like.

    Args:
        network: a network without open parameters, or a problem.
        input_shape: as in :func:`convsolve.check`.
        codes: which lints to ask; all by default.

    Raises:
        NetworkError: the network has holes, or a code names no lint.

    >>> from convsolve.files import parse
    >>> report = lint(parse('''
    ... input: [3, 32, 32]
    ... layers:
    ...   - conv: {out_channels: 8, kernel_size: 1, padding: 3}
    ... '''))
    >>> [(f.layer, f.code, f.level) for f in report.findings]
    [('conv1', 'W001', 'warning')]
    """
    wanted = known_codes(codes)
    problem = problem_of(network, input_shape)
    report = check(dataclasses.replace(problem, sensible=()), input_shape)
    found: list[Finding] = []
    if report.ok and report.network is not None:
        traced = trace(report.network)
        values = run(traced, {})
        broken = [r for r in demanded(traced, wanted, values=values) if not evaluate(r.condition, values)]
        for group in alike(broken, values):
            first, axes = group[0], [r.axis for r in group if r.axis]
            about = LINTS[first.rule.code]
            found.append(Finding(
                first.layer, first.rule.demand, requirement_message(first, values, axes), first.rule.code,
                tuple(axes), source=report.network.by_name[first.layer].source, level=about.level,
                mend=about.rule.mend))  # fmt: skip
    return LintReport(tuple(found), report)
