"""``convsolve schema``."""

from __future__ import annotations

import click

from .output import print_json

__all__ = ["command"]


@click.command()
def command() -> None:
    """Print the JSON Schema of problem files, for editors."""
    from ..files.schema import schema

    print_json(schema())
