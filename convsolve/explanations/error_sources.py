"""What there is to explain: the text of an error, and whatever a live exception carries beside its text."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ConvsolveError
from ..frameworks.torch.traceback_modules import FailedCall, failed_call
from ..messages.text import LONGEST
from ..network import Network
from ..problem import Problem
from ..support.caller_errors import pass_on

__all__ = ["Material", "material", "text_of"]

_MOST_EXCEPTIONS = 30


@dataclass(frozen=True)
class Material:
    """Beside the text: the network if there is one, the shape of its input, and the live layer that raised."""

    network: Network | Problem | None = None
    input_shape: Any = None
    layer: FailedCall | None = None
    notes: tuple[str, ...] = ()


def material(error_or_text: Any, network: Any = None, input_shape: Any = None, *, live: bool = True) -> Material:
    """Return what is known of an error beside its text. Never raises: what cannot be had is said in a note.

    With ``live=False`` an exception's traceback is not looked through: its text is about something else.
    """
    notes: list[str] = []
    shape: Any = None
    if input_shape is not None:
        try:
            shape = _shape(input_shape)
        except (TypeError, ValueError):
            notes.append(f"{_short(input_shape)} is not a shape")
    call = None
    if live and isinstance(error_or_text, BaseException):
        for error in _chain(error_or_text):
            try:
                call = call or failed_call(error)
            except Exception as problem:  # modules are programs of strangers
                pass_on(problem, within=error)
                notes.append(f"the traceback could not be looked through: {_short(problem)}")
    source: Any = network
    if source is None and call is not None and not _being_built(call):
        source = call.module
        if shape is None and len(call.shapes) == 1:
            shape = call.shapes[0]
    if source is None and live and isinstance(error_or_text, BaseException) and _keras_is_loaded():
        source = error_or_text
    found = _network(source, shape, notes, asked=network is not None)
    return Material(found, shape, call, tuple(notes))


def _shape(given: Any) -> Any:
    """Return a shape, or several, or some by name, with whole numbers alone."""
    if isinstance(given, Mapping):
        return {str(name): _shape(shape) for name, shape in given.items()}
    listed = list(given)
    if listed and all(isinstance(n, (list, tuple)) for n in listed):
        return [_shape(shape) for shape in listed]
    return tuple(int(n) for n in listed)


def text_of(value: Any) -> str:
    """Return the text of whatever was given: of an exception with its chain, as Python prints it.

    >>> text_of(b"Output size is too small"), text_of(None)
    ('Output size is too small', '')
    """
    if value is None:
        return ""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value[-LONGEST:]).decode("utf-8", errors="replace")
    if isinstance(value, BaseException):
        try:
            return "".join(traceback.format_exception(value))
        except Exception:  # an exception may have a text that cannot be had
            return "\n".join(_own_text(error) for error in reversed(_chain(value)))
    return _own_text(value)


def _own_text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # __str__ is a program of strangers
        return ""


def _short(value: Any) -> str:
    lines = _own_text(value).strip().splitlines()
    return lines[0][:200] if lines else type(value).__name__


def _chain(error: BaseException) -> list[BaseException]:
    """Return an exception and those that it came from, the outermost first."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting and len(found) < _MOST_EXCEPTIONS:
        one = waiting.pop(0)
        if one is not None and not any(one is seen for seen in found):
            found.append(one)
            waiting += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
    return found


def _keras_is_loaded() -> bool:
    return "keras" in sys.modules or "tf_keras" in sys.modules


def _being_built(call: FailedCall) -> bool:
    """Return whether a module is a layer of Keras that was called while a network was built: it was given no data."""
    return not call.shapes and any(kind.__module__.partition(".")[0] == "keras" for kind in type(call.module).__mro__)


def _network(source: Any, shape: Any, notes: list[str], asked: bool) -> Network | Problem | None:
    """Read a network out of what was given or found; ``asked`` says that it was given."""
    if source is None or isinstance(source, (Network, Problem)):
        return source
    kinds = {kind.__module__.partition(".")[0] for kind in type(source).__mro__}
    outside = sys.exception()
    try:
        if isinstance(source, BaseException) or kinds & {"keras", "tf_keras"}:
            from ..frameworks.keras.read_model import from_keras, read_network

            if isinstance(source, BaseException) and not asked:  # what a program has done is not done again unasked
                return read_network(source, shape, None)[0]
            return from_keras(source, input_shape=shape)
        if "torch" in kinds:
            if shape is not None:
                from ..frameworks.torch import from_torch

                return from_torch(source, shape)
            if asked:
                notes.append("the shape of the network's input is needed to read a PyTorch module: give input_shape")
            return None
    except ConvsolveError as error:
        if asked or not isinstance(source, BaseException):
            notes.append(f"the network could not be read: {_short(error)}")
        return None
    except Exception as error:  # reading runs the code of strangers
        pass_on(error, within=outside)
        notes.append(f"the network could not be read: {type(error).__name__}: {_short(error)}")
        return None
    notes.append(f"a {type(source).__name__} is no network that can be read")
    return None
