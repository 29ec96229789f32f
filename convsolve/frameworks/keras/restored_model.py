"""A model that runs and is as before afterwards: what it and its layers hold is kept, and put back.

Keras models cannot be copied in general: a layer's ``build`` is bound to the layer, and its trackers know what it
holds by identity.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["held_by", "untouched"]


@contextmanager
def untouched(model: Any) -> Iterator[None]:
    """Put back afterwards what a model and its layers hold."""
    kept = [_keeper(thing) for thing in held_by(model)]
    try:
        yield
    finally:
        for put_back in kept:
            put_back()


def held_by(model: Any) -> Iterator[Any]:
    """Yield a model, and all layers, variables, lists and mappings that it holds, directly or not."""
    seen: set[int] = set()
    stack = [model]
    while stack:
        thing = stack.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, dict):
            yield thing
            stack.extend(thing.values())
        elif isinstance(thing, (list, set)):
            yield thing
            stack.extend(thing)
        elif isinstance(thing, tuple):
            stack.extend(thing)
        elif _is_frameworks(thing):
            yield thing
            stack.extend(vars(thing).values())


def _is_frameworks(thing: Any) -> bool:
    """Return whether an object is of a class that derives from Keras's or PyTorch's."""
    if isinstance(thing, type) or not hasattr(thing, "__dict__"):
        return False
    return any(kind.__module__.partition(".")[0] in ("keras", "torch") for kind in type(thing).__mro__)


def _keeper(thing: Any) -> Callable[[], None]:
    """Return what gives an object its present contents back: past its own methods, which keep accounts."""
    if isinstance(thing, list):
        return functools.partial(list.__setitem__, thing, slice(None), list(thing))
    own: Any = thing if isinstance(thing, (dict, set)) else vars(thing)
    base: Any = set if isinstance(own, set) else dict
    contents = base(own)

    def refill() -> None:
        base.clear(own)
        base.update(own, contents)

    return refill
