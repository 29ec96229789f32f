"""``convsolve enumerate``."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from .deadline import Deadline
from .output import bar, print_json
from .output_file import check_output, force_option
from .source import loaded, source_argument, source_options, what_if_options
from .workers import workers_options, working

if TYPE_CHECKING:
    from ..network import InputShapes
    from ..space import Space

__all__ = ["command"]


@click.command()
@source_argument
@source_options
@what_if_options
@click.option("-n", "--number", type=click.IntRange(1), help="Stop after this many; by default go through all.")
@click.option("-o", "--output", type=click.Path(dir_okay=False),
              help="The file to write. If this command is stopped, it goes on when it is called again.")  # fmt: skip
@workers_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, when all are found.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds for the whole listing.")
@force_option
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(
    source: str,
    input_shape: InputShapes | None,
    arguments: str,
    number: int | None,
    output: str | None,
    workers: int | None,
    cluster: str | None,
    as_json: bool,
    timeout: float | None,
    force: bool,
    quiet: bool,
) -> int:
    """List the valid architectures of a problem, each once, one JSON object a line.

    SOURCE is a problem file (.yaml, .json or .toml; - reads YAML from standard input), a framework's file
    (.keras, .h5, .onnx, .pt2), or package.module:factory or file.py:Class, which is imported and called.
    Exits with 0 where there is a valid architecture, with 1 where there is none, with 3 where that is not known.
    """
    from ..space import Space

    if as_json and output is not None:
        raise click.UsageError("-o is written line by line, so that it can go on: leave out --json")
    if output is not None:
        check_output(output, source, force)
    deadline = Deadline(timeout)
    space = Space(loaded(source, input_shape, arguments, deadline), timeout=deadline.left)
    with working(workers, cluster) as executor, bar("listing", quiet) as tell:
        if as_json:
            found = [json.loads(line) for text in space.lines(number, executor=executor, tell=tell)
                     for line in text.splitlines()]  # fmt: skip
            print_json({"architectures": found})
            return 0 if found else 1
        if output is None:
            return 0 if _shown(space, number, executor=executor, tell=tell) else 1
        count = _written(space, output, number, executor=executor, tell=tell)
    click.echo(f"wrote {output}: {count:,} architectures", err=True)
    return 0 if count else 1


def _shown(space: Space, number: int | None, **options: Any) -> bool:
    """Print the architectures, and return whether there is one."""
    found = False
    for text in space.lines(number, **options):
        click.echo(text, nl=False)
        found = found or bool(text)
    return found


def _written(space: Space, output: str, number: int | None, **options: Any) -> int:
    """Write a file, or go on writing it, and return how many architectures it has."""
    from ..errors import UndecidedError
    from ..support.atomic_write import unwritable

    try:
        return space.write(output, number, **options)
    except (KeyboardInterrupt, OSError, UndecidedError) as error:
        kept = f"{output}.part has what is done: the same command goes on from there"
        begun = os.path.exists(f"{os.path.realpath(output)}.journal")
        if isinstance(error, OSError):
            raise unwritable(output, error, kept if begun else "") from None
        if begun:
            click.echo(kept, err=True)
        raise
