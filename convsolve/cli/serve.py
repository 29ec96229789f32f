"""``convsolve serve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .source import assumed_words, shape_words, source_options

if TYPE_CHECKING:
    from ..network import InputShapes

__all__ = ["command"]

_SECONDS, _MEMORY = 120.0, 4 << 30
"""What drawing one page may take."""

_ENDINGS = (".yaml", ".yml", ".json", ".toml", ".onnx", ".keras", ".h5", ".pt2")


@click.command()
@click.argument("source", required=False)
@source_options
@click.option("--port", type=click.IntRange(0, 65535), default=8642, show_default=True, help="0 takes a free one.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=_SECONDS, show_default=True,
              help="Seconds that drawing one page may take.")  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Do not say where the page is.")
def command(
    source: str | None, input_shape: InputShapes | None, arguments: str, port: int, timeout: float, quiet: bool
) -> int:
    """Show a network's page in a browser, and show it anew whenever its file changes.

    SOURCE is what `convsolve draw` takes, but for standard input; without one, the files of this folder can be chosen.
    The page is served to this computer alone, until Ctrl-C.
    """
    from ..pictures.server import serve
    from ..support import isolated

    shapes, assumed = [] if input_shape is None else shape_words(input_shape), assumed_words()
    sources = [source] if source else sorted(p.name for p in Path().iterdir() if p.suffix in _ENDINGS)
    if source == "-":
        raise click.UsageError("standard input cannot change: name a file")

    def render(name: str) -> tuple[bool, str]:
        """Draw in a process of its own: what is imported is imported afresh, and nothing it does ends the server."""
        words = ["draw", *shapes, *assumed, "--kwargs", arguments, "--to", "html", "--", name]
        try:
            code, page, said = isolated.run("convsolve.cli", *words, seconds=timeout, memory=_MEMORY)
        except TimeoutError as error:
            return False, f"{name} cannot be drawn: {error}"
        return (True, page) if code == 0 else (False, said or f"{name} cannot be drawn: drawing ended with {code}")

    def ready(address: str) -> None:
        if not quiet:
            click.echo(f"serving on {address} (Ctrl-C ends it)")

    serve(sources, render, port, ready)
    return 0
