"""What commands do to the world: each is run under an audit hook, which sees processes, imports, writes and connections.

``watched`` runs commands one after the other in one process of their own, whose hook can not be taken away. What is
seen is a list of words like ``"process: os.system id"``; a command that is as it should be has none.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Seen", "watched"]

_WATCHER = r"""
import contextlib, io, json, os, site, sys, sysconfig, traceback

commands, named, started, report = json.loads(sys.argv[1])
report = os.open(report, os.O_WRONLY)
here = os.getcwd()
roots = [os.path.realpath(p) for p in (*sysconfig.get_paths().values(), *sys.path, *site.getsitepackages()) if p]
roots = [root for root in roots if not here.startswith(root)]
named = [os.path.realpath(path) for path in named]
seen = []

PROCESSES = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty",
             "pty.spawn", "os.startfile")
CHANGES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "os.link", "os.symlink",
           "os.truncate", "os.utime", "shutil.", "tempfile.")
CONNECTIONS = ("socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request", "ftplib.", "smtplib.", "http.")
PICKLES = ("pickle.find_class",)


def inside(path):
    return path.startswith(("<", "/dev/null")) or any(os.path.realpath(path).startswith(root) for root in roots)


def hook(event, args):
    if event in PROCESSES:
        seen.append(f"process: {event} {args[0] if args else ''!r}")
    elif event.startswith(CONNECTIONS):
        seen.append(f"connection: {event} {args!r}"[:200])
    elif event in PICKLES:
        seen.append(f"pickle: {args!r}")
    elif event.startswith(CHANGES) and not any(isinstance(a, (str, bytes)) and os.path.realpath(a) in named for a in args):
        seen.append(f"change: {event} {args!r}"[:200])
    elif event == "open":
        path, mode, flags = args
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        if writes and isinstance(path, (str, bytes)):
            path = os.fsdecode(path)
            if os.path.realpath(path) not in named and path != "/dev/null":
                seen.append(f"write: {path}")
    elif event == "exec" and not inside(args[0].co_filename):
        seen.append(f"code: {args[0].co_filename}")
    elif event == "ctypes.dlopen" and isinstance(args[0], str) and os.sep in args[0] and not inside(args[0]):
        seen.append(f"library: {args[0]}")


for name in started:
    __import__(name)
sys.addaudithook(hook)
from convsolve.cli import main

for command in commands:
    output, errors, code = io.StringIO(), io.StringIO(), 0
    del seen[:]
    before = set(sys.modules)
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            main(command)
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            code = -1
            traceback.print_exc()
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and os.path.exists(file) and not inside(file):
            seen.append(f"import: {name} from {file}")
    line = json.dumps([code, output.getvalue(), errors.getvalue(), sorted(set(seen))]) + "\n"
    os.write(report, line.encode())
"""


@dataclass(frozen=True)
class Seen:
    """How one command ended, what it printed, and what it did that a reader of files should not do."""

    code: int
    output: str
    errors: str
    events: tuple[str, ...]


def watched(
    commands: Sequence[Sequence[str]],
    folder: Path,
    *,
    outputs: Sequence[Path] = (),
    started: Sequence[str] = (),
    timeout: float = 300,
) -> list[Seen]:
    """Run commands of convsolve in a folder, one after the other, and return what was seen of each.

    Files that the commands may write are named in ``outputs``. What is imported before the hook is set is ``started``:
    PyTorch writes to a cache of its own when ``torch._dynamo`` is imported, as its first call without data does. Whatever changes in the folder besides is an event of
    the last command: so are writes that native code makes, which no audit hook sees.
    """
    report = folder.parent / f"{folder.name}.report"
    report.touch()
    before = _contents(folder)
    given = json.dumps([[list(c) for c in commands], [str(path) for path in outputs], list(started), str(report)])
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "KERAS_BACKEND": "torch"}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    process = subprocess.run(
        [sys.executable, "-P", "-c", _WATCHER, given],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    report.unlink()
    assert len(lines) == len(commands), (
        f"{commands[len(lines)]} ended the process ({process.returncode}): {process.stderr}"
    )
    found = [Seen(code, output, errors, tuple(events)) for code, output, errors, events in lines]
    changed = sorted(path for path, state in _contents(folder).items() if before.get(path) != state)
    gone = sorted(set(before) - set(_contents(folder)))
    extra = tuple(f"file: {path}" for path in [*changed, *gone] if Path(path) not in outputs)
    last = found[-1]
    return [*found[:-1], Seen(last.code, last.output, last.errors, (*last.events, *extra))]


def _contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the size and the time of the last change of every file in a folder."""
    found = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        found[str(path)] = status.st_size, status.st_mtime_ns
    return found
