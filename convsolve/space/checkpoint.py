"""The checkpoint of work that is done cube by cube: what is known of cubes, so that a stopped run goes on from there.

A line says what is asked of which space, each further line what a cube has answered; each ends with its checksum. A
line is written once its answer is certain, before anything rests on it, and is on the disk before the next one is
begun. The file stays when the work is done: asked again, the answer is there at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ..errors import FileError, Problematic
from .cubes import Cut, Job
from .note_lines import add_note, line_of, locked, note_of, opened

__all__ = ["Checkpoint"]

_VERSION = 1


class Checkpoint:
    """The answers that a file keeps.

    Args:
        path: the file; it is made where there is none.
        asked: what is asked of which space: a file that keeps answers to something else is refused.

    Raises:
        FileError: the file is that of something else, or in use.
        OSError: the file cannot be read or written.
    """

    def __init__(self, path: str | Path, asked: dict[str, Any]) -> None:
        self._path = Path(os.path.realpath(path))
        self._head = {"convsolve checkpoint": _VERSION, **asked}
        self._known: dict[tuple[Any, ...], Any] = {}

    def __enter__(self) -> Checkpoint:
        self._file: IO[bytes] = opened(self._path, "a+b")
        try:
            self._read()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, kind: Any, error: BaseException | None, where: Any) -> None:
        self._file.close()

    def _read(self) -> None:
        """Read what is known; a last line that a stopped run left half written is dropped."""
        if not locked(self._file):
            raise self._wrong("another run is using this file: wait for it, or stop it")
        self._file.seek(0)
        data = self._file.read()
        if not data.endswith(b"\n") and line_of(self._head).startswith(data):  # nothing, or a first line half written
            self._file.truncate(0)
            add_note(self._file, self._head)
            return
        lines = data.splitlines(keepends=True)
        if (head := _whole(lines[0])) is None:
            raise self._wrong("this is no checkpoint")
        if head != self._head:
            raise self._wrong(
                "this keeps answers to another question, of another problem or another version of convsolve"
            )
        good = len(lines[0])
        for line in lines[1:]:
            if (note := _whole(line)) is None or (entry := _entry(note)) is None:
                break  # whatever has befallen this line: it is found out again, and so is what is behind it
            self._known[entry[0]] = entry[1]
            good += len(line)
        self._file.truncate(good)

    def _wrong(self, message: str) -> FileError:
        return FileError(str(self._path), [Problematic(1, 1, f"{message}; name another file, or remove this one")])

    def of(self, task: str, decode: Callable[[Any], Any], encode: Callable[[Any], Any]) -> Answers:
        """Return the answers to one task: how they are written, None for one that is not certain, and read."""
        return Answers(self, task, decode, encode)


class Answers:
    """What a checkpoint knows of one task."""

    def __init__(
        self, checkpoint: Checkpoint, task: str, decode: Callable[[Any], Any], encode: Callable[[Any], Any]
    ) -> None:
        self._checkpoint, self._task, self._decode, self._encode = checkpoint, task, decode, encode

    def known(self, job: Job) -> Any:
        """Return the answer to a job, or None."""
        note = self._checkpoint._known.get((self._task, job.decided, job.depth))
        if note is None:
            return None
        return Cut(tuple(map(_cube, note["cut"]))) if "cut" in note else self._decode(note["is"])

    def keep(self, job: Job, answer: Any) -> None:
        """Keep the answer to a job, if it is certain."""
        if isinstance(answer, Cut):
            note: dict[str, Any] = {"cut": answer.cubes}
        elif (encoded := self._encode(answer)) is not None:
            note = {"is": encoded}
        else:
            return
        whole = {"task": self._task, "cube": job.decided, "depth": job.depth, "answer": note}
        add_note(self._checkpoint._file, whole)


def _whole(line: bytes) -> dict[str, Any] | None:
    """Return the note of a line; None where it is not as it was written."""
    try:
        return note_of(line)
    except ValueError:
        return None


def _entry(note: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Return what a note is about, and what it says; None where it is no answer."""
    try:
        key, answer = (note["task"], _cube(note["cube"]), note["depth"]), note["answer"]
        return (key, answer) if {"cut", "is"} & answer.keys() else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _cube(entries: list[list[Any]]) -> tuple[tuple[str, int], ...]:
    return tuple((str(name), int(value)) for name, value in entries)
