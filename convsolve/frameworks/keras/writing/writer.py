"""A live Keras model of a network: the source that ``code`` gives, run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....network import Network
from ...common.writing.execute import need, run_source
from .code import source

if TYPE_CHECKING:
    import keras

__all__ = ["to_keras"]


def to_keras(network: Network) -> keras.Model:
    """Return a network as a Keras model with fresh weights.

    Tensors have a batch axis and, also where the network is written channels first, their channels last:
    ``(N, *spatial, channels)``. Layers are called as in the network. Padding and cropping that Keras has no
    word for are layers of their own, with the numbers that hold at the input size which the network states.

    Raises:
        NetworkError: the network has holes or does not work, or Keras has no word for an operator.
        FrameworkMissingError: Keras is not installed.
    """
    need("keras")
    made: keras.Model = run_source(source(network))["build_net"]()
    return made
