"""``convsolve sizes``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..checks.text import shape
from ..synthesis.text import assignment_lines
from .deadline import Deadline
from .output import console, print_json
from .shapes import ShapeType
from .source import loaded, source_argument, source_options, training_option

if TYPE_CHECKING:
    from ..dims.sizeset import SizeSet
    from ..network import InputShapes
    from ..problem import Problem
    from ..sizes.valid_sizes import ValidSizes

__all__ = ["command", "set_data"]


_MOST_REASONS = 6
"""So many requirements that hold for no size are named."""


@click.command()
@source_argument
@source_options
@training_option
@click.option("--near", type=ShapeType(), help="Also the valid sizes nearest to these, such as 300x300.")
@click.option("--dims", is_flag=True, help="Also the declarations for torch.export and ONNX.")
@click.option("--no-proof", is_flag=True, help="Do not have z3 prove the answer.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=30.0, show_default=True,
              help="Seconds for the proof, or for the search where parameters are open.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("-q", "--quiet", is_flag=True, help="Print the valid sizes only.")
def command(
    source: str,
    input_shape: InputShapes | None,
    arguments: str,
    near: tuple[int, ...] | None,
    dims: bool,
    no_proof: bool,
    timeout: float,
    as_json: bool,
    quiet: bool,
) -> int:
    """Say which input sizes a network takes: all of them, in closed form, proven.

    SOURCE is a problem file (.yaml, .json or .toml; - reads YAML from standard input), a framework's file (.keras,
    .h5, .onnx, .pt2), or package.module:factory or file.py:Class, which is imported and called. Every spatial axis of
    the input is taken as open. Where parameters are open, too, it is the smallest input over all their values. Exits
    with 0 where some size is valid, 1 where none is, 3 where that is not known.
    """
    from ..sizes.valid_sizes import valid_sizes

    deadline = Deadline(timeout)
    problem = loaded(source, input_shape, arguments, deadline)
    network = problem.network
    if any(
        v.domain is not None and v.domain.size != 1 and name not in network.input_holes
        for name, v in network.holes.items()
    ):
        return _smallest(problem, deadline.left, as_json)
    sizes = valid_sizes(problem, training=problem.network.training, prove=not no_proof, timeout=deadline.left)
    data = _data(sizes, near)
    if as_json:
        print_json(data)
    elif quiet:
        click.echo(str(sizes))
    else:
        _show(sizes, data, dims)
    return 0 if sizes.region and not sizes.unresolved else 3 if not sizes.complete else 1


def _smallest(problem: Problem, timeout: float | None, as_json: bool) -> int:
    """Find the smallest input over all values of the open parameters."""
    from ..synthesis.smallest_input import smallest_input
    from ..synthesis.solve import Solution, Unknown

    found = smallest_input(problem, timeout=timeout)
    if isinstance(found, Unknown):
        text, data, status = f"not known: {found.reason}", {"status": "unknown", "reason": found.reason}, 3
    elif not isinstance(found, Solution):
        text, status = "no input is valid, whatever the values of the open parameters (proven)", 1
        data = {"status": "infeasible", "core": list(found.core)}  # type: ignore[dict-item]
    else:
        shapes = list(found.network.input_shapes.values())
        proven = found.goals[0].proven
        inner = {n: v for n, v in found.assignment.items() if "[" not in n or n.partition("[")[0] not in
                 {layer.name for layer in found.network.inputs}}  # fmt: skip
        standing = "proven" if proven else f"not proven: {found.reason}"
        lines = [f"smallest input over all values of the open parameters: {_shapes(shapes)} ({standing})"]
        text, status = "\n".join([*lines, *assignment_lines(inner)]), 0
        data = {"status": "solved", "smallest": shapes, "assignment": inner, "proven": proven}  # type: ignore[dict-item]
    if as_json:
        print_json(data)
    else:
        click.echo(text)
    return status


def _shapes(shapes: Sequence[Sequence[int]]) -> str:
    return ", ".join(map(shape, shapes))


def set_data(sizes: SizeSet) -> dict[str, Any]:
    """Return a set of sizes as plain data for JSON."""
    return {
        "text": str(sizes),
        "minimum": sizes.minimum,
        "threshold": sizes.threshold,
        "period": sizes.period,
        "residues": [[piece.start, piece.stop - 1] for piece in sizes.classes],
        "exceptions": [[piece.start, piece.stop - 1] for piece in sizes.below],
    }


def _data(sizes: ValidSizes, near: tuple[int, ...] | None) -> dict[str, Any]:
    """Return the answer as plain data for JSON, from which the text is made, too."""
    from ..sizes.export_constraints import onnx_dimensions, torch_dimensions

    axes = {axis: sizes[axis] for axis in sizes}
    smallest = None if sizes.unresolved else sizes.smallest()
    return {
        "axes": {axis: {
            **set_data(s),
            "minimum_set_by": [] if sizes.unresolved else [
                f"{f.layer}: {f.requirement}" if f.layer else f.requirement for f in sizes.limits(axis)],
            "period_set_by": sizes.period_set_by(axis),
            "torch_export": [{"text": d.text, "sizes": str(d.sizes)} for d in torch_dimensions(sizes, axis)],
            "onnx": [{"text": d.text, "sizes": str(d.sizes)} for d in onnx_dimensions(sizes, axis)],
        } for axis, s in axes.items()},
        "coupled": [{axis: set_data(part[i]) for axis, i in sizes.axes.items()} for part in sizes.region.parts]
        if sizes.coupled else [],
        "smallest": smallest,
        "near": _near(sizes, near) if near else None,
        "unresolved": list(sizes.unresolved),
        "never": list(sizes.never),
        "unknown": [str(~sizes.known)] if ~sizes.known else [],
        "proved": sizes.proved,
    }  # fmt: skip


def _near(sizes: ValidSizes, near: tuple[int, ...]) -> dict[str, Any]:
    from ..checks.check import check

    asked = sizes.pick(near)
    report = check(sizes.at(asked))
    each = {axis: asked[i] for axis, i in sizes.axes.items()}
    return {
        "asked": each,
        "valid": sizes.holds(asked),
        "failures": [{"layer": f.layer, "code": f.code, "message": f.message} for f in report.failures],
        "nearest": {} if sizes.coupled else
        {axis: sizes[axis].nearest(n) for axis, n in each.items()},
        "nearest_point": sizes.region.nearest(asked),
    }  # fmt: skip


def _show(sizes: ValidSizes, data: Mapping[str, Any], dims: bool) -> None:
    out = console()

    def say(text: str) -> None:
        out.print(text, markup=False)

    for line in str(sizes).splitlines():
        say(line)
    never = [] if sizes.region else data["never"]
    for text in never[:_MOST_REASONS]:
        say(f"  whatever the size, this does not hold: {text}")
    if len(never) > _MOST_REASONS:
        say(f"  and {len(never) - _MOST_REASONS} more, of layers behind these")
    if data["smallest"]:
        say(f"smallest input: {_shapes(data['smallest'])}")
    for what, key in (("minimum", "minimum_set_by"), ("period", "period_set_by")):
        by: dict[tuple[str, ...], list[str]] = {}
        for axis, found in data["axes"].items():
            by.setdefault(tuple(found[key]), []).append(axis)
        for causes, names in by.items():
            if causes:
                more = f", and {len(causes) - 4} more" if len(causes) > 4 else ""
                say(f"the {what} ({', '.join(names)}) is set by {'; '.join(causes[:4])}{more}")
    if data["near"]:
        _show_near(data["near"], say)
    if dims:
        for found in data["axes"].values():
            for exporter in ("torch_export", "onnx"):
                for dimension in found[exporter]:
                    say(f"{exporter.replace('_', '.')}: {dimension['text']}    # {dimension['sizes']}")
    where = "for all sizes" if not data["unknown"] else "where it is known"
    say(f"proven {where}" if sizes.proved else "derived, not proven by z3")


def _show_near(near: Mapping[str, Any], say: Any) -> None:
    asked = "x".join(map(str, near["asked"].values()))
    if near["valid"] is None:
        say(f"of {asked} nothing is known: the network was recorded at other sizes")
        return
    say(f"{asked} is {'valid' if near['valid'] else 'not valid'}")
    for failure in near["failures"]:
        say(f"  {failure['layer']}{': ' if failure['layer'] else ''}{failure['code']} {failure['message']}")
    if near["valid"]:
        return
    if near["nearest"]:
        for axis, found in near["nearest"].items():
            say(f"  nearest {axis}: {' and '.join(map(str, found)) or 'none'}")
    if near["nearest_point"]:
        say(f"  nearest: {'x'.join(map(str, near['nearest_point']))}")
