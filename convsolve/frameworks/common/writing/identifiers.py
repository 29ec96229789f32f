"""Identifiers for what a network calls its layers: valid, unique, and as close to the layer's name as can be."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable

__all__ = ["Identifiers", "identifier", "snake"]


def identifier(name: str) -> str:
    """Return a name as a Python identifier in ASCII, without underscores in front.

    >>> identifier("body.0/conv"), identifier("1x1"), identifier("lambda"), identifier("größe")
    ('body_0_conv', 'layer_1x1', 'lambda_', 'grosse')
    """
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()
    word = re.sub(r"\W+", "_", plain).strip("_")
    if not word or word[0].isdigit():
        word = f"layer_{word}" if word else "layer"
    return f"{word}_" if keyword.iskeyword(word) or keyword.issoftkeyword(word) else word


def snake(name: str) -> str:
    """Return a class name as the name of a function.

    >>> snake("UNetSmall"), snake("Net")
    ('u_net_small', 'net')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


class Identifiers:
    """Gives out identifiers, each once; ``taken`` are words that mean something else where they are used."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._given: dict[str, str] = {}

    def of(self, name: str) -> str:
        """Return the identifier of a name: the same for the same name."""
        if name not in self._given:
            word = wanted = identifier(name)
            number = 2
            if word in self._taken and f"{word}_" not in self._taken:
                word = f"{word}_"
            while word in self._taken:
                word, number = f"{wanted}_{number}", number + 1
            self._taken.add(word)
            self._given[name] = word
        return self._given[name]
