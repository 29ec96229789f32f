"""Value sets: which values an unknown may still have, as a sorted array where few, as ranges with steps where many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..dims import Domain, Span
from ..dims.bounds import Interval

__all__ = ["EMPTY", "MOST_VALUES", "ValueSet", "runs_of"]

MOST_VALUES = 1 << 13
"""A set larger than this is kept as ranges."""

_FAR = 1 << 61


@dataclass(frozen=True, eq=False)
class ValueSet:
    """A set of integers: ``array`` (sorted, distinct), or all from ``low`` to ``high`` where that is None.

    With ``spans``, only those of the latter that one of these holds; both ends are such, if they are numbers.
    """

    low: int | None
    high: int | None
    array: np.ndarray | None = None
    spans: tuple[Span, ...] = ()

    @classmethod
    def of(cls, array: np.ndarray) -> ValueSet:
        """Return the set of the values in an array (sorted, distinct)."""
        if len(array) == 0:
            return EMPTY
        return cls(int(array[0]), int(array[-1]), array.astype(np.int64))

    @classmethod
    def between(cls, low: int | None, high: int | None) -> ValueSet:
        """Return the set of all integers between two (None: open)."""
        if low is not None and high is not None:
            if low > high:
                return EMPTY
            if high - low < MOST_VALUES and abs(low) < _FAR and abs(high) < _FAR:
                return cls(low, high, np.arange(low, high + 1, dtype=np.int64))
        return cls(low, high)

    @classmethod
    def of_domain(cls, domain: Domain) -> ValueSet:
        """Return the values of a domain."""
        return cls._of_spans(domain.spans, None, None)

    @classmethod
    def _of_spans(cls, spans: tuple[Span, ...], low: int | None, high: int | None) -> ValueSet:
        """Return what ranges hold between two bounds."""
        inside = Span(min(s.start for s in spans) if low is None else low, high)
        parts = tuple(part for span in spans if (part := span & inside) is not None)
        if not parts:
            return EMPTY
        stops = [part.stop for part in parts if part.stop is not None]
        low, high = min(part.start for part in parts), max(stops) if len(stops) == len(parts) else None
        if len(parts) == 1 and parts[0].step == 1:
            return cls.between(low, high)
        if high is not None and abs(low) < _FAR and abs(high) < _FAR:
            if sum(part.size or 0 for part in parts) <= MOST_VALUES:
                arrays = [np.arange(p.start, (p.stop or 0) + 1, p.step, dtype=np.int64) for p in parts]
                return cls.of(np.unique(np.concatenate(arrays)))
        return cls(low, high, spans=parts)

    @property
    def empty(self) -> bool:
        """Whether there is no value."""
        return self is EMPTY

    @property
    def size(self) -> int | None:
        """How many values there are at most; None where there is no end."""
        if self.array is not None:
            return len(self.array)
        if self.spans and self.high is not None:
            return sum(span.size or 0 for span in self.spans)
        return None if self.low is None or self.high is None else self.high - self.low + 1

    @property
    def interval(self) -> Interval:
        """The least and the greatest value; None where there is no end."""
        return (self.low, self.high)

    @property
    def fixed(self) -> int | None:
        """The only value, if there is only one."""
        return self.low if self.low is not None and self.low == self.high else None

    def within(self, low: int | None, high: int | None) -> ValueSet:
        """Return the part between two bounds; the same object where nothing changes."""
        new_low = self.low if low is None or (self.low is not None and self.low >= low) else low
        new_high = self.high if high is None or (self.high is not None and self.high <= high) else high
        if new_low == self.low and new_high == self.high:
            return self
        if new_low is not None and new_high is not None and new_low > new_high:
            return EMPTY
        if self.array is None:
            if self.spans:
                return ValueSet._of_spans(self.spans, new_low, new_high)
            return ValueSet.between(new_low, new_high)
        return ValueSet.of(self.array[(self.array >= new_low) & (self.array <= new_high)])

    def meet(self, array: np.ndarray) -> ValueSet:
        """Return the part whose values stand in a sorted array; the same object where nothing changes."""
        if self.array is None:
            kept = array
            if self.low is not None:
                kept = kept[kept >= self.low]
            if self.high is not None:
                kept = kept[kept <= self.high]
            return ValueSet.of(kept[self.holds(kept)] if self.spans else kept)
        kept = self.array[np.isin(self.array, array, assume_unique=True)]
        return self if len(kept) == len(self.array) else ValueSet.of(kept)

    def holds(self, array: np.ndarray) -> np.ndarray:
        """Return for each value in an array of any shape whether it is in the set."""
        if self.array is not None and self.low is not None and self.high is not None:
            if len(self.array) == self.high - self.low + 1:
                return (array >= self.low) & (array <= self.high)
            return np.isin(array, self.array)
        result = np.ones(array.shape, dtype=bool)
        if self.low is not None:
            result &= array >= self.low
        if self.high is not None:
            result &= array <= self.high
        if self.spans:
            held = np.zeros(array.shape, dtype=bool)
            for span in self.spans:
                inside = (array >= span.start) & ((array - span.start) % span.step == 0)
                held |= inside if span.stop is None else inside & (array <= span.stop)
            result &= held
        return result


EMPTY = ValueSet(1, 0, np.array([], dtype=np.int64))


def runs_of(array: np.ndarray) -> list[Span]:
    """Return ranges that together hold just the values of a sorted array.

    >>> [str(run) for run in runs_of(np.array([1, 2, 3, 11, 16, 32, 48]))]
    ['1..3', '11', '16..48 step 16']
    """
    found: list[Span] = []
    values = array.tolist()
    at = 0
    while at < len(values):
        step = values[at + 1] - values[at] if at + 1 < len(values) else 1
        end = at + 1
        while end < len(values) and values[end] - values[end - 1] == step:
            end += 1
        if end - at == 2:  # two numbers alone are no run: the second may begin one
            end -= 1
        found.append(Span(values[at], values[end - 1], step))
        at = end
    return found
