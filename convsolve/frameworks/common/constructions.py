"""Seeing where a program makes its layers: constructors of frameworks are watched while it runs."""

from __future__ import annotations

import functools
import inspect
import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from ...network import Network
from ...network.constructions import Construction, ProgramCall
from .recording.source_locations import is_program

__all__ = ["Constructions", "watching_constructors"]

_MOST_CALLS = 12
_MOST_VALUES = 200
_COMPREHENSIONS = ("<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>")


@dataclass
class Constructions:
    """What was made while constructors were watched, each thing with how."""

    made: dict[int, tuple[Any, Construction]] = field(default_factory=dict)

    def of(self, network: Any) -> dict[str, Construction]:
        """Return how the parts of a module or model were made, by the names that layers of them have.

        Of a network that was read without one, what has a name of its own has it there.
        """
        if isinstance(network, Network):
            return {str(thing.name): made for thing, made in self.made.values() if hasattr(thing, "name")}
        return {name: self.made[id(thing)][1] for name, thing in _parts(network) if id(thing) in self.made}


def _parts(network: Any) -> Iterator[tuple[str, Any]]:
    """Yield the modules of PyTorch in a module, or the layers of Keras in a model, with their names."""
    if hasattr(network, "followed"):
        network = network.followed.made
    if not any(kind.__module__.partition(".")[0] == "keras" for kind in type(network).__mro__):
        yield from network.named_modules() if hasattr(network, "named_modules") else ()
        return
    stack = [("", network)]
    while stack:
        prefix, outer = stack.pop()
        for layer in getattr(outer, "_layers", ()):
            name = f"{prefix}{layer.name}"
            yield name, layer
            stack.append((f"{name}/", layer))


@contextmanager
def watching_constructors() -> Iterator[Constructions]:
    """See the constructors of PyTorch's modules and Keras's layers, as far as these are loaded."""
    seen = Constructions()
    replaced = []
    for package, path in (("torch", "nn.Module"), ("keras", "layers.Layer")):
        kind: Any = sys.modules.get(package)
        for part in path.split("."):
            kind = getattr(kind, part, None)
        if kind is not None:
            replaced.append((kind, kind.__init__))
            kind.__init__ = _watched(kind.__init__, seen)
    try:
        yield seen
    finally:
        for kind, original in replaced:
            kind.__init__ = original


def _watched(original: Any, seen: Constructions) -> Any:
    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        if id(self) not in seen.made:
            calls = tuple(_calls(sys._getframe(1), self))
            if calls:
                seen.made[id(self)] = self, Construction(type(self).__name__, _parameters(type(self)), calls)  # type: ignore[arg-type]
        original(self, *args, **kwargs)

    init.__signature__ = inspect.signature(original)  # type: ignore[attr-defined] # Keras reads it
    return init


@functools.cache
def _parameters(kind: Any) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(kind).parameters)
    except (TypeError, ValueError):
        return ()


def _calls(frame: FrameType | None, made: Any) -> Iterator[ProgramCall]:
    """Yield the call of a constructor in the program, and those of the functions around it."""
    count, inner = 0, None
    while frame is not None and count < _MOST_CALLS and not _is_caller(frame):
        own = frame.f_code.co_varnames[:1]
        constructs = frame.f_code.co_name == "__init__" and own and frame.f_locals.get(own[0]) is made
        if is_program(frame.f_code) and not constructs:
            here = _call(frame, inner)
            if frame.f_code.co_name in _COMPREHENSIONS:
                inner = inner or here  # it stands in the function that comes next
            elif here is not None:
                inner = None
                count += 1
                yield here
        frame = frame.f_back


def _is_caller(frame: FrameType) -> bool:
    """Return whether a frame is that of whoever runs the program for us."""
    package, _, room = str(frame.f_globals.get("__name__", "")).partition(".")
    return package == __name__.partition(".")[0] and not room.startswith("frameworks.")


def _call(frame: FrameType, inner: ProgramCall | None) -> ProgramCall | None:
    line, end_line, column, end_column = next(
        itertools.islice(frame.f_code.co_positions(), frame.f_lasti // 2, None), (None,) * 4
    )
    if line is None or end_line is None or column is None or end_column is None:
        return inner
    values = {n: v for n, v in itertools.islice(frame.f_locals.items(), _MOST_VALUES) if type(v) is int}
    if inner is not None:
        return ProgramCall(inner.path, inner.start, inner.end, {**values, **inner.values})
    return ProgramCall(frame.f_code.co_filename, (line, column), (end_line, end_column), values)
