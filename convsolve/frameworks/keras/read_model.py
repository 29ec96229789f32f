"""Reading a Keras network: its config where that tells all, or else its program."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from typing import Any

from ...dims import evaluate
from ...errors import ConvsolveError, UnreadableError
from ...network import Guard, Network
from ...network.trace import run, trace
from ...operators import Opaque
from ...support.arguments import checked
from ..common.documents import boundary
from ..torch.traceback_modules import failed_call
from .config_sources import config_of, is_program, unfinished_in
from .reader import MISWRITTEN, ConfigReader, UnknownLayerError

__all__ = ["from_keras", "read_network"]


@checked
def from_keras(source: Any, *, input_shape: Any = None, assume: Mapping[str, str] | None = None) -> Network:
    """Read a network out of a Keras model, its config, a file, or the exception that building it raised.

    Of a ``Sequential`` or functional model the config is read: nothing is built or run, and for files (``.keras``,
    ``.h5``, ``.json``) Keras need not be installed. A subclassed model or layer is a program: with the PyTorch
    backend its ``call`` is run once without data, and recorded; so is a live model with layers that have one.
    Layers inside of a model or layer are called ``outer/inner``, later calls of a shared layer ``name:2``,
    ``name:3``.

    Args:
        source: a model or layer, what a model's ``get_config()`` or ``to_json()`` gives (as a mapping), the path of a
            file, or an exception: the function that built the model is run again, past the layers that fail, where its
            arguments are plain values; otherwise the model is known up to where it failed.
        input_shape: the input's shape without the batch axis, where the config has none, or in its place; for a
            program with several inputs a list of shapes, or a mapping from the names of its arguments to shapes.
        assume: what is taken for granted of layers whose code is not run: ``{"lambda": "identity"}`` lets every
            ``Lambda`` keep its input's shape; in place of "lambda" it may be the name of one.

    Raises:
        UnreadableError: there is no config, or a layer cannot be read; the text names it.

    >>> conv = {"class_name": "Conv2D", "config": {"name": "c", "filters": 8, "kernel_size": [3, 3]}}
    >>> network = from_keras({"class_name": "Sequential", "config": {"layers": [conv]}}, input_shape=(28, 28, 1))
    >>> [layer.name for layer in network.layers], network.data_format
    (['input', 'c'], 'channels_last')
    """
    if isinstance(source, BaseException) and "keras" in sys.modules:
        from .followed_networks import of_error

        network = of_error(source, input_shape, assume)
        if network is not None:
            return network
    return read_network(source, input_shape, assume)[0]


def read_network(
    source: Any, input_shape: Any, assume: Mapping[str, str] | None
) -> tuple[Network, Mapping[str, tuple[str, ...]] | None]:
    """Read a network as :func:`from_keras` does; return it, and which tensors each call of a layer makes.

    These are by the layer's path, and None where a program was recorded.
    """
    if is_program(source):
        if assume:
            raise UnreadableError("assumptions are for the Lambda layers of configs: a program's are recorded")
        return _program(source, input_shape), None
    try:
        reader = _of_config(source, input_shape, assume or {})
    except UnreadableError as error:
        told = isinstance(error, UnknownLayerError) or isinstance(source, BaseException)
        instead = _program_instead(source, input_shape) if told else None
        if instead is None:
            raise
        return instead, None
    network = reader.network
    if any(isinstance(layer.operator, Opaque) for layer in network.layers):
        instead = _program_instead(source, input_shape)
        if instead is not None:
            return instead, None
    if isinstance(source, BaseException):
        network = _as_far_as_known(network)
    return network, reader.tensors


def _as_far_as_known(network: Network) -> Network:
    """Return a network that was never finished with the guard that it ends where it fails."""
    traced = trace(network)
    values = run(traced, {}) if not network.holes else {}
    for r in traced.requirements if values else ():
        if r.rule.decides and r.layer and not evaluate(r.condition, values):
            return dataclasses.replace(network, guards=(Guard(False, after=r.layer, fails=r.layer),))
    return network


def _of_config(source: Any, input_shape: Any, assume: Mapping[str, str]) -> ConfigReader:
    """Read what a config says, and what is assumed."""
    config, live, name = config_of(source)
    with boundary(name):
        try:
            return ConfigReader(config, name, live, input_shape, assume)
        except ConvsolveError:
            raise
        except MISWRITTEN:
            raise UnreadableError(f"{name} is not written as Keras writes a network: its layers do not fit") from None


def _program(model: Any, input_shape: Any) -> Network:
    """Record a program, or raise UnreadableError where Keras does not compute with PyTorch."""
    kind = type(model).__name__
    backend = _backend(model)
    if backend != "torch":
        raise UnreadableError(
            f"{kind} is a program: its layers are joined by its own `call`, which is recorded on the PyTorch backend "
            f"only; here is {backend}. Set the environment variable KERAS_BACKEND=torch"
        )
    from .recording import recorded

    return recorded(model, input_shape)


def _program_instead(source: Any, input_shape: Any) -> Network | None:
    """Return a live model, or the one that an exception came out of, as a program, where it can be recorded."""
    candidates = [(source, input_shape)]
    if isinstance(source, BaseException):
        called = failed_call(source)
        candidates = [(called.module, input_shape or called.shapes)] if called is not None and called.shapes else []
        candidates += [(model, input_shape) for model in unfinished_in(source)]
    for model, shape in candidates:
        if hasattr(model, "call") and _backend(model) == "torch":
            try:
                return _program(model, shape)
            except UnreadableError:
                continue
    return None


def _backend(model: Any) -> str:
    """Return what a live model computes with."""
    keras = sys.modules.get("keras")
    if keras is None or not any(kind.__module__.partition(".")[0] == "keras" for kind in type(model).__mro__):
        return "tf_keras"
    return str(keras.backend.backend())
