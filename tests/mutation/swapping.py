"""Changed code in the place of code that was imported already."""

from __future__ import annotations

import functools
import gc
import importlib.abc
import importlib.machinery
import sys
from types import CodeType, FunctionType
from typing import Any

Key = tuple[str, str, int, int]
"""The file, the name, the first line and the first column of a function's code."""


def key(code: CodeType) -> Key:
    """Return what tells a function from all others, and stays where a number in it is changed."""
    columns = [place[2] for place in code.co_positions() if place[0] is not None and place[2]]
    return code.co_filename, code.co_qualname, code.co_firstlineno, min(columns, default=0)


def _parts(code: CodeType) -> list[CodeType]:
    return [part for part in code.co_consts if isinstance(part, CodeType)]


def _own(code: CodeType) -> tuple[Any, ...]:
    plain = [(type(part), repr(part)) for part in code.co_consts if not isinstance(part, CodeType)]
    return code.co_code, plain, code.co_names, code.co_exceptiontable


def outermost(before: CodeType, after: CodeType, known: set[Key]) -> list[tuple[Key, CodeType]] | None:
    """Return the functions to be given other code, or nothing where a line that runs at import has changed."""
    if _own(before) != _own(after):
        return None
    found: list[tuple[Key, CodeType]] = []
    for one, other in zip(_parts(before), _parts(after), strict=True):
        if one == other:
            continue
        if key(one) in known:
            found.append((key(one), other))
        elif (deeper := outermost(one, other, known)) is not None:
            found += deeper
        else:
            return None
    return found


def functions(modules: set[str]) -> dict[Key, list[FunctionType]]:
    """Return every function of some modules that is in memory."""
    found: dict[Key, list[FunctionType]] = {}
    for thing in gc.get_objects():
        if type(thing) is FunctionType and thing.__code__.co_filename in modules:
            found.setdefault(key(thing.__code__), []).append(thing)
    return found


def swap(codes: list[tuple[Key, CodeType]], known: dict[Key, list[FunctionType]]) -> None:
    """Give functions other code, and forget what caches hold."""
    for where, code in codes:
        for function in known[where]:
            function.__code__ = code
    for thing in gc.get_objects():
        if isinstance(thing, functools._lru_cache_wrapper):
            thing.cache_clear()


class Finder(importlib.abc.MetaPathFinder):
    """Imports one module in its changed form."""

    def __init__(self, module: str, code: CodeType) -> None:
        self.module, self.code = module, code

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name == self.module else None
        if spec is not None:
            assert spec.origin is not None
            spec.loader = _Loader(name, spec.origin, self.code)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    """Runs code in place of a file's text."""

    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self.code = code

    def get_code(self, fullname: str) -> Any:
        return self.code


def install(module: str, code: CodeType) -> None:
    """Let a module be imported in its changed form, from now on."""
    assert module not in sys.modules
    sys.meta_path.insert(0, Finder(module, code))
