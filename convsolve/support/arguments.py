"""What a public function takes: an argument of another kind is refused in one sentence, before anything begins."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from types import FunctionType
from typing import Any, TypeVar, cast

from ..errors import NetworkError
from .suggestions import listed, quoted, whole

__all__ = ["KINDS", "checked", "must_fit"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

Check = Callable[[str, Any], object]


def _flag(name: str, value: Any) -> None:
    if type(value).__name__ not in ("bool", "bool_"):
        raise NetworkError(f"{name} must be true or false, got {quoted(value)}")


def _number(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:  # nan
        raise NetworkError(f"{name} must be a number, got {quoted(value)}")


def _seconds(name: str, value: Any) -> None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and value == value  # not nan
    if not known:
        raise NetworkError(f"{name} must be a number of seconds, or None for no limit, got {quoted(value)}")


def _whole(name: str, value: Any) -> None:
    whole(name, value, least=0 if name in ("seed", "limit", "count") else None)


def _text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise NetworkError(f"{name} must be text, got {quoted(value)}")


def _path(name: str, value: Any) -> None:
    if not isinstance(value, (str, os.PathLike)) or "\0" in str(value):
        raise NetworkError(f"{name} must be the name of a file, got {quoted(value)}")


def _mapping(name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise NetworkError(f"{name} maps names to values, like {{'conv1.stride': 2}}, got {quoted(value)}")
    for key in value:
        if not isinstance(key, str):
            raise NetworkError(f"{name} maps names to values, got {quoted(key)} for a name")


def _texts(name: str, value: Any) -> None:
    if isinstance(value, str):
        return
    for text in (
        listed(name, value, "['conv1']") if isinstance(value, (Sequence, set, frozenset)) else _none(name, value)
    ):
        if not isinstance(text, str):
            raise NetworkError(f"{name} takes texts, got {quoted(text)}")


def _none(name: str, value: Any) -> tuple[str, ...]:
    """Return nothing of what can be gone through once alone; refuse what cannot."""
    if not isinstance(value, Iterable) or isinstance(value, (bytes, type)):
        raise NetworkError(f"{name} takes a list such as ['conv1'], got {quoted(value)}")
    return ()


def _assignment(name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise NetworkError(f"an assignment maps holes to values, like {{'conv1.stride': 2}}, got {quoted(value)}")
    _mapping(name, value)
    for key, number in value.items():
        whole(key, number)


def _sizes(name: str, value: Any) -> None:
    if isinstance(value, Iterator):
        return  # it can be gone through once alone
    if isinstance(value, (Mapping, Set)):
        raise NetworkError(f"{name} takes a list such as (64, 7, 7), got {quoted(value)}")
    for size in listed(name, value, "(64, 7, 7)"):
        whole(name, size)


def _callable(name: str, value: Any) -> None:
    if not callable(value) or isinstance(value, type):
        raise NetworkError(f"{name} must be a function, got {quoted(value)}")


def _executor(name: str, value: Any) -> None:
    if not hasattr(value, "submit") or isinstance(value, type):
        raise NetworkError(f"{name} must be an executor, such as convsolve.LocalPool(2), got {quoted(value)}")


def _of(kind: str) -> Check:
    """Return the check that a value is one of convsolve's own classes, told by its name."""

    def check(name: str, value: Any) -> None:
        classes = type(value).__mro__
        if not any(cls.__name__ == kind and cls.__module__.startswith("convsolve") for cls in classes):
            raise NetworkError(f"{name} must be a {kind}, got {quoted(value)}")

    return check


KINDS: Mapping[str, Check] = {
    "bool": _flag, "int": _whole, "float": _number, "str": _text, "str | Path": _path,
    "Mapping[str, int]": _assignment, "Mapping[str, Any]": _mapping, "Mapping[str, str]": _mapping,
    "Mapping[str, Values]": _mapping,
    "str | Iterable[str]": _texts, "str | Sequence[str]": _texts, "Iterable[str]": _texts, "Collection[str]": _texts,
    "Iterable[int]": _sizes, "Sequence[int]": _sizes, "tuple[int, ...]": _sizes,
    "Callable[[str], None]": _callable, "Tell": _callable, "Executor": _executor,
    "CheckReport": _of("CheckReport"), "Domain": _of("Domain"),
}  # fmt: skip
"""From an annotation as it is written to what it asks; ``| None`` behind it allows None, too."""


def must_fit(name: str, annotation: object, value: Any) -> None:
    """Refuse a value that an annotation does not allow.

    Raises:
        NetworkError: it does not; in one sentence.

    >>> must_fit("training", "bool", "yes")
    Traceback (most recent call last):
        ...
    convsolve.errors.NetworkError: training must be true or false, got 'yes'
    """
    written = str(annotation)
    bare = written.removesuffix(" | None")
    if bare not in KINDS or (value is None and bare != written):
        return
    (_seconds if name == "timeout" else KINDS[bare])(name, value)


def checked(function: _Function) -> _Function:
    """Let a function refuse arguments that its annotations do not allow, as far as :data:`KINDS` knows them.

    >>> @checked
    ... def halved(x: int, *, rounded: bool = True) -> int:
    ...     return x // 2
    >>> halved(5, rounded=2)
    Traceback (most recent call last):
        ...
    convsolve.errors.NetworkError: rounded must be true or false, got 2
    """
    found = inspect.signature(function).parameters
    kinds = {name: p.annotation for name, p in found.items() if str(p.annotation).removesuffix(" | None") in KINDS}
    names = [name for name, p in found.items() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    more = next((name for name, p in found.items() if p.kind is p.VAR_POSITIONAL), "")
    fits = must_fit

    def call(*args: Any, **kwargs: Any) -> Any:
        for i, value in enumerate(args):
            name = names[i] if i < len(names) else more
            if name in kinds:
                fits(name, kinds[name], value)
        for name, value in kwargs.items():
            if name in kinds:
                fits(name, kinds[name], value)
        return function(*args, **kwargs)

    # of the function's own module, where doctest and pickle look for it
    made = FunctionType(call.__code__, function.__globals__, function.__name__, None, call.__closure__)
    for attribute in ("__module__", "__name__", "__qualname__", "__doc__", "__annotations__"):
        setattr(made, attribute, getattr(function, attribute))
    made.__kwdefaults__ = None
    made.__wrapped__ = function  # type: ignore[attr-defined]
    return cast(_Function, made)
