"""The SOURCE of a command: a problem file, a framework's file, or something that Python makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from .output import ShapeType

if TYPE_CHECKING:
    from ..problem import Problem

__all__ = ["loaded", "source_options"]


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say how its SOURCE is read: ``input_shape`` and ``arguments``."""
    kwargs = click.option("--kwargs", "arguments", metavar="JSON", default="{}",
                          help='Keyword arguments for a Python source: \'{"num_classes": 10}\'.')  # fmt: skip
    shape = click.option("--input", "input_shape", type=ShapeType(),
                         help="The input's shape without the batch: 3x224x224.")  # fmt: skip
    return shape(kwargs(command))


def loaded(source: str, input_shape: tuple[int, ...] | None, arguments: str) -> Problem:
    """Return the problem that a SOURCE names; an input shape replaces the one that it states."""
    import dataclasses

    from ..sources import load, read_arguments

    problem = load(source, input_shape=input_shape, arguments=read_arguments(arguments))
    if input_shape is None or len(problem.network.inputs) != 1:
        return problem
    return dataclasses.replace(problem, network=problem.network.with_input(input_shape))
