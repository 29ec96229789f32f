"""Value sets: which values an unknown may still have, as a sorted array where few, as an interval where many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..dims import Domain
from ..dims.bounds import Interval

__all__ = ["EMPTY", "MOST_VALUES", "Values"]

MOST_VALUES = 1 << 13
"""A set larger than this is kept as an interval."""


@dataclass(frozen=True, eq=False)
class Values:
    """A set of integers: ``array`` (sorted, distinct), or all from ``low`` to ``high`` where that is None."""

    low: int | None
    high: int | None
    array: np.ndarray | None = None

    @classmethod
    def of(cls, array: np.ndarray) -> Values:
        """Return the set of the values in an array (sorted, distinct)."""
        if len(array) == 0:
            return EMPTY
        low, high = int(array[0]), int(array[-1])
        return cls(low, high, array.astype(np.int64) if len(array) <= MOST_VALUES else None)

    @classmethod
    def between(cls, low: int | None, high: int | None) -> Values:
        """Return the set of all integers between two (None: open)."""
        if low is not None and high is not None:
            if low > high:
                return EMPTY
            if high - low < MOST_VALUES and abs(low) < 2**61 and abs(high) < 2**61:
                return cls(low, high, np.arange(low, high + 1, dtype=np.int64))
        return cls(low, high)

    @classmethod
    def of_domain(cls, domain: Domain) -> Values:
        """Return the values of a domain."""
        if domain.size is not None and domain.size <= MOST_VALUES:
            return cls.of(np.array(sorted(domain.values()), dtype=np.int64))
        return cls(domain.lower, domain.upper)

    @property
    def empty(self) -> bool:
        """Whether there is no value."""
        return self is EMPTY

    @property
    def size(self) -> int | None:
        """How many values there are; None where there is no end."""
        if self.array is not None:
            return len(self.array)
        return None if self.low is None or self.high is None else self.high - self.low + 1

    @property
    def interval(self) -> Interval:
        """The least and the greatest value; None where there is no end."""
        return (self.low, self.high)

    @property
    def fixed(self) -> int | None:
        """The only value, if there is only one."""
        return self.low if self.low is not None and self.low == self.high else None

    def within(self, low: int | None, high: int | None) -> Values:
        """Return the part between two bounds; the same object where nothing changes."""
        new_low = self.low if low is None or (self.low is not None and self.low >= low) else low
        new_high = self.high if high is None or (self.high is not None and self.high <= high) else high
        if new_low == self.low and new_high == self.high:
            return self
        if self.array is None:
            return Values.between(new_low, new_high)
        return Values.of(self.array[(self.array >= new_low) & (self.array <= new_high)])

    def meet(self, array: np.ndarray) -> Values:
        """Return the part whose values stand in a sorted array; the same object where nothing changes."""
        if self.array is None:
            kept = array
            if self.low is not None:
                kept = kept[kept >= self.low]
            if self.high is not None:
                kept = kept[kept <= self.high]
            return Values.of(kept)
        kept = self.array[np.isin(self.array, array, assume_unique=True)]
        return self if len(kept) == len(self.array) else Values.of(kept)

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
        return result


EMPTY = Values(1, 0, np.array([], dtype=np.int64))
