"""The SOURCE of a command: a problem file, a framework's file, or something that Python makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..checks.text import shape
from .deadline import Deadline
from .shapes import ShapeType, with_the_axes_that_fit

if TYPE_CHECKING:
    from ..network import InputShapes
    from ..problem import Problem

__all__ = [
    "assumed_words", "complete_source", "found", "loaded", "shape_words", "source_argument", "source_options",
    "stated", "training_option", "what_if_options",
]  # fmt: skip


def complete_source(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """Return what a shell may complete a SOURCE to: folders, files that are read, and the classes of Python files."""
    from pathlib import Path

    from click.shell_completion import CompletionItem

    from ..sources import FILE_ENDINGS, defined_in

    head, colon, _ = incomplete.partition(".py:")
    if colon:
        return [CompletionItem(f"{head}.py:{name}") for name in defined_in(f"{head}.py")
                if f"{head}.py:{name}".startswith(incomplete)]  # fmt: skip
    folder = incomplete[: incomplete.rfind("/") + 1]
    try:
        entries = sorted(Path(folder or ".").iterdir())
    except OSError:
        return []
    found = []
    for entry in entries:
        name = folder + entry.name
        if not name.startswith(incomplete) or (entry.name.startswith(".") and not incomplete[len(folder) :]):
            continue
        if entry.is_dir():
            found.append(f"{name}/")
        elif entry.suffix == ".py":
            found += [f"{name}:{one}" for one in defined_in(name)]
        elif entry.name.lower().endswith(FILE_ENDINGS):
            found.append(name)
    return [CompletionItem(name) for name in found]


source_argument = click.argument("source", shell_complete=complete_source)
"""The SOURCE of a command."""


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say how its SOURCE is read: ``input_shape`` and ``arguments``.

    What is assumed of it is kept with the command that runs, for :func:`loaded`.
    """
    kwargs = click.option("--kwargs", "arguments", metavar="JSON", default="{}",
                          help='Keyword arguments for a Python source: \'{"num_classes": 10}\'.')  # fmt: skip
    shapes = click.option("--input", "input_shape", type=InputType(), multiple=True, metavar="[NAME=]SHAPE",
                         callback=_together, help="The input's shape without the batch: 3x224x224. Of several inputs, "
                         "give each: in order, or by name.")  # fmt: skip
    assume = click.option("--assume", "assume", multiple=True, metavar="LAYER=identity", expose_value=False,
                          callback=_kept, help="Take for granted that Keras's Lambda layers, whose code is not run, "
                          "keep the shape: lambda=identity for all of them, or the name of one.")  # fmt: skip
    return shapes(kwargs(assume(command)))


class InputType(ShapeType):
    """A shape on the command line, perhaps with the name of its input: ``mask=1x224x224``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        name, _, sizes = str(value).rpartition("=")
        return name, super().convert(sizes, param, ctx)


_ASSUMED = "convsolve.assumed"


def _kept(ctx: click.Context, param: click.Parameter, given: Sequence[str]) -> None:
    """Keep what is assumed of the layers of the source."""
    pairs = [text.partition("=") for text in given]
    if not all(name and word for name, _, word in pairs):
        raise click.BadParameter("write what is assumed like lambda=identity", ctx, param)
    ctx.meta[_ASSUMED] = {name: word for name, _, word in pairs}


def assumed_words() -> list[str]:
    """Return the words of a command line that assume the same of a source as the command that runs."""
    assumed = click.get_current_context().meta.get(_ASSUMED) or {}
    return [word for name, what in assumed.items() for word in ("--assume", f"{name}={what}")]


def _together(ctx: click.Context, param: click.Parameter, given: Sequence[tuple[str, tuple[int, ...]]]) -> Any:
    """Return what was given: nothing, one shape, a list of shapes, or shapes by name."""
    names = [name for name, _ in given if name]
    if not names:
        shapes = [sizes for _, sizes in given]
        return None if not shapes else shapes[0] if len(shapes) == 1 else shapes
    if len(names) < len(given) or len(set(names)) < len(names):
        wanted = "name every input once, like --input image=3x224x224 --input mask=1x224x224"
        raise click.BadParameter(wanted, ctx, param)
    return dict(given)


def shape_words(given: InputShapes) -> list[str]:
    """Return the words of a command line that give these shapes.

    >>> shape_words({"image": (3, 32, 32)}), shape_words((3, 8, 8))
    (['--input', 'image=3x32x32'], ['--input', '3x8x8'])
    """
    if isinstance(given, Mapping):
        shown = [f"{name}={shape(tuple(sizes))}" for name, sizes in given.items()]
    else:
        several = list(given)
        alone = bool(several) and isinstance(several[0], int)
        shown = [shape(tuple(sizes)) for sizes in ([several] if alone else several)]  # type: ignore[arg-type]
    return [word for words in shown for word in ("--input", words)]


_ENOUGH = 1.0
"""Seconds in which most files are read."""


def loaded(source: str, input_shape: InputShapes | None, arguments: str, deadline: Deadline | None = None) -> Problem:
    """Return the problem that a SOURCE names; an input shape replaces the one that it states.

    A file has to be read a second after the ``deadline`` at the latest: without it there is no answer at all. What
    Python makes may take its time: to stop in the middle of an import would tell nobody anything.

    Raises:
        UndecidedError: the file could not be read in time.
    """
    import dataclasses

    from ..sources import named_by

    limited = deadline if deadline is not None and not named_by(source).attribute else Deadline(None)
    with limited.later(_ENOUGH)():
        problem, input_shape = found(source, input_shape, arguments)
    if input_shape is None:
        return problem
    return dataclasses.replace(problem, network=problem.network.with_shapes(input_shape))


def stated(source: str, input_shape: InputShapes | None, arguments: str) -> Problem:
    """Return the problem that a SOURCE states, without what the command line asks besides."""
    from ..sources import load, read_arguments

    meta = click.get_current_context().meta
    training = bool(meta.get("convsolve.training"))
    return load(source, input_shape=input_shape, arguments=read_arguments(arguments), assume=meta.get(_ASSUMED),
                training=training)  # fmt: skip


def what_if_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command options that ask more, or something else, of its problem than the file says.

    They are kept with the command that runs, for :func:`loaded`.
    """
    for name, shown, said in (
        ("--maximize", "EXPRESSION", "Make this as large as possible, in place of what the problem says."),
        ("--minimize", "EXPRESSION", "Make this as small as possible, in place of what the problem says."),
        ("--require", "CONDITION", "Require this, too: 'output.height == 14'."),
        ("--set", "HOLE=VALUE", "Give an open parameter its value."),
        ("--open", "LAYER.PARAMETER=DOMAIN", "Leave parameters open, of a network that is finished, too: "
         "'layer3.*.stride=1|2', 'conv1.padding=any'."),
    ):  # fmt: skip
        kept: dict[str, Any] = {"expose_value": False, "callback": _keep}
        command = click.option(name, multiple=True, metavar=shown, help=said, **kept)(command)
    command = click.option("--latency", metavar="TABLE", expose_value=False, callback=_keep,
                           help="Measured times (.csv, .yaml, .json), for the cost latency.")(command)  # fmt: skip
    return click.option("--sensible", is_flag=True, expose_value=False, callback=_keep,
                        help="Forbid what `convsolve lint` warns of.")(command)  # fmt: skip


training_option = click.option(
    "--training", is_flag=True, expose_value=False, callback=lambda ctx, param, given: _keep(ctx, param, given),
    help="As in training: its branches, and what only it requires (of modules, with a batch of 2).")  # fmt: skip
"""The option of commands that look at a network in training."""


def _keep(ctx: click.Context, param: click.Parameter, given: Any) -> None:
    ctx.meta[f"convsolve.{param.name}"] = given


def _asked(problem: Problem) -> Problem:
    """Return a problem with what the command line asks besides."""
    import dataclasses

    from ..files.latency_tables import latency_table
    from ..lints import SENSIBLE
    from ..synthesis.open_parameters import opened, with_demands

    meta = click.get_current_context().meta
    opening, setting, require, minimize, maximize = (
        meta.get(f"convsolve.{name}", ()) for name in ("open", "set", "require", "minimize", "maximize")
    )
    if opening:
        problem = opened(problem, dict(_pair(text, "--open", "'conv1.stride=1|2'") for text in opening))
    if setting:
        values = {name: _number(value) for name, value in (_pair(t, "--set", "conv1.stride=2") for t in setting)}
        problem = dataclasses.replace(problem, network=problem.network.assign(values))
    if table := meta.get("convsolve.latency"):
        problem = dataclasses.replace(
            problem, network=dataclasses.replace(problem.network, latency=latency_table(table))
        )
    if meta.get("convsolve.sensible"):
        problem = dataclasses.replace(problem, sensible=SENSIBLE)
    return with_demands(problem, require, minimize, maximize)


def _pair(text: str, option: str, example: str) -> tuple[str, str]:
    name, sign, value = text.rpartition("=")
    if not sign or not name.strip() or not value.strip():
        raise click.UsageError(f"{option} is written like {option} {example}, got {text!r}")
    return name.strip(), value.strip()


def _number(text: str) -> int:
    if not text.removeprefix("-").isdecimal() or len(text) > 20:
        raise click.UsageError(f"--set gives a hole an integer, got {text!r}")
    return int(text)


def found(source: str, input_shape: InputShapes | None, arguments: str) -> tuple[Problem, InputShapes | None]:
    """Return the problem that a SOURCE names, as it states its input, and the shape to ask about."""

    def load_for(shapes: InputShapes | None) -> Problem:
        return _asked(stated(source, shapes, arguments))

    if input_shape is None or source == "-":  # which can be read once
        return load_for(input_shape), input_shape
    return with_the_axes_that_fit(input_shape, load_for)
