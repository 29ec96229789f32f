"""``convsolve export``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..synthesis.text import no_answer_lines
from .deadline import Deadline
from .output import progress
from .output_file import check_output, force_option, write_output
from .source import loaded, source_argument, source_options, what_if_options

if TYPE_CHECKING:
    from ..network import InputShapes
    from ..problem import Problem

__all__ = ["command"]


@click.command()
@source_argument
@source_options
@what_if_options
@click.option("--to", "form", type=click.Choice(["torch", "keras", "onnx", "yaml"]), required=True,
              help="What to write: source code, an ONNX model, or a problem file.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False, allow_dash=True), default="-",
              help="The file to write; ONNX needs one.")  # fmt: skip
@click.option("--name", default="Net", show_default=True, help="The class, in the source code.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds after which to stop solving.")
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, help="For the solver, and for ONNX's weights.")
@force_option
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(
    source: str,
    input_shape: InputShapes | None,
    arguments: str,
    form: str,
    output: str,
    name: str,
    timeout: float | None,
    seed: int,
    force: bool,
    quiet: bool,
) -> int:
    """Write a network as PyTorch or Keras source, as an ONNX model, or as a finished problem file.

    SOURCE is a problem file (.yaml, .json or .toml; - reads YAML from standard input), a framework's file (.keras,
    .h5, .onnx, .pt2), or package.module:factory or file.py:Class, which is imported and called. What is open in it is
    solved first. Exits with 0 when the network is written, with 1 when there is no solution or the network does not
    work, with 3 when the time ran out before that was known.
    """
    if form == "onnx" and output == "-":
        raise click.UsageError("an ONNX model is not text: name a file with -o")
    check_output(output, source, force)
    deadline = Deadline(timeout)
    solved = _solved(loaded(source, input_shape, arguments, deadline), deadline.left, seed, quiet)
    if isinstance(solved, int):
        return solved
    write_output(output, _written(solved, form, name, seed))
    return 0


def _solved(problem: Problem, timeout: float | None, seed: int, quiet: bool) -> Problem | int:
    """Return the finished problem, or the exit code where there is none."""
    from ..synthesis.solve import Solution, Unknown, solve

    tell = progress(quiet)
    try:
        answer = solve(problem, timeout=timeout, seed=seed, progress=tell)
    finally:
        tell.done()  # type: ignore[attr-defined]
    if isinstance(answer, Solution):
        return answer.concrete
    for line in no_answer_lines(answer):
        click.echo(line, err=True)
    return 3 if isinstance(answer, Unknown) else 1


def _written(problem: Problem, form: str, name: str, seed: int) -> str | bytes:
    from ..files import dump
    from ..frameworks import code, to_onnx

    if form == "yaml":
        return dump(problem)
    if form == "onnx":
        model: Any = to_onnx(problem.network, seed=seed)
        return bytes(model.SerializeToString())
    return code(problem.network, form, name=name)
