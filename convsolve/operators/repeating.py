"""Operators that repeat elements of a tensor along its axes, as the network's data format writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..dims import Dim
from ..errors import RankError
from ..rules import KERNEL_FITS
from .base import Operator, Shape, Site, normal_axis, written_names
from .joining import Add
from .parameters import Sizes, WholeNumber, parameter
from .windows import window_count

__all__ = ["Expand", "Tile", "Unfold"]


@dataclass(frozen=True, kw_only=True)
class Expand(Operator):
    """Repetition of axes of size 1 up to a shape, adding axes in front where it has more; 1 keeps a size.

    (ONNX Expand, PyTorch ``broadcast_to``: two-way broadcasting of the input with the shape.)

    >>> from convsolve.operators import Expand, shape_of
    >>> shape_of(Expand(shape=(4, 1, 8)), (1, 3, 1))
    (4, 3, 8)
    """

    kind = "expand"
    written = True

    shape: Any = parameter(Sizes())

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        return Add().infer(site, inputs[0], self.shape)


@dataclass(frozen=True, kw_only=True)
class Tile(Operator):
    """Repetition of the whole tensor along each axis as often as given (ONNX Tile, numpy ``tile``).

    >>> from convsolve.operators import Tile, shape_of
    >>> shape_of(Tile(repeats=(1, 2, 3)), (4, 5, 6))
    (4, 10, 18)
    """

    kind = "tile"
    written = True

    repeats: Any = parameter(Sizes())

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        shape = inputs[0]
        if len(self.repeats) != len(shape):
            raise RankError(f"tile has {len(self.repeats)} repeats for {len(shape)} axes")
        return tuple(n * times for n, times in zip(shape, self.repeats, strict=True))


@dataclass(frozen=True, kw_only=True)
class Unfold(Operator):
    """All windows of an axis, each ``step`` behind the one before: ``(..., n, ...) -> (..., windows, ..., size)``.

    (PyTorch ``Tensor.unfold``; along two axes, these are the blocks of ``nn.Unfold``.)

    >>> from convsolve.operators import Unfold, shape_of
    >>> shape_of(Unfold(axis=1, size=3, step=2), (4, 8, 6))
    (4, 3, 6, 3)
    """

    kind = "unfold"
    written = True

    axis: int = parameter(WholeNumber(minimum=None))
    size: Dim = parameter(WholeNumber(usual=(2, 3)))
    step: Dim = parameter(WholeNumber(usual=(1, 2)), default=1)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        shape = inputs[0]
        axis = normal_axis(self.axis, len(shape))
        name = written_names(site, len(shape))[axis]
        site.require(KERNEL_FITS, self.size <= shape[axis], axis=name, window=self.size, padded=shape[axis])
        return (*shape[:axis], window_count(shape[axis], self.size, self.step), *shape[axis + 1 :], self.size)

    def index(self, size: int) -> list[list[int]]:
        """Return the positions of each window on an axis of a known size."""
        count = window_count(size, self.size, self.step)
        return [[i * self.step + j for j in range(self.size)] for i in range(count)]  # type: ignore[misc]
