"""``convsolve sample``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .deadline import Deadline
from .output import print_json
from .source import loaded, source_argument, source_options, what_if_options
from .workers import workers_options, working

if TYPE_CHECKING:
    from ..network import InputShapes
    from ..space import Bin

__all__ = ["command"]


@click.command()
@source_argument
@source_options
@what_if_options
@click.option("-n", "--number", type=click.IntRange(1, 10_000_000), default=1, show_default=True,
              help="How many architectures to draw.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, help="The same seed draws the same.")
@click.option("--distinct", is_flag=True, help="Draw no architecture twice.")
@click.option("--spread", metavar="COST",
              help="Draw evenly from what lies between the smallest and the largest of a cost: macs.")  # fmt: skip
@click.option("--bins", type=click.IntRange(1), default=10, show_default=True,
              help="Into how many bins of the same width to cut that.")  # fmt: skip
@workers_options
@click.option("--emit", type=click.Choice(["jsonl", "torch", "yaml"]), default="jsonl", show_default=True,
              help="Print assignments, one JSON object a line; or PyTorch source; or problem files.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds after which to stop.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing of bins.")
def command(
    source: str,
    input_shape: InputShapes | None,
    arguments: str,
    number: int,
    seed: int,
    distinct: bool,
    spread: str | None,
    bins: int,
    workers: int | None,
    cluster: str | None,
    emit: str,
    as_json: bool,
    timeout: float | None,
    quiet: bool,
) -> int:
    """Draw valid architectures of a problem with open parameters, each equally likely.

    SOURCE is a problem file (.yaml, .json or .toml; - reads YAML from standard input), a framework's file
    (.keras, .h5, .onnx, .pt2), or package.module:factory or file.py:Class, which is imported and called.
    Exits with 0 where architectures were drawn, with 1 where there is none, with 3 where that is not known.
    """
    import json

    from ..errors import NoArchitectureError
    from ..files import dump
    from ..frameworks import code
    from ..problem import Problem
    from ..space import Space

    if as_json and emit != "jsonl":
        raise click.UsageError("--json is a document of assignments: leave out --emit")
    deadline = Deadline(timeout)
    space = Space(loaded(source, input_shape, arguments, deadline), timeout=deadline.left)
    try:
        with working(workers, cluster) as executor:
            samples = space.sample(number, seed, replace=not distinct, spread=spread, bins=bins, executor=executor)
    except NoArchitectureError as error:
        if as_json:
            print_json({"architectures": [], "bins": []})
        click.echo(str(error), err=True)
        return 1
    if as_json:
        bins_said = [{"costs": [bin.costs[0], bin.costs[-1]], "low": bin.low, "high": bin.high, "drawn": bin.drawn}
                     for bin in samples.bins]  # fmt: skip
        print_json({"architectures": list(samples), "bins": bins_said})
        return 0
    for bin in () if quiet else samples.bins:
        click.echo(f"{spread} from {bin.costs[0]:,} to {bin.costs[-1]:,}: {_many(bin)}, {bin.drawn:,} drawn", err=True)
    if emit == "jsonl":
        for assignment in samples:
            click.echo(json.dumps(assignment))
        return 0
    for i, network in enumerate(samples.networks(), start=1):
        if emit == "torch":
            click.echo(code(network, "torch", name=f"Net{i}" if number > 1 else "Net"))
        else:
            click.echo(("---\n" if i > 1 else "") + dump(Problem(network), "yaml"), nl=False)
    return 0


def _many(bin: Bin) -> str:
    if not bin.high:
        return "no architecture"
    return f"{bin.low:,} architectures" if bin.low == bin.high else f"{bin.low:,} to {bin.high:,} architectures"
