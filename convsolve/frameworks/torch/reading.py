"""Reading a module: a safe copy without data is run and recorded."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Iterable
from typing import Any

import torch

from ...errors import UnreadableError
from ...network import InputShapes, Network
from .programs import Inputs, Program, Run, Shapes
from .recorder import Recorder
from .running import without_data

__all__ = ["from_torch"]


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
            a mapping from the names of ``forward``'s arguments, of which those that have a default may be left out.
        training: record what training runs, and apply its requirements, with batches of ``batch_size``.
        batch_size: the number of samples that training requirements reckon with.

    Raises:
        UnreadableError: the program raises an exception without having looked at sizes (otherwise the network says
            that it is refused), looks at the values of tensors, or returns no tensor.
    """
    copied = _copy(module, training)
    inputs = Inputs.of(input_shape, _arguments(copied))
    _must_take(copied, inputs)
    network = _Module(copied, inputs).network(inputs.shapes)
    return dataclasses.replace(
        network, training=training, batch_size=batch_size,
        record=lambda *again: from_torch(module, inputs.as_given(again), training=training, batch_size=batch_size),
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class _Module(Program):
    """A module without data, as a program."""

    module: torch.nn.Module
    inputs: Inputs

    def classes(self) -> Iterable[type]:
        return (type(m) for m in self.module.modules())

    def begin(self, shapes: Shapes) -> Run:
        parameters: dict[int, tuple[str, torch.Tensor]] = {
            id(p): (name, p) for name, p in self.module.named_parameters()}
        modules: dict[int, str] = {}
        for name, one in self.module.named_modules():
            modules.setdefault(id(one), name)
        recorder = Recorder(parameters, modules, training=self.module.training)
        tensors = [recorder.input(name, shape) for name, shape in zip(self.inputs.names, shapes, strict=True)]
        if self.inputs.named:
            return recorder, lambda: self.module(**dict(zip(self.inputs.names, tensors, strict=True)))
        return recorder, lambda: self.module(*tensors)


def _arguments(module: torch.nn.Module) -> list[str]:
    """Return the names of the arguments that a module takes by name."""
    try:
        taken = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in taken if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def _must_take(module: torch.nn.Module, inputs: Inputs) -> None:
    """Refuse inputs with which a module cannot be called."""
    try:
        signature = inspect.signature(module.forward)
    except (TypeError, ValueError):
        return
    given = dict.fromkeys(inputs.names) if inputs.named else {}
    try:
        signature.bind(*([] if inputs.named else inputs.shapes), **given)
    except TypeError as error:
        taken = ", ".join(_arguments(module)) or "none by name"
        raise UnreadableError(
            f"the inputs of {type(module).__name__} ({taken}) are not those given: {error}; give a shape for each, by "
            f"name or in order") from None


def _copy(module: torch.nn.Module, training: bool) -> torch.nn.Module:
    """Return a copy of a module whose parameters and buffers have shapes and no contents."""
    module = getattr(module, "_orig_mod", module)  # what torch.compile wraps
    if isinstance(module, torch.jit.ScriptModule):
        raise UnreadableError("a scripted module does not run its Python code: read the module it was made from")
    memo: dict[int, Any] = {}
    for tensor in [*module.parameters(), *module.buffers()]:
        if torch.nn.parameter.is_lazy(tensor):
            raise UnreadableError("a lazy module has no parameters yet: run it once before it is read")
        memo[id(tensor)] = without_data(tensor)
    try:
        copied: torch.nn.Module = copy.deepcopy(module, memo)
    except Exception as error:  # a module may hold anything, and say anything when it is copied
        raise UnreadableError(f"the module cannot be copied ({type(error).__name__}: {error})") from error
    for layer in copied.modules():  # that features are as many as declared, operators require
        if isinstance(layer, torch.nn.RNNBase):
            layer.check_input = lambda *_: None  # type: ignore[method-assign]
        elif isinstance(layer, torch.nn.Transformer):
            layer.d_model = _Any()  # type: ignore[assignment]
    return copied.train(training)


class _Any:
    """A number of features that is that of every tensor."""

    def __ne__(self, other: object) -> bool:
        return False
