"""``convsolve diff``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..checks.text import shape
from .deadline import Deadline, timeout_option
from .output import console, print_json
from .sizes import set_data
from .source import loaded, source_options

if TYPE_CHECKING:
    from ..network import InputShapes

__all__ = ["command"]


@click.command()
@click.argument("first")
@click.argument("second")
@source_options
@timeout_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing where they are the same.")
def command(
    first: str,
    second: str,
    input_shape: InputShapes | None,
    arguments: str,
    timeout: float | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Compare two networks: which input sizes does only one of them take, and where do the outputs differ?

    FIRST and SECOND are problem files (.yaml, .json or .toml), frameworks' files (.keras, .h5, .onnx, .pt2), or
    package.module:factory or file.py:Class, which are imported and called. Exits with 0 where both take the same
    sizes and give outputs of the same shapes, with 1 where not, with 3 where that is not known.
    """
    from ..errors import UndecidedError
    from ..sizes.compare import compare

    try:
        with Deadline(timeout)():
            found = compare(*(loaded(source, input_shape, arguments) for source in (first, second)))
    except UndecidedError as error:
        if as_json:
            print_json({"status": "unknown", "reason": str(error)})
        else:
            click.echo(f"not known: {error}")
        return 3
    sets = {"lost": found.lost, "gained": found.gained, "changed": found.changed}
    if as_json:
        print_json({
            "status": "same" if found.same else "different",
            **{name: [dict(zip(boxes.axes, map(set_data, part), strict=True)) for part in boxes.parts]
               for name, boxes in sets.items()},
            "example": found.example and {"sizes": found.example[0], "outputs": found.example[1:]},
        })  # fmt: skip
        return 0 if found.same else 1
    out = console()
    words = {
        "lost": f"only {first} takes", "gained": f"only {second} takes", "changed": "both take, with other outputs,",
    }  # fmt: skip
    for name, boxes in sets.items():
        if boxes:
            out.print(f"{words[name]} {boxes}", markup=False)
    if found.example:
        sizes, one, two = found.example
        outputs = f"{shape(one)} in {first} and {shape(two)} in {second}"
        out.print(f"at {shape(sizes)}, the output is {outputs}", markup=False)
    if found.same and not quiet:
        out.print("both take the same sizes, and give outputs of the same shapes", markup=False)
    return 0 if found.same else 1
