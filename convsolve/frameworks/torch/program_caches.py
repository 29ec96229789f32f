"""What outlives a run of a program: caches and containers of its modules, kept apart while it is recorded.

A size, or a tensor without contents, that got into one of them would come out in the next recording, or in the
program's own next run. So what stands in modules and classes is lent as a copy, and a cached function is asked anew
where sizes are among its arguments.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ...dims.normal import Polynomial
from ..common.recording.symbolic_values import Followed, form_of
from .loaded_modules import loaded
from .meta_execution import numbers_in

__all__ = ["Remembering", "apart", "remembering"]

_CACHED = type(functools.lru_cache(lambda: None))
_FOREIGN = {
    *sys.stdlib_module_names,
    "torch",
    "torchgen",
    "numpy",
    "sympy",
    "mpmath",
    "networkx",
    "scipy",
    "convsolve",
    "z3",
    "keras",
    "tensorflow",
    "onnx",
    "onnxruntime",
    "pytest",
    "_pytest",
    "hypothesis",
    "pluggy",
    "PIL",
    "libcst",
}
"""Packages that keep no sizes of a program's tensors."""
_MOST_COMPARED = 64
_TENSORS = (torch.nn.Module, torch.Tensor)
_KINDS = (dict, list, set, staticmethod, classmethod, _CACHED, torch.jit.ScriptFunction)


class Remembering(dict[Any, Any]):
    """A dictionary in which keys that hold sizes are found by their expressions.

    What was kept under other numbers before is compared with them, so that a guard is kept.
    """

    def __init__(self, known: dict[Any, Any]) -> None:
        super().__init__(known)
        self._place: dict[Any, Any] = {}

    def _key(self, key: Any) -> Any:
        if not any(True for _ in numbers_in(key)):
            return key
        form = _by_form(key)
        if form in self._place:
            return self._place[form]
        if dict.__len__(self) <= _MOST_COMPARED:
            same = next((k for k in dict.__iter__(self) if _same_kind(k, key) and k == key), None)
            key = _Key(key) if same is None else same
        self._place[form] = key
        return key

    def __contains__(self, key: object) -> bool:
        return dict.__contains__(self, self._key(key))

    def __getitem__(self, key: Any) -> Any:
        return dict.__getitem__(self, self._key(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        dict.__setitem__(self, self._key(key), value)

    def __delitem__(self, key: Any) -> None:
        dict.__delitem__(self, self._key(key))

    def get(self, key: Any, default: Any = None) -> Any:
        """Return what is kept under a key, or the default."""
        return dict.get(self, self._key(key), default)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return what is kept under a key; keep the default, where nothing is."""
        return dict.setdefault(self, self._key(key), default)

    def pop(self, key: Any, *default: Any) -> Any:
        """Take out what is kept under a key."""
        return dict.pop(self, self._key(key), *default)


class _Key:
    """A key with sizes in it, which is like no other."""

    def __init__(self, key: Any) -> None:
        self.key = key

    def __iter__(self) -> Iterator[Any]:
        return iter(self.key)


def _by_form(key: Any) -> Any:
    """Return a key with expressions in place of sizes."""
    if isinstance(key, Followed):
        form = form_of(key)
        return key if form is None or form.constant is not None else (Polynomial, form)
    return tuple(map(_by_form, key)) if isinstance(key, (list, tuple)) else key


def _same_kind(a: Any, b: Any) -> bool:
    """Return whether keys may be equal: both are numbers, or as many parts that may be."""
    if isinstance(a, _Key):
        return False
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_same_kind, a, b))
    return isinstance(a, (int, float)) == isinstance(b, (int, float)) and not isinstance(a, _TENSORS)


def remembering(module: torch.nn.Module) -> None:
    """Let the dictionaries in the attributes of a module find sizes by their expressions, from now on."""
    own = vars(torch.nn.Module())
    for part in module.modules():
        for name, value in vars(part).items():
            if type(value) in (dict, Remembering) and name not in own:
                vars(part)[name] = Remembering(value)


@contextmanager
def apart(classes: Iterable[type], own: Iterable[dict[str, Any]]) -> Iterator[None]:
    """Keep a recording apart from what outlives it.

    Args:
        classes: the classes of the program.
        own: the global names of its modules; of others only cached functions are looked for.
    """
    lender = _Lender()
    changed: list[tuple[Any, str, Any]] = []
    own = list(own)
    theirs = {id(names) for names in own}
    try:
        for names in own:
            _lend(names, list(names.items()), lender, changed)
        for names in _others():
            if id(names) not in theirs:
                _lend(names, [(name, names.get(name)) for name in _cached_in(names)], lender, changed)
        for one in _classes(classes):
            _lend(one, list(vars(one).items()), lender, changed)
        yield
    finally:
        for place, name, value in reversed(changed):
            _set(place, name, value)


def _lend(place: Any, items: Iterable[tuple[str, Any]], lender: _Lender, changed: list[tuple[Any, str, Any]]) -> None:
    for name, value in items:
        if type(value) in _KINDS and not (name.startswith("__") and name.endswith("__")):
            lent = lender.lent(value)
            if lent is not value:
                changed.append((place, name, value))
                _set(place, name, lent)


def _set(place: Any, name: str, value: Any) -> None:
    if isinstance(place, dict):
        place[name] = value
    else:
        setattr(place, name, value)


class _Lender:
    """Says what stands for a value while a program is recorded: the same for the same one."""

    def __init__(self) -> None:
        self.answers: dict[Any, Any] = {}
        self.given: dict[int, Any] = {}

    def lent(self, value: Any) -> Any:
        """Return what stands for a value: most stand for themselves."""
        if id(value) not in self.given:
            self.given[id(value)] = self._made(value)
        return self.given[id(value)]

    def _made(self, value: Any) -> Any:
        if type(value) is dict:
            few = len(value) <= _MOST_COMPARED or isinstance(next(iter(value)), (int, tuple))
            return Remembering(value) if few else value
        if type(value) in (list, set):
            return value.copy()
        if isinstance(value, _CACHED):
            return self._asking(value)
        if isinstance(value, (staticmethod, classmethod)):
            return type(value)(self._asking(value.__func__)) if isinstance(value.__func__, _CACHED) else value
        written = getattr(value, "_torchdynamo_inline", None)  # a scripted function runs unseen: this is its Python
        return written if callable(written) else value

    def _asking(self, cached: Any) -> Callable[..., Any]:
        """Return a function that asks a cache only where no sizes are among the arguments; its answers are kept."""

        @functools.wraps(cached)
        def ask(*args: Any, **kwargs: Any) -> Any:
            if not any(True for _ in numbers_in((args, kwargs))):
                return cached(*args, **kwargs)
            key = (id(cached), _by_form(args), tuple((k, _by_form(v)) for k, v in sorted(kwargs.items())))
            try:
                known = key in self.answers
            except TypeError:  # an argument cannot be kept
                return cached.__wrapped__(*args, **kwargs)
            if not known:
                self.answers[key] = cached.__wrapped__(*args, **kwargs)
            return self.answers[key]

        for name in ("cache_clear", "cache_info"):
            setattr(ask, name, getattr(cached, name))
        return ask


def _classes(classes: Iterable[type]) -> set[type]:
    """Return the classes of a program, those that they are made from, and those beside them in their modules."""
    found = {base for one in classes for base in one.__mro__ if base.__module__.partition(".")[0] not in _FOREIGN}
    for name in {one.__module__ for one in found}:
        beside = vars(sys.modules[name]).values() if name in sys.modules else ()
        found.update(v for v in beside if isinstance(v, type) and v.__module__ == name)
    return found


def _others() -> Iterator[dict[str, Any]]:
    """Return the global names of all modules that may hold a cache which a program reaches."""
    return (names for package, names in loaded() if package not in _FOREIGN)


_SEEN: dict[int, tuple[int, tuple[str, ...]]] = {}
"""By a module's names, how many they were when they were last gone through, and those of cached functions."""


def _cached_in(names: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of cached and of scripted functions."""
    seen = _SEEN.get(id(names))
    if seen is None or seen[0] != len(names):
        found = tuple(k for k, v in list(names.items()) if type(v) in (_CACHED, torch.jit.ScriptFunction))
        seen = _SEEN[id(names)] = (len(names), found)
    return seen[1]
