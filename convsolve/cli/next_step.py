"""What is useful next: told to people at a terminal, on standard error, after an answer."""

from __future__ import annotations

import shlex
import sys

import click

__all__ = ["say_next"]


def say_next(*words: str, why: str, quiet: bool = False) -> None:
    """Tell the command that goes on from an answer; nothing where nobody reads along, or who reads wants no talk."""
    if quiet or not (sys.stderr.isatty() and sys.stdout.isatty()):
        return
    click.echo(f"{why}: {shlex.join(['convsolve', *words])}", err=True)
