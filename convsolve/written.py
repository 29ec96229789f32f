"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .errors import ConvsolveError

__all__ = ["write_file"]


def write_file(path: str | Path, content: str | bytes) -> None:
    """Write beside a file which then takes its place: there is never half a file.

    Raises:
        ConvsolveError: the file cannot be written.
    """
    path = Path(path)
    try:
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(beside, 0o666 & ~mask)  # as any other file that is made
            os.replace(beside, path)
        except BaseException:
            os.unlink(beside)
            raise
    except OSError as error:
        raise ConvsolveError(f"cannot write {path}: {error.strerror}") from None
