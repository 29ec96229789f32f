"""Where the config of a Keras network comes from: files, texts, live models, and exceptions of failed ones."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from ...errors import UnreadableError
from ..common.documents import boundary, parsed, unzipped
from .hdf5 import text_attribute
from .legacy_configs import modern
from .unfinished_models import Unfinished, tensors_in

__all__ = ["config_of", "is_kerass", "is_program", "live_layers", "unfinished_in"]

_LARGEST = 64 * 2**20
"""No config is longer; the weights of a file are not read."""


def config_of(source: Any) -> tuple[Mapping[str, Any], Any, str]:
    """Return a config, the live model that it was taken from (or None), and how messages call it.

    Raises:
        UnreadableError: there is no config to be had.
    """
    if isinstance(source, (str, os.PathLike)):
        with boundary(str(source)):
            return _of_file(Path(source)), None, str(source)
    if isinstance(source, Mapping):
        return _checked(source, "the config"), None, "the config"
    if isinstance(source, BaseException):
        model = _in_traceback(source)
        return _of_model(model), model, f"the network of the {type(source).__name__}"
    if hasattr(source, "get_config") and hasattr(source, "layers"):
        return _of_model(source), source, f"the network {getattr(source, 'name', '')!r}"
    raise UnreadableError(
        f"from_keras takes a model, its config, a .keras, .h5 or .json file, or an exception: "
        f"got {type(source).__name__}"
    )


def is_program(source: Any) -> bool:
    """Return whether something is a Keras model or layer with a ``call`` of its own, which no config describes."""
    own = next((kind for kind in type(source).__mro__ if is_kerass(kind)), None)
    if own is None or not hasattr(source, "get_config") or not hasattr(source, "call"):
        return False
    return own.__name__ not in ("Sequential", "Functional") or type(source).call is not own.call  # type: ignore[attr-defined]


def is_kerass(kind: type) -> bool:
    """Return whether a class is one of Keras's own."""
    return kind.__module__.partition(".")[0] in ("keras", "tf_keras")


def live_layers(model: Any) -> dict[str, Any]:
    """Return the layers of a live model by name."""
    return {str(layer.name): layer for layer in getattr(model, "layers", ()) if hasattr(layer, "name")}


def _of_model(model: Any) -> Mapping[str, Any]:
    kind = type(model).__name__
    try:
        config = model.get_config()
    except (NotImplementedError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableError(f"the {kind} has no config to read: {str(error).strip().splitlines()[0]}") from None
    if not isinstance(config, Mapping) or "layers" not in config:
        raise UnreadableError(
            f"{kind} is a program: its layers are joined by its own `call`, of which its config says nothing"
        )
    return _checked({"class_name": kind, "config": config}, kind)


def _checked(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a whole config (class and settings) in the words of today, or raise UnreadableError."""
    config = modern(config, name)
    inner = config.get("config")
    if isinstance(inner, Mapping) and isinstance(inner.get("layers"), list):
        return config
    if isinstance(config.get("layers"), list):
        kind = "Functional" if "input_layers" in config else "Sequential"
        return {"class_name": kind, "config": config}
    what = config.get("class_name", "something")
    raise UnreadableError(f"{name} is no config of a Sequential or functional model: found {what!r} without layers")


# -- files


def _of_file(path: Path) -> Mapping[str, Any]:
    name = str(path)
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise UnreadableError(f"{name} cannot be read: {error.strerror or error}") from None
    if start[:4] == b"PK\x03\x04":
        return _checked(parsed(unzipped(name, "Keras file", "config.json"), name, "config"), name)
    if start == b"\x89HDF\r\n\x1a\n":
        return _checked(parsed(_from_h5(path), name, "config"), name)
    if path.suffix.lower() in (".keras", ".h5", ".hdf5"):
        raise UnreadableError(f"{name} is no Keras file, or it is damaged")
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
    except OSError as error:
        raise UnreadableError(f"{name} cannot be read: {error.strerror or error}") from None
    return _checked(parsed(text, name, "config"), name)


def _from_h5(path: Path) -> bytes:
    with path.open("rb") as file:
        text = text_attribute(file, "model_config")
    if text is None:
        raise UnreadableError(f"{path} holds weights alone: it has no model_config")
    return text


# -- exceptions


def _in_traceback(error: BaseException) -> Any:
    """Return the model that an exception was raised in, found in the frames of its traceback."""
    for model in unfinished_in(error):
        return model
    for frame in _frames(error):
        called = frame.f_locals.get("args")
        if not isinstance(called, tuple):
            continue
        layer = frame.f_locals.get("self", called[0] if called else None)
        called = called[1:] if called and called[0] is layer else called
        if _is_keras(layer) and hasattr(layer, "get_config") and any(True for _ in tensors_in(called)):
            return Unfinished(layer, called)
    raise UnreadableError(f"there is no Keras network in the traceback of the {type(error).__name__}")


def unfinished_in(error: BaseException) -> Iterator[Any]:
    """Yield the models that were being made when an exception was raised."""
    for frame in _frames(error):
        model = frame.f_locals.get("self")
        if _is_keras(model) and hasattr(model, "get_config") and type(model).__name__ in ("Sequential", "Functional"):
            yield model


def _frames(error: BaseException) -> list[FrameType]:
    frames = []
    traceback = error.__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    return frames


def _is_keras(value: Any) -> bool:
    return any(map(is_kerass, type(value).__mro__))
