"""``convsolve count``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .deadline import Deadline
from .output import bar, print_json
from .source import loaded, source_argument, source_options, what_if_options
from .workers import checkpoint_option, kept, workers_options, working

if TYPE_CHECKING:
    from ..network import InputShapes

__all__ = ["command"]


@click.command()
@source_argument
@source_options
@what_if_options
@click.option("--cubes", type=click.IntRange(1), metavar="N", default=1,
              help="Cut a space that cannot be counted exactly into at least N cubes, for nearer bounds.")  # fmt: skip
@workers_options
@checkpoint_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds after which to stop.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(
    source: str,
    input_shape: InputShapes | None,
    arguments: str,
    cubes: int,
    workers: int | None,
    cluster: str | None,
    checkpoint: str | None,
    as_json: bool,
    timeout: float | None,
    quiet: bool,
) -> int:
    """Count the valid architectures of a problem with open parameters.

    SOURCE is a problem file (.yaml, .json or .toml; - reads YAML from standard input), a framework's file
    (.keras, .h5, .onnx, .pt2), or package.module:factory or file.py:Class, which is imported and called.
    Exits with 0 where there is a valid architecture, with 1 where there is none, with 3 where that is not known.
    """
    from ..space import Space

    deadline = Deadline(timeout)
    space = Space(loaded(source, input_shape, arguments, deadline), timeout=deadline.left)
    with working(workers, cluster) as executor, bar("counting", quiet) as tell, kept(checkpoint):
        count = space.count(executor=executor, cubes=cubes, tell=tell, checkpoint=checkpoint)
    share = None if count.share is None else float(count.share)
    if as_json:
        print_json({"count": count.value, "exact": count.exact, "low": count.low, "high": count.high, "of": count.of,
                    "share": share})  # fmt: skip
        return 0 if count.value else 1 if count.exact else 3
    if count.exact:
        click.echo(f"{count.value:,} valid architectures")
    else:
        click.echo(f"about {count.value:,} valid architectures (an estimate)")
        click.echo(f"at least {count.low:,} and at most {count.high:,} (certain)")
    if share is not None:
        click.echo(f"of {count.of:,} without any requirement: {share:.3%}" if share >= 1e-5 else
                   f"of {count.of:,} without any requirement: one in {round(1 / share):,}" if share else
                   f"of {count.of:,} without any requirement: none")  # fmt: skip
    return 0 if count.low or count.value else 1 if count.exact else 3
