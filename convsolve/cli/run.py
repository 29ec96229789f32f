"""``convsolve run``."""

from __future__ import annotations

import os
import runpy
import sys
from types import TracebackType

import click

__all__ = ["command"]


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(script: str, arguments: tuple[str, ...]) -> int:
    """Run a Python script, and explain the shape error that ends it, if one does.

    SCRIPT runs as `python SCRIPT ARGUMENTS...` would run it, with the same output and the same exit code; the
    explanation follows its traceback on standard error.
    """
    from ..live import installed, say

    if not os.path.isfile(script):
        raise click.UsageError(f"there is no script {script!r}")
    sys.argv = [script, *arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    try:
        runpy.run_path(script, run_name="__main__")
    except Exception as error:  # the script's own, shown as Python shows it
        error.__traceback__ = _of_script(error.__traceback__, script)
        hook = sys.excepthook  # the script may have put its own there
        hook(type(error), error, error.__traceback__)
        if not installed():
            say(error)
        return 1
    return 0


def _of_script(frames: TracebackType | None, script: str) -> TracebackType | None:
    """Return a traceback from where the script begins, or the whole if it never began."""
    first = frames
    while first is not None and first.tb_frame.f_code.co_filename != script:
        first = first.tb_next
    return first or frames
