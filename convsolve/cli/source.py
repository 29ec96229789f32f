"""The SOURCE of a command: a problem file, a framework's file, or something that Python makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from .output import ShapeType

if TYPE_CHECKING:
    from ..network import InputShapes
    from ..problem import Problem

__all__ = ["loaded", "source_options"]


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say how its SOURCE is read: ``input_shape`` and ``arguments``."""
    kwargs = click.option("--kwargs", "arguments", metavar="JSON", default="{}",
                          help='Keyword arguments for a Python source: \'{"num_classes": 10}\'.')  # fmt: skip
    shape = click.option("--input", "input_shape", type=InputType(), multiple=True, metavar="[NAME=]SHAPE",
                         callback=_together, help="The input's shape without the batch: 3x224x224. Of several inputs, "
                         "give each: in order, or by name.")  # fmt: skip
    return shape(kwargs(command))


class InputType(ShapeType):
    """A shape on the command line, perhaps with the name of its input: ``mask=1x224x224``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        name, _, sizes = str(value).rpartition("=")
        return name, super().convert(sizes, param, ctx)


def _together(ctx: click.Context, param: click.Parameter, given: Sequence[tuple[str, tuple[int, ...]]]) -> Any:
    """Return what was given: nothing, one shape, a list of shapes, or shapes by name."""
    names = [name for name, _ in given if name]
    if not names:
        shapes = [shape for _, shape in given]
        return None if not shapes else shapes[0] if len(shapes) == 1 else shapes
    if len(names) < len(given) or len(set(names)) < len(names):
        wanted = "name every input once, like --input image=3x224x224 --input mask=1x224x224"
        raise click.BadParameter(wanted, ctx, param)
    return dict(given)


def loaded(source: str, input_shape: InputShapes | None, arguments: str) -> Problem:
    """Return the problem that a SOURCE names; an input shape replaces the one that it states."""
    import dataclasses

    from ..sources import load, read_arguments

    problem = load(source, input_shape=input_shape, arguments=read_arguments(arguments))
    if input_shape is None:
        return problem
    return dataclasses.replace(problem, network=problem.network.with_shapes(input_shape))
