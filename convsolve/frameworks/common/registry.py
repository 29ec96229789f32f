"""Tables of what reads each operator of a framework, and how a reader says that it cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["NotReadError", "registrar"]

_Reader = TypeVar("_Reader")


class NotReadError(Exception):
    """Why a layer or node cannot be read; whoever reads the whole adds which, and where it stands."""


def registrar(table: dict[str, _Reader]) -> Callable[..., Callable[[_Reader], _Reader]]:
    """Return a decorator that enters a reader into a table under some names, each of which is free.

    >>> table = {}
    >>> reads = registrar(table)
    >>> @reads("Relu", "Sigmoid")
    ... def unchanged(shape):
    ...     return shape
    >>> sorted(table)
    ['Relu', 'Sigmoid']
    """

    def named(*names: str) -> Callable[[_Reader], _Reader]:
        def register(reader: _Reader) -> _Reader:
            for name in names:
                assert name not in table, name
                table[name] = reader
            return reader

        return register

    return named
