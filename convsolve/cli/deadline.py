"""The time that a command has for its answer, where what it asks keeps no clock itself."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import FrameType, TracebackType
from typing import Any

import click

from ..errors import UndecidedError

__all__ = ["Deadline", "timeout_option"]

_MOMENT = 0.01
"""Seconds that are left at least, so that whatever is asked can say that its time is up."""

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

    @property
    def left(self) -> float | None:
        """The seconds that are left for what keeps the time itself, a moment at least; None where there is no limit."""
        return None if self._seconds is None else max(self._end - time.monotonic(), _MOMENT)

    def later(self, seconds: float) -> Deadline:
        """Return a deadline that is so much later, and says the same when it has passed."""
        found = Deadline(self._seconds)
        found._end = self._end + seconds
        return found

    def __call__(self) -> AbstractContextManager[None]:
        """Return what stops, when the time is up, whatever is done inside.

        The system's timer ends it, in whichever module it is. Where there is none (Windows, and threads other than the
        first), nothing is stopped. What is left inside then raises UndecidedError.
        """
        timed = self._seconds is not None and hasattr(signal, "setitimer")
        if not timed or threading.current_thread() is not threading.main_thread():
            return nullcontext()
        return _Timer(self)

    @property
    def spent(self) -> UndecidedError:
        """The error that says that the time is up."""
        return UndecidedError(f"the time ran out ({self._seconds:g} s)")


class _Timer(AbstractContextManager[None]):
    """The system's timer, for as long as something is done inside."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def __enter__(self) -> None:
        self._began, self._before = time.monotonic(), 0.0
        self._handler = signal.signal(signal.SIGALRM, self._ring)
        self._before, _ = signal.setitimer(signal.ITIMER_REAL, self._deadline.left or _MOMENT, _AGAIN)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        outer = self._before and max(self._before - (time.monotonic() - self._began), 1e-6)
        signal.signal(signal.SIGALRM, self._handler)
        signal.setitimer(signal.ITIMER_REAL, outer)
        if kind is _TimeUp:
            raise self._deadline.spent from None

    def _ring(self, number: int, frame: FrameType | None) -> None:
        """End what is done inside: not these methods, in which nobody would catch it (it rings again)."""
        while frame is not None and frame.f_code is _Timer._ring.__code__:  # which a ring has broken into
            frame = frame.f_back
        if frame is None or frame.f_code not in (_Timer.__enter__.__code__, _Timer.__exit__.__code__):
            raise _TimeUp
