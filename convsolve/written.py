"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .errors import ConvsolveError

__all__ = ["write_file"]


def write_file(path: str | Path, content: str | bytes) -> None:
    """Write beside a file which then takes its place: there is never half a file.

    A link stays, and what it leads to is written; what is no file, such as a device or a pipe, is written to.

    Raises:
        ConvsolveError: the file cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        _write(Path(os.path.realpath(path)), data)
    except OSError as error:
        raise ConvsolveError(f"cannot write {path}: {error.strerror}") from None


def _write(path: Path, data: bytes) -> None:
    if path.exists() and not (path.is_file() and os.access(path, os.W_OK)):
        path.write_bytes(data)  # a device; or what says itself why it cannot be written
        return
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(beside, 0o666 & ~mask)  # as any other file that is made
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
