"""Counting: how many architectures a space has, as a whole or cube by cube."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from math import prod

from ..errors import UndecidedError
from .checkpoint import Checkpoint
from .components import in_words, outlined, parts_of
from .cubes import Cut, Job, Tell, cut, run, untold
from .path_counts import count_paths
from .subspace import Subspace

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
    subspace: Subspace,
    cubes: int = 1,
    executor: Executor | None = None,
    tell: Tell = untold,
    checkpoint: Checkpoint | None = None,
) -> Count:
    """Return the count of a space; where it is not exact, what the whole and the sum over so many cubes say together.

    What is known of cubes is kept in a ``checkpoint``, and taken from it.

    Raises:
        UndecidedError: even cubes have too many states to be gone through, or the time ran out.
    """
    value, low, high = _sum(subspace, 1, executor, tell, checkpoint)
    if low < high and cubes > 1:
        value, least, most = _sum(subspace, cubes, executor, tell, checkpoint)
        low, high = max(low, least), min(high, most)
    return Count(min(max(value, low), high), low == high, low, high, _free(subspace))


def _sum(
    subspace: Subspace, cubes: int, executor: Executor | None, tell: Tell, checkpoint: Checkpoint | None
) -> tuple[int, int, int]:
    """Return an estimate and its bounds, summed over cubes."""
    value = low = high = 0
    answers = None if checkpoint is None else checkpoint.of(f"count in {cubes}", _numbers, _texts)
    with in_words():
        jobs = [Job(subspace, partial(_counted, cubes=cubes))]
        for _, (own, least, most) in run(
            jobs, executor, clock=subspace.clock, in_order=False, tell=tell, answers=answers
        ):
            value, low, high = value + own, low + least, high + most
    return value, low, high


def _texts(numbers: tuple[int, int, int]) -> list[str]:
    """Return counts as they are written: Python does not read decimal digits without end."""
    return [f"{number:x}" for number in numbers]


def _numbers(texts: list[str]) -> tuple[int, ...]:
    return tuple(int(text, 16) for text in texts)


def _counted(subspace: Subspace, depth: int, *, cubes: int) -> tuple[int, int, int] | Cut:
    """Return an estimate and its bounds; with several cubes, of each of them."""
    if subspace.parts is None or subspace.outline is None:
        return 0, 0, 0
    if depth == 0 and cubes > 1 and len(smaller := cut(subspace.outline, cubes, subspace.parts)) > 1:
        return Cut(smaller)
    drawing = subspace.drawing()
    low, high = drawing.sure, drawing.total
    value = high if drawing.exact else high * drawing.hits(_PROBES) // _PROBES
    return min(max(value, low), high), low, high


def _free(subspace: Subspace) -> int | None:
    """Return how many architectures there would be without any requirement; None where they cannot be counted."""
    try:
        outline = outlined(subspace.traced, subspace.clock, [])
        whole = None if outline is None else parts_of(subspace.traced, outline, subspace.clock)
        return 0 if whole is None else prod(count_paths(part).total for part in whole.parts)
    except UndecidedError:
        return None
