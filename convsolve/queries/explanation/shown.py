"""How shapes are written in explanations."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["by", "framework_name", "one"]

_NAMES = {
    "torch": "PyTorch", "keras": "Keras", "tensorflow": "TensorFlow", "onnx": "ONNX", "jax": "JAX", "mxnet": "MXNet",
    "caffe": "Caffe", "dl4j": "DL4J",
}  # fmt: skip


def by(sizes: Sequence[int | None]) -> str:
    """Return sizes as text, ``?`` where one is open.

    >>> by((1, 28, None))
    '1x28x?'
    """
    return "x".join("?" if n is None else str(n) for n in sizes) or "one number"


def framework_name(framework: str | None) -> str:
    """Return what people call a framework."""
    return _NAMES.get(framework or "", framework or "")


def one(values: Sequence[int]) -> str:
    """Return a parameter with an entry for each axis as it is written: one number where all are the same.

    >>> one((3, 3)), one((3, 1))
    ('3', '(3, 1)')
    """
    return str(values[0]) if len(set(values)) == 1 else f"({', '.join(map(str, values))})"
