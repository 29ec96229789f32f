"""``convsolve check`` without a SOURCE: the networks that ``[tool.convsolve]`` of a ``pyproject.toml`` names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..support.foreign_text import visible
from .deadline import Deadline
from .formats import FORMATS, Found, located
from .output import print_json, report_data

if TYPE_CHECKING:
    from ..project import Judgement, Project

__all__ = ["CODES", "check_declared", "verdict_of", "worst"]

CODES = {"valid": 0, "invalid": 1, "not read": 2, "not known": 3}
"""The exit code of each verdict."""


def check_declared(form: str, quiet: bool, timeout: float | None) -> int:
    """Judge every network that the project declares, print what was found, and return the worst's exit code."""
    from ..errors import UndecidedError
    from ..project import Judgement, find_project, judge, read_project

    file = find_project(Path())
    if file is None:
        raise click.UsageError(
            "no SOURCE is given, and no pyproject.toml here or above has [tool.convsolve]: name a source, or write "
            "the project's networks there (convsolve guide project)"
        )
    project = read_project(file)
    if not project.networks:
        raise click.UsageError(f"{file}: [tool.convsolve.networks] names no network")
    found = []
    for network in project.networks:
        declared = dataclasses.replace(network, timeout=timeout or network.timeout)
        try:
            with Deadline(declared.timeout)():  # which ends what keeps no clock, too
                found.append(judge(declared, project.folder))
        except UndecidedError as error:
            found.append(Judgement(declared, "not known", (str(error),)))
        if form == "table":
            _table(found[-1], project, quiet)
    if form in FORMATS:
        click.echo(FORMATS[form]([_found(judgement, project) for judgement in found]), nl=False)
    if form == "json":
        print_json({"networks": [_data(judgement) for judgement in found]})
    return worst(CODES[judgement.verdict] for judgement in found)


def verdict_of(code: int) -> str:
    """Return the verdict that an exit code of ``check`` says."""
    return next(verdict for verdict, own in CODES.items() if own == code)


def worst(codes: Iterable[int]) -> int:
    """Return the worst of some exit codes: what is not read, then what is invalid, then what is not known."""
    return max(codes, key=(0, 3, 1, 2).index)


def _table(judgement: Judgement, project: Project, quiet: bool) -> None:
    if quiet and judgement.verdict == "valid":
        return
    width, names = max(map(len, CODES)), max(len(visible(network.name)) for network in project.networks)
    lines = judgement.lines
    if judgement.verdict == "valid" and lines:
        click.echo(f"{'valid'.ljust(width)}  {visible(judgement.declared.name).ljust(names)}  {visible(lines[0])}")
        return
    click.echo(f"{judgement.verdict.ljust(width)}  {visible(judgement.declared.name)}")
    for line in lines:
        click.echo(f"  {visible(line)}")


def _found(judgement: Judgement, project: Project) -> Found:
    """Return findings for other tools; what has no place in its source has that of its declaration."""
    from ..files import layer_places
    from ..sources import is_problem_file

    declared = judgement.declared
    report = judgement.counterexample.report if judgement.counterexample else judgement.report
    if report is not None and report.network is not None:
        path = project.folder / declared.source
        places = layer_places(path) if is_problem_file(str(path)) else {}
        return Found(declared.source, report, located(declared.source, report.network, places))
    if judgement.verdict == "valid":
        return Found(declared.source, report)
    text = visible(f"{declared.name}: {judgement.verdict}: {' '.join(judgement.lines)}")
    return Found(str(project.file), error=text, line=declared.place[0])


def _data(judgement: Judgement) -> dict[str, Any]:
    declared, broken = judgement.declared, judgement.counterexample
    return {
        "name": declared.name, "source": declared.source, "status": judgement.verdict, "found": list(judgement.lines),
        "network": None if judgement.report is None else report_data(judgement.report),
        "counterexample": None if broken is None else dict(broken.sizes),
    }  # fmt: skip
