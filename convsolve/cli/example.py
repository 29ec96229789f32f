"""``convsolve example``."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command()
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Print an example, a problem file: without NAME, list them.

    Each is a question from real life, solved by `convsolve synth` or judged by `convsolve check`:
    convsolve example mnist_repair > mnist.yaml
    """
    from ..guide.examples import example, examples

    if name is not None:
        click.echo(example(name), nl=False)
        return
    found = examples()
    width = max(map(len, found))
    for one, about in found.items():
        click.echo(f"  {one.ljust(width)}  {about}")
