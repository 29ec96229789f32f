"""Work of a solver in a thread of its own, so that a deadline or an interrupt is honoured at once."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable

__all__ = ["in_background"]

_EVERY = 0.01

_LAST_PATIENCE = 10.0
"""Seconds that it gets when Python ends, which aborts where a solver still works."""

_running: list[tuple[Callable[[], None], threading.Event]] = []


def in_background(
    work: Callable[[], object], stop: Callable[[], None], meanwhile: Callable[[], None], patience: float
) -> None:
    """Return when some work is done.

    Args:
        work: what is done in the thread.
        stop: tells the work to end. It is called until it does: what it says before the work has begun may be lost.
        meanwhile: called again and again; whatever it raises stops the work, as an interrupt does.
        patience: seconds that the work gets to end once it has been told to.
    """
    done = threading.Event()  # a thread whose `join` is interrupted says that it has ended, in Python 3.11

    def run() -> None:
        try:
            work()
        finally:
            done.set()

    running = (stop, done)
    _running.append(running)
    try:
        threading.Thread(target=run, daemon=True).start()
        while not done.wait(_EVERY):
            meanwhile()
    except BaseException:
        _end(stop, done, patience)
        raise
    finally:
        if done.is_set():
            _running.remove(running)


def _end(stop: Callable[[], None], done: threading.Event, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done.is_set() and time.monotonic() < end:
        stop()
        done.wait(0.02)


@atexit.register
def _end_all() -> None:
    for stop, done in _running:
        _end(stop, done, _LAST_PATIENCE)
