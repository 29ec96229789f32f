"""``convsolve draw``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..synthesis.text import no_answer_lines
from .deadline import Deadline
from .next_step import say_next
from .output import progress
from .output_file import check_output, force_option, write_output
from .source import loaded, shape_words, source_argument, source_options, what_if_options

if TYPE_CHECKING:
    from ..network import InputShapes
    from ..pictures import Chart, Picture
    from ..problem import Problem

__all__ = ["command"]

_FORMATS = ("svg", "html", "dot", "mmd", "png")


@click.command()
@source_argument
@source_options
@what_if_options
@click.option("-o", "--output", type=click.Path(dir_okay=False, allow_dash=True), default="-",
              help="The file to write; its ending says the format.")  # fmt: skip
@click.option("--to", "form", type=click.Choice(_FORMATS), help="The format, where no file's ending says it.")
@click.option("--ladder", is_flag=True, help="Draw the shape ladder: sizes, costs and receptive field as bars.")
@click.option("--unfold", is_flag=True, help="Draw every copy of a block that repeats.")
@click.option("--solve", "solved", is_flag=True, help="Find values for the open parameters first; they are bold.")
@click.option("--repair", "repaired", is_flag=True, help="On the page, show the cheapest repair beside the network.")
@click.option("--sizes", "sizes", is_flag=True, help="Draw a map of the valid sizes of two axes.")
@click.option("--pareto", metavar="A,B[,C]", help="Draw the Pareto front of two or three expressions.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds after which to stop solving.")
@force_option
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(
    source: str,
    input_shape: InputShapes | None,
    arguments: str,
    output: str,
    form: str | None,
    ladder: bool,
    unfold: bool,
    solved: bool,
    repaired: bool,
    sizes: bool,
    pareto: str | None,
    timeout: float | None,
    force: bool,
    quiet: bool,
) -> int:
    """Draw a network: as SVG, as a page with sliders (.html), for Graphviz (.dot) or Mermaid (.mmd), as PNG.

    SOURCE is a problem file (.yaml, .json or .toml; - reads YAML from standard input), a framework's file (.keras,
    .h5, .onnx, .pt2), or package.module:factory or file.py:Class, which is imported and called. A network that does
    not work is drawn, too, with what is wrong in it. Exits with 0 when the picture is written, with 1 when there is
    no solution to be drawn, with 3 when that is not known.
    """
    if sum((ladder, sizes, pareto is not None)) > 1:
        raise click.UsageError("--ladder, --sizes and --pareto are pictures of their own: give one of them")
    form = form or (Path(output).suffix.removeprefix(".").lower() if output != "-" else "svg")
    if form not in _FORMATS:
        raise click.UsageError(f"{output}: a picture's name ends with .{', .'.join(_FORMATS)} (or say --to)")
    if (ladder or sizes or pareto is not None) and form not in ("svg", "png"):
        raise click.UsageError(f"this picture is written as svg or png, not as {form}")
    if repaired and form != "html":
        raise click.UsageError("--repair shows two networks side by side on a page: write to a .html file")
    if form == "png" and output == "-":
        raise click.UsageError("a PNG is not text: name a file with -o")
    check_output(output, source, force)
    deadline = Deadline(timeout)
    problem = loaded(source, input_shape, arguments, deadline)
    picture = _picture(problem, source, unfold, solved, repaired, sizes, pareto, deadline.left, quiet)
    if isinstance(picture, int):
        return picture
    write_output(output, _content(picture, form, ladder, timeout))
    if output != "-" and form != "html":
        given = [source, *(shape_words(input_shape) if input_shape is not None else ())]
        say_next("draw", *given, "-o", f"{Path(output).stem}.html", why="as a page with sliders", quiet=quiet)
    return 0


def _picture(
    problem: Problem,
    source: str,
    unfold: bool,
    solved: bool,
    repaired: bool,
    sizes: bool,
    pareto: str | None,
    timeout: float | None,
    quiet: bool,
) -> Picture | Chart | int:
    """Return what is to be drawn, or the exit code where there is nothing."""
    from ..pictures import draw
    from ..repairs.repair import repair
    from ..sizes.valid_sizes import valid_sizes
    from ..synthesis.pareto import pareto as front
    from ..synthesis.solve import Solution, Unknown, solve

    tell = progress(quiet)
    try:
        if pareto is not None:
            wished = [text.strip() for text in pareto.split(",")]
            found_front = front(problem, wished, timeout=timeout, progress=tell)
            if found_front.points:
                return draw(found_front)
            click.echo("no solution (proven)" if found_front.complete else f"not known: {found_front.reason}", err=True)
            return 1 if found_front.complete else 3
        if sizes:
            return draw(valid_sizes(problem, prove=False, timeout=timeout))
        if solved:
            answer = solve(problem, timeout=timeout, progress=tell)
            if not isinstance(answer, Solution):
                for line in no_answer_lines(answer):
                    click.echo(line, err=True)
                return 3 if isinstance(answer, Unknown) else 1
            return draw(answer, unfold=unfold, title=_titled(source))
        if repaired:
            found = repair(problem, limit=1, timeout=timeout)
            if not found:
                click.echo("nothing is wrong: there is nothing to repair", err=True)
            return draw(problem, beside=found[0] if found else None, title=_titled(source))
        return draw(problem, unfold=unfold, title=_titled(source))
    finally:
        tell.done()  # type: ignore[attr-defined]


def _titled(source: str) -> str:
    """Return what stands above a picture: the source, without the folders of this machine."""
    return os.path.basename(source) if os.path.isabs(source) else source


def _content(picture: Picture | Chart, form: str, ladder: bool, timeout: float | None) -> str | bytes:
    from ..pictures import Picture
    from ..pictures.picture import Chart

    if form == "html" and isinstance(picture, Picture) and timeout is not None:
        return picture.html(timeout=timeout)

    if ladder and isinstance(picture, Picture):
        picture = Chart(picture.ladder())
    return picture.written(form)
