"""Attention as layers: heads that are split off and merged, two products and a softmax between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ...dims import Dim
from ...operators import OPERATORS, Add, Matmul, Permute, Reshape

__all__ = ["attended", "heads_of", "merged", "scores"]

_Tensor = TypeVar("_Tensor")

_Adds = Callable[..., Any]
"""Adds a layer: its name (a part of that of the whole), its operator, and its inputs; returns its output."""


def heads_of(add: _Adds, x: _Tensor, heads: Dim, size: Dim) -> _Tensor:
    """Return ``(heads, length, size)`` of ``(length, heads*size)``."""
    split = add("heads.split", Reshape(shape=(-1, heads, size)), x)
    turned: _Tensor = add("heads.split", Permute(order=(1, 0, 2)), split)
    return turned


def merged(add: _Adds, x: _Tensor, features: Dim) -> _Tensor:
    """Return ``(length, features)`` of ``(heads, length, size)``."""
    turned = add("heads.merge", Permute(order=(1, 0, 2)), x)
    whole: _Tensor = add("heads.merge", Reshape(shape=(-1, features)), turned)
    return whole


def scores(add: _Adds, rank: int, query: _Tensor, key: _Tensor, mask: _Tensor | None = None) -> _Tensor:
    """Return how much each query takes of each key: a softmax of products, ``(..., queries, keys)``."""
    order = (*range(rank - 2), rank - 1, rank - 2)
    products = add("attention.scores", Matmul(), query, add("attention.keys", Permute(order=order), key))
    if mask is not None:
        products = add("attention.mask", Add(), products, mask)
    weights: _Tensor = add("attention.softmax", OPERATORS["softmax"](), products)
    return weights


def attended(add: _Adds, weights: _Tensor, value: _Tensor) -> _Tensor:
    """Return the values that the queries take."""
    taken: _Tensor = add("attention.values", Matmul(), weights, value)
    return taken
