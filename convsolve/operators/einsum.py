"""Sums of products over named axes, as Einstein wrote them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..dims import Dim, any_of, eq, product, total, where
from ..errors import NetworkError, RankError
from ..rules import INNER_SIZES_AGREE
from .base import Operator, Shape, Site
from .parameters import Text, parameter

__all__ = ["Einsum"]

_DENSE = re.compile(r"([A-Za-z]*)([A-Za-z]),\2([A-Za-z])->\1\3")
_EQUATION = re.compile(r"[A-Za-z]*(,[A-Za-z]*)*->[A-Za-z]*")


@dataclass(frozen=True, kw_only=True)
class Einsum(Operator):
    """Products of tensors, summed over the axes that the result does not name: ``"hqd,hkd->hqk"``.

    A letter names an axis, as written and without the batch axis; axes of one name have one size, or size 1. (PyTorch
    ``einsum``, Keras ``ops.einsum``, ONNX Einsum.)

    >>> from convsolve.operators import Einsum, shape_of
    >>> shape_of(Einsum(equation="hqd,hkd->hqk"), (8, 49, 32), (8, 64, 32))
    (8, 49, 64)
    """

    kind = "einsum"
    arity = (1, None)
    written = True

    equation: str = parameter(Text())

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _EQUATION.fullmatch(self.equation):
            raise NetworkError(
                f"equation names the axes of each input and of the result by letters, like ab,bc->ac: got "
                f"{self.equation!r}"
            )
        *given, result = self.labels
        if len(set(result)) < len(result) or not set(result) <= set("".join(given)):
            raise NetworkError(f"the result of an equation names axes of its inputs, each once: got {result!r}")

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the axes of each input, and last those of the result."""
        given, _, result = self.equation.partition("->")
        return (*given.split(","), result)

    @property
    def dense(self) -> bool:
        """Whether it is a linear layer on the last axis, with a second input of ``(in, out)`` as weights."""
        return _DENSE.fullmatch(self.equation) is not None

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        sizes = self._sizes(site, inputs)
        return tuple(sizes[label] for label in self.labels[-1])

    def _sizes(self, site: Site | None, inputs: Sequence[Shape]) -> dict[str, Dim]:
        """Return the size of every axis that has a name; a site is told what must agree."""
        given = self.labels[:-1]
        if len(given) != len(inputs):
            raise RankError(f"the equation {self.equation} takes {len(given)} inputs, got {len(inputs)}")
        sizes: dict[str, Dim] = {}
        for labels, shape in zip(given, inputs, strict=True):
            if len(labels) != len(shape):
                raise RankError(f"{self.equation} names {len(labels)} axes of an input that has {len(shape)}")
            for i, (label, size) in enumerate(zip(labels, shape, strict=True)):
                known = sizes.setdefault(label, size)
                if known != size:
                    agree = eq(known, size)
                    if label not in labels[:i]:  # the axes of a diagonal are not broadcast
                        agree = any_of(agree, eq(known, 1), eq(size, 1))
                    if site is not None:
                        site.require(INNER_SIZES_AGREE, agree, axis=label, first=known, second=size)
                    sizes[label] = where(eq(known, 1), size, known)
        return sizes

    def macs(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        """Multiply from left to right, as PyTorch does: an axis that only one of two has is summed before they meet,
        one that nothing after names while they do. (ATen ``sumproduct_pair``.)"""
        *given, result = self.labels
        sizes = self._sizes(None, inputs)
        kept, costs = set(given[0]), []
        for i, labels in enumerate(given[1:], 2):
            both, after = kept & set(labels), (kept | set(labels)) & set("".join((*given[i:], result)))
            costs.append(product(sizes[label] for label in sorted(both | after)))
            kept = after
        return total(costs)
