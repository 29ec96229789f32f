"""Words for messages: what a name that does not exist may have been meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from numbers import Integral
from typing import Any

from ..errors import NetworkError

__all__ = ["few", "known_word", "listed", "nearest", "quoted", "refuse_tensor", "whole"]


def nearest(name: str, choices: Iterable[str], *, listed: int = 12) -> str:
    """Return how to go on after a wrong name: with the choice most like it, or with the first ``listed`` choices.

    >>> nearest("heigth", ["width", "height"]), nearest("x", ["width", "height"]), nearest("x", [])
    (": did you mean 'height'?", ' (there is width, height)', '')
    """
    known = list(choices)
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.6)
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
    if not isinstance(word, str) or word not in known:
        raise NetworkError(f"there is no {what} {quoted(word)}{nearest(str(word), known)}")


def whole(name: str, value: Any, *, least: int | None = None) -> int:
    """Return an argument as a whole number, which it must be.

    Raises:
        NetworkError: it is none, or less than ``least``.

    >>> whole("limit", 2.5, least=1)
    Traceback (most recent call last):
        ...
    convsolve.errors.NetworkError: limit must be a whole number of at least 1, got 2.5
    """
    number = int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None
    if number is None or (least is not None and number < least):
        wanted = "" if least is None else f" of at least {least}"
        raise NetworkError(f"{name} must be a whole number{wanted}, got {quoted(value)}")
    return number


def listed(name: str, value: Any, example: str) -> tuple[Any, ...]:
    """Return an argument as a tuple, which must be a list or the like, but no text.

    Raises:
        NetworkError: it is none; with an example of one.

    >>> listed("outputs", 3, "['conv1']")
    Traceback (most recent call last):
        ...
    convsolve.errors.NetworkError: outputs takes a list such as ['conv1'], got 3
    """
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise NetworkError(f"{name} takes a list such as {example}, got {quoted(value)}")
    refuse_tensor(name, value)
    return tuple(value)


def refuse_tensor(name: str, value: Any) -> None:
    """Refuse a tensor where its shape is meant.

    Raises:
        NetworkError: it is one, with more axes than a list has.

    >>> import numpy as np
    >>> refuse_tensor("input_shape", np.zeros((1, 28, 28)))
    Traceback (most recent call last):
        ...
    convsolve.errors.NetworkError: input_shape takes sizes such as (3, 224, 224), got a tensor: its shape is [1, 28, 28]
    """
    if hasattr(value, "dtype") and getattr(value, "ndim", 1) != 1:
        sizes = list(value.shape)
        raise NetworkError(f"{name} takes sizes such as (3, 224, 224), got a tensor: its shape is {sizes}")


def few(names: Iterable[str], most: int = 5) -> str:
    """Return the first names, and dots where there are more.

    >>> few("abcdefg")
    'a, b, c, d, e, ...'
    """
    known = list(names)
    return ", ".join(known[:most]) + (", ..." if len(known) > most else "")


def quoted(value: object, most: int = 80) -> str:
    """Return a value as a message shows it, in one line and shortened.

    >>> quoted([3, 3]), quoted("x" * 100, most=8), quoted(int), quoted(object())
    ('[3, 3]', "'xxxx...", 'the class int', 'an object')
    """
    kind = type(value).__name__
    if isinstance(value, type):
        text = f"the class {value.__name__}"
    elif type(value).__repr__ is object.__repr__ or kind in ("function", "builtin_function_or_method", "method"):
        text = f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind.replace('_', ' ')}"
    elif kind == "module":
        text = f"the module {getattr(value, '__name__', '')}"
    else:
        text = " ".join(repr(value).split("\n")) if "\n" in repr(value) else repr(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."
