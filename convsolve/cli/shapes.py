"""Shapes on the command line: how they may be written, and what is made of one with another number of axes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..network import InputShapes
    from ..problem import Problem

__all__ = ["ShapeType", "with_the_axes_that_fit"]

_BETWEEN = re.compile(r"\s*[x×,*]\s*|\s+")
_BRACKETS = {"(": ")", "[": "]"}
_LARGEST = 2**40
_CHANNELS = (3, 1)
"""What pictures without their channels are tried with."""

_AXES = ("CS022", "CS031")
"""Findings that speak of a wrong number of axes, or may."""


class ShapeType(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A shape on the command line: ``3x224x224``, ``3,224,224``, ``(3, 224, 224)`` or ``3×224×224``."""

    name = "shape"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        text = str(value).strip().lower()
        if text and text[-1] == _BRACKETS.get(text[0]):
            text = text[1:-1].strip().removesuffix(",")
        parts = _BETWEEN.split(text)
        if not all(part.isdecimal() and len(part) < 20 for part in parts):
            self.fail(f"{value!r} is not a shape: write it like 3x224x224 or 3,224,224", param, ctx)
        sizes = tuple(int(part) for part in parts)
        if any(n < 1 or n > _LARGEST for n in sizes):
            self.fail(f"{value!r} is not a shape: every size must be at least 1 (and no larger than 2^40)", param, ctx)
        return sizes


def with_the_axes_that_fit(
    given: InputShapes, load: Callable[[InputShapes | None], Problem]
) -> tuple[Problem, InputShapes]:
    """Return a problem for the shape that it is given, or for that shape without its batch axis of 1.

    A batch axis goes, with a note, only where the network cannot take so many axes, and can take one less.

    Raises:
        ConvsolveError: it cannot be loaded with the shape that is given, which may lack the axis of its channels.
    """
    from ..errors import ConvsolveError, NetworkError

    shape = given if isinstance(given, tuple) else ()
    first = None
    try:
        problem = load(given)
        if len(shape) < 2 or not _wrong_axes(problem, shape):
            return problem, given
    except ConvsolveError as error:
        first, problem = error, None
    if len(shape) > 2 and shape[0] == 1 and (found := _fitting(shape[1:], load)):
        click.echo(f"note: {_text(shape)} is read as {_text(shape[1:])}: shapes leave out the batch axis", err=True)
        return found, shape[1:]
    wholes = _with_channels(shape, load) if len(shape) == 2 else []
    fitting = [(whole, fits) for whole in wholes if (fits := _fitting(whole, load)) is not None]
    if fitting:  # one that works before one that only has as many axes
        whole = next((whole for whole, fits in fitting if _works(fits, whole)), fitting[0][0])
        raise NetworkError(f"{_text(shape)} leaves out the channels: give them, too, like --input {_text(whole)}")
    if problem is None:
        assert first is not None
        raise first
    return problem, given


def _with_channels(shape: tuple[int, ...], load: Callable[[InputShapes | None], Problem]) -> list[tuple[int, ...]]:
    """Return what a shape may be with its channels: with those that the network states, or else with the usual ones."""
    from ..errors import ConvsolveError

    try:
        network = load(None).network
        stated = list(network.input_shapes.values())
    except ConvsolveError:
        stated = []
    if len(stated) == 1 and len(stated[0]) == len(shape) + 1:
        last = network.data_format == "channels_last"
        return [(*shape, stated[0][-1])] if last else [(stated[0][0], *shape)]
    return [(channels, *shape) for channels in _CHANNELS] + [(*shape, channels) for channels in _CHANNELS]


def _fitting(shape: tuple[int, ...], load: Callable[[InputShapes | None], Problem]) -> Problem | None:
    from ..errors import ConvsolveError

    try:
        problem = load(shape)
        return None if _wrong_axes(problem, shape) else problem
    except ConvsolveError:
        return None


def _wrong_axes(problem: Problem, shape: tuple[int, ...]) -> bool:
    """Whether a network cannot take so many axes, as far as a check tells."""
    from ..checks.check import check

    network = problem.network.with_shapes(shape)
    if network.holes:
        return False
    return any(failure.code in _AXES for failure in check(network).failures[:1])


def _works(problem: Problem, shape: tuple[int, ...]) -> bool:
    from ..checks.check import check

    network = problem.network.with_shapes(shape)
    return not network.holes and check(network).ok


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
