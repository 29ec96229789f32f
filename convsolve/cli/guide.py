"""``convsolve guide``."""

from __future__ import annotations

import sys

import click

__all__ = ["command"]


@click.command()
@click.argument("topic", required=False)
@click.option("--html", "folder", type=click.Path(exists=True, file_okay=False), metavar="DIR",
              help="Write the whole guide as HTML pages into a folder.")  # fmt: skip
def command(topic: str | None, folder: str | None) -> None:
    """Read the guide: without TOPIC, the list of its pages."""
    from pathlib import Path

    from ..guide import TOPICS, page
    from ..guide.site import write_site
    from .output import console

    if folder is not None:
        pages = write_site(Path(folder))
        click.echo(f"wrote {len(pages)} pages: {pages[0]}", err=True)
    elif topic is None:
        width = max(map(len, TOPICS))
        for name, about in TOPICS.items():
            click.echo(f"  {name.ljust(width)}  {about}")
        click.echo("\nRead one with: convsolve guide TOPIC")
    elif sys.stdout.isatty():
        from rich.markdown import Markdown

        console().print(Markdown(page(topic)), soft_wrap=False)
    else:
        click.echo(page(topic), nl=False)
