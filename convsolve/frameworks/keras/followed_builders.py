"""Functions that build a Keras network and raise: followed past the layers whose shapes do not work.

While the function runs, a layer that raises, and of which a rule says that it fails, answers with tensors of the sizes
that the rule believes in. So the network is known whole, as it is written, and its failures are found in it. What the
function itself handles goes on as it would.
"""

from __future__ import annotations

import copy
import functools
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import keras
from keras.src.backend.common import global_state
from keras.src.ops.node import Node
from keras.src.ops.operation import Operation

from ...errors import ConvsolveError
from ...support.caller_errors import pass_on
from ..common.recording.source_locations import place_of
from .believed_outputs import believed_outputs
from .builder_frames import asking_frame, handles_errors, program_frames
from .recording_setup import replaced
from .unfinished_models import tensors_in

__all__ = ["AskedSize", "Followed", "follow"]

_MOST_RUNS = 8
"""So many times a function is run at most, where it may handle some of the errors that layers raise."""

_REFUSALS = (ValueError, TypeError, RuntimeError, IndexError, ArithmeticError)
_NAMES = "object_name_uids"
"""Where Keras counts the names that it gives."""

_GUESS = "_convsolve_guess"
"""The attribute of a tensor whose size rests on that of a layer that fails: the name of that layer."""


@dataclass(frozen=True)
class AskedSize:
    """A size that the function itself asked of a tensor: an operation's call, its output, the axis of so many, where.

    ``guess`` names the layer that fails on whose believed size it rests, if one does.
    """

    operation: str
    call: int
    output: int
    axis: int
    rank: int
    size: int
    guess: str
    source: str


@dataclass(frozen=True)
class Followed:
    """What a function made, the layers that were followed past their failure, and the sizes that it asked for.

    ``handled`` says that it handled the error of a layer itself. ``again`` runs it with other shapes of its inputs, by
    name.
    """

    made: Any
    failed: Sequence[str]
    asked: Sequence[AskedSize]
    handled: bool
    again: Callable[[Mapping[str, Any]], Followed]


def follow(factory: Callable[[], Any]) -> Followed:
    """Run a function that builds a network, past the failures of layers, and return what it made.

    Raises:
        Exception: what the function raises where it cannot be followed.
    """
    return _followed(factory, copy.copy(global_state.get_global_attribute(_NAMES)), {})


def _again(factory: Callable[[], Any], names: Any, inputs: Mapping[str, Any]) -> Followed:
    """Run a function again, so that layers get the same names, and leave Keras as it is."""
    before = global_state.get_global_attribute(_NAMES)
    try:
        return _followed(factory, names, inputs)
    finally:
        global_state.set_global_attribute(_NAMES, before)


def _followed(factory: Callable[[], Any], names: Any, inputs: Mapping[str, Any]) -> Followed:
    """Run a function until all its failures are followed; its inputs have these shapes in place of their own."""
    escaped: set[int] = set()
    while True:
        global_state.set_global_attribute(_NAMES, copy.copy(names))
        following = _Following(escaped, inputs)
        try:
            with following.watching(), warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="(?s).*unbuilt state.*")  # of layers that fail
                made = factory()
        except _REFUSALS as error:
            number = following.number_of(error)
            if number is None or number in escaped or len(escaped) >= _MOST_RUNS:
                raise
            escaped.add(number)
            continue
        again = functools.partial(_again, factory, names)
        return Followed(made, following.failed, following.asked, bool(following.let_go), again)


class _Following:
    """One run of a function: the calls of layers that failed in it are counted, those that nothing handles followed.

    ``escaped`` are the numbers of failures that came out of the function when they were let go. ``depth`` says how
    many layers are being called, one inside of another, ``guess`` on which failure the outermost rests.
    """

    def __init__(self, escaped: set[int], inputs: Mapping[str, Any]) -> None:
        self.escaped, self.inputs = escaped, inputs
        self.count = 0
        self.failed: list[str] = []
        self.asked: list[AskedSize] = []
        self.let_go: dict[int, BaseException] = {}
        self.guess = ""

    def number_of(self, error: BaseException) -> int | None:
        """Return which of the failures that were let go an error is, or came from."""
        chain: list[BaseException] = []
        one: BaseException | None = error
        while one is not None and one not in chain:
            chain.append(one)
            one = one.__cause__ or one.__context__
        return next((number for number, raised in reversed(self.let_go.items()) if raised in chain), None)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """See calls of layers and operations, inputs as they are made, and what is asked about their shapes."""
        with ExitStack() as stack:
            for owner, name, wrapped in (
                (keras.layers.Layer, "__call__", self._called),
                (Operation, "symbolic_call", self._called),
                (keras.layers.InputLayer, "__init__", self._input_made),
            ):
                stack.enter_context(replaced(owner, name, _through(wrapped, getattr(owner, name))))
            shape = keras.KerasTensor.shape
            stack.enter_context(replaced(keras.KerasTensor, "shape", property(self._shape_asked, shape.fset)))
            yield

    def _input_made(self, make: Any, layer: Any, args: Any, kwargs: Any) -> None:
        make(layer, *args, **kwargs)
        shape = self.inputs.get(layer.name)
        if shape is not None and tuple(layer.batch_shape[1:]) != tuple(shape):
            layer._inbound_nodes.clear()
            make(layer, batch_shape=(layer.batch_shape[0], *shape), dtype=layer.dtype, name=layer.name)

    def _called(self, call: Any, layer: Any, args: Any, kwargs: Any) -> Any:
        tensors = list(tensors_in((args, kwargs)))
        outer = self.guess
        self.guess = outer or next((guess for t in tensors if (guess := getattr(t, _GUESS, ""))), "")
        built = getattr(layer, "built", True)
        try:
            outputs = call(layer, *args, **kwargs)
        except _REFUSALS as error:
            pass_on(error)
            outputs = self._instead(layer, args, kwargs, error) if tensors else None
            if outputs is None:
                raise
            self.guess = self.guess or layer.name
        finally:
            if self.guess and not built and getattr(layer, "_build_shapes_dict", None):
                layer._build_shapes_dict = None  # it was built for what is believed only
            guess, self.guess = self.guess, outer
        for tensor in tensors_in(outputs) if guess else ():
            setattr(tensor, _GUESS, guess)
        return outputs

    def _instead(self, layer: Any, args: Any, kwargs: Any, error: BaseException) -> Any:
        """Return what stands for the outputs of a call that failed, or None where the error is to go its way."""
        try:
            outputs = believed_outputs(layer, args, kwargs)
        except ConvsolveError:
            return None
        if outputs is None:
            return None
        self.count += 1
        if self.count not in self.escaped and any(map(handles_errors, program_frames(_followed.__code__))):
            self.let_go[self.count] = error
            return None
        Node(operation=layer, call_args=args, call_kwargs=kwargs, outputs=outputs)
        self.failed.append(layer.name)
        return outputs

    def _shape_asked(self, tensor: Any) -> Any:
        frame = asking_frame()
        if frame is None or not hasattr(tensor, "_keras_history"):
            return tensor._shape
        return _Shape.of(tensor, lambda axis: self._note(tensor, axis, frame))

    def _note(self, tensor: Any, axis: int, frame: FrameType) -> None:
        operation, call, output = tensor._keras_history
        size = tensor._shape[axis]
        if axis and isinstance(size, int) and operation is not None:
            guess = getattr(tensor, _GUESS, "")
            self.asked.append(
                AskedSize(operation.name, call, output, axis - 1, len(tensor._shape) - 1, size, guess, place_of(frame))
            )


class _Shape(tuple[Any, ...]):
    """A shape that tells which of its sizes are looked at."""

    _look: Callable[[int], None]

    @classmethod
    def of(cls, tensor: Any, look: Callable[[int], None]) -> _Shape:
        shape = cls(tensor._shape)
        shape._look = look
        return shape

    def __getitem__(self, index: Any) -> Any:
        for axis in range(len(self))[index] if isinstance(index, slice) else [range(len(self))[index]]:
            self._look(axis)
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[Any]:
        for axis in range(len(self)):
            self._look(axis)
            yield super().__getitem__(axis)

    def __eq__(self, other: object) -> bool:
        return tuple(self) == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(tuple(self))


def _through(wrapped: Any, original: Any) -> Any:
    """Return a method that lets another see its calls."""

    @functools.wraps(original)
    def method(own: Any, *args: Any, **kwargs: Any) -> Any:
        return wrapped(original, own, args, kwargs)

    method.__signature__ = inspect.signature(original)  # type: ignore[attr-defined] # Keras reads configs off it

    return method
