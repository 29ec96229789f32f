"""Finding the sizes that code of C reads: a program runs again with other digits in them."""

from __future__ import annotations

from collections.abc import Callable, Container

from ...dims import variables
from ...dims.normal import Polynomial
from ..common.recording.guards import BATCH_NAME

__all__ = ["Digits", "sizes_read"]

_MOST_TRIED = 48

Digits = Callable[[Polynomial], int | None]
"""What code of C finds in a size of some expression; None for its value."""


def sizes_read(same: Callable[[Digits], bool], largest: int) -> frozenset[Polynomial] | None:
    """Return the sizes of which code of C reads the digits, so that it depends on them what a program asks.

    Digits are 0 in one run, and more than any size in another: of what only grows or only falls with a size, the two
    differ wherever any do, and a list has no entry at the second. More runs are for what comes back in turn.

    Args:
        same: runs the program, and returns whether it asks the same as when it was recorded.
        largest: a number larger than all sizes.

    Returns:
        Their expressions; None where they are not found, as runs differ for other reasons.
    """
    made: dict[Polynomial, None] = {}

    def differs(some: Container[Polynomial] | None) -> bool:
        return not all(same(lambda form, n=n: _digits(form, n, some, made)) for n in (0, largest, 1, 3, largest + 5))  # type: ignore[misc]

    if not differs(None):
        return frozenset()
    made.clear()
    if differs(frozenset()):
        return None
    groups, found = [list(made)], list[Polynomial]()
    for _ in range(_MOST_TRIED):
        if not groups:
            return frozenset(found) or None
        group = groups.pop()
        if group and differs(frozenset(group)):
            half = len(group) // 2
            found += group[:1] if not half else []
            groups += [group[half:], group[:half]] if half else []
    return None


def _digits(
    form: Polynomial, other: int, some: Container[Polynomial] | None, made: dict[Polynomial, None]
) -> int | None:
    """Return other digits for some sizes, all if None, but those of the batch alone; keep which are made."""
    if all(v.name == BATCH_NAME for atom in form.atoms() for v in variables(atom)):
        return None
    made[form] = None
    return other if some is None or form in some else None
