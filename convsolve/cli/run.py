"""``convsolve run``."""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

import click

__all__ = ["command"]


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("-m", "--module", "module", is_flag=True, help="SCRIPT is the name of a module, as for `python -m`.")
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(module: bool, script: str, arguments: tuple[str, ...]) -> int:
    """Run a Python script, and explain the shape error that ends it, if one does.

    SCRIPT runs as `python SCRIPT ARGUMENTS...` would run it, with the same output and the same exit code; the
    explanation follows its traceback on standard error.
    """
    if module:
        return _run_module(script, arguments)
    if not os.path.isfile(script):
        raise click.UsageError(f"there is no script {script!r}")
    if not os.access(script, os.R_OK):
        raise click.UsageError(f"the script {script!r} cannot be read: permission denied")
    sys.argv = [script, *arguments]
    folder = os.path.dirname(os.path.abspath(script))
    return _run(lambda: runpy.run_path(script, run_name="__main__"), folder, script)


def _run_module(name: str, arguments: tuple[str, ...]) -> int:
    """Run a module by its name, found from the current folder."""
    from ..sources import named_by

    file = named_by(f"{name}:main").file
    if file is not None and file.name == "__init__.py":
        file = file.with_name("__main__.py")
    if file is None or not file.is_file():
        raise click.UsageError(f"there is no module {name!r}: -m takes a name as in `python -m package.module`")
    sys.argv = [str(file), *arguments]
    return _run(lambda: runpy.run_module(name, run_name="__main__", alter_sys=True), os.getcwd(), str(file))


def _run(begin: Callable[[], object], folder: str, script: str) -> int:
    """Run a program whose neighbours are in a folder, explain the error that ends it, and return the exit code."""
    from ..explanations.live import installed, say

    sys.path.insert(0, folder)
    try:
        begin()
    except SystemExit as end:
        return _ended(end.code)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the script's own, shown as Python shows it
        if folder in sys.path:
            sys.path.remove(folder)  # the explanation imports no neighbour of the script
        _show(error, script)
        if isinstance(error, Exception) and not installed():
            say(error)
        return 1
    return 0


def _ended(code: Any) -> int:
    """Return the exit code of a script that has ended itself, as Python does."""
    if code is None or isinstance(code, int):
        return code or 0
    print(code, file=sys.stderr)
    return 1


def _show(error: BaseException, script: str) -> None:
    """Show an exception as the hook does that the script may have put in its place."""
    error.__traceback__ = _of_script(error.__traceback__, script)
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except Exception:  # the hook's fault, which must not hide the script's
        traceback.print_exc()
        traceback.print_exception(error)


def _of_script(frames: TracebackType | None, script: str) -> TracebackType | None:
    """Return a traceback from where the script begins, or the whole if it never began."""
    first = frames
    while first is not None and first.tb_frame.f_code.co_filename != script:
        first = first.tb_next
    return first or frames
