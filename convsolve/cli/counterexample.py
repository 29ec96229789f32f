"""``convsolve counterexample``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..checks.text import shape
from .deadline import Deadline, timeout_option
from .output import console, print_costs, print_failures, print_json, print_table, report_data
from .source import loaded, source_argument, source_options

if TYPE_CHECKING:
    from ..network import InputShapes
    from ..sizes.counterexample import Counterexample, Sizes

__all__ = ["command"]


@click.command()
@source_argument
@source_options
@click.option("--sizes", "texts", multiple=True, metavar="[AXIS=]SIZES",
              help="The sizes in question, such as 64..512, height=64.. or valid; by default all.")  # fmt: skip
@click.option("--claim", "claims", multiple=True, metavar="EXPR", help="A condition, such as 'output.height == 7'.")
@click.option("--training", is_flag=True, help="Also apply what only training requires.")
@timeout_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("-q", "--quiet", is_flag=True, help="Print findings only.")
def command(
    source: str,
    input_shape: InputShapes | None,
    arguments: str,
    texts: tuple[str, ...],
    claims: tuple[str, ...],
    training: bool,
    timeout: float | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Find the smallest input that breaks a network or a claim about it, or prove that there is none.

    SOURCE is a problem file (.yaml, .json or .toml; - reads YAML from standard input), a framework's file (.keras,
    .h5, .onnx, .pt2), or package.module:factory or file.py:Class, which is imported and called. The requirements of a
    problem file are claims, too. With --sizes valid, only the sizes that the network takes are in question. Exits
    with 0 where there is no counterexample, with 1 where there is one, with 3 where that is not known.
    """
    from ..errors import UndecidedError
    from ..problem import Problem
    from ..sizes.counterexample import counterexample
    from ..sizes.valid_sizes import valid_sizes

    if "valid" in texts and len(texts) > 1:
        raise click.UsageError("--sizes valid stands alone")
    sizes: Sizes = _sizes(texts)
    try:
        with Deadline(timeout)():
            problem = loaded(source, input_shape, arguments)
            if "valid" in texts:
                sizes = valid_sizes(Problem(problem.network), training=training, prove=False)
            found = counterexample(problem, sizes, claim=claims, training=training)
    except UndecidedError as error:
        if as_json:
            print_json({"status": "unknown", "reason": str(error)})
        else:
            click.echo(f"not known: {error}")
        return 3
    if as_json:
        print_json(_data(found))
    else:
        _show(found, quiet)
    return 1 if found else 0


def _sizes(texts: tuple[str, ...]) -> Sizes:
    """Return the sizes in question: one text for all axes, or one for each axis."""
    if not texts or texts == ("valid",):
        return None
    named = {axis.strip(): text for axis, sign, text in (t.partition("=") for t in texts) if sign}
    if not named and len(texts) == 1:
        return texts[0]
    if len(named) < len(texts):
        raise click.UsageError("--sizes is one range for all axes, or one for each axis, as height=64..512")
    return named


def _data(found: Counterexample | None) -> dict[str, object]:
    if found is None:
        return {"status": "proven", "counterexample": None}
    shapes = found.input_shapes
    return {"status": "refuted", "counterexample": {
        "sizes": dict(found.sizes), "input_shapes": shapes, "network": report_data(found.report)}}  # fmt: skip


def _show(found: Counterexample | None, quiet: bool) -> None:
    out = console()
    if found is None:
        out.print("no counterexample: it holds for every one of these sizes (proven)", markup=False)
        return
    out.print(f"smallest counterexample: {', '.join(map(shape, found.input_shapes))}", markup=False)
    if not quiet:
        out.print()
        print_table(out, found.report)
        out.print()
        print_costs(out, found.report)
    print_failures(out, found.failures)
