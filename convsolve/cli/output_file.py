"""The FILE that a command writes with ``-o``: asked for early, written whole, never the file that was read."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

__all__ = ["check_output", "force_option", "write_output"]


_OURS = (b'class="convsolve"', b"name=generator content=convsolve", b"Written by convsolve", b"Software\0convsolve")
"""What stands in the files that are written here, near their beginning or their end."""


def force_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option that lets ``-o`` replace a file that convsolve has not written: ``force``."""
    return click.option("--force", is_flag=True, help="Let -o replace a file that convsolve has not written.")(command)


def check_output(output: str, source: str, force: bool = False) -> None:
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
    if place is not None and not force and place.exists() and not _is_ours(place):
        raise ConvsolveError(f"cannot write {output}: convsolve has not written what is there (--force replaces it)")


def _is_ours(place: Path) -> bool:
    """Whether a file is empty, or was written here: pictures, programs, networks and listings tell."""
    with place.open("rb") as file:
        head = file.read(16_384)
        file.seek(max(0, place.stat().st_size - 400))
        tail = file.read()
    if not head or any(mark in head or mark in tail for mark in _OURS):
        return True
    if b"\x12\x09convsolve" in head[:64]:  # the producer of an ONNX model
        return True
    try:
        first = json.loads(head.partition(b"\n")[0])
    except ValueError:
        return False
    return isinstance(first, dict) and all(type(value) is int for value in first.values())


def _marked(content: str | bytes) -> str | bytes:
    """Return what a file holds, with a word that convsolve has written it, where its form has a place for that."""
    if isinstance(content, bytes):
        if content[:8] == b"\x89PNG\r\n\x1a\n":  # behind the header, which is 25 bytes long: PNG, section 11.3.4.3
            data = b"tEXtSoftware\0convsolve"
            chunk = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
            return content[:33] + chunk + content[33:]
        return content
    if content.startswith(("<svg", "<!doctype")):
        return content
    if content.startswith("digraph"):
        return f"// Written by convsolve\n{content}"
    if content.startswith("---"):
        return f"{content}%% Written by convsolve\n"
    return f"# Written by convsolve\n{content}"


def write_output(output: str, content: str | bytes) -> None:
    """Write to standard output, or to a file."""
    from ..support.atomic_write import write_file

    if output == "-":
        click.echo(content, nl=False)
        return
    write_file(output, _marked(content))
    click.echo(f"wrote {output}", err=True)
