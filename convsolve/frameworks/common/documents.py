"""Files of frameworks, from strangers: archives and JSON are bounded, and every damage is one message."""

from __future__ import annotations

import io
import json
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ...errors import ConvsolveError, UnreadableError

__all__ = ["boundary", "parsed", "unzipped"]

_LARGEST = 64 * 2**20
"""No description of a network is longer; the weights of a file are not read."""

_LARGEST_DIRECTORY = 16 * 2**20
"""An archive of so many bytes of names has some 200,000 members."""

_MOST_CONTAINERS = 4_000_000
_DEEPEST = 60
"""Lists and mappings inside each other; networks nested in networks take about four each."""

_DAMAGE = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, RuntimeError, TypeError,
    ValueError, lzma.LZMAError, struct.error, zipfile.BadZipFile, zlib.error)  # fmt: skip
"""What readers and parsers raise over files that are not as their format describes them."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@contextmanager
def boundary(name: str) -> Iterator[None]:
    """Read a file inside of this: whatever is wrong with it becomes one message with the file's name.

    Raises:
        UnreadableError: the file is damaged, or cannot be read.

    >>> with boundary("net.pt2"):
    ...     {}["graph"]
    Traceback (most recent call last):
    ...
    convsolve.errors.UnreadableError: net.pt2 cannot be followed: it is damaged, or not as its format describes it \
(KeyError('graph'))
    """
    try:
        yield
    except ConvsolveError as error:
        if isinstance(error, UnreadableError) and name in str(error):
            raise
        raise UnreadableError(f"{name}: {error}") from error
    except _DAMAGE as error:
        what = ascii(error)
        what = f"{what[:200]}..." if len(what) > 200 else what
        raise UnreadableError(
            f"{name} cannot be followed: it is damaged, or not as its format describes it ({what})"
        ) from error


class _Bounded(io.FileIO):
    """A file of which no more is read at once than the list of an archive's members may take, devices without an end
    among them."""

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = _LARGEST_DIRECTORY + 1 if size is None or size < 0 else size
        found = super().read(wanted) if wanted <= _LARGEST_DIRECTORY + 1 else b""
        if max(len(found), 0 if size is None else size) > _LARGEST_DIRECTORY:
            raise zipfile.BadZipFile(f"its list of members is longer than {_LARGEST_DIRECTORY // 2**20} MiB")
        return found


def unzipped(name: str, kind: str, *paths: str) -> bytes:
    """Return the one member of an archive that has one of some paths; a longer one is cut off.

    A path that begins with a slash may have folders in front. ``kind`` is what the archive is to be, in messages.
    Nothing is written, and no other member is looked at.

    Raises:
        UnreadableError: it is no archive, or damaged, or has no such member, or several.
    """
    try:
        with _Bounded(name) as file, zipfile.ZipFile(file) as archive:
            endings = tuple(path for path in paths if path.startswith("/"))
            members = [m for m in archive.infolist() if m.filename in paths or m.filename.endswith(endings)]
            if len(members) != 1:
                wanted = " or ".join(path.lstrip("/") for path in paths)
                raise UnreadableError(f"{name} is no {kind}: wanted one {wanted} in it, found {len(members)}")
            if members[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise UnreadableError(f"{name} is no {kind}: it is packed in a way that no {kind} is")
            with archive.open(members[0]) as member:
                return member.read(_LARGEST + 1)
    except ConvsolveError:
        raise
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError, struct.error) as error:
        reason = error.strerror or error if isinstance(error, OSError) else error
        raise UnreadableError(f"{name} is no {kind}, or it is damaged: {reason}") from None


def parsed(text: bytes, name: str, what: str) -> Mapping[str, Any]:
    """Return the mapping that a JSON text holds; ``what`` it is, and in which file, is for messages.

    Raises:
        UnreadableError: it is too long or nested too deep, no JSON, or no mapping.
    """
    if len(text) > _LARGEST:
        raise UnreadableError(f"{name} has a {what} of more than {_LARGEST // 2**20} MiB")
    if text.count(b"[") + text.count(b"{") > _MOST_CONTAINERS:
        raise UnreadableError(f"the {what} in {name} has more than {_MOST_CONTAINERS} lists and mappings")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise UnreadableError(f"the {what} in {name} is no JSON: {reason}") from None
    if not isinstance(found, Mapping):
        raise UnreadableError(f"the {what} in {name} is no mapping, but {type(found).__name__}")
    _must_be_shallow(found, name, what)
    if (b"\\u" in text or not text.isascii()) and _LONE_SURROGATE.search(json.dumps(found, ensure_ascii=False)):
        raise UnreadableError(f"the {what} in {name} has halves of characters in its text, which cannot be shown")
    return found


def _must_be_shallow(found: Any, name: str, what: str) -> None:
    """Refuse what is nested deeper than any network, before anything walks down into it."""
    level, depth = [found], 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise UnreadableError(f"the {what} in {name} is nested more than {_DEEPEST} deep")
        level = [
            inner
            for value in level
            for inner in (value.values() if isinstance(value, Mapping) else value)
            if isinstance(inner, (Mapping, list))
        ]
