"""Keras: reading a network out of a saved file, a config or a live model. Keras itself is loaded for programs alone."""

from .read_model import from_keras

__all__ = ["from_keras"]
