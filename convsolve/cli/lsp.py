"""``convsolve lsp``."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command()
@click.option("--tcp", "port", type=click.IntRange(1, 65535), help="Listen on this port of 127.0.0.1.")
def command(port: int | None) -> None:
    """Speak with an editor over the language server protocol, on standard input and output.

    In problem files it shows what is wrong as they are written, the shape of each layer, what may stand at a place,
    and repairs as quick fixes. Python files are looked at where [tool.convsolve] in pyproject.toml names them: their
    networks are then imported, in a process of their own, when a file is opened or saved. It needs the extra `lsp`.
    """
    from ..errors import FrameworkMissingError

    try:
        from ..editor.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        raise FrameworkMissingError("the language server needs pygls: install convsolve with its extra lsp") from None
    serve(port)
