"""Words for messages: what a name that does not exist may have been meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from .errors import NetworkError

__all__ = ["few", "known_word", "nearest", "quoted"]


def nearest(name: str, choices: Iterable[str], *, listed: int = 12) -> str:
    """Return how to go on after a wrong name: with the choice most like it, or with the first ``listed`` choices.

    >>> nearest("heigth", ["width", "height"]), nearest("x", ["width", "height"]), nearest("x", [])
    (": did you mean 'height'?", ' (there is width, height)', '')
    """
    known = list(choices)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f": did you mean {near[0]!r}?"
    return f" (there is {few(known, listed)})" if known and listed else ""


def known_word(what: str, word: object, choices: Iterable[str]) -> None:
    """Refuse a word that is none of those which something may be.

    Raises:
        NetworkError: it is not; with the choice most like it, or with all of them.

    >>> known_word("sense", "maximise", ["minimize", "maximize"])
    Traceback (most recent call last):
        ...
    convsolve.errors.NetworkError: there is no sense 'maximise': did you mean 'maximize'?
    """
    known = list(choices)
    if word not in known:
        raise NetworkError(f"there is no {what} {word!r}{nearest(str(word), known)}")


def few(names: Iterable[str], most: int = 5) -> str:
    """Return the first names, and dots where there are more.

    >>> few("abcdefg")
    'a, b, c, d, e, ...'
    """
    known = list(names)
    return ", ".join(known[:most]) + (", ..." if len(known) > most else "")


def quoted(value: object, most: int = 80) -> str:
    """Return a value as a message shows it, shortened.

    >>> quoted([3, 3]), quoted("x" * 100, most=8)
    ('[3, 3]', "'xxxx...")
    """
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."
