"""Deadlines and progress: every stage of the solver asks here whether to go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import copy

from ..support.arguments import must_fit
from ..support.caller_errors import OutOfTime

__all__ = ["Clock", "OutOfTime"]


_SECONDS_EACH = 5e-8
"""What it takes to sort or merge one number of many, roughly."""


class Clock:
    """A deadline, and someone to tell about progress.

    ``check`` is cheap; stages call it between steps of at most a fraction of a second. The deadline is one of
    the clock on the wall; a *part* of the time is one of the processor's, so that what is tried within it does
    not depend on what else the machine does.
    """

    def __init__(self, timeout: float | None = None, progress: Callable[[str], None] | None = None) -> None:
        must_fit("timeout", "float | None", timeout)
        self._start = time.monotonic()
        self._end = None if timeout is None else self._start + timeout
        self._processor_start = time.process_time()
        self._processor_end = float("inf")
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
        late = self._end is not None and time.monotonic() > self._end
        return late or (self._processor_end < float("inf") and time.process_time() > self._processor_end)

    @property
    def worked(self) -> float:
        """Seconds of the processor since the start."""
        return time.process_time() - self._processor_start

    def part(self, seconds: float | None) -> Clock:
        """Return a clock for some seconds of the processor at most, which tells the same listener."""
        found = copy(self)
        if seconds is not None:
            found.shorten(seconds)
        return found

    def unheard(self) -> Clock:
        """Return the clock without its listener: what a part of the question comes to says nothing of the whole."""
        found = copy(self)
        found._progress, found._standing = None, [""]
        return found

    def shorten(self, seconds: float) -> None:
        """Leave at most so many seconds of the processor from now on."""
        self._processor_end = min(self._processor_end, time.process_time() + seconds)

    def afford(self, numbers: int) -> None:
        """Raise OutOfTime where computing so many numbers does not fit into what is left."""
        seconds = numbers * _SECONDS_EACH
        late = self._end is not None and time.monotonic() + seconds > self._end
        if late or time.process_time() + seconds > self._processor_end:
            raise OutOfTime

    def portion(self, most: int) -> int:
        """Return how many numbers, ``most`` at most, are computed in what is left."""
        ends = [self._processor_end - time.process_time(), *([] if self.left is None else [self.left])]
        return int(max(0, min(most, *(seconds / _SECONDS_EACH for seconds in ends))))

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
