"""What is of whoever called us: errors, which are no program's and pass through, and the time that is given."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import CodeType, MethodType, TracebackType
from typing import Any

__all__ = ["OutOfTime", "in_time", "limited", "pass_on"]


class OutOfTime(Exception):
    """The time that was given has run out."""


_OF_CALLERS = (TimeoutError, MemoryError, OutOfTime)

_ENDS: ContextVar[float] = ContextVar("_ENDS", default=float("inf"))


@contextmanager
def limited(seconds: float | None) -> Iterator[None]:
    """Give what is done inside, such as the recording of a program, so many seconds; no limit if None."""
    before = _ENDS.set(min(_ENDS.get(), time.monotonic() + seconds) if seconds is not None else _ENDS.get())
    try:
        yield
    finally:
        _ENDS.reset(before)


def in_time() -> None:
    """Raise OutOfTime where the time that is given has run out.

    >>> with limited(0):
    ...     in_time()
    Traceback (most recent call last):
    convsolve.support.caller_errors.OutOfTime
    """
    if time.monotonic() >= _ENDS.get():
        raise OutOfTime


def pass_on(error: BaseException, *, within: BaseException | None = None) -> None:
    """Raise an error again that is not the program's: time or memory has run out, or a signal handler raised it.

    Nor is one that the program raised while it handled such an error. ``within`` is what was being handled already when
    the program began to run.

    >>> pass_on(ValueError("of the program"))
    >>> pass_on(TimeoutError("of the caller"))
    Traceback (most recent call last):
    TimeoutError: of the caller
    """
    seen = {id(within)}
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        if isinstance(one, _OF_CALLERS) or not isinstance(one, Exception) or _from_handler(one):
            raise one
        one = one.__cause__ or one.__context__


def _from_handler(error: BaseException) -> bool:
    """Return whether an error was raised in the handler of a signal."""
    handlers = set(_handlers())
    frame: TracebackType | None = error.__traceback__
    while frame is not None and handlers:
        if frame.tb_frame.f_code in handlers:
            return True
        frame = frame.tb_next
    return False


def _handlers() -> Iterator[CodeType]:
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        if isinstance(handler, MethodType):
            handler = handler.__func__
        handler = getattr(handler, "func", handler)  # of a partial function
        if not hasattr(handler, "__code__"):
            handler = vars(type(handler)).get("__call__")
        code = getattr(handler, "__code__", None)
        if isinstance(code, CodeType):
            yield code
