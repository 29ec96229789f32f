"""``convsolve schema``."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command()
@click.argument("document", default="problem")
def command(document: str) -> None:
    """Print the JSON Schema of problem files, for editors, or of what a command prints with --json.

    DOCUMENT is `problem` or the name of a command: check, repair, synth and others.
    """
    import json

    from ..files.schema import schema
    from ..support.suggestions import nearest
    from . import ALIASES
    from .json_schemas import DOCUMENTS, document_schema

    name = ALIASES.get(document, document)
    if name != "problem" and name not in DOCUMENTS:
        near = nearest(document, ["problem", *DOCUMENTS], listed=len(DOCUMENTS) + 1)
        raise click.UsageError(f"there is no schema of {document!r}{near}")
    click.echo(json.dumps(schema() if name == "problem" else document_schema(name), indent=2))
