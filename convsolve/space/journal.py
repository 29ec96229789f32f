"""The journal of a listing that goes to a file: what is written already, so that a stopped run goes on from there.

Beside the file stand, until it is finished, ``FILE.part`` with the lines so far and ``FILE.journal``: a line that says
of which space, a line with its cubes, and a line for each piece that is in ``FILE.part`` for certain. Each line ends
with its checksum, and has that of its piece. What a stopped run has written after that, and from the first piece on
that is not what was written, is written again. Files of these names that no such run has made are left alone. What is
no file that can be replaced, such as a pipe, is written through, and a stopped run begins anew.
"""

from __future__ import annotations

import dataclasses
import os
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from zlib import crc32

from ..errors import FileError, Problematic
from ..support.atomic_write import destination, open_stream, take_place
from .cubes import Tell, untold
from .enumeration import Lines, lines
from .note_lines import add_note, identity, line_of, locked, note_of, opened
from .sampling import Cube, measure
from .subspace import Subspace

__all__ = ["write"]

_VERSION = 2


def write(
    subspace: Subspace,
    path: Path,
    limit: int | None = None,
    executor: Executor | None = None,
    tell: Tell = untold,
) -> int:
    """Write all architectures, or the first ones, to a file; go on where a run was stopped. Return how many there are.

    Raises:
        FileError: the journal, or what is to be the file of lines, is that of something else.
        UndecidedError: the time ran out.
        OSError: the files cannot be written.
    """
    place = destination(path)
    if place is None:
        return _stream(subspace, path, limit, executor, tell)
    with _Journal(place, {"convsolve listing": _VERSION, "space": identity(subspace), "limit": limit}) as journal:
        if journal.cubes is None:
            journal.note_cubes(measure([subspace], executor)[0])
        assert journal.cubes is not None
        left = None if limit is None else limit - journal.rows
        if not journal.finished and left != 0:
            for piece in lines(subspace, journal.cubes, executor, begin=journal.at, limit=left, clock=subspace.clock):
                journal.add(piece)
                tell(piece.share if limit is None else journal.rows / limit)
        journal.finish()
        return journal.rows


def _stream(subspace: Subspace, path: Path, limit: int | None, executor: Executor | None, tell: Tell) -> int:
    """Write through a pipe or a device."""
    rows = 0
    with open_stream(path) as file:
        for piece in lines(subspace, measure([subspace], executor)[0], executor, limit=limit, clock=subspace.clock):
            file.write(piece.text)
            rows += piece.size
            tell(piece.share)
    return rows


class _Journal:
    """What is in the file for certain: ``rows`` architectures, up to a number of a cube (``at``)."""

    def __init__(self, path: Path, head: dict[str, Any]) -> None:
        self._path, self._part, self._journal = path, Path(f"{path}.part"), Path(f"{path}.journal")
        self._head = head
        self._rows: IO[bytes] | None = None
        self.finished = False
        self.cubes: tuple[Cube, ...] | None = None
        self.at = (0, 0)
        self.rows = self._size = 0
        self._pieces: list[tuple[dict[str, Any], int]] = []  # as they were noted, and where the note ends

    def __enter__(self) -> _Journal:
        self._fresh = not os.path.lexists(self._journal)
        if self._fresh and os.path.lexists(self._part):
            raise self._strange()
        self._notes = opened(self._journal, "a+b")
        try:
            self._read()
            if not self.finished or os.path.lexists(self._part):
                self._open()
        except BaseException as error:
            self._close(error)
            raise
        return self

    def __exit__(self, kind: Any, error: BaseException | None, where: Any) -> None:
        self._close(error)

    def _close(self, error: BaseException | None) -> None:
        """Close the files; those of a run that could not begin to write go."""
        with suppress(OSError):  # what has not been noted does not matter
            self._notes.close()
        with suppress(OSError):
            if self._rows is not None:
                self._rows.close()
        if self._fresh and not self._size and not self.finished and (self.cubes is None or isinstance(error, OSError)):
            self._part.unlink(missing_ok=True)
            self._journal.unlink(missing_ok=True)

    def _read(self) -> None:
        """Read what has been noted; a last line that a stopped run left half written is dropped."""
        if not locked(self._notes):
            self._fresh = False
            raise self._wrong(1, "another run is writing this file: wait for it, or stop it")
        self._notes.seek(0)
        data = self._notes.read()
        whole = data[: data.rfind(b"\n") + 1]
        if not whole and not line_of(self._head).startswith(data):
            raise self._wrong(1, "this is no line of a journal")
        end = 0
        for number, line in enumerate(whole.splitlines(keepends=True), start=1):
            end += len(line)
            try:
                note = note_of(line)
                if number > 1:
                    self._take(note, end)
            except (ValueError, KeyError, TypeError):
                raise self._wrong(number, "this is no line of a journal") from None
            if number == 1 and note != self._head:
                raise self._wrong(
                    1,
                    "this is the journal of another problem, of another number of architectures, or "
                    "of another version of convsolve",
                )
        if not whole and os.path.lexists(self._part):
            raise self._strange()
        self._notes.truncate(len(whole))
        if not whole:
            add_note(self._notes, self._head)

    def _open(self) -> None:
        """Open the file of lines, and drop those that have not been noted, or are not what was written."""
        self._rows = opened(self._part, "a+b", 0o600 if self._path.exists() else 0o666)
        size, end, good = os.path.getsize(self._part), 0, 0
        self._rows.seek(0)
        for note, _ in self._pieces:
            if crc32(self._rows.read(note["bytes"] - end)) != note["sum"]:
                break
            end, good = note["bytes"], good + 1
        foreign = (not good and bool(self._pieces)) or (self.finished and not self._pieces and size > 0)
        if foreign or (self.finished and size > self._size):
            than = "shorter than" if size < self._size else "not what"
            raise self._wrong(1, f"{self._part} is {than} this says")
        if good < len(self._pieces):
            note, place = self._pieces[good - 1]
            self.finished = False
            self._take(note, place)
            self._notes.truncate(place)
        self._rows.truncate(self._size)

    def _take(self, note: dict[str, Any], end: int) -> None:
        if "cubes" in note:
            self.cubes = tuple(Cube(tuple((n, v) for n, v in own), *entries) for own, *entries in note["cubes"])
        elif "finished" in note:
            self.finished = True
        else:
            self.at, self.rows, self._size = (note["cube"], note["next"]), note["rows"], note["bytes"]
            self._pieces.append((note, end))

    def _wrong(self, line: int, message: str) -> FileError:
        advice = f"{message}; to begin anew, remove it and {self._part}"
        return FileError(str(self._journal), [Problematic(line, 1, advice)])

    def _strange(self) -> FileError:
        return FileError(str(self._part), [Problematic(1, 1, "no run has left this here: move it away")])

    def note_cubes(self, cubes: tuple[Cube, ...]) -> None:
        """Note which cubes are listed."""
        self.cubes = cubes
        add_note(self._notes, {"cubes": [dataclasses.astuple(cube) for cube in cubes]})

    def add(self, piece: Lines) -> None:
        """Add lines to the file, and note where they end once they are there."""
        assert self._rows is not None
        self._rows.write(piece.text)
        self._rows.flush()
        os.fsync(self._rows.fileno())
        self.rows, self._size = self.rows + piece.size, self._size + len(piece.text)
        add_note(
            self._notes,
            {"cube": piece.cube, "next": piece.next, "rows": self.rows, "bytes": self._size, "sum": crc32(piece.text)},
        )

    def finish(self) -> None:
        """Let the finished file take its place."""
        if not self.finished:
            add_note(self._notes, {"finished": True})
            self.finished = True
        if self._rows is not None:
            self._rows.close()
            take_place(self._part, self._path)
        self._journal.unlink()
