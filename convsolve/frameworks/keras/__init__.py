"""Keras: reading a network out of a saved file, a config or a live model. Keras itself is never loaded for it."""

from .reader import from_keras

__all__ = ["from_keras"]
