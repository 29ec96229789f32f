"""Keras: reading a network out of a saved file, a config or a live model. Keras itself is loaded for programs alone."""

from collections.abc import Callable
from typing import Any

from .read_model import from_keras

__all__ = ["build", "from_keras"]


def build(factory: Callable[[], Any]) -> Any:
    """Run a function that builds a network with Keras, which is loaded, past layers that fail, and return what it made.

    Where layers failed that is something with a method ``network(input_shape, assume)``; where it could not be
    followed, the network as far as it is known.
    """
    from .followed_networks import built

    return built(factory)
