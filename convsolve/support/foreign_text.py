"""Text of strangers, such as a name in a file, as it may be shown in terminals, logs and pictures."""

from __future__ import annotations

import re

__all__ = ["shortened", "visible"]

_LONG = re.compile(r"\S{201,}")


def visible(text: str, keep: str = "") -> str:
    """Return a text of strangers as it may be shown anywhere: what is no visible character stands as its escape.

    Control characters move a terminal's cursor or begin a command of a build's log, some marks turn the order of
    letters about, and lone surrogates cannot be written at all; ``keep`` names those that mean what they do.

    >>> print(visible("conv\\x1b[2J"), visible("a\\u202eb\\udc80"), visible("two\\nlines"))
    conv\\x1b[2J a\\u202eb\\udc80 two\\nlines
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in text)


def shortened(text: str) -> str:
    """Return a text in which words that are too long to be read stand by their beginning and their length.

    >>> print(shortened("no layer '" + "x" * 5000 + "' here"))
    no layer 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx... (5,002 characters) here
    """
    return _LONG.sub(lambda word: f"{word[0][:60]}... ({len(word[0]):,} characters)", text)
