"""Commands in children that may not take much: each is forked from a process in which everything is imported.

A case costs some milliseconds beside its own work. What a command writes goes to files that are read to a bound.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.audit import audited

__all__ = ["Ended", "Limited"]

CPU_SECONDS, WALL_SECONDS, MEMORY = 10, 60, 1 << 30
"""What a command may take."""

_PARENT = r"""
import gc, json, os, resource, signal, sys, tempfile

wall, memory, report = map(int, sys.argv[1:])
import click, h5py, networkx, numpy, onnx, rich.console, rich.table, tomllib, torch, torch._dynamo, yaml, z3
from importlib import import_module
from convsolve import cli
for name in cli._COMMANDS:
    import_module(f"convsolve.cli.{name}")
import convsolve.files, convsolve.frameworks.keras, convsolve.frameworks.onnx, convsolve.pictures, convsolve.space
import convsolve.explanations.explain, convsolve.repairs.repair, convsolve.sizes.valid_sizes, convsolve.synthesis.solve
z3.main_ctx()
torch.set_num_threads(1)
gc.freeze()
out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
os.write(report, b"ready\n")


def child(words, folder, cpu):
    signal.alarm(wall)
    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu + 1, cpu + 2))
    resource.setrlimit(resource.RLIMIT_DATA, (2 * memory, 2 * memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 28, 1 << 28))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    sys.argv = ["convsolve", *words]
    try:
        cli.main(words)
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        import traceback
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


for line in sys.stdin:
    words, folder, cpu = json.loads(line)
    for file in (out, err):
        file.seek(0)
        file.truncate()
    pid = os.fork()
    if not pid:
        child(words, folder, cpu)
    _, status, usage = os.wait4(pid, 0)
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    texts = []
    for file in (out, err):
        file.seek(0)
        texts.append(file.read(1 << 20).decode(errors="replace"))
    answer = [os.waitstatus_to_exitcode(status), *texts, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024]
    os.write(report, json.dumps(answer).encode() + b"\n")
"""


@dataclass(frozen=True)
class Ended:
    """How a command has ended: its exit code (negative: by a signal), what it wrote, CPU seconds, and bytes of memory.

    ``events`` are what it may not do at all: processes, code from elsewhere, files outside of its folder.
    """

    code: int
    output: str
    errors: str
    seconds: float
    memory: int
    events: tuple[str, ...]

    @property
    def faults(self) -> list[str]:
        """What a command may not do, of what it did."""
        found = list(self.events)
        if "Traceback (most recent call last)" in self.output + self.errors:
            found.append("traceback")
        if self.seconds > CPU_SECONDS or self.code in (-signal.SIGXCPU, -signal.SIGALRM):
            found.append("time")
        elif self.code not in (0, 1, 2, 3, 130):
            found.append(f"exit {self.code}")
        if self.memory > MEMORY:
            found.append("memory")
        return found


class Limited:
    """A process that runs commands of convsolve in a folder, each in a child of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._audit = audited(folder, folder)
        ours, theirs = os.pipe()
        environment = {
            **self._audit.environment,
            "KERAS_BACKEND": "torch",
            "CONVSOLVE_DEBUG": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        words = [sys.executable, "-P", "-c", _PARENT, *map(str, (WALL_SECONDS, MEMORY, theirs))]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, env=environment, pass_fds=[theirs], cwd=folder)
        os.close(theirs)
        self._answers = os.fdopen(ours, "rb")
        self._answers.readline()  # everything is imported
        self._seen = set(self._audit.events)

    def run(self, words: Sequence[str], seconds: int = CPU_SECONDS) -> Ended:
        """Run a command, and return how it has ended; a little beyond some seconds of the processor it is killed."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([list(words), str(self.folder), seconds]).encode() + b"\n")
        self._process.stdin.flush()
        answer = json.loads(self._answers.readline())
        events = tuple(event for event in self._audit.events if event not in self._seen)
        self._seen.update(events)
        return Ended(*answer, events)

    def __enter__(self) -> Limited:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._answers.close()
