"""Counting: how many architectures a space has, as a whole or cube by cube."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from math import prod

from ..errors import UndecidedError
from .cubes import Cut, Job, cut, run
from .ground import Ground
from .parts import in_words, outlined, parts_of
from .tally import tally

__all__ = ["Count", "count"]

_PROBES = 20_000
"""How many candidates an estimate rests on."""


@dataclass(frozen=True)
class Count:
    """How many architectures are valid: ``value``, which lies from ``low`` to ``high``.

    ``exact`` says that the three agree; otherwise ``value`` is an estimate and the bounds are certain. ``of`` is how
    many architectures there would be without any requirement, layers that are absent counting as one; None where
    these are too many to be counted.
    """

    value: int
    exact: bool
    low: int
    high: int
    of: int | None

    @property
    def share(self) -> Fraction | None:
        """The share of valid ones among all architectures."""
        return Fraction(self.value, self.of) if self.of else None


def count(
    ground: Ground, cubes: int = 1, executor: Executor | None = None, tell: Callable[[float], None] = lambda done: None
) -> Count:
    """Return the count of a space; where it is not exact, the sum over at least so many cubes.

    Raises:
        UndecidedError: even cubes have too many states to be gone through, or the time ran out.
    """
    value = low = high = 0
    done = 0.0
    with in_words():
        jobs = [Job(ground, partial(_counted, cubes=cubes))]
        for job, (own, least, most) in run(jobs, executor, clock=ground.clock, in_order=False):
            value, low, high, done = value + own, low + least, high + most, done + job.share
            tell(done)
    return Count(value, low == high, low, high, _free(ground))


def _counted(ground: Ground, depth: int, *, cubes: int) -> tuple[int, int, int] | Cut:
    """Return an estimate and its bounds; of a whole space that is not exact, let its cubes be counted."""
    if ground.parts is None:
        return 0, 0, 0
    drawing = ground.drawing()
    high = drawing.total
    if drawing.exact:
        return high, high, high
    assert ground.outline is not None
    if depth == 0 and len(smaller := cut(ground.outline, cubes, ground.parts)) > 1:
        return Cut(smaller)
    low = drawing.sure
    return min(max(high * drawing.hits(_PROBES) // _PROBES, low), high), low, high


def _free(ground: Ground) -> int | None:
    """Return how many architectures there would be without any requirement; None where they cannot be counted."""
    try:
        outline = outlined(ground.traced, ground.clock, [])
        whole = None if outline is None else parts_of(ground.traced, outline, ground.clock)
        return 0 if whole is None else prod(tally(part).total for part in whole.parts)
    except UndecidedError:
        return None
