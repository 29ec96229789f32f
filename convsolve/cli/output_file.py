"""The FILE that a command writes with ``-o``: asked for early, written whole, never the file that was read."""

from __future__ import annotations

import os

import click

__all__ = ["check_output", "write_output"]


def check_output(output: str, source: str) -> None:
    """Say before any work is done why an output cannot be written, as far as that can be told.

    Raises:
        ConvsolveError: it is the file that the source names, or cannot be written.
    """
    from ..errors import ConvsolveError
    from ..sources import named_by
    from ..support.atomic_write import destination, unwritable

    if output == "-":
        return
    try:
        place = destination(output)
        if place is not None and not place.parent.is_dir():
            os.stat(place.parent)
    except OSError as error:
        raise unwritable(output, error) from None
    read = named_by(source).file
    if place is not None and read is not None and place.exists() and read.exists() and place.samefile(read):
        raise ConvsolveError(f"cannot write {output}: it is what {source} is read from")


def write_output(output: str, content: str | bytes) -> None:
    """Write to standard output, or to a file."""
    from ..support.atomic_write import write_file

    if output == "-":
        click.echo(content, nl=False)
        return
    write_file(output, content)
    click.echo(f"wrote {output}", err=True)
