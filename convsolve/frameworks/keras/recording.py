"""Reading a Keras model or layer that is a program: its own ``call`` is run once without data, and recorded."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras.src.backend.common import variables

from ...errors import UnreadableError
from ...network import Network
from ...operators.base import DataFormat
from ..common.recording.second_runs import SeenLayers
from ..torch.recorded_programs import Inputs, RecordedProgram, Run, Shapes
from .config_sources import is_program
from .known_layers import layers_in, layers_under
from .recorder import KerasRecorder
from .recording_setup import set_for_recording
from .restored_model import untouched

__all__ = ["recorded"]


def recorded(model: Any, input_shape: Any = None) -> Network:
    """Record a Keras model or layer as a network.

    A layer that has no weights yet is built anew for every size, one that has them is not.

    Args:
        model: the model or layer; it is as before afterwards.
        input_shape: the input's shape without the batch axis, a list of shapes, or a mapping from names of arguments
            (or keys of the one argument) to shapes; by default what the model was built with.

    Raises:
        UnreadableError: the shape is not known, or the program cannot be recorded.
    """
    inputs = _TakenInputs.by(model, input_shape)
    program = _Model(model, inputs)

    def record(*shapes: tuple[int, ...]) -> Network:
        return dataclasses.replace(program.network(shapes), record=record)

    return record(*inputs.shapes)


@dataclass(frozen=True)
class _TakenInputs(Inputs):
    """Inputs as a model takes them: as arguments of their own, or ``together`` in a list or mapping."""

    @classmethod
    def by(cls, model: Any, given: Any) -> _TakenInputs:
        """Return how a model takes inputs of given shapes, or of those that it states."""
        stated = {} if is_program(model) else _entries(model)
        if given is None:
            given = _sample(list(stated.values()) or _built_shape(model))
        if given is None:
            raise UnreadableError(
                f"{type(model).__name__} does not say which input it takes: give its shape without the batch axis, "
                f"like input_shape=(224, 224, 3), on the command line --input 224x224x3"
            )
        wanted, possible = _arguments(model)
        if isinstance(given, Mapping):
            apart = all(name in possible for name in given)
            if stated and not apart:  # a functional model takes them all
                given = {**{name: _sample(shape) or () for name, shape in stated.items()}, **given}
            found = Inputs.of(given, possible if apart else tuple(stated) or tuple(given))
            return cls(found.names, found.shapes, found.named, not apart)
        found = Inputs.of(given, tuple(stated) or wanted)
        together = len(found.shapes) > max(len(wanted), 1)
        if together and not stated:
            found = Inputs.of(given, ())
        name = tuple(stated) if len(found.shapes) == len(stated) == 1 else found.names
        return cls(name, found.shapes, together=together)


def _arguments(model: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the arguments that a model's call needs, and of those that it takes."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    taken = [p for p in inspect.signature(model.call).parameters.values()
             if p.kind in kinds and p.name not in ("training", "mask")]  # fmt: skip
    return tuple(p.name for p in taken if p.default is p.empty), tuple(p.name for p in taken)


def _entries(model: Any) -> dict[str, Any]:
    """Return the inputs of a ``Sequential`` or functional model by name, with their shapes."""
    try:
        return {tensor._keras_history.operation.name: tensor.shape for tensor in model.inputs}
    except AttributeError:  # it is not built
        entries = [layer for layer in layers_in(model) if isinstance(layer, keras.layers.InputLayer)]
        return {layer.name: layer.batch_shape for layer in entries}


def _built_shape(model: Any) -> Any:
    """Return the shape, or shapes, that a model was built with."""
    return (model.get_build_config() or {}).get("input_shape") if getattr(model, "built", False) else None


def _sample(built: Any) -> Any:
    """Return shapes without their batch axes, or None where a size is not known."""
    if isinstance(built, Mapping):
        parts = {name: _sample(shape) for name, shape in built.items()}
        return None if not parts or None in parts.values() else parts
    if not isinstance(built, (list, tuple)) or not built:
        return None
    if isinstance(built[0], (list, tuple)):
        several = [_sample(shape) for shape in built]
        return None if None in several else several
    return tuple(built[1:]) if len(built) > 1 and all(type(n) is int for n in built[1:]) else None


@dataclass
class _Model(RecordedProgram):
    """A Keras model as a program."""

    model: Any
    inputs: _TakenInputs
    seen: SeenLayers = dataclasses.field(default_factory=SeenLayers)

    def classes(self) -> Iterable[type]:
        return (type(layer) for layer in [self.model, *layers_under(self.model)])

    def leaking(self) -> Iterable[dict[str, Any]]:
        return (vars(variables),)

    def begin(self, shapes: Shapes) -> Run:
        recorder = KerasRecorder(self.model, _data_format(self.model))
        tensors = [recorder.input(name, shape) for name, shape in zip(self.inputs.names, shapes, strict=True)]
        args, kwargs = self.inputs.passed(tensors)

        def call() -> Any:
            with untouched(self.model), set_for_recording(), recorder.weights_without_data():
                # a functional model refuses other sizes than those of its inputs, a program what it refuses itself
                return (self.model if is_program(self.model) else self.model.call)(*args, **kwargs)

        return recorder, call


def _data_format(model: Any) -> DataFormat:
    """Return the order in which the first layer that has one writes its shapes."""
    written = (getattr(layer, "data_format", None) for layer in layers_under(model))
    found: DataFormat
    for found in (*written, keras.config.image_data_format()):
        if found in ("channels_first", "channels_last"):
            break
    return found
