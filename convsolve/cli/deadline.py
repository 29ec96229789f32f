"""The time that a command has for its answer, where what it asks keeps no clock itself."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from ..errors import UndecidedError

__all__ = ["Deadline", "timeout_option"]

_AGAIN = 0.1
"""Seconds after which an end that something has swallowed is told again."""


def timeout_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option that says how many seconds its answer may take: ``timeout``."""
    option = click.option("--timeout", type=click.FloatRange(min=0, min_open=True),
                          help="Seconds for the answer; where they do not suffice, it exits with 3.")  # fmt: skip
    return option(command)


class _TimeUp(BaseException):
    """As an interrupt: nothing on the way takes it for an error of its own."""


class Deadline:
    """Seconds from now on; None is no limit.

    >>> with Deadline(60)():
    ...     "in time"
    'in time'
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._end = float("inf") if seconds is None else time.monotonic() + seconds

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Stop what is done inside when the time is up.

        The system's timer ends it, in whichever module it is. Where there is none (Windows, and threads other than the
        first), nothing is stopped.

        Raises:
            UndecidedError: the time is up.
        """
        if self._seconds is None or not hasattr(signal, "setitimer"):
            yield
            return
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        began, before = time.monotonic(), 0.0
        handler = signal.signal(signal.SIGALRM, _time_up)
        try:
            try:
                before, _ = signal.setitimer(signal.ITIMER_REAL, max(self._end - began, 1e-3), _AGAIN)
                yield
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except _TimeUp:
            raise UndecidedError(f"the time ran out ({self._seconds:g} s)") from None
        finally:
            signal.setitimer(signal.ITIMER_REAL, max(before - (time.monotonic() - began), 1e-6) if before else 0)
            signal.signal(signal.SIGALRM, handler)


def _time_up(number: int, frame: Any) -> None:
    raise _TimeUp
