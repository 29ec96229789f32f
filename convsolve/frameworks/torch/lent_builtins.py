"""What the builtin names ``max``, ``min`` and ``int`` mean for sizes, lent to a program's modules while it runs.

``max(size, 0)`` would be a comparison, and ``int(size)`` a plain number; here both are expressions.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ...dims import maximum, minimum
from ...dims.normal import Polynomial
from ..common.recording.symbolic_floats import SymbolicFloat
from ..common.recording.symbolic_sizes import Size
from ..common.recording.symbolic_values import form_of, unfollowed
from .loaded_modules import loaded

__all__ = ["EXTREMES", "lent", "modules_of"]


def _extreme(pick: Callable[..., Any], join: Callable[..., Any]) -> Callable[..., Any]:
    def extreme(*sizes: Any, **options: Any) -> Any:
        one = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (list, tuple)) else sizes
        sized = [s for s in one if isinstance(s, Size)]
        if options or not sized or not all(isinstance(s, int) for s in one):
            return pick(*sizes, **options)
        forms = [form.dim() for form in map(form_of, one) if form is not None]
        value = pick(map(unfollowed, one))
        return Size.made(value, Polynomial.of(join(*forms)), sized[0].tape)

    return extreme


class _Type(type):
    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, int)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, int)

    def __eq__(cls, other: object) -> bool:
        return other is int or other is _Int

    def __hash__(cls) -> int:
        return hash(int)


class _Int(int, metaclass=_Type):
    """``int``, but that of a size is the size itself."""

    def __new__(cls, x: Any = 0, *options: Any) -> Any:
        if isinstance(x, Size):
            return x
        return x.__trunc__() if isinstance(x, SymbolicFloat) else int(x, *options)


EXTREMES: dict[str, Any] = {"max": _extreme(builtins.max, maximum), "min": _extreme(builtins.min, minimum)}
"""``max`` and ``min`` of sizes."""


def modules_of(classes: Iterator[type]) -> list[dict[str, Any]]:
    """Return the global names of all loaded modules in the packages that define these classes, but not PyTorch's."""
    packages = {c.__module__.partition(".")[0] for c in classes} - {"torch", "builtins", "collections", "abc"}
    return [names for package, names in loaded() if package in packages]


@contextmanager
def lent(modules: list[dict[str, Any]], leaking: Mapping[int, dict[str, Any]]) -> Iterator[None]:
    """Lend ``max`` and ``min`` to modules, and ``int`` to those that called it on a size; take them back after."""
    changed: list[tuple[dict[str, Any], str]] = []
    offers = [(names, EXTREMES) for names in modules]
    offers += [(names, {**EXTREMES, "int": _Int}) for names in leaking.values()]
    try:
        for names, offer in offers:
            for name, meaning in offer.items():
                if name not in names:
                    names[name] = meaning
                    changed.append((names, name))
        yield
    finally:
        for names, name in changed:
            del names[name]
