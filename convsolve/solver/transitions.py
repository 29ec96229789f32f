"""Transitions: every state, a row, paired with every value of the holes that the block introduces.

Steps are read by numpy broadcasting over (rows, values of the first hole, values of the second, ...), so
that nothing is copied for a cell before it is known to survive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from ..dims import Condition, Dim, total, variables
from ..dims.evaluate import evaluate_words, fits_word
from .clock import Clock
from .plan import SweepBlock
from .presolve import Domains
from .system import Define, System

__all__ = ["Transitions", "Choices", "MOST_BYTES", "TooWide", "best_of_each", "expand", "keys"]

_STEPS_TO_SORT = 12
"""So many steps are taken in the time in which a number is sorted."""

_AT_ONCE = 1 << 19
"""Numbers that are computed at once: a fraction of a second, and of the memory."""

_MOST_IN_ALL = 1 << 26
"""Transitions of one block: beyond this, another method is faster."""

_MOST_COMBINATIONS = 1 << 22
"""Combinations of one block, whose ranks are written down."""

MOST_BYTES = 1 << 29
"""What one method holds at most at one time."""

_WORD = 1 << 62


class TooWide(Exception):
    """There are too many transitions or rows for this method; ``found`` are solutions that were met before."""

    found: Sequence[tuple[tuple[int, ...], dict[str, int]]] = ()


@dataclass(frozen=True)
class Choices:
    """The values of the holes of a block, and how far each is from the preferred one."""

    names: tuple[str, ...]
    values: tuple[np.ndarray, ...]
    ranks: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, block: SweepBlock, system: System, domains: Domains) -> Choices:
        """Return the values that presolve has left, preferred ones first.

        Raises:
            TooWide: there are too many combinations.
        """
        values, ranks = [], []
        if prod(domains[name].size or _MOST_IN_ALL for name in block.holes) > _MOST_COMBINATIONS:
            raise TooWide
        for name in block.holes:
            array = domains[name].array
            if array is None:
                raise TooWide
            rank = np.array([system.holes[name].rank(int(v)) for v in array], dtype=np.int64)
            order = np.argsort(rank)
            values.append(array[order])
            ranks.append(rank[order])
        return cls(block.holes, tuple(values), tuple(ranks))

    @property
    def shape(self) -> tuple[int, ...]:
        """How many values each hole has."""
        return tuple(len(v) for v in self.values)

    @property
    def count(self) -> int:
        """The number of combinations."""
        return prod(self.shape)

    def sum_of_ranks(self) -> np.ndarray:
        """Return the sum of ranks of each combination, in order."""
        total = np.zeros((1,) * len(self.shape), dtype=np.int64)
        for axis, ranks in enumerate(self.ranks):
            total = total + ranks.reshape([-1 if i == axis else 1 for i in range(len(self.shape))])
        return np.broadcast_to(total, self.shape).ravel()

    def combination(self, number: int) -> dict[str, int]:
        """Return the holes' values in one combination."""
        places = np.unravel_index(number, self.shape) if self.names else ()
        return {n: int(v[p]) for n, v, p in zip(self.names, self.values, places, strict=True)}

    def columns(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """Return the holes' values in many combinations."""
        places = np.unravel_index(numbers, self.shape) if self.names else ()
        return {n: v[p] for n, v, p in zip(self.names, self.values, places, strict=True)}


@dataclass(frozen=True)
class Transitions:
    """The transitions that survive: their row, their combination, the columns that are kept, what sums grow by."""

    row: np.ndarray
    combination: np.ndarray
    columns: dict[str, np.ndarray]
    added: list[np.ndarray]


def expand(
    block: SweepBlock,
    columns: Mapping[str, np.ndarray],
    count: int,
    choices: Choices,
    sums: Sequence[Sequence[Any]],
    domains: Domains,
    clock: Clock,
) -> Iterator[Transitions]:
    """Yield the surviving transitions of a block, some rows at a time.

    ``sums`` are the expressions that each accumulator grows by in this block.
    """
    per_row = choices.count
    if count * per_row > _MOST_IN_ALL:
        raise TooWide
    clock.afford(count * per_row * (1 + len(block.steps)) // _STEPS_TO_SORT)
    at_once = max(1, _AT_ONCE // (1 + len(block.steps)))
    growth = [total(terms) for terms in sums]
    last = {name: i for i, step in enumerate(block.steps) for name in step.inputs}
    wanted = {*block.kept, *(v.name for v in variables(*growth))}
    passing = [[n for n in step.inputs if last[n] == i and n not in wanted] for i, step in enumerate(block.steps)]
    for rows, places in _pieces(count, choices.shape, at_once):
        clock.check("searching")
        part = {name: column[rows] for name, column in columns.items()}
        yield _expand(block, passing, part, rows, choices, places, growth, domains)


def _pieces(count: int, shape: tuple[int, ...], at_once: int) -> Iterator[tuple[slice, tuple[slice, ...]]]:
    """Yield rows and places of each hole's values that together are all transitions, in order, few enough at a time."""
    per_row = prod(shape)
    if per_row <= at_once:
        chunk = at_once // max(1, per_row)
        whole = tuple(slice(0, n) for n in shape)
        yield from ((slice(start, min(count, start + chunk)), whole) for start in range(0, count, chunk))
        return
    axis = next(i for i in range(len(shape)) if prod(shape[i + 1 :]) <= at_once)
    chunk = at_once // prod(shape[axis + 1 :])
    tail = tuple(slice(0, n) for n in shape[axis + 1 :])
    for row in range(count):
        for head in product(*(range(n) for n in shape[:axis])):
            for start in range(0, shape[axis], chunk):
                here = slice(start, min(shape[axis], start + chunk))
                yield slice(row, row + 1), (*(slice(i, i + 1) for i in head), here, *tail)


def _expand(
    block: SweepBlock,
    passing: Sequence[Sequence[str]],
    columns: Mapping[str, np.ndarray],
    rows: slice,
    choices: Choices,
    places: tuple[slice, ...],
    growth: Sequence[Dim],
    domains: Domains,
) -> Transitions:
    """Return the surviving transitions of some rows and places; ``passing`` are names that no later step needs."""
    rank = 1 + len(choices.names)
    known: dict[str, Any] = {n: c.reshape(-1, *(1,) * (rank - 1)) for n, c in columns.items()}
    for axis, (name, values, place) in enumerate(zip(choices.names, choices.values, places, strict=True), start=1):
        known[name] = values[place].reshape([-1 if i == axis else 1 for i in range(rank)])
    shape = (rows.stop - rows.start, *(place.stop - place.start for place in places))
    alive: Any = None
    for step, done in zip(block.steps, passing, strict=True):
        for name in step.inputs:
            if name not in known:
                known[name] = domains[name].fixed
        if isinstance(step, Define):
            value = _read(step.value, known, domains)
            fixed = domains[step.name].fixed
            holds = value == fixed if fixed is not None else domains[step.name].holds(value)
            if fixed is None:
                known[step.name] = value
        else:
            holds = _read(step.condition, known, domains).astype(bool)
        for name in done:
            del known[name]
        if not holds.all():
            alive = holds if alive is None else alive & holds
            if not alive.any():
                break
    if alive is None:
        flat = np.arange(prod(shape))
    else:
        flat = np.flatnonzero(np.broadcast_to(alive, shape))
        if len(flat) == 0:
            empty = np.zeros(0, dtype=np.int64)
            return Transitions(empty, empty, dict.fromkeys(block.kept, empty), [empty for _ in growth])

    def take(value: Any) -> np.ndarray:
        array = np.asarray(value)
        if array.size == 1:
            return np.full(len(flat), array.ravel()[0])
        whole = np.broadcast_to(array, shape).ravel()
        return whole if alive is None else whole[flat]

    added = []
    for term in growth:
        for unknown in variables(term):
            if unknown.name not in known:
                known[unknown.name] = domains[unknown.name].fixed
        added.append(take(_read(term, known, domains)))
    row, *local = np.unravel_index(flat, shape)
    combination = np.zeros(len(flat), dtype=np.int64)
    for number, place, length in zip(local, places, choices.shape, strict=True):
        combination = combination * length + (number + place.start)
    return Transitions(row + rows.start, combination, {name: take(known[name]) for name in block.kept}, added)


def _read(x: Dim | Condition, known: Mapping[str, Any], domains: Domains) -> np.ndarray:
    if not fits_word(x, {v.name: domains[v.name].interval for v in variables(x)}):
        raise TooWide
    return evaluate_words(x, known)


def keys(columns: Sequence[np.ndarray], count: int) -> tuple[np.ndarray, int]:
    """Return a number for each row, the same where all columns agree, and a limit above all numbers."""
    key = np.zeros(count, dtype=np.int64)
    size = 1
    if count == 0:
        return key, size
    for column in columns:
        low, high = int(column.min()), int(column.max())
        span = high - low + 1
        if span >= _WORD // size:
            _, key = np.unique(key, return_inverse=True)
            size = int(key.max()) + 1
            if span >= _WORD // size:
                _, column = np.unique(column, return_inverse=True)
                low, span = 0, int(column.max()) + 1
        key = key * span + (column - low)
        size *= span
    if size > 4 * count + (1 << 16):  # sparse: number the keys that occur
        found, key = np.unique(key, return_inverse=True)
        size = len(found)
    return key, size


def best_of_each(
    key: np.ndarray, size: int, scores: Sequence[np.ndarray], budgets: Sequence[np.ndarray] = (), keep: int = 1
) -> np.ndarray:
    """Return which rows to keep of each group of equal keys.

    Without budgets, the ``keep`` rows least in the scores, compared one after the other (no two rows may
    agree in all). With budgets, those that are not beaten: no row of the group is less in the scores and no more
    in any budget. Of several budgets with very many values, some that are beaten may be kept: it takes a number of
    sorts that does not grow with the rows.
    """
    if keep > 1:
        order = np.lexsort((*reversed(scores), key))
        ordered = key[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        place = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
        return np.sort(order[place < keep])
    score = _one_score(scores, len(key))
    if not budgets:
        least = np.full(size, np.iinfo(np.int64).max)
        np.minimum.at(least, key, score)
        return np.flatnonzero(score == least[key])
    order = np.lexsort((score, key))
    while True:
        kept = order[_unbeaten(key[order], [budget[order] for budget in budgets])]
        enough = len(budgets) == 1 or len(kept) > 0.8 * len(order)
        order = kept
        if enough:
            return np.sort(order)


def _unbeaten(key: np.ndarray, budgets: Sequence[np.ndarray]) -> np.ndarray:
    """Return which rows, the best ones of each group first, are less than each before in some budget."""
    group = np.zeros(len(key), dtype=np.int64)
    np.cumsum(key[1:] != key[:-1], out=group[1:])
    first = _close_together(budgets[0], 1 + int(group[-1]) if len(group) else 1)
    others = budgets[1:]
    beaten = np.zeros(len(key), dtype=bool)
    levels = [_levels(other, _PASSES[min(len(others), 3)]) for other in others]
    for level in product(*levels):
        below = np.ones(len(key), dtype=bool)
        above = ~beaten
        for other, limit in zip(others, level, strict=True):
            below &= other <= limit
            above &= other >= limit
        beaten |= above & (_least_before(first, group, below) <= first)
    return np.flatnonzero(~beaten)


_PASSES = {0: 1, 1: 16, 2: 5, 3: 2}
"""Into how many levels each further budget is cut, given how many of these there are."""


def _close_together(values: np.ndarray, groups: int) -> np.ndarray:
    """Return numbers from zero that compare as some values do, so small that those of all groups fit a word."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    if high - low + 2 < _WORD // groups:
        return values - low
    found: np.ndarray = np.unique(values, return_inverse=True)[1]
    return found


def _levels(budget: np.ndarray, most: int) -> np.ndarray:
    """Return values of a budget at which rows are told apart: all, or some of them."""
    found = np.unique(budget)
    return found if len(found) <= most else found[np.linspace(0, len(found) - 1, most).astype(np.int64)]


def _least_before(values: np.ndarray, group: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return for each row the least value, none negative, of the rows before it in its group, of those that count."""
    span = int(values.max(initial=0)) + 2
    # a later group lies lower as a whole: what came before it is never the least in it
    lowered = np.where(counts, values, span - 1) - group * span
    least = np.empty(len(lowered), dtype=np.int64)
    least[:1] = span
    np.minimum.accumulate(lowered[:-1], out=least[1:])
    result: np.ndarray = np.minimum(least + group * span, span - 1)
    return result


def _one_score(scores: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Return one number that compares as the scores do, one after the other."""
    total = np.zeros(count, dtype=np.int64)
    size = 1
    for score in scores:
        low, high = (int(score.min()), int(score.max())) if count else (0, 0)
        span = high - low + 1
        if span >= _WORD // size:
            order = np.lexsort(tuple(reversed(scores)))
            place = np.empty(count, dtype=np.int64)
            place[order] = np.arange(count)
            return place
        total = total * span + (score - low)
        size *= span
    return total
