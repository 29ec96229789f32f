"""``convsolve explain``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .deadline import Deadline, timeout_option
from .output import edit_data, print_json, report_data
from .source import loaded, source_options

if TYPE_CHECKING:
    from ..explanations.explain import Explanation
    from ..explanations.finding import Fix
    from ..messages import ParsedError
    from ..network import InputShapes

__all__ = ["command"]

_LOGS = (".log", ".txt", ".out", ".err")
"""A word that ends so is a file's name, even where there is no such file."""


@click.command()
@click.argument("text", required=False)
@click.option("--model", "source", metavar="SOURCE",
              help="The network: a problem file, a .keras, .h5, .onnx or .pt2 file, or file.py:Class.")  # fmt: skip
@source_options
@timeout_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("-q", "--quiet", is_flag=True, help="Print only what is wrong, a line for each finding.")
def command(
    text: str | None,
    source: str | None,
    input_shape: InputShapes | None,
    arguments: str,
    timeout: float | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Explain an error message: what is impossible, by how much, and what mends it.

    TEXT is the message or traceback itself, or the path of a log file; - (or nothing) reads standard input. Exits with
    0 when a message was understood, or the network found to fail; with 3 when not.
    """
    from ..errors import UndecidedError
    from ..explanations.explain import explain

    if text is None and source is None and sys.stdin.isatty():
        raise click.UsageError("give the message, the path of a log, or - to read it from standard input")
    said = _read(text) if text is not None or source is None else ""
    try:
        with Deadline(timeout)():
            network = loaded(source, input_shape, arguments) if source else None
            found = explain(said, network=network)
    except UndecidedError as error:
        if as_json:
            print_json({"status": "unknown", "reason": str(error)})
            return 3
        raise
    if as_json:
        print_json(_data(found))
    elif quiet:
        for finding in found.findings:
            click.echo(" ".join(filter(None, (finding.code, finding.headline))))
    else:
        click.echo(str(found))
    return 0 if found.understood else 3


def _read(text: str | None) -> str:
    """Return the text itself, or what the file holds that it names (of a long one the end)."""
    from ..messages.text import LONGEST

    if text in (None, "-"):
        tail = b""
        while chunk := sys.stdin.buffer.read(LONGEST):
            tail = (tail + chunk)[-LONGEST:]
        return tail.decode("utf-8", errors="replace")
    assert text is not None
    named = len(text) < 1024 and not set(text) & {"\n", "\0"}
    if not named or not (os.path.isfile(text) or (Path(text).suffix in _LOGS and " " not in text)):
        return text
    try:
        with open(text, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LONGEST))
            return file.read(LONGEST).decode("utf-8", errors="replace")
    except OSError as error:
        raise click.UsageError(f"{text} cannot be read: {error.strerror or error}") from None


def _data(found: Explanation) -> dict[str, Any]:
    return {
        "understood": found.understood,
        "codes": found.codes,
        "findings": [
            {"code": f.code or None, "layer": f.layer or None, "headline": f.headline, "arithmetic": f.arithmetic,
             "meaning": f.meaning, "repairs": [_way(w) for w in f.ways],
             "needs": f.needs or None, "mend": f.mend or None, "notes": f.notes, "causes": f.causes, "asks": f.asks,
             "message": _facts(f.complaint)}
            for f in found.findings
        ],
        "network": report_data(found.report) if found.report else None,
        "reported": found.reported or None,
        "causing": found.causing,
        "causes": found.causes,
        "repairs": found.repairs,
        "notes": found.notes,
        "asks": found.asks,
    }  # fmt: skip


def _way(found: Fix) -> dict[str, Any]:
    layers, ranks = found.cost
    return {"change": found.change, "output": found.output or None, "edits": [edit_data(e) for e in found.edits],
            "cost": {"layers": layers, "ranks": ranks}}  # fmt: skip


def _facts(complaint: ParsedError) -> dict[str, Any]:
    import dataclasses

    facts = {field.name: getattr(complaint, field.name) for field in dataclasses.fields(complaint)}
    return {name: dict(value) if name == "numbers" else value for name, value in facts.items()}
