"""Deadlines and progress: every stage of the solver asks here whether to go on."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Clock", "OutOfTime"]


class OutOfTime(Exception):
    """The time that the user gave has run out."""


class Clock:
    """A deadline, and someone to tell about progress.

    ``check`` is cheap; stages call it between steps of at most a fraction of a second.
    """

    def __init__(self, timeout: float | None = None, progress: Callable[[str], None] | None = None) -> None:
        self._start = time.monotonic()
        self._end = None if timeout is None else self._start + timeout
        self._progress = progress

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    @property
    def left(self) -> float | None:
        """Seconds that are left; None without a deadline."""
        return None if self._end is None else self._end - time.monotonic()

    def check(self, stage: str = "") -> None:
        """Raise OutOfTime past the deadline; pass the stage on to whoever shows progress."""
        if self._end is not None and time.monotonic() > self._end:
            raise OutOfTime
        if stage and self._progress is not None:
            self._progress(stage)
