"""Python processes that are started here: nothing in the current folder is taken for a library.

Python puts the current folder first on the import path of ``python -m`` and ``python -c``, and so of every process
that ``multiprocessing`` spawns. In safe-path mode (Python 3.11, ``-P``) it does not.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Thread

__all__ = ["command_line", "limit", "run", "safe_path"]

_lock = Lock()

_CODE = """import sys
sys.path[:] = sys.argv[1].split({separator!r})
from convsolve.support.isolated import limit
limit({memory})
from {module} import main
del sys.argv[1]
main()"""


def command_line(module: str, *words: str, memory: int = 0) -> list[str]:
    """Return the command that calls ``main`` of a module with some words, with this process's import path.

    >>> command_line("convsolve.cli", "check", "net.yaml")[1:3], command_line("convsolve.cli", "check", "net.yaml")[-2:]
    (['-P', '-c'], ['check', 'net.yaml'])
    """
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)
    code = _CODE.format(separator=os.pathsep, memory=memory, module=module)
    return [sys.executable, "-P", "-c", code, path, *words]


def run(module: str, *words: str, seconds: float, memory: int) -> tuple[int, str, str]:
    """Call ``main`` of a module in a process of its own, which ends with this one, however that ends.

    Args:
        module: where ``main`` is.
        words: its arguments, as on a command line.
        seconds: after which it is stopped.
        memory: bytes that it may ask for, where the system can limit that.

    Returns:
        its exit code, and what it has written to standard output and standard error.

    Raises:
        TimeoutError: it was stopped.
    """
    ours, theirs = os.pipe()
    try:  # nobody writes to its standard input; that is at its end when this process is
        command = command_line(module, *words, memory=memory)
        done = subprocess.run(command, stdin=ours, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"it took longer than {seconds:g} seconds") from None
    finally:
        os.close(ours)
        os.close(theirs)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def limit(memory: int) -> None:
    """Hold this process to some bytes of memory (0: to none in particular), and end it with the one that started it."""
    if not memory:
        return
    try:
        import resource
    except ImportError:  # Windows
        pass
    else:
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (memory if hard < 0 else min(memory, hard), hard))
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


@contextmanager
def safe_path() -> Iterator[None]:
    """Let the Python processes that are started meanwhile leave the current folder off their import path."""
    with _lock:
        before = os.environ.get("PYTHONSAFEPATH")
        os.environ["PYTHONSAFEPATH"] = "1"
        try:
            yield
        finally:
            if before is None:
                del os.environ["PYTHONSAFEPATH"]
            else:
                os.environ["PYTHONSAFEPATH"] = before
