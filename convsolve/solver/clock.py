"""Deadlines and progress: every stage of the solver asks here whether to go on."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Clock", "OutOfTime"]


class OutOfTime(Exception):
    """The time that was given has run out."""


class Clock:
    """A deadline, and someone to tell about progress.

    ``check`` is cheap; stages call it between steps of at most a fraction of a second.
    """

    def __init__(self, timeout: float | None = None, progress: Callable[[str], None] | None = None) -> None:
        self._start = time.monotonic()
        self._end = None if timeout is None else self._start + timeout
        self._progress = progress
        self._standing = [""]

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    @property
    def left(self) -> float | None:
        """Seconds that are left; None without a deadline."""
        return None if self._end is None else self._end - time.monotonic()

    @property
    def out(self) -> bool:
        """Whether the deadline has passed."""
        return self._end is not None and time.monotonic() > self._end

    def part(self, seconds: float | None) -> Clock:
        """Return a clock for a part of the time that is left, which tells the same listener."""
        found = Clock(seconds, self._progress)
        found._standing = self._standing
        found._start = self._start
        if self._end is not None:
            found._end = self._end if found._end is None else min(self._end, found._end)
        return found

    def shorten(self, seconds: float) -> None:
        """Leave at most so many seconds from now on."""
        end = time.monotonic() + seconds
        self._end = end if self._end is None else min(self._end, end)

    def note(self, standing: str) -> None:
        """Tell from now on, with every stage, how good the answer is so far."""
        self._standing[0] = standing
        self.tell("searching")

    def check(self, stage: str = "") -> None:
        """Raise OutOfTime past the deadline; pass the stage on to whoever shows progress."""
        if self.out:
            raise OutOfTime
        if stage:
            self.tell(stage)

    def tell(self, stage: str) -> None:
        """Pass a stage on to whoever shows progress."""
        if self._progress is not None:
            self._progress(f"{stage}: {self._standing[0]}" if self._standing[0] else stage)
