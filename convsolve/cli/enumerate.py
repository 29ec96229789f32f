"""``convsolve enumerate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .source import loaded, source_options

if TYPE_CHECKING:
    from ..network import InputShapes

__all__ = ["command"]


@click.command()
@click.argument("source")
@source_options
@click.option("-n", "--number", type=click.IntRange(1), help="Stop after this many; by default go through all.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds for going through the space.")
def command(
    source: str, input_shape: InputShapes | None, arguments: str, number: int | None, timeout: float | None
) -> int:
    """List the valid architectures of a problem, each once, one JSON object a line.

    SOURCE is a problem file (.yaml, .json or .toml; - reads YAML from standard input), a framework's file
    (.keras, .h5, .onnx, .pt2), or package.module:factory or file.py:Class, which is imported and called.
    Exits with 0 where there is a valid architecture, with 1 where there is none, with 3 where that is not known.
    """
    import json

    from ..space import Space

    found = 0
    for assignment in Space(loaded(source, input_shape, arguments), timeout=timeout).enumerate(number):
        click.echo(json.dumps(assignment))
        found += 1
    return 0 if found else 1
