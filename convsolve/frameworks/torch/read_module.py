"""Reading a module: a safe copy without data is run and recorded."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from ...errors import UnreadableError
from ...network import InputShapes, Network
from ...support.arguments import checked
from ...support.suggestions import quoted
from ..common.recording.second_runs import SeenLayers
from .module_copies import copy_of, initialised, marks
from .program_caches import remembering
from .recorded_programs import Inputs, RecordedProgram, Run, Shapes
from .recorder import Recorder
from .training_branches import branches_in_training

__all__ = ["from_torch"]


@checked
def from_torch(
    module: torch.nn.Module, input_shape: InputShapes, *, training: bool = False, batch_size: int = 1
) -> Network:
    """Read a PyTorch module as a network, by running its ``forward`` once without data.

    The module itself is not touched: a copy without weights runs on the meta device, in evaluation mode unless
    ``training``. Sizes that the program computes from shapes become expressions, so that the network can be
    checked at other sizes; the branches taken on sizes are in ``guards``, and ``record`` runs the program again.
    A layer that fails does not stop the recording: the check of the network finds every one. A call that no
    operator expresses becomes an :class:`~convsolve.operators.Opaque` layer.

    Args:
        module: the module.
        input_shape: the input's shape without the batch axis, channels first; for several inputs a list of shapes, or
            a mapping from the names of ``forward``'s arguments, of which those that have a default may be left out
            (or from the keys of the one dictionary that it takes). ``()`` is an input with the batch axis alone.
        training: record what training runs, and apply its requirements, with batches of ``batch_size``.
        batch_size: the number of samples that training requirements reckon with.

    Raises:
        UnreadableError: the program raises an exception without having looked at sizes (otherwise the network says
            that it is refused), looks at the values of tensors, or returns no tensor.
    """
    module = getattr(module, "_orig_mod", module)  # what torch.compile wraps
    if not isinstance(module, torch.nn.Module):
        made = f": make it, {module.__name__}(...)" if isinstance(module, type) else ""
        raise UnreadableError(f"from_torch takes a torch.nn.Module, got {quoted(module)}{made}")
    if isinstance(module, torch.jit.ScriptModule):
        raise UnreadableError("a scripted module does not run its Python code: read the module it was made from")
    inputs = Inputs.of(input_shape, _arguments(module, input_shape))
    _must_take(module, inputs)
    module = initialised(module, inputs)
    program = _Module(module, inputs, training)

    def record(*shapes: tuple[int, ...]) -> Network:
        network = program.network(shapes)
        return dataclasses.replace(network, training=training, batch_size=batch_size, record=record)

    network = record(*inputs.shapes)
    kinds: list[Any] = [type(one) for one in module.modules()]
    if training or not any(map(branches_in_training, kinds)):
        return network
    return dataclasses.replace(network, only_in_training=_only_in_training(module, inputs, network))


def _only_in_training(module: torch.nn.Module, inputs: Inputs, network: Network) -> tuple[str, ...]:
    """Return the layers that a module has in training and not in evaluation; none where it cannot be read there."""
    try:
        other = _Module(module, inputs, True).network(inputs.shapes)
    except UnreadableError:
        return ()
    return tuple(layer.name for layer in other.layers if layer.name not in network.by_name)


class _Module(RecordedProgram):
    """A module without data, as a program."""

    def __init__(self, module: torch.nn.Module, inputs: Inputs, training: bool) -> None:
        self.module = module
        self.inputs = inputs
        self.training = training
        self.seen = SeenLayers()
        self._fresh()

    def _fresh(self) -> None:
        self.copied = copy_of(self.module, self.training)
        self._ready()

    def _ready(self) -> None:
        remembering(self.copied)
        self.marks = marks(self.copied)

    def classes(self) -> Iterable[type]:
        return (type(m) for m in self.module.modules())

    def logged(self) -> bool:
        return True

    def begin(self, shapes: Shapes) -> Run:
        if marks(self.copied) != self.marks:  # a run has left something in it
            self._fresh()
        self._ready()
        module = self.copied
        parameters: dict[int, tuple[str, torch.Tensor]] = {id(p): (name, p) for name, p in module.named_parameters()}
        modules: dict[int, str] = {}
        for name, one in module.named_modules():
            modules.setdefault(id(one), name)
        recorder = Recorder(parameters, modules, training=module.training)
        tensors = [recorder.input(name, shape) for name, shape in zip(self.inputs.names, shapes, strict=True)]
        args, kwargs = self.inputs.passed(tensors)
        return recorder, lambda: module(*args, **kwargs)


def _arguments(module: torch.nn.Module, given: InputShapes) -> list[str]:
    """Return the names of the arguments that a module takes by name, where it takes any: those that are given."""
    try:
        taken = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):
        return []
    if isinstance(given, Mapping) and any(p.kind is p.VAR_KEYWORD for p in taken):
        return list(map(str, given))
    return [p.name for p in taken if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def _must_take(module: torch.nn.Module, inputs: Inputs) -> None:
    """Refuse inputs with which a module cannot be called."""
    try:
        signature = inspect.signature(module.forward)
    except (TypeError, ValueError):
        return
    args, kwargs = inputs.passed(inputs.shapes)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        taken = ", ".join(_arguments(module, ())) or "none by name"
        raise UnreadableError(
            f"the inputs of {type(module).__name__} ({taken}) are not those given: {error}; give a shape for each, by "
            f"name or in order"
        ) from None
