"""A problem file as it is being written: findings with places, shapes of layers, completions, repairs as edits."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..checks.check import CheckReport, check
from ..checks.text import shape
from ..diagnosis.diagnose import diagnose
from ..errors import ConvsolveError, FileError
from ..files import layer_places, parse
from ..files.document import format_of
from ..files.layout import LAYER_KEYS, TOP_KEYS
from ..operators import OPERATORS
from ..problem import Problem
from ..repairs.repair import Repair, repair

__all__ = ["Diagnostic", "QuickFix", "ProblemText", "completions"]

_PROBLEM = re.compile(r"^\s*[{\"']?(layers|\[\[?layers)\b", re.MULTILINE)
_MOST_FIXES = 3
_SECONDS = 5.0


@dataclass(frozen=True)
class Diagnostic:
    """What is wrong, and where: line and column count from 0. ``level`` is "error", "warning" or "information"."""

    line: int
    column: int
    code: str
    message: str
    level: str = "error"


@dataclass(frozen=True)
class QuickFix:
    """A repair as new texts of whole lines: from ``line`` on, ``count`` lines become ``text``."""

    title: str
    line: int
    count: int
    text: str


class ProblemText:
    """The text of a problem file, read and checked as far as it goes.

    >>> text = "input: [1, 5, 5]\\nlayers:\\n  - conv: {name: c, out_channels: 4, kernel_size: 7}\\n"
    >>> document = ProblemText(text, "net.yaml")
    >>> document.findings[0].line, document.findings[0].code, document.hover(2)
    (2, 'CS001', 'c: conv, output 4x-1x-1, 5 - 7 + 1 = -1, params 200')
    >>> [fix.text for fix in document.fixes()][0]
    '  - conv: {name: c, out_channels: 4, kernel_size: 7, padding: 1}'
    """

    def __init__(self, text: str, name: str) -> None:
        self.text, self.name = text, name
        self.problem: Problem | None = None
        self.report: CheckReport | None = None
        self.places: dict[str, tuple[int, int]] = {}
        self.findings: list[Diagnostic] = []
        if not _PROBLEM.search(text):
            return  # some other file
        try:
            self.problem = parse(text, source=name, format=format_of(name) or "yaml")
            self.places = {layer: (line - 1, column - 1) for layer, (line, column) in
                           layer_places(name, text=text).items()}  # fmt: skip
        except FileError as error:
            self.findings = [Diagnostic(m.line - 1, m.column - 1, "", m.message) for m in error.mistakes]
            return
        if not self.problem.network.holes:
            self._check(self.problem)

    def _check(self, problem: Problem) -> None:
        try:
            self.report = check(problem)
        except ConvsolveError as error:
            self.findings = [Diagnostic(0, 0, "", str(error))]
            return
        for failure in (*self.report.failures, *self.report.unknown):
            line, column = self.places.get(failure.layer, (0, 0))
            level = "error" if failure in self.report.failures else "warning"
            self.findings.append(Diagnostic(line, column, failure.code, failure.message, level))
        if self.report.failures:
            for cause in diagnose(problem, self.report):
                line, column = self.places.get(cause.layer, (0, 0))
                self.findings.append(Diagnostic(line, column, "", f"cause: {cause.message}", "information"))

    def hover(self, line: int) -> str | None:
        """Return what is known of the layer at a line: its shape, and how that comes about."""
        before = [(place, layer) for layer, place in self.places.items() if place[0] <= line]
        if not before or self.problem is None:
            return None
        _, name = max(before)
        layer = self.problem.network.by_name.get(name)
        if self.report is None:
            return f"{name}: {layer.operator.kind}" if layer else None
        row = next((row for row in self.report.rows if row.layer == name), None)
        if row is None:
            return None
        parts = [f"{name}: {row.operator}", f"output {shape(row.shape)}"]
        parts += [row.formula] if row.formula else []
        parts += [f"params {row.params:,}"] if row.params else []
        return ", ".join(parts)

    def hints(self) -> list[tuple[int, str]]:
        """Return for each layer the line that it stands on, and its output."""
        if self.report is None:
            return []
        return [(self.places[row.layer][0], f"→ {shape(row.shape)}") for row in self.report.rows
                if row.layer in self.places]  # fmt: skip

    def fixes(self) -> list[QuickFix]:
        """Return repairs as edits; each has been made in the text, read again, and found to work."""
        if self.problem is None or self.report is None or not self.report.failures:
            return []
        try:
            repairs = repair(self.problem, limit=_MOST_FIXES, timeout=_SECONDS)
        except ConvsolveError:
            return []
        return [fix for found in repairs if (fix := self._fix(found)) is not None]

    def _fix(self, found: Repair) -> QuickFix | None:
        """Return a repair of one parameter, or of the input's shape, as an edit of one line."""
        if len(found.edits) != 1:
            return None
        edit, lines = found.edits[0], self.text.split("\n")
        if not edit.parameter or edit.after is None:
            return None
        if edit.layer in self.places:
            number = self.places[edit.layer][0]
            changed = _with_value(lines[number], edit.parameter, edit.after)
        else:
            number = next((i for i, line in enumerate(lines) if re.match(r"input\s*:", line)), -1)
            changed = f"input: {_written(edit.after)}" if number >= 0 and edit.parameter == "shape" else None
        if changed is None:
            return None
        lines[number] = changed
        try:
            again = parse("\n".join(lines), source=self.name, format=format_of(self.name) or "yaml")
            if not check(again).ok:
                return None
        except ConvsolveError:
            return None
        return QuickFix(str(found), number, 1, changed)


def _with_value(line: str, parameter: str, value: Any) -> str | None:
    """Return a line in flow style, ``- conv: {kernel_size: 3}``, with another value of a parameter."""
    given = re.search(rf"(?<=[{{,\s]){re.escape(parameter)}\s*:\s*(\[[^\]]*\]|[^,}}\[]+)", line)
    if given is not None:
        return f"{line[: given.start(1)]}{_written(value)}{line[given.end(1) :]}"
    end = line.rfind("}")
    return None if end < 0 else f"{line[:end]}, {parameter}: {_written(value)}{line[end:]}"


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_written, value))}]"
    return str(value)


def completions(line: str) -> Iterable[tuple[str, str]]:
    """Yield the words that may come at the end of a line, each with what it is.

    >>> [word for word, _ in completions("  - conv: {out_channels: 4, kernel_s")]
    ['kernel_size']
    >>> "max_pool" in dict(completions("  - ma")), "layers" in dict(completions("la"))
    (True, True)
    """
    word = re.search(r"\w*$", line)
    assert word is not None  # the empty word at least
    found = [(name, about) for name, about in _all_completions(line) if name.startswith(word[0])]
    yield from found


def _all_completions(line: str) -> Iterable[tuple[str, str]]:
    inside = re.search(r"(\w+)\s*:\s*\{(?P<given>[^}]*)$", line)
    if inside is not None and inside[1] in OPERATORS:
        if re.search(r"(^|,)\s*\w*$", inside["given"]):  # where a key is, not a value
            yield from ((name, f"parameter of {inside[1]}") for name in sorted(OPERATORS[inside[1]].parameters()))
            yield from ((key, "of every layer") for key in LAYER_KEYS)
    elif re.fullmatch(r"\s*-\s*\w*", line):
        yield from ((name, _about(name)) for name in OPERATORS)
    elif re.fullmatch(r"\w*", line):
        yield from TOP_KEYS.items()


def _about(operator: str) -> str:
    return (OPERATORS[operator].__doc__ or "").strip().partition("\n")[0]
