"""Brute force: every assignment at once, as columns of numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from .reading import Algebra, read

__all__ = ["Answers", "brute_force", "columns_of", "combinations", "reading_of", "rows_of"]


class _Columns(Algebra):
    def __init__(self, columns: dict[str, np.ndarray] | None = None) -> None:
        self.columns = columns
        self.values: dict[str, list[int]] = {}

    def hole(self, name: str, values: Sequence[int] | tuple[int, None]) -> Any:
        if values[-1] is None:
            values = range(int(values[0] or 0), int(values[0] or 0) + 2000)
        self.values[name] = [int(v or 0) for v in values]
        return np.array([values[0]]) if self.columns is None else self.columns[name]

    def all(self, *conditions: Any) -> Any:
        return reduce(np.logical_and, conditions, True)

    def any(self, *conditions: Any) -> Any:
        return reduce(np.logical_or, conditions, False)

    def negate(self, condition: Any) -> Any:
        return np.logical_not(condition)

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        return np.where(condition, a, b)

    def maximum(self, *values: Any) -> Any:
        return reduce(np.maximum, values)

    def minimum(self, *values: Any) -> Any:
        return reduce(np.minimum, values)


@dataclass(frozen=True)
class Answers:
    """Every solution: the holes' columns, and the objectives', as the problem writes them."""

    columns: dict[str, np.ndarray]
    objectives: np.ndarray
    senses: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.objectives)

    def rows(self, objectives: tuple[int, ...] | None = None) -> list[dict[str, int]]:
        """Return the solutions as assignments, or those with given values of the objectives."""
        chosen = (
            np.arange(len(self)) if objectives is None else np.flatnonzero((self.objectives == objectives).all(axis=1))
        )
        lists = {name: column[chosen].tolist() for name, column in self.columns.items()}
        return (
            [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]
            if lists
            else [{} for _ in chosen]
        )

    @property
    def best(self) -> tuple[int, ...] | None:
        """The best values of the objectives, the most important first; None if there is no solution."""
        if not len(self):
            return None
        ordered = self.objectives * np.array(self.senses, dtype=np.int64)
        return tuple(int(v) * s for v, s in zip(min(map(tuple, ordered.tolist())), self.senses, strict=True))


def _holes(text: str) -> dict[str, list[int]]:
    """Return the values of every hole; where one is open above, the first two thousand."""
    first = _Columns()
    read(text, first)
    return first.values


def combinations(text: str) -> int:
    """Return how many assignments a problem has."""
    return prod(map(len, _holes(text).values()))


def columns_of(text: str, count: int, seed: int) -> dict[str, np.ndarray]:
    """Return columns of random assignments, valid or not."""
    generator = np.random.default_rng(seed)
    return {name: generator.choice(values, count) for name, values in _holes(text).items()}


def rows_of(text: str) -> dict[str, np.ndarray]:
    """Return columns of all assignments, valid or not."""
    holes = _holes(text)
    shape = [len(values) for values in holes.values()]
    places = np.unravel_index(np.arange(prod(shape)), shape) if shape else ()
    return {n: np.array(v)[own] for (n, v), own in zip(holes.items(), places, strict=True)}


def reading_of(text: str, columns: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return of each assignment whether it meets the requirements, and a row of the objectives' values."""
    algebra = _Columns(columns)
    model = read(text, algebra)
    count = len(next(iter(columns.values()), [0]))
    objectives = [np.broadcast_to(np.asarray(value), count) for _, value in model.objectives]
    empty = np.zeros((count, 0), dtype=np.int64)
    return np.broadcast_to(algebra.all(*model.requirements), count), np.stack(
        objectives, axis=1
    ) if objectives else empty


def brute_force(text: str) -> Answers:
    """Return all solutions of a problem; a hole whose layers are all absent has its preferred value."""
    holes, columns = _holes(text), rows_of(text)
    total = prod(map(len, holes.values()))
    algebra = _Columns(columns)
    model = read(text, algebra)
    valid = np.broadcast_to(algebra.all(*model.requirements), total).copy()
    for name, own in model.present.items():
        valid &= np.broadcast_to(algebra.any(*own), total) | (columns[name] == holes[name][0])
    objectives = [np.broadcast_to(np.asarray(value), total)[valid] for _, value in model.objectives]
    empty = np.zeros((int(valid.sum()), 0), dtype=np.int64)
    return Answers({n: c[valid] for n, c in columns.items()}, np.stack(objectives, axis=1) if objectives else empty,
                   tuple(sense for sense, _ in model.objectives))  # fmt: skip
