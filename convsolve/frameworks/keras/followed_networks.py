"""Networks of functions that build them with Keras: read from what they made, followed past the layers that fail."""

from __future__ import annotations

import dataclasses
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from contextvars import ContextVar
from io import StringIO
from typing import Any

from ...dims import Var, eq
from ...errors import ConvsolveError, UnreadableError
from ...network import Guard, InputShapes, Network
from ...network.trace import Trace, trace
from ...operators import axis_names
from ...operators.base import to_written
from ...support.caller_errors import pass_on
from .builder_frames import builder_of
from .followed_builders import AskedSize, Followed, follow
from .read_model import read_network

__all__ = ["FollowedModel", "built", "of_error"]


def built(factory: Callable[[], Any]) -> Any:
    """Run a function that builds a network, past layers that fail, and return what it made, or what reads it.

    Where it cannot be followed, that is the network as far as it is known.

    Raises:
        Exception: what the function raises where no layer of its network fails.
    """
    outside = sys.exception()
    try:
        followed = follow(factory)
    except Exception as error:  # the caller's own code
        pass_on(error, within=outside)
        known = _known_part(error)
        if known is None:
            raise
        return known
    return FollowedModel(followed) if followed.failed else followed.made


def _known_part(error: Exception) -> Network | None:
    """Return the network up to the layer that failed, None where it is not known or none failed."""
    try:
        network, _ = read_network(error, None, None)
    except ConvsolveError:
        return None
    return network if network.known_up_to else None


def of_error(error: BaseException, input_shape: Any, assume: Mapping[str, str] | None) -> Network | None:
    """Return the network of the function that built one when an error was raised, None where it cannot be run again.

    What it prints is not said again.
    """
    factory = builder_of(error)
    if factory is None or _RUNNING.get():
        return None
    outside, token = sys.exception(), _RUNNING.set(True)
    try:
        with redirect_stdout(StringIO()), warnings.catch_warnings(action="ignore"):
            made = built(factory)
            return made.network(input_shape, assume) if isinstance(made, FollowedModel) else None
    except Exception as problem:  # the caller's own code, and what it raised is known already
        pass_on(problem, within=outside)
        return None
    finally:
        _RUNNING.reset(token)


_RUNNING: ContextVar[bool] = ContextVar("_RUNNING", default=False)
"""Whether a function is run again: what asks for that in it is not, or it would have no end."""


class FollowedModel:
    """What a function made in which layers fail; ``network`` reads it."""

    def __init__(self, followed: Followed) -> None:
        self.followed = followed

    def network(self, input_shape: InputShapes | None = None, assume: Mapping[str, str] | None = None) -> Network:
        """Return the network; what the function did by its sizes is among its guards, and it can be run again."""
        network, tensors = read_network(self.followed.made, None, assume)
        guards = tuple(self._guards(trace(network), tensors))
        if not guards:
            return network if input_shape is None else read_network(self.followed.made, input_shape, assume)[0]

        def record(*given: Any) -> Network:
            shapes = network.with_shapes(given[0] if len(given) == 1 else given).input_shapes
            outside = sys.exception()
            try:
                return FollowedModel(self.followed.again(shapes)).network(None, assume)
            except ConvsolveError:
                raise
            except Exception as error:  # the caller's own code
                pass_on(error, within=outside)
                raise UnreadableError(f"the network cannot be built at this size: {error}") from error

        found = dataclasses.replace(network, guards=guards, record=record)
        return found if input_shape is None else record(input_shape)

    def _guards(self, traced: Trace, tensors: Mapping[str, tuple[str, ...]] | None) -> Iterator[Guard]:
        """Yield what must hold for the function to do the same again, as far as it looked at sizes."""
        network, whole = traced.network, self.followed.handled
        for asked in dict.fromkeys(self.followed.asked):
            name = _dimension(asked, network, tensors or {})
            if name is None:
                whole = True
            elif asked.guess:
                fails = _failing_part(traced, asked.guess)
                yield Guard(eq(Var(name, interval=(1, None)), asked.size), asked.source, fails, fails)
            elif not _is_constant(traced, name):
                yield Guard(eq(Var(name, interval=(1, None)), asked.size), asked.source)
        for layer in network.inputs if whole else ():
            shape = layer.operator.shape  # type: ignore[attr-defined]
            for axis, size in zip(to_written(network.data_format, axis_names(len(shape))), shape, strict=True):
                if isinstance(size, int):
                    yield Guard(eq(Var(f"{layer.name}.{axis}", interval=(1, None)), size), "built at this size")


def _dimension(asked: AskedSize, network: Network, tensors: Mapping[str, tuple[str, ...]]) -> str | None:
    """Return the name of a size that was asked for, None where it cannot be told which it is."""
    path = asked.operation if not asked.call else f"{asked.operation}:{asked.call + 1}"
    made = tensors.get(path, ())
    if asked.output >= len(made):
        return None
    return f"{made[asked.output]}.{to_written(network.data_format, axis_names(asked.rank))[asked.axis]}"


def _failing_part(traced: Trace, operation: str) -> str:
    """Return the layer that fails of those as which an operation was read."""
    parts = [layer.name for layer in traced.network.ordered if layer.name.split("/")[0].split(".")[0] == operation]
    required = {r.layer for r in traced.requirements if r.rule.decides}
    return next((name for name in parts if name in required), parts[0] if parts else "")


def _is_constant(traced: Trace, name: str) -> bool:
    """Return whether a size is the same whatever the input's are."""
    values = {definition.name: definition.value for definition in traced.definitions}
    inputs = {layer.name for layer in traced.network.inputs}
    while name in values and name.rpartition(".")[0] not in inputs:
        value = values[name]
        if not isinstance(value, Var):
            return isinstance(value, int)
        name = value.name
    return False
