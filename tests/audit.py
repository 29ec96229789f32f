"""Commands under an audit hook in every process that they start, and what they did that they should not have.

The hook is set by a ``sitecustomize`` before anything else runs, in the command and in all its children.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Audited", "audited"]

_HOOK = r"""
import os, sys, sysconfig

report = os.open(os.environ["AUDIT_REPORT"], os.O_WRONLY | os.O_APPEND)
allowed = os.environ["AUDIT_OUTPUTS"].split(os.pathsep)
roots = tuple(os.path.realpath(p) + os.sep for p in
              (*sysconfig.get_paths().values(), *os.environ["AUDIT_ROOTS"].split(os.pathsep)) if p)
starts = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn")


def say(text):
    os.write(report, (text + "\n").encode(errors="replace"))


def hook(event, args):
    if event in ("os.system", "pty.spawn", "os.startfile", "os.forkpty"):
        say(f"process: {event} {args!r}")
    elif event in starts and os.path.realpath(args[0] or args[1][0]) != os.path.realpath(sys.executable):
        say(f"process: {event} {args[0]!r} {args[1]!r}")
    elif event in starts:
        say("child")
    elif event == "exec":
        file = args[0].co_filename
        if not file.startswith("<") and not os.path.realpath(file).startswith(roots):
            say(f"code: {file}")
    elif event == "open" and isinstance(args[0], (str, bytes)):
        path, flags = os.path.abspath(os.fsdecode(args[0])), args[2]
        if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR) and path != os.devnull:
            folder, name = os.path.split(path)
            owners = [o for o in allowed if o and (path.startswith(o) or path.startswith(
                os.path.join(os.path.dirname(o), f".{os.path.basename(o)[:40]}.")))]
            if not owners:
                say(f"write: {path}")


sys.addaudithook(hook)
say("hooked")
"""


class Audited:
    """What was seen of a command and its children."""

    def __init__(self, folder: Path, outputs: Sequence[Path]) -> None:
        self._hooks, self.folder = folder.parent / f"{folder.name}-hook", folder
        self._hooks.mkdir()
        (self._hooks / "sitecustomize.py").write_text(_HOOK)
        self._report = self._hooks / "report"
        self._report.touch()
        roots = [Path(__file__).parent.parent / "convsolve", *(p for p in sys.path if p.endswith("site-packages"))]
        self.environment = {
            **os.environ, "PYTHONDONTWRITEBYTECODE": "1", "AUDIT_REPORT": str(self._report),
            "AUDIT_OUTPUTS": os.pathsep.join(map(str, outputs)), "AUDIT_ROOTS": os.pathsep.join(map(str, roots)),
            "PYTHONPATH": os.pathsep.join([str(self._hooks), str(Path(__file__).parent.parent)]),
        }  # fmt: skip

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``python -m convsolve``."""
        command = [sys.executable, "-m", "convsolve", *words]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )

    @contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Start ``python -m convsolve``, and end it."""
        command = [sys.executable, "-m", "convsolve", *words]
        with subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:  # fmt: skip
            try:
                yield process
            finally:
                process.kill()

    @property
    def processes(self) -> int:
        """How many processes of our own interpreter there were."""
        return self._report.read_text().splitlines().count("hooked")

    @property
    def events(self) -> list[str]:
        """What should not have been done: processes, code from elsewhere, files opened for writing."""
        return sorted({x for x in self._report.read_text().splitlines() if x not in ("hooked", "child")})


def audited(folder: Path, *outputs: Path) -> Audited:
    """Return an audit of commands in a folder, which may write some outputs and nothing else."""
    return Audited(folder, outputs)
