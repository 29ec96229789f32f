"""``convsolve repair``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..checks.text import shape
from .deadline import Deadline
from .next_step import say_next
from .output import cause_data, console, edit_data, print_causes, print_json, report_data
from .shapes import ShapeType
from .source import loaded, shape_words, source_argument, source_options, stated, training_option

if TYPE_CHECKING:
    from ..network import InputShapes
    from ..problem import Problem
    from ..repairs.repair import Repair

__all__ = ["command"]


@click.command()
@source_argument
@source_options
@training_option
@click.option("--target", type=ShapeType(), help="The shape that the output should have, as for a loss.")
@click.option("--lock", "locked", multiple=True, metavar="LAYER[:weights]",
              help="A layer (or pattern, enc*) to leave alone; :weights keeps its kernel and channels.")  # fmt: skip
@click.option("--for-all", "ranges", multiple=True, metavar="AXIS=SIZES",
              help="Sizes for all of which it is to work: height=64..512.")  # fmt: skip
@click.option("-n", "--number", type=click.IntRange(1, 100), default=5, show_default=True,
              help="How many repairs to find at most, cheapest first.")  # fmt: skip
@click.option("--emit", type=click.Choice(["yaml", "json"]), help="Print the cheapest repaired network as a file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--diff", is_flag=True, help="Print the cheapest repair of the Python source as a unified diff.")
@click.option("--write", is_flag=True,
              help="Make the change that --diff prints, where it is in the Python file that SOURCE names.")  # fmt: skip
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=10.0, help="Seconds to search.")
@click.option("-q", "--quiet", is_flag=True, help="Print repairs only.")
def command(
    source: str,
    input_shape: InputShapes | None,
    arguments: str,
    target: tuple[int, ...] | None,
    locked: tuple[str, ...],
    ranges: tuple[str, ...],
    number: int,
    emit: str | None,
    as_json: bool,
    diff: bool,
    write: bool,
    timeout: float,
    quiet: bool,
) -> int:
    """Find the cheapest changes that make a network work, and what caused it to fail.

    SOURCE is a problem file (.yaml, .json or .toml; - reads YAML from standard input), a framework's file (.keras,
    .h5, .onnx, .pt2), or package.module:factory or file.py:Class, which is imported and called. Every repair has been
    checked again. Exits with 0 where nothing is wrong or a repair was found, with 1 where there is none among the
    edits that are tried, with 3 when the time ran out.
    """
    from ..diagnosis.diagnose import diagnose
    from ..files import dump
    from ..problem import Problem
    from ..repairs.repair import repair

    deadline = Deadline(timeout)
    problem = loaded(source, input_shape, arguments, deadline)
    for_all = _ranges(ranges) if ranges else None
    repairs = repair(problem, target=target, locked=locked, limit=number, for_all=for_all, timeout=deadline.left)
    causes = diagnose(problem, target=target)
    if diff or write:
        _patch(problem, repairs, source, input_shape, arguments, write)
    elif as_json:
        print_json({"causes": cause_data(causes), "repairs": [_data(r) for r in repairs]})
    elif emit and repairs:
        click.echo(dump(Problem(repairs[0].network), emit), nl=False)
    else:
        out = console()
        if not quiet:
            print_causes(out, causes)
        for line in _lines(repairs):
            out.print(line, markup=False)
        known = problem.network.known_up_to
        if repairs and known:
            out.print(f"each was verified up to {known}: what comes after is not known", markup=False)
        if repairs:
            given = [source, *(shape_words(input_shape) if input_shape is not None else ())]
            option, why = ("--diff", "as a change of the source") if ".py:" in source else ("--emit", "as a file")
            say_next("repair", *given, option, *(["yaml"] if option == "--emit" else []), why=why, quiet=quiet)
    wrong = bool(repairs or causes) or _breaks(problem, for_all)
    if not repairs and not as_json and not diff:
        click.echo("no repair was found among the edits that are tried" if wrong else "nothing is wrong")
    return 0 if repairs or not wrong else 1


def _ranges(texts: Sequence[str]) -> dict[str, str]:
    found = {axis.strip(): sizes for axis, sign, sizes in (t.partition("=") for t in texts) if sign}
    if len(found) < len(texts):
        raise click.UsageError("--for-all names each axis once, as height=64..512")
    return found


def _patch(
    problem: Problem,
    repairs: Sequence[Repair],
    source: str,
    input_shape: InputShapes | None,
    arguments: str,
    write: bool,
) -> None:
    """Print the first repair that can be made in a Python source as a diff, and make it in the one given, if asked to.

    It is first tried whether the program, so edited, does what the repair says.
    """
    from ..errors import NetworkError
    from ..repairs.tried_patches import first_that_does
    from ..sources import edited, named_by

    if not repairs:
        return

    def again(texts: Mapping[Path, str], own: bool) -> Problem:
        with edited(texts):
            return stated(source, None if own else input_shape, arguments)

    found = first_that_does(problem.network, repairs, again if named_by(source).attribute else None)
    if found.patch is None:
        raise NetworkError(found.reasons[0])
    for reason in found.reasons:
        click.echo(f"not written: {reason}", err=True)
    click.echo(found.patch.diff(), nl=False)
    if write:
        _allow(source, found.patch.after)
        found.patch.write()


def _allow(source: str, paths: Iterable[Path]) -> None:
    """Refuse to write any file but the Python file that the user has named.

    Where a layer comes from is what a network says of itself, and so may a stranger's file: it is no permission.
    """
    from ..errors import NetworkError
    from ..sources import named_by

    named = named_by(source)
    own = named.file if named.attribute else None
    for path in paths:
        if own is None or not own.exists() or not path.samefile(own):
            raise NetworkError(f"{path} is left as it is: --write changes only a file that is named, as {path}:Class")


def _breaks(problem: Problem, for_all: Mapping[str, str] | None) -> bool:
    """Whether a network that works as it is fails for some of the sizes asked about."""
    from ..repairs.size_ranges import only_these, read_ranges
    from ..sizes.counterexample import counterexample

    if for_all is None:
        return False
    sizes = only_these(read_ranges(for_all, problem.network), problem.network)
    return counterexample(problem, sizes) is not None


def _lines(repairs: Sequence[Repair]) -> list[str]:
    """Return what is said of repairs: the edits, and what they do to the output and the costs."""
    lines = []
    for i, found in enumerate(repairs, start=1):
        first, *others = map(str, found.edits)
        standing = "" if found.proven else "  (not proven cheapest of its kind)"
        lines.append(f"repair {i}: {first}{standing}")
        lines += [f"          {text}" for text in others]
        before, after = found.cost.output
        parts = [f"output {shape(after)}" + (f" instead of {shape(before)}" if before and before != after else "")]
        for name, (old, new) in (("params", found.cost.params), ("macs", found.cost.macs)):
            if new is not None:
                change = "" if old is None or old == new else f" ({new - old:+,})"
                parts.append(f"{name} {new:,}{change}")
        lines.append(f"          {', '.join(parts)}")
    return lines


def _data(found: Repair) -> dict[str, Any]:
    cost = found.cost
    return {
        "edits": [edit_data(e) for e in found.edits],
        "kinds": list(found.kinds),
        "cost": {"layers": cost.layers, "ranks": cost.ranks, "magnitude": cost.magnitude,
                 "params": list(cost.params), "macs": list(cost.macs), "output": list(cost.output)},
        "proven": found.proven,
        "network": report_data(found.report),
    }  # fmt: skip
