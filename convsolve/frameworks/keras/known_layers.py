"""What is known of live Keras layers: which have a rule, what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from ..torch.calls import plain
from . import axes, features, joins, layers, operations, products, recurrent, steps
from .call import READERS, TENSOR
from .config_sources import is_kerass

__all__ = ["builds_itself", "expressed", "known_class", "layers_in", "layers_under", "weights_of", "with_shapes"]

_READ = (axes, features, joins, layers, operations, products, recurrent, steps)  # they register how each class is read


def layers_in(layer: Any) -> Iterator[Any]:
    """Yield the layers that a layer holds itself."""
    yield from getattr(layer, "_layers", ())


def layers_under(layer: Any) -> Iterator[Any]:
    """Yield all layers inside of a layer."""
    for inner in layers_in(layer):
        yield inner
        yield from layers_under(inner)


def weights_of(layer: Any) -> Iterator[Any]:
    """Yield the weights that a layer holds itself."""
    yield from getattr(layer, "_trainable_variables", ())
    yield from getattr(layer, "_non_trainable_variables", ())


def known_class(layer: Any, method: str = "call") -> Any:
    """Return the class of Keras's own that has a rule, where it is its method that a layer has; otherwise None."""
    own = next((kind for kind in type(layer).__mro__ if is_kerass(kind)), None)
    if own is None or own.__name__ not in READERS or getattr(type(layer), method) is not getattr(own, method):
        return None
    return own


def with_shapes(kind: Any) -> Iterator[Any]:
    """Yield Keras's own layers that say which shape they give."""
    for below in kind.__subclasses__():
        if is_kerass(below) and not issubclass(below, keras.Model):
            if "compute_output_shape" in vars(below):
                yield below
            yield from with_shapes(below)


def builds_itself(layer: Any) -> bool:
    """Return whether a layer has no ``build`` of its own, or one that runs it to see what it builds."""
    return bool(getattr(layer.build, "_is_default", False)) or isinstance(layer, keras.Sequential)


def expressed(settings: Any) -> Any:
    """Return settings, or arguments, as a config has them: with expressions for sizes, and a mark for tensors."""
    if isinstance(settings, dict):
        return {name: expressed(value) for name, value in settings.items()}
    if isinstance(settings, (list, tuple)):
        return tuple(map(expressed, settings))
    return TENSOR if keras.ops.is_tensor(settings) else plain(settings)
