"""Operators that pick some of what stands along an axis by its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..dims import Dim
from .base import Operator, Shape, Site, normal_axis, written_names
from .parameters import Count, parameter
from .rules import IN_RANGE

__all__ = ["TopK"]


@dataclass(frozen=True, kw_only=True)
class TopK(Operator):
    """The ``count`` largest (or smallest) elements along an axis, and their places (PyTorch ``topk``, ONNX TopK).

    >>> from convsolve.operators import TopK, shape_of
    >>> shape_of(TopK(count=5), (3, 100))
    [(3, 5), (3, 5)]
    """

    kind = "top_k"
    written = True

    count: Dim = parameter(Count(usual=(1, 5)))
    axis: int = parameter(Count(minimum=None), default=-1)

    def infer(self, site: Site, *inputs: Shape) -> Sequence[Shape]:
        shape = inputs[0]
        axis = normal_axis(self.axis, len(shape))
        name = written_names(site, len(shape))[axis]
        site.require(IN_RANGE, self.count <= shape[axis], axis=name, size=shape[axis], count=self.count)
        return [(*shape[:axis], self.count, *shape[axis + 1 :])] * 2
