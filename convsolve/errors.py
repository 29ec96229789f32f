"""The exceptions that convsolve raises for a user's mistakes.

Everything here derives from :class:`ConvsolveError`, whose text is meant to be shown as it stands.
An exception of any other type that reaches a user is a bug in convsolve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .support.foreign_text import shortened, visible

__all__ = [
    "ConvsolveError",
    "DimensionError",
    "ExpressionError",
    "FileError",
    "FrameworkMissingError",
    "InternalError",
    "NetworkError",
    "NoArchitectureError",
    "Problematic",
    "RankError",
    "RefusedError",
    "ShapelessError",
    "UndecidedError",
    "UnreadableError",
    "WorkersError",
]


_MOST_SHOWN, _MOST_TEXT = 100, 16_000
"""Mistakes of one file that are shown, and their characters."""


class ConvsolveError(Exception):
    """Base of every error that a user can cause and mend."""


class DimensionError(ConvsolveError, TypeError):
    """An expression over unknown dimensions was used where it has no meaning."""


class NetworkError(ConvsolveError, ValueError):
    """A network, layer or operator was put together wrongly; ``layer`` names the layer, where one is to blame."""

    def __init__(self, message: str, *, layer: str = "") -> None:
        super().__init__(message)
        self.layer = layer


class ShapelessError(NetworkError):
    """An operator gives nothing of which a shape could be told: its layer fails, and what is behind it has none."""


class RankError(ShapelessError):
    """An operator got a tensor with a number of axes that it cannot work on."""


class RefusedError(ShapelessError):
    """A framework refuses an operator whatever the sizes of its inputs are."""


class NoArchitectureError(NetworkError):
    """A space from which something is to be drawn has no valid architecture."""


class ExpressionError(ConvsolveError, ValueError):
    """A text is not an expression, or names something that does not exist.

    ``column`` counts from 0 within the text.
    """

    def __init__(self, message: str, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.column = column


class FrameworkMissingError(ConvsolveError, ImportError):
    """A framework that is needed is not installed, or does not start."""


class InternalError(ConvsolveError, RuntimeError):
    """Two readings of one problem disagree: a bug of convsolve, with what is needed to report it."""


class UndecidedError(ConvsolveError, RuntimeError):
    """A question has no answer that is certain: for want of time, or because something is not known."""


class WorkersError(ConvsolveError, RuntimeError):
    """Workers cannot be reached, or lose a piece of work again and again."""


@dataclass(frozen=True, order=True)
class Problematic:
    """One mistake in a file: where it is, and what is wrong with it."""

    line: int
    column: int
    message: str


class FileError(ConvsolveError, ValueError):
    """A file cannot be read as a problem; carries every mistake that was found in it."""

    def __init__(self, source: str, mistakes: Sequence[Problematic]) -> None:
        self.source = source
        self.mistakes = tuple(sorted(set(mistakes)))
        shown: list[str] = []
        for m in self.mistakes[:_MOST_SHOWN]:
            shown.append(visible(f"{source}:{m.line}:{m.column}: {shortened(m.message)}"))
            if sum(map(len, shown)) > _MOST_TEXT:
                break
        more = len(self.mistakes) - len(shown)
        super().__init__("\n".join([*shown, f"{visible(source)}: {more:,} more mistakes"] if more > 0 else shown))


class UnreadableError(ConvsolveError, ValueError):
    """A framework's network or file cannot be read; the text names the file, the layer or node, and why."""
