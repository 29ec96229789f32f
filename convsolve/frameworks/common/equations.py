"""Equations of sums of products as frameworks write them, with a batch axis, as those of samples."""

from __future__ import annotations

import string
from collections.abc import Sequence

from .registry import NotReadError

__all__ = ["UnfitError", "per_sample"]


class UnfitError(NotReadError):
    """An equation that does not fit its operands: no framework takes it."""


def per_sample(equation: str, ranks: Sequence[int], batches: Sequence[int | None]) -> tuple[str, int]:
    """Return an equation without the batch axis, and the place of that axis in the result.

    Args:
        equation: as in ``einsum`` of NumPy and all frameworks.
        ranks: how many axes each operand has.
        batches: which of them is the batch axis; None for an operand that is the same for all samples.

    Raises:
        NotReadError: the equation does not fit, or does not keep samples apart.

    >>> per_sample("...x,xy->...y", [3, 2], [0, None])
    ('bx,xy->by', 0)
    """
    *given, result = _lettered(equation, ranks)
    letters = {labels[at] for labels, at in zip(given, batches, strict=True) if at is not None}
    alone = {letter for labels, at in zip(given, batches, strict=True) if at is None for letter in labels}
    if len(letters) != 1 or letters & alone:
        raise NotReadError(f"the equation {equation!r} does not keep samples apart")
    (batch,) = letters
    if result.count(batch) != 1 or any(labels.count(batch) > 1 for labels in given):
        raise NotReadError(f"the equation {equation!r} does not keep samples apart")
    inside = [labels.replace(batch, "") for labels in (*given, result)]
    return f"{','.join(inside[:-1])}->{inside[-1]}", result.index(batch)


def _lettered(equation: str, ranks: Sequence[int]) -> list[str]:
    """Return the letters of each operand's axes, and of the result's, with letters for ``...``."""
    given, arrow, result = equation.replace(" ", "").partition("->")
    operands = given.split(",")
    unfit = UnfitError(f"the equation {equation!r} does not fit its operands")
    if len(operands) != len(ranks):
        raise unfit
    hidden = [
        rank - len(labels.replace("...", "")) if "..." in labels else 0
        for labels, rank in zip(operands, ranks, strict=True)
    ]
    free = [letter for letter in string.ascii_letters if letter not in equation]
    if min(hidden) < 0 or max(hidden) > len(free):
        raise unfit
    every = "".join(free[: max(hidden)])
    named = [labels.replace("...", every[len(every) - count :]) for labels, count in zip(operands, hidden, strict=True)]
    if any(len(labels) != rank for labels, rank in zip(named, ranks, strict=True)):
        raise unfit
    if arrow:
        return [*named, result.replace("...", every)]
    letters = "".join(named)
    return [*named, every + "".join(sorted(n for n in set(letters) if n not in every and letters.count(n) == 1))]
