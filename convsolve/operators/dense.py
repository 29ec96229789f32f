"""Operators on features: linear layers, matrix products, embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..dims import Dim, all_of, eq, product
from ..errors import RankError
from ..rules import FEATURES_MATCH, IN_RANGE, INNER_SIZES_AGREE
from .base import Operator, Shape, Site
from .joining import Add
from .parameters import Flag, WholeNumber, parameter

__all__ = ["WIDTHS", "Embedding", "Linear", "Matmul", "features_match"]

WIDTHS = (64, 128, 256, 512)
"""The usual numbers of features."""


def features_match(site: Site, features: Dim, declared: Dim | None) -> None:
    """Require that the features of an input are as many as declared, if that is."""
    if declared is not None:
        site.require(FEATURES_MATCH, eq(features, declared), features=features, in_features=declared)


@dataclass(frozen=True, kw_only=True)
class Linear(Operator):
    """A linear layer on the last axis, as written: ``(..., features) -> (..., out_features)``.

    With ``in_features`` given, the input must have just as many. (PyTorch ``Linear``, Keras ``Dense``.)

    >>> from convsolve.operators import Linear, shape_of
    >>> shape_of(Linear(out_features=10, in_features=400), (400,))
    (10,)
    """

    kind = "linear"
    written = True

    out_features: Dim = parameter(WholeNumber(usual=WIDTHS), edit="width")
    in_features: Dim | None = parameter(WholeNumber(optional=True), edit="in_features", default=None)
    bias: bool = parameter(Flag(), default=True)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        features_match(site, inputs[0][-1], self.in_features)
        return (*inputs[0][:-1], self.out_features)

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return (inputs[0][-1] + (1 if self.bias else 0)) * self.out_features

    def macs(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return product((*inputs[0], self.out_features))


@dataclass(frozen=True, kw_only=True)
class Matmul(Operator):
    """Matrix product ``(..., n, k) @ (..., k, m) -> (..., n, m)``, broadcasting the axes in front.

    >>> from convsolve.operators import Matmul, shape_of
    >>> shape_of(Matmul(), (8, 16, 64), (8, 64, 16))
    (8, 16, 16)
    """

    kind = "matmul"
    arity = (2, 2)
    written = True

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        a, b = inputs
        if len(a) < 2 or len(b) < 2:
            raise RankError(f"matmul needs two axes on both sides, got {len(a)} and {len(b)}")
        site.require(INNER_SIZES_AGREE, eq(a[-1], b[-2]), first=a[-1], second=b[-2])
        return (*Add().infer(site, a[:-2], b[:-2]), a[-2], b[-1])

    def macs(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return product((*outputs[0], inputs[0][-1]))


@dataclass(frozen=True, kw_only=True)
class Embedding(Operator):
    """A vector for each index: ``(...) -> (..., dim)``, the indices being those of a table of ``count`` vectors.

    ``least`` and ``largest`` are the ends of the indices that are asked for, where they are known.

    >>> from convsolve.operators import Embedding, shape_of
    >>> shape_of(Embedding(count=1000, dim=64), (20,))
    (20, 64)
    """

    kind = "embedding"
    written = True

    count: Dim = parameter(WholeNumber())
    dim: Dim = parameter(WholeNumber(usual=WIDTHS), edit="width")
    least: Dim = parameter(WholeNumber(minimum=None), default=0)
    largest: Dim = parameter(WholeNumber(minimum=None), default=0)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        holds = all_of(0 <= self.least, self.largest < self.count)
        if holds is not True:
            site.require(IN_RANGE, holds, axis="indices", size=self.count, first=self.least, last=self.largest)
        return (*inputs[0], self.dim)

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return self.count * self.dim
