"""What notebooks show of an object: its picture, or a card that says what it is.

Pictures are drawn in a room above all others; this is the one place that looks upward, when a notebook asks.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import ConvsolveError

__all__ = ["Carded", "Shown"]


class Shown:
    """An object that :func:`convsolve.draw` draws, and notebooks show as its picture."""

    def _repr_svg_(self) -> Any:
        return self._picture("_repr_svg_")

    def _repr_html_(self) -> Any:
        card, picture = _card(self), self._picture("_repr_html_")
        return "".join(filter(None, (card, picture))) or None

    def _picture(self, form: str) -> Any:
        """Return the picture in a form; None, and so the object's text in its place, where it cannot be drawn."""
        pictures = import_module("convsolve.pictures")
        try:
            return getattr(pictures.draw(self), form)()
        except ConvsolveError:
            return None


class Carded:
    """An object that notebooks show as a card: what it says, laid out."""

    __slots__ = ()

    def _repr_html_(self) -> Any:
        return _card(self)


def _card(what: object) -> str | None:
    """Return the card of an object, None where there is none of its kind."""
    card: str | None = import_module("convsolve.pictures.cards").card(what)
    return card
