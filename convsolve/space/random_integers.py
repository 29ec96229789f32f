"""Drawing whole numbers of any size, with and without replacement, reproducibly."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np

__all__ = ["distinct", "uniform", "whole"]

_WORD = 1 << 61


def uniform(generator: np.random.Generator, below: int, count: int) -> np.ndarray:
    """Return whole numbers from 0 to ``below`` - 1, each equally likely.

    >>> uniform(np.random.default_rng(0), 10**30, 2).max() < 10**30
    True
    """
    if below < _WORD:
        return generator.integers(0, below, count)
    size = below.bit_length()
    found: list[int] = []
    while len(found) < count:
        width = (size + 7) // 8
        data = generator.bytes(width * (count - len(found)))
        drawn = (int.from_bytes(data[i : i + width], "little") for i in range(0, len(data), width))
        found += [n for n in (d >> (8 * width - size) for d in drawn) if n < below]
    result = np.empty(count, dtype=object)
    result[:] = found
    return result


def distinct(generator: np.random.Generator, below: int, count: int) -> np.ndarray:
    """Return different whole numbers from 0 to ``below`` - 1 in random order, each choice of them equally likely.

    >>> sorted(distinct(np.random.default_rng(0), 5, 5).tolist())
    [0, 1, 2, 3, 4]
    """
    if below < _WORD:
        return generator.choice(below, count, replace=False)
    seen: dict[int, None] = {}
    while len(seen) < count:
        seen.update(dict.fromkeys(uniform(generator, below, count - len(seen)).tolist()))
    result = np.empty(count, dtype=object)
    result[:] = list(seen)
    return result


def whole(weights: Sequence[Any]) -> list[int] | None:
    """Return whole numbers in the proportion of some weights, which are read as decimals; None if one is not positive.

    >>> whole([0.1, 2, "1/2"])
    [1, 20, 5]
    """
    exact = [Fraction(str(weight)) for weight in weights]
    if any(weight <= 0 for weight in exact):
        return None
    unit = lcm(*(weight.denominator for weight in exact))
    return [int(weight * unit) for weight in exact]
