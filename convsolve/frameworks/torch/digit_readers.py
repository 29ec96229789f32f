"""What reads the digits of a size, unseen by it: ``range``, functions of ``math`` and ``operator``, and NumPy.

They are code of C, which does not ask an integer for its value. While a program runs they are lent to it as functions
that keep a guard: where only some steps of the number count, of those; otherwise that the size is what it was.
"""

from __future__ import annotations

import builtins
import math
import operator
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from ..common.recording.symbolic_sizes import Size
from ..common.recording.symbolic_values import Followed, unfollowed
from .meta_execution import numbers_in

__all__ = ["PlainRange", "lent_functions"]

_READERS = ("gcd", "lcm", "log", "log10", "log1p", "comb", "perm", "factorial", "ldexp")
_NUMPY = "numpy"


def _between(size: Size, low: int, high: int) -> None:
    """Keep that a size is in a range, whose ends belong to it."""
    form = size.tape.canonical(size.form).dim()
    size.tape.holds(form >= low, True)
    size.tape.holds(form <= high, True)


def _fixed(x: Any) -> Any:
    """Freeze the sizes in nested arguments, and return the arguments with plain numbers."""
    for number in numbers_in(x):
        number.freeze()
    return _plain(x)


def _plain(x: Any) -> Any:
    if type(x) in (list, tuple):
        return type(x)(map(_plain, x))
    if isinstance(x, tuple):  # a torch.Size
        return tuple(map(_plain, x))
    return {k: _plain(v) for k, v in x.items()} if type(x) is dict else unfollowed(x)


def _freezing(function: Callable[..., Any]) -> Callable[..., Any]:
    def frozen(*args: Any, **kwargs: Any) -> Any:
        if any(True for _ in numbers_in((args, kwargs))):
            args, kwargs = _fixed(args), _fixed(kwargs)
        return function(*args, **kwargs)

    return frozen


class _RangeType(type):
    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, range)

    def __eq__(cls, other: object) -> bool:
        return other is range or other is PlainRange

    def __hash__(cls) -> int:
        return hash(range)


class PlainRange(metaclass=_RangeType):
    """``range``, which keeps how many numbers there are, and where they begin."""

    def __new__(cls, *bounds: Any) -> Any:
        if not any(isinstance(n, Followed) for n in bounds) or not 1 <= len(bounds) <= 3:
            return range(*bounds)
        start, stop, step = (0, *bounds, 1) if len(bounds) == 1 else (*bounds, 1)[:3]
        start, step = _fixed(start), _fixed(step)
        found = range(start, unfollowed(stop), step)
        if isinstance(stop, Size) and not stop.tape.ended:
            last = start + len(found) * step  # the first number that is not in it
            form = stop.tape.canonical(stop.form).dim()
            for end, inside in ((last, False), (last - step, True)):
                if inside and not found:
                    continue
                condition = form > end if step > 0 else form < end
                stop.tape.holds(condition, inside)
        return found


class _Logarithm(float):
    """The logarithm of a size to base 2: its whole part says in which powers of 2 the size is, anything else all."""

    size: Size

    def __floor__(self) -> int:
        k = self.size.number.bit_length() - 1
        _between(self.size, 1 << k, (2 << k) - 1)
        return k

    __int__ = __trunc__ = __floor__

    def __ceil__(self) -> int:
        k = (self.size.number - 1).bit_length()
        _between(self.size, (1 << k) // 2 + 1, 1 << k)
        return k


def _frozen_method(name: str) -> Callable[..., Any]:
    function = getattr(float, name)

    def method(self: _Logarithm, *args: Any) -> Any:
        self.size.freeze()
        return function(math_log2(self.size.number), *map(_fixed, args))

    return method


_OPERATIONS = (
    "add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv", "rfloordiv", "mod", "rmod",
    "divmod", "rdivmod", "pow", "rpow", "neg", "abs", "round", "bool", "float", "lt", "le", "gt", "ge", "eq", "ne",
    "hash", "repr", "str", "format")  # fmt: skip

for _name in (*(f"__{name}__" for name in _OPERATIONS), "is_integer", "hex", "as_integer_ratio"):
    setattr(_Logarithm, _name, _frozen_method(_name))


math_log2, math_isqrt, plain_index = math.log2, math.isqrt, operator.index


def _log2(x: Any) -> Any:
    if not isinstance(x, Size) or x.tape.ended or not 1 <= x.number < 1 << 48:
        return math_log2(_fixed(x))
    found = _Logarithm(x.tape.shown(x.form, math_log2(x.number), x.number))
    found.size = x
    return found


def _isqrt(n: Any) -> int:
    root = math_isqrt(unfollowed(n))
    if isinstance(n, Size):
        _between(n, root * root, (root + 1) ** 2 - 1)
    return root


def _index(x: Any) -> int:
    return x if isinstance(x, Size) else plain_index(x)


_OF_MODULES: dict[ModuleType, dict[str, Callable[..., Any]]] = {
    math: {"log2": _log2, "isqrt": _isqrt, **{name: _freezing(getattr(math, name)) for name in _READERS}},
    operator: {"index": _index},
}
_OF_BUILTINS: dict[str, Any] = {
    "range": PlainRange,
    **{name: _freezing(getattr(builtins, name)) for name in ("bin", "hex", "oct", "chr", "pow")},
}


class _Numpy(ModuleType):
    """NumPy, whose functions freeze the sizes that they get."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(sys.modules[_NUMPY], name)
        return _freezing(found) if callable(found) and not isinstance(found, type) else found


@contextmanager
def lent_functions(modules: list[dict[str, Any]]) -> Iterator[None]:
    """Lend functions that keep guards, to all who ask their modules for them, and to modules that know them by name."""
    instead: dict[int, Any] = {}
    for module, functions in _OF_MODULES.items():
        instead |= {id(getattr(module, name)): function for name, function in functions.items()}
    if _NUMPY in sys.modules:
        instead[id(sys.modules[_NUMPY])] = _Numpy(_NUMPY)
    changed: list[tuple[dict[str, Any], str, Any]] = []
    added: list[tuple[dict[str, Any], str]] = []
    try:
        for names in modules:
            for name, value in list(names.items()):
                if id(value) in instead:
                    changed.append((names, name, value))
                    names[name] = instead[id(value)]
            for name, value in _OF_BUILTINS.items():
                if name not in names:
                    added.append((names, name))
                    names[name] = value
        for module, functions in _OF_MODULES.items():
            for name, function in functions.items():
                changed.append((module.__dict__, name, getattr(module, name)))
                setattr(module, name, function)
        yield
    finally:
        for names, name, value in reversed(changed):
            names[name] = value
        for names, name in added:
            names.pop(name, None)
