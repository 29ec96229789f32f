"""What notebooks show of an object: its picture.

Pictures are drawn in a room above all others; this is the one place that looks upward, when a notebook asks.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import ConvsolveError

__all__ = ["Shown"]


class Shown:
    """An object that :func:`convsolve.draw` draws, and notebooks show as its picture."""

    def _repr_svg_(self) -> Any:
        return self._picture("_repr_svg_")

    def _repr_html_(self) -> Any:
        return self._picture("_repr_html_")

    def _picture(self, form: str) -> Any:
        """Return the picture in a form; None, and so the object's text in its place, where it cannot be drawn."""
        pictures = import_module("convsolve.pictures")
        try:
            return getattr(pictures.draw(self), form)()
        except ConvsolveError:
            return None
