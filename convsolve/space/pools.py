"""Pools: executors that do jobs on this machine's processors, or on a Dask cluster."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, InvalidStateError, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from ..errors import WorkersError

__all__ = ["LocalPool", "cluster"]

_PATIENCE = 10
"""Seconds in which a cluster has to answer."""

_RETRIES = 2
"""How often Dask asks another worker before it says that a job has failed."""


class LocalPool(Executor):
    """Worker processes on this machine; where one is killed, others are started, and take what is handed out again.

    They are started afresh (``spawn``), and end with this process, however it ends. So a script has to begin its work
    under ``if __name__ == "__main__":``, as always with ``multiprocessing``.

    Args:
        workers: how many; by default as many as there are processors.

    >>> import convsolve as cs
    >>> space = cs.Space(cs.parse("{input: [1, 8, 8], layers: [{conv: {out_channels: 4, kernel_size: 1..9}}]}"))
    >>> with cs.LocalPool(2) as pool:
    ...     space.count(executor=pool).value
    8
    """

    def __init__(self, workers: int | None = None) -> None:
        if workers is not None and workers < 1:
            raise WorkersError(f"wanted at least one worker, got {workers}")
        self.workers = workers or os.cpu_count() or 1
        self._lock = threading.Lock()
        self._closed = False
        self._pool: ProcessPoolExecutor | None = None
        self._lifeline: Connection | None = None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand out a call, to new workers where the old ones have been killed."""
        with self._lock:
            if self._closed:
                raise RuntimeError("this pool has been shut down")
            if self._pool is not None:
                try:
                    return self._pool.submit(fn, *args, **kwargs)
                except BrokenProcessPool:
                    self._cut_off()
            return self._start().submit(fn, *args, **kwargs)

    def _start(self) -> ProcessPoolExecutor:
        context = get_context("spawn")
        theirs, self._lifeline = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(self.workers, context, _begin, (theirs,))
        return self._pool

    def _cut_off(self) -> None:
        """End the workers at once."""
        if self._pool is not None and self._lifeline is not None:
            self._lifeline.close()
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._lifeline = None

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers, by default when they have done what has been handed out."""
        with self._lock:
            self._closed = True
            if wait and self._pool is not None:
                self._pool.shutdown(wait=True, cancel_futures=cancel_futures)
            self._cut_off()

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self.shutdown(wait=kind is None)


def _begin(lifeline: Connection) -> None:
    """Let a worker leave interrupts to the process that has started it, and end when that does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    with suppress(EOFError, OSError):
        lifeline.recv()
    os._exit(1)


class _Cluster(Executor):
    """Dask's own executor, whose futures fail when the scheduler is gone, instead of waiting for it for ever."""

    def __init__(self, client: Any, address: str) -> None:
        self.workers = sum(client.nthreads().values())
        self._client, self._address = client, address
        self._executor = client.get_executor(pure=False, retries=_RETRIES)
        self._waiting: set[Future[Any]] = set()
        self._ended = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand out a call."""
        future: Future[Any] = self._executor.submit(fn, *args, **kwargs)
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)
        return future

    def _watch(self) -> None:
        while not self._ended.wait(1):
            if self._client.status in ("closing", "closed"):
                for future in list(self._waiting):
                    with suppress(InvalidStateError):
                        future.set_exception(WorkersError(f"the scheduler at {self._address} has gone away"))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take nothing more on."""
        self._ended.set()


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """Connect to a Dask cluster by the address of its scheduler, and yield its executor.

    Its workers need the same version of convsolve. What a killed worker had to do is done by others.

    Raises:
        WorkersError: Dask is not installed, nobody answers there, or there are no workers.
    """
    try:
        from distributed import Client
        from distributed.comm import get_address_host_port
    except ImportError:
        raise WorkersError("a cluster needs Dask: pip install 'convsolve[dask]'") from None
    for name in ("distributed.client", "distributed.core", "distributed.comm"):  # the exceptions say what they log
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        get_address_host_port(address)
    except (ValueError, TypeError) as error:
        raise WorkersError(f"{address!r} is no address such as tcp://host:8786: {error}") from None
    try:
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except OSError as error:
        raise WorkersError(f"no Dask scheduler answers at {address}: {error}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError:
            raise WorkersError(f"the cluster at {address} has no workers") from None
        with _Cluster(client, address) as executor:
            yield executor
