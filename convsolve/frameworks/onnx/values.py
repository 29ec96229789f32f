"""What the names of an ONNX graph stand for while it is read: tensors of the network, and what is known beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from ...dims import Dim, Expr, Var, variables
from ...errors import RefusedError
from ...operators import Shape
from ..common.registry import NotReadError

__all__ = [
    "BATCH",
    "Failed",
    "FailsError",
    "Known",
    "NotReadError",
    "NotThereError",
    "Tensor",
    "UnreadValue",
    "Value",
    "depends_on_batch",
    "without_batch",
]

BATCH = Var("batch", interval=(1, None))
"""The size of the batch axis where the graph leaves it open. It never gets into a network."""


class NotThereError(NotReadError):
    """A node takes what an earlier one, which the text names, was to give."""


class FailsError(Exception):
    """A node, or one that it takes something from, is a layer that fails; its name is in ``reference``."""

    def __init__(self, reference: str) -> None:
        super().__init__(reference)
        self.reference = reference


@dataclass(frozen=True)
class Tensor:
    """A tensor that depends on the network's input.

    ``shape`` leaves out the batch, as everywhere; ``batch`` is the axis on which ONNX has it. Where ``merged``,
    that axis has the batch *times* the size that ``shape`` has there (``[N*heads, length, features]``); ``inner``
    says that the samples then follow each other first (``[length*N, features]``).
    """

    reference: str
    shape: Shape
    batch: int = 0
    merged: bool = False
    inner: bool = False

    @property
    def rank(self) -> int:
        """The number of axes in ONNX."""
        return len(self.shape) + (not self.merged)

    def full(self, batch: Dim) -> list[Dim]:
        """Return the shape that ONNX sees, with this size of the batch."""
        shape = list(self.shape)
        if self.merged:
            shape[self.batch] = batch * shape[self.batch]
        else:
            shape.insert(self.batch, batch)
        return shape

    def own_axis(self, axis: int) -> int:
        """Return the axis of ``shape`` for an axis of ONNX, which must not be that of the batch."""
        if not -self.rank <= axis < self.rank:
            raise RefusedError(f"axis {axis} is out of range for {self.rank} axes")
        axis %= self.rank
        if axis == self.batch:
            raise NotReadError("it works along the batch axis")
        return axis - (axis > self.batch and not self.merged)


@dataclass(frozen=True)
class Known:
    """A tensor that does not depend on what goes into the network, except on its sizes.

    ``items`` is an array of objects (whole numbers, dimensions, fractions) where the values matter and are few;
    ``learned`` says that it is, or is made of, a parameter of the network.
    """

    shape: tuple[int, ...]
    items: Any = None
    learned: bool = False


@dataclass(frozen=True)
class UnreadValue:
    """A value that could not be read; that matters only where it is used."""

    why: str


@dataclass(frozen=True)
class Failed:
    """What a layer that fails, or one behind it, was to give: nothing is known of it."""

    reference: str


Value: TypeAlias = Tensor | Known | UnreadValue | Failed


def depends_on_batch(*sizes: object) -> bool:
    """Return whether a size depends on the size of the batch.

    >>> depends_on_batch(BATCH * 12), depends_on_batch(12)
    (True, False)
    """
    return any(v == BATCH for v in variables(*sizes))


def without_batch(size: Dim) -> Dim | None:
    """Return ``f`` for a size of ``batch*f``, or None for any other.

    >>> without_batch(BATCH * 12), without_batch(BATCH), without_batch(BATCH + 1)
    (12, 1, None)
    """
    if size == BATCH:
        return 1
    if isinstance(size, Expr) and size.op == "mul":
        a, b = size.args
        for one, other in ((a, b), (b, a)):
            factor = without_batch(one)
            if factor is not None and not depends_on_batch(other):
                product: Dim = factor * other
                return product
    return None
