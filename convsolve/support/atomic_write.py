"""Files that are written whole or not at all: the one writer of everything that convsolve writes.

A regular file is written beside its place, in the same folder, and takes it once it is safe on the disk. Mode and
owner of a file that was there stay, and so does the file itself where anything fails. A link stays: what it leads to
is written. A pipe, a terminal, another character device and what the process has open (``/dev/stdout``) are written
through. A folder, a socket and a disk are refused.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from ..errors import ConvsolveError

__all__ = ["destination", "open_stream", "take_place", "unwritable", "write_file"]


def write_file(path: str | Path, content: str | bytes) -> None:
    """Write a file whole, or leave what is there as it is.

    Raises:
        ConvsolveError: the file cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        place = destination(path)
        if place is None:
            with open_stream(path) as file:
                file.write(data)
        else:
            _write(place, data)
    except OSError as error:
        raise unwritable(path, error) from None


def unwritable(path: str | Path, error: OSError, advice: str = "") -> ConvsolveError:
    """Return the error that says that a file cannot be written, why, and what to do."""
    return ConvsolveError(f"cannot write {path}: {error.strerror or error}{advice and f'; {advice}'}")


def destination(path: str | Path) -> Path | None:
    """Return the regular file that writing to a path writes, behind all links; None for what is written through.

    Raises:
        OSError: nothing can be written there.
    """
    name = os.fspath(path)
    try:
        mode = os.stat(name).st_mode
    except FileNotFoundError:
        if name.endswith(os.sep):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) from None
        return Path(os.path.realpath(name))
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or _is_open(name):
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a socket or a disk, and no file")
    os.close(os.open(name, os.O_WRONLY))  # where it may not be written, it is not replaced either
    return Path(os.path.realpath(name))


def _is_open(name: str) -> bool:
    """Return whether a path, by whatever links, names what a process has open, as ``/dev/stdout`` does."""
    for _ in range(40):  # as many links as Linux follows
        folder = os.path.realpath(os.path.dirname(name))
        if folder.startswith("/proc/"):
            return True
        if not os.path.islink(name):
            return False
        name = os.path.join(folder, os.readlink(name))
    return False


def open_stream(path: str | Path) -> BinaryIO:
    """Open what is written through, as it stands: nothing is made, cut off or replaced."""
    flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOCTTY", 0)
    return open(path, "ab", opener=lambda name, _: os.open(name, flags))


def _write(place: Path, data: bytes) -> None:
    beside = place.parent / f".{place.name[:40]}.{secrets.token_hex(6)}"
    mode = 0o600 if place.exists() else 0o666  # the umask is taken off by the system
    file = open(beside, "xb", opener=lambda name, flags: os.open(name, flags, mode))  # noqa: SIM115  # closed below
    try:
        with file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        take_place(beside, place)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(beside)
        raise


def take_place(beside: Path, place: Path) -> None:
    """Let a file take the place of another in its folder, with the other's mode and owner."""
    with suppress(FileNotFoundError):
        old, new = os.stat(place), os.stat(beside)
        if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            try:
                os.chown(beside, old.st_uid, old.st_gid)
            except PermissionError:
                raise PermissionError(errno.EPERM, "it belongs to somebody else, and could not stay so") from None
        os.chmod(beside, stat.S_IMODE(old.st_mode))
    os.replace(beside, place)
    with suppress(OSError):  # not every system can do that for a folder
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
