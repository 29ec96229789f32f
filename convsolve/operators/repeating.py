"""Operators that repeat a tensor along its axes, as the network's data format writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import RankError
from .base import Operator, Shape, Site
from .joining import Add
from .parameters import Sizes, parameter

__all__ = ["Expand", "Tile"]


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
