"""Notes in a file, one a line, each with its checksum: what a run knows for certain, whenever it is stopped."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import IO, Any
from zlib import crc32

from ..errors import FileError, Problematic
from ..network.trace import Definition
from .subspace import Subspace

__all__ = ["add_note", "identity", "line_of", "locked", "note_of", "opened"]


def line_of(note: dict[str, Any]) -> bytes:
    """Return a note as a line, with its checksum at the end.

    >>> note_of(line_of({"rows": 3}))
    {'rows': 3}
    """
    text = json.dumps(note).encode()
    return b"%b %08x\n" % (text, crc32(text))


def note_of(line: bytes) -> dict[str, Any]:
    """Return the note of a line; raise ValueError where that is not what was written."""
    text, _, _ = line.rpartition(b" ")
    note: dict[str, Any] = json.loads(text)
    if line_of(note) != line:
        raise ValueError("a wrong checksum")
    return note


def add_note(file: IO[bytes], note: dict[str, Any]) -> None:
    """Write a note at the end of a file, and return when it is on the disk."""
    file.write(line_of(note))
    file.flush()
    os.fsync(file.fileno())


def opened(path: Path, how: str, mode: int = 0o666) -> IO[bytes]:
    """Open a file that a run has made, or make it with a mode; nothing else, and nothing behind a link.

    Raises:
        FileError: it is a link, a folder or a device.
        OSError: it cannot be opened.
    """

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), mode)

    if path.is_symlink() or (path.exists() and not stat.S_ISREG(path.stat().st_mode)):
        raise FileError(str(path), [Problematic(1, 1, "this is no file that a run has left here: move it away")])
    return open(path, how, opener=opener)


def locked(file: IO[bytes]) -> bool:
    """Lock a file, where the system can, until this process ends; return whether nobody else has."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def identity(subspace: Subspace) -> str:
    """Return what two subspaces have in common if they have the same architectures, in the same words."""
    traced = subspace.traced
    lines = [f"{name}: {hole.domain}" for name, hole in traced.problem.network.holes.items()]
    for step in traced.trace.steps:
        lines.append(f"{step.name} := {step.value}" if isinstance(step, Definition) else f"{step.condition}")
    lines += [f"{name}: {condition}" for name, condition in traced.trace.canonical.items()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
