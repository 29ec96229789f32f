"""The findings of ``check`` in the forms that other tools read: editors, GitHub, code scanning, test reports."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..support.foreign_text import visible

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from ..checks.check import CheckReport, Failure
    from ..network import Network

__all__ = ["FORMATS", "Found", "Places", "located"]

Places = Callable[[str], "tuple[str, int, int]"]
"""From a layer's name to file, line and column; the line is 0 where it is not known."""


@dataclass(frozen=True)
class Found:
    """What was found in one source: a report, with the places of its layers; or why there is none."""

    source: str
    report: CheckReport | None = None
    places: Places = lambda name: ("", 0, 0)
    error: str = ""
    line: int = 0


_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_SOURCE = re.compile(r"(?P<file>.+?):(?P<line>\d{1,9})(?::(?P<column>\d{1,9}))?")


def located(source: str, network: Network, places: Mapping[str, tuple[int, int]]) -> Places:
    """Return how to find a layer: where it says itself that it comes from, or else its place in the problem file."""

    def place(name: str) -> tuple[str, int, int]:
        layer = network.by_name.get(name)
        match = _SOURCE.fullmatch(layer.source) if layer else None
        if match:
            return match["file"], int(match["line"]), int(match["column"] or 1)
        return (visible(source) if source != "-" else "<stdin>", *places.get(name, (0, 0)))

    return place


def _findings(report: CheckReport | None) -> list[tuple[Failure, str]]:
    if report is None:
        return []
    levels = {"hint": "note"}  # SARIF's word; GitHub's is "notice"
    failures = [(f, levels.get(level := getattr(f, "level", "error"), level)) for f in report.failures]
    return [*failures, *((f, "warning") for f in report.unknown)]


def _text(failure: Failure) -> str:
    return f"{failure.layer}: {failure.message}" if failure.layer else failure.message


def _all(found: Sequence[Found]) -> Iterator[tuple[Failure, str, tuple[str, int, int]]]:
    for one in found:
        for failure, level in _findings(one.report):
            yield failure, level, one.places(failure.layer)


def _concise(found: Sequence[Found]) -> str:
    lines = [f"{f'{file}:{line}:{column}' if line else file}: {failure.code} {_text(failure)}\n"
             for failure, _, (file, line, column) in _all(found)]  # fmt: skip
    wrong = [f"{_place(one)}: {one.error}\n" for one in found if one.error]
    return "".join([*lines, *wrong])


def _place(one: Found) -> str:
    return f"{visible(one.source)}:{one.line}:1" if one.line else visible(one.source)


def _github(found: Sequence[Found]) -> str:
    """Return workflow commands (GitHub Docs, "Workflow commands", "Setting an error message")."""
    lines = []
    for failure, level, (file, line, column) in _all(found):
        where = f"file={_property(file)}" + (f",line={line},col={column}" if line else "")
        command = "notice" if level == "note" else level
        lines.append(f"::{command} {where},title={_property(failure.code)}::{_data(_text(failure))}\n")
    for one in found:
        if one.error:
            where = f"file={_property(visible(one.source))}" + (f",line={one.line},col=1" if one.line else "")
            lines.append(f"::error {where}::{_data(one.error)}\n")
    return "".join(lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _sarif(found: Sequence[Found]) -> str:
    """Return a SARIF 2.1.0 log (OASIS, "Static Analysis Results Interchange Format")."""
    from urllib.parse import quote

    from ..lints import rule_of

    codes = list(dict.fromkeys(failure.code for failure, *_ in _all(found)))
    rules = [{"id": code, "shortDescription": {"text": rule.demand},
              "fullDescription": {"text": rule.meaning}, "help": {"text": rule.mend}}
             for code in codes for rule in [rule_of(code)]]  # fmt: skip
    results: list[dict[str, Any]] = []
    for failure, level, (file, line, column) in _all(found):
        uri = quote(file.replace("\\", "/"), safe="/:.~-_")
        physical: dict[str, Any] = {"artifactLocation": {"uri": uri}}
        if line:
            physical["region"] = {"startLine": line, "startColumn": column}
        location: dict[str, Any] = {"physicalLocation": physical}
        if failure.layer:
            location["logicalLocations"] = [{"name": failure.layer, "kind": "element"}]
        results.append({"ruleId": failure.code, "ruleIndex": codes.index(failure.code), "level": level,
                        "message": {"text": _text(failure)}, "locations": [location]})  # fmt: skip
    driver = {"name": "convsolve", "rules": rules}
    unread = [{"level": "error", "message": {"text": one.error}, "locations": [{"physicalLocation": {
        "artifactLocation": {"uri": quote(visible(one.source).replace("\\", "/"), safe="/:.~-_")}}}]}
        for one in found if one.error]  # fmt: skip
    told = [{"executionSuccessful": False, "toolExecutionNotifications": unread}] if unread else []
    one_run = {"tool": {"driver": driver}, **({"invocations": told} if told else {}), "results": results}
    log = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [one_run]}
    return json.dumps(log, indent=2) + "\n"


def _junit(found: Sequence[Found]) -> str:
    """Return a test report in JUnit's form: a suite for each source."""
    from xml.etree import ElementTree

    suites = ElementTree.Element("testsuites")
    suites.extend(_suite(one, several=len(found) > 1) for one in found)
    ElementTree.indent(suites)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(suites, encoding="unicode")}\n'


def _suite(one: Found, *, several: bool) -> Element:
    """Return a suite: a case for each layer, and one for what the problem requires; or one error."""
    from xml.etree import ElementTree

    name = visible(one.source) if several else "convsolve"
    report, places = one.report, one.places
    if report is None:
        suite = ElementTree.Element("testsuite", name=name, tests="1", failures="0", errors="1", skipped="0")
        case = ElementTree.SubElement(suite, "testcase", classname=visible(one.source), name="read")
        ElementTree.SubElement(case, "error", message=one.error)
        return suite
    found: dict[str, list[tuple[Failure, str]]] = {row.layer: [] for row in report.rows}
    for failure, level in _findings(report):
        found.setdefault(failure.layer, []).append((failure, level))
    count = sum(any(level == "error" for _, level in entries) for entries in found.values())
    skipped = sum(bool(entries) and all(level != "error" for _, level in entries) for entries in found.values())
    suite = ElementTree.Element("testsuite", name=name, tests=str(len(found)), failures=str(count),
                                errors="0", skipped=str(skipped))  # fmt: skip
    for layer, entries in found.items():
        file, line, _ = places(layer)
        case = ElementTree.SubElement(suite, "testcase", classname=file, name=layer or "requirements")
        if line:
            case.set("line", str(line))
        errors = [failure for failure, level in entries if level == "error"]
        if errors:
            text = "\n".join(f"{f.code} {f.message}" for f in errors)
            ElementTree.SubElement(case, "failure", message=errors[0].message, type=errors[0].code).text = text
        elif entries:
            ElementTree.SubElement(case, "skipped", message=entries[0][0].message)
    return suite


FORMATS: dict[str, Callable[[Sequence[Found]], str]] = {
    "concise": _concise, "github": _github, "sarif": _sarif, "junit": _junit,
}  # fmt: skip
"""How each format is written."""
