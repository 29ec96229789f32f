"""Pools: executors that do jobs on this machine's processors, or on a Dask cluster."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, InvalidStateError
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from ..errors import WorkersError
from ..support.isolated import safe_path
from ..support.suggestions import whole

__all__ = ["LocalPool", "cluster"]

_PATIENCE = 10
"""Seconds in which a cluster has to answer."""

_RETRIES = 2
"""How often Dask asks another worker before it says that a job has failed."""


class LocalPool(Executor):
    """Worker processes on this machine. Where one is killed, its call fails, and another takes its place.

    Each has a connection of its own: what befalls it while it answers does not concern the others (a
    ``ProcessPoolExecutor`` can wait for ever for the rest of such an answer). They are started afresh (``spawn``), find
    no libraries in the current folder, and end with this process, however it ends. So a script has to begin its work
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
        if workers is not None and whole("workers", workers) < 1:
            raise WorkersError(f"wanted at least one worker, got {workers}")
        self.workers = workers or os.cpu_count() or 1
        self._calls: SimpleQueue[tuple[Future[Any], bytes] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed = self._abandoned = False
        self._threads: list[threading.Thread] = []
        self._processes: set[multiprocessing.process.BaseProcess] = set()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand out a call."""
        data = pickle.dumps((fn, args, kwargs))
        future: Future[Any] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("this pool has been shut down")
            self._calls.put((future, data))
            if len(self._threads) < self.workers:
                self._threads.append(threading.Thread(target=self._serve, daemon=True))
                self._threads[-1].start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers: when they have done what has been handed out, or else at once."""
        with self._lock:
            self._closed = True
            while not self._calls.empty() and (cancel_futures or not wait):
                call = self._calls.get()
                if call is not None:
                    call[0].cancel()
            for _ in self._threads:
                self._calls.put(None)
            if not wait:
                self._abandoned = True
                for process in self._processes:
                    process.kill()
        for thread in self._threads:
            thread.join()

    def __exit__(self, kind: Any, error: Any, where: Any) -> None:
        self.shutdown(wait=kind is None)

    def _serve(self) -> None:
        """Let one worker after the other do calls, until there are none to come."""
        worker: _Worker | None = None
        while (call := self._calls.get()) is not None:
            future, data = call
            if not future.set_running_or_notify_cancel():
                continue
            try:
                if worker is None:
                    worker = self._started()
                done, answer = worker.ask(data)
            except Exception as error:
                self._end(worker)
                worker = None
                future.set_exception(error)
            else:
                if done:
                    future.set_result(answer)
                else:
                    future.set_exception(answer)
        self._end(worker)

    def _started(self) -> _Worker:
        worker = _Worker()
        with self._lock:
            self._processes.add(worker.process)
            if self._abandoned:
                worker.process.kill()
        return worker

    def _end(self, worker: _Worker | None) -> None:
        if worker is not None:
            worker.end()
            with self._lock:
                self._processes.discard(worker.process)


class _Worker:
    """A process that answers calls, one at a time."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self.process = context.Process(target=_answer_calls, args=(theirs,), daemon=True)
        with theirs, safe_path():  # the connection is then open in that process alone
            self.process.start()

    def ask(self, data: bytes) -> tuple[bool, Any]:
        """Return whether a call was done, and its result or its exception.

        Raises:
            BrokenProcessPool: the process has ended.
        """
        try:
            self._connection.send_bytes(data)
            answer: tuple[bool, Any] = pickle.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            self.process.join()
            raise BrokenProcessPool(f"a worker process has ended, with exit code {self.process.exitcode}") from None
        return answer

    def end(self) -> None:
        """Let the process end, which it does when there is nobody to answer to."""
        self._connection.close()
        self.process.join()


def _answer_calls(connection: Connection) -> None:
    """Do calls as long as there is somebody who wants to know."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the process that has started this one
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            connection.send_bytes(_answer(connection.recv_bytes()))


def _answer(data: bytes) -> bytes:
    try:
        fn, args, kwargs = pickle.loads(data)
        return pickle.dumps((True, fn(*args, **kwargs)))
    except BaseException as error:
        error.add_note(f"in a worker process:\n{traceback.format_exc()}")
        try:
            return pickle.dumps((False, error))
        except Exception:
            return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
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
