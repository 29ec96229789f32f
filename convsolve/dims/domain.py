"""Domains: the values that an unknown may take, in the order in which they are preferred."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral

from ..errors import DimensionError
from ..support.arguments import checked, must_fit
from ..support.suggestions import quoted

__all__ = ["Domain", "Span"]

_FEW = 1 << 13
"""Of so many values, the ranks are written down."""


@dataclass(frozen=True)
class Span:
    """The integers ``start, start + step, ...`` up to ``stop`` inclusive; ``stop=None`` never ends."""

    start: int
    stop: int | None
    step: int = 1

    def __post_init__(self) -> None:
        for end in (self.start, self.stop, self.step):
            if end is not None and not isinstance(end, (int, Integral)):
                raise DimensionError(f"the values of a domain are whole numbers, got {quoted(end)}")
        if self.step < 1:
            raise DimensionError(f"a range needs a step of at least 1, got step={self.step}")
        if self.stop is not None:
            if self.stop < self.start:
                raise DimensionError(f"the range {self.start}..{self.stop} is empty: write the smaller bound first")
            object.__setattr__(self, "stop", self.stop - (self.stop - self.start) % self.step)

    def __contains__(self, value: int) -> bool:
        inside = value >= self.start and (self.stop is None or value <= self.stop)
        return inside and (value - self.start) % self.step == 0

    @property
    def size(self) -> int | None:
        """The number of integers, or None where there is no end."""
        return None if self.stop is None else (self.stop - self.start) // self.step + 1

    def __and__(self, other: Span) -> Span | None:
        """Return the integers that both hold; None where there are none."""
        step = math.lcm(self.step, other.step)
        common = math.gcd(self.step, other.step)
        if (other.start - self.start) % common:
            return None
        # the first number of this span that is congruent to the other's (the Chinese remainder theorem)
        ahead = other.step // common
        times = (other.start - self.start) // common * pow(self.step // common, -1, ahead) % ahead
        first = self.start + times * self.step
        first += max(0, -(-(other.start - first) // step)) * step
        stop = min((s for s in (self.stop, other.stop) if s is not None), default=None)
        return None if stop is not None and stop < first else Span(first, stop, step)

    def __str__(self) -> str:
        if self.start == self.stop:
            return str(self.start)
        step = "" if self.step == 1 else f" step {self.step}"
        return f"{self.start}..{'' if self.stop is None else self.stop}{step}"


@dataclass(frozen=True)
class Domain:
    """The values that an unknown may take, most preferred first.

    A domain is a sequence of spans; a value that several spans hold counts where it first appears.

    >>> d = Domain.of(3, 5, 7)
    >>> str(d), 5 in d, d.rank(7), d.size
    ('3 | 5 | 7', True, 2, 3)
    >>> str(Domain.range(32, None)), Domain.range(32, None).size
    ('32..', None)
    """

    spans: tuple[Span, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.spans, tuple) or not all(isinstance(span, Span) for span in self.spans):
            raise DimensionError(f"a domain is made by Domain.of(3, 5) or Domain.range(1, 9), got {quoted(self.spans)}")
        if not self.spans:
            raise DimensionError("a domain needs at least one value")
        if any(span.stop is None for span in self.spans[:-1]):
            raise DimensionError("only the last part of a domain may be open-ended")

    @classmethod
    def of(cls, *values: int) -> Domain:
        """Return the domain of these values, in this order of preference."""
        try:
            return cls(tuple(Span(v, v) for v in dict.fromkeys(values)))
        except TypeError:  # what has no hash is no number
            raise DimensionError(f"the values of a domain are whole numbers, got {quoted([*values])}") from None

    @classmethod
    @checked
    def range(cls, start: int, stop: int | None, step: int = 1) -> Domain:
        """Return the domain ``start..stop``, both ends included; ``stop=None`` leaves it open above."""
        return cls((Span(start, stop, step),))

    @property
    def lower(self) -> int:
        """The least value."""
        return min(span.start for span in self.spans)

    @cached_property
    def upper(self) -> int | None:
        """The greatest value, or None for a domain that is open above."""
        return None if self.spans[-1].stop is None else max(s.stop for s in self.spans if s.stop is not None)

    @cached_property
    def size(self) -> int | None:
        """The number of values, or None for a domain that is open above."""
        if self.upper is None:
            return None
        return (
            len(self._ranks)
            if self._ranks is not None
            else sum(_fresh(span, self.spans[:i]) for i, span in enumerate(self.spans))
        )

    @cached_property
    def _ranks(self) -> dict[int, int] | None:
        """The rank of each value, where these are few."""
        if self.upper is None or sum(span.size or 0 for span in self.spans) > _FEW:
            return None
        return {value: rank for rank, value in enumerate(self.values())}

    @checked
    def values(self, limit: int | None = None) -> tuple[int, ...]:
        """Return the values in order of preference, at most ``limit`` of them."""
        found: dict[int, None] = {}
        for value in self:
            if limit is not None and len(found) >= limit:
                break
            found[value] = None
        return tuple(found)

    def __iter__(self) -> Iterator[int]:
        for position, span in enumerate(self.spans):
            value = span.start
            while span.stop is None or value <= span.stop:
                if not any(value in earlier for earlier in self.spans[:position]):
                    yield value
                value += span.step

    def __contains__(self, value: int) -> bool:
        return any(value in span for span in self.spans)

    def rank(self, value: int) -> int:
        """Return how many values of the domain are preferred to ``value``."""
        if type(value) is not int:  # looked at only then: solvers ask for very many
            must_fit("value", "int", value)
        if self._ranks is not None and value in self._ranks:
            return self._ranks[value]
        before = 0
        for i, span in enumerate(self.spans):
            if value in span:
                below = Span(span.start, value, span.step)
                return before + _fresh(below, self.spans[:i]) - 1
            before += _fresh(span, self.spans[:i])
        raise DimensionError(f"{value} is not in the domain {self}")

    def __str__(self) -> str:
        return " | ".join(map(str, self.spans))


def _fresh(span: Span, earlier: tuple[Span, ...]) -> int:
    """Return how many values of a span none of the earlier ones holds."""
    found = span.size or 0
    for i, other in enumerate(earlier):
        common = span & other
        if common is not None:
            found -= _fresh(common, earlier[:i])
    return found
