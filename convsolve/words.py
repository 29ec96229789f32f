"""Words for messages: what a name that does not exist may have been meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["nearest"]


def nearest(name: str, choices: Iterable[str], *, listed: int = 12) -> str:
    """Return how to go on after a wrong name: with the choice most like it, or with the first ``listed`` choices.

    >>> nearest("heigth", ["width", "height"]), nearest("x", ["width", "height"]), nearest("x", [])
    (": did you mean 'height'?", ' (there is width, height)', '')
    """
    known = list(choices)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f": did you mean {near[0]!r}?"
    more = ", ..." if len(known) > listed else ""
    return f" (there is {', '.join(known[:listed])}{more})" if known else ""
