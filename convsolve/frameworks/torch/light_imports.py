"""Light stand-ins for heavy modules that PyTorch imports for a call on the meta device.

Many forms are computed by PyTorch's Python references. These ask ``torch._dynamo`` only to be left out of compilation,
and ``torch.fx.experimental.symbolic_shapes`` only whether plain truth is true; importing the two (and sympy) takes half
as long as importing PyTorch. A stand-in answers these two questions while one call runs; whoever asks it anything else
gets the module itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["PLAINLY", "light_imports"]


class _StandIn(ModuleType):
    """A module that knows a few names; for any other it makes way for the true one."""

    def __getattr__(self, name: str) -> Any:
        if name == "__path__" and self is _SHAPES:  # it is no package: an import that asks wants nothing below it
            raise AttributeError(name)
        return getattr(_made_way(self), name)


_KEPT = "__dynamo_disable"
"""The attribute in which PyTorch keeps what ``disable`` made of a function."""

_asked: dict[int, Callable[..., Any]] = {}
"""The functions for which a stand-in was asked, each of which may carry the mark."""


def _disable(function: Callable[..., Any], recursive: bool = True, **_: Any) -> Callable[..., Any]:
    """Return a function as it is: where nothing compiles, nothing has to be left out."""
    _asked[id(function)] = function
    return function


def _truths(given: Any) -> bool:
    return bool(given) and all(type(x) is bool for x in given)


def _one_truth(given: Any) -> bool:
    return len(given) == 1 and _truths(given)


def _one_integer(given: Any) -> bool:
    return len(given) == 1 and type(given[0]) is int


def _two_shapes(given: Any) -> bool:
    def integers(shape: Any) -> bool:
        return all(integers(x) if isinstance(x, (tuple, list)) else isinstance(x, int) for x in shape)

    return len(given) == 2 and integers(given)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, int) and isinstance(b, int):
        return a == b
    raise AssertionError(f"unexpected sym_eq between {type(a)} {type(b)}")


def _where(plain: Callable[[Any], bool], name: str, plainly: Callable[..., Any]) -> Callable[..., Any]:
    """Return what a function says of plain arguments; of others it is the true one that answers."""

    def answer(*given: Any, **named: Any) -> Any:
        if named or not plain(given):
            return getattr(_made_way(_SHAPES), name)(*given, **named)
        return plainly(*given)

    return answer


_TRUTH = (
    "expect_true",
    "guard_bool",
    "guard_or_false",
    "guard_or_true",
    "guard_size_oblivious",
    "statically_known_true",
)
"""Functions to which plain truth is its own answer."""

PLAINLY: dict[str, Callable[..., Any]] = {
    **{name: _where(_one_truth, name, lambda truth: truth) for name in _TRUTH},
    "sym_and": _where(_truths, "sym_and", lambda *truths: all(truths)),
    "sym_or": _where(_truths, "sym_or", lambda *truths: any(truths)),
    "sym_eq": _where(_two_shapes, "sym_eq", _equal),
    "is_nested_int": _where(_one_integer, "is_nested_int", lambda _: False),
    "has_guarding_hint": _where(_one_integer, "has_guarding_hint", lambda _: True),
    "guarding_hint_or_throw": _where(_one_integer, "guarding_hint_or_throw", lambda number: number),
}
"""What is known without ``torch.fx.experimental.symbolic_shapes``."""


class _Nothing:
    """What no value is an instance of: where sympy is not imported, there are none of its expressions."""


_DYNAMO, _SHAPES, _SYMPY = map(_StandIn, ("torch._dynamo", "torch.fx.experimental.symbolic_shapes", "sympy"))
vars(_DYNAMO).update(disable=_disable)
vars(_SHAPES).update(PLAINLY)
vars(_SYMPY).update(Basic=_Nothing)
_ALL = (_DYNAMO, _SHAPES, _SYMPY)


def _made_way(stand_in: _StandIn) -> ModuleType:
    """Return the true module, which is imported in the stand-in's place."""
    _withdraw(stand_in)
    return import_module(stand_in.__name__)


def _withdraw(stand_in: _StandIn) -> None:
    if sys.modules.get(stand_in.__name__) is stand_in:
        del sys.modules[stand_in.__name__]


@contextmanager
def light_imports() -> Iterator[None]:
    """Spare one call the imports of modules that nobody has imported yet; nothing of it stays."""
    lent = [stand_in for stand_in in _ALL if stand_in.__name__ not in sys.modules]
    for stand_in in lent:
        sys.modules[stand_in.__name__] = stand_in
    try:
        yield
    finally:
        for stand_in in lent:
            _withdraw(stand_in)
        for function in _asked.values() if lent else ():
            vars(function).pop(_KEPT, None)
