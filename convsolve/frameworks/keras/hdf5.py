"""A text attribute of an HDF5 file's root, read by its specification.

The HDF5 library can run without end over a damaged file, and nothing can stop it from inside of the process. Of a Keras
file, one attribute is needed: that takes a few structures of the format, each of which is read once.

Source: HDF5 File Format Specification Version 3.0, sections II.A (superblock), IV.A (object headers) and III.E
(global heap).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from ...errors import UnreadableError

__all__ = ["text_attribute"]

_LARGEST = 64 * 2**20
_MOST_BLOCKS = 1_000
_CONTINUATION, _ATTRIBUTE, _ATTRIBUTES_ELSEWHERE = 0x10, 0x0C, 0x15
_STRING, _VARIABLE = 3, 9


def text_attribute(file: BinaryIO, name: str) -> bytes | None:
    """Return a text that is kept as an attribute of an HDF5 file's root, None where there is none of that name.

    Raises:
        UnreadableError: the file is damaged, or keeps its attributes in a way that Keras does not use.
    """
    hdf5 = _Hdf5(file)
    for kind, content in hdf5.messages():
        if kind == _ATTRIBUTE:
            found = hdf5.attribute(content, name.encode())
            if found is not None:
                return found
        if kind == _ATTRIBUTES_ELSEWHERE and not hdf5.is_nowhere(content[2 + 2 * (content[1] & 1) :]):
            raise UnreadableError("it keeps its attributes in a heap, which no Keras file does")
    return None


def _number(content: bytes) -> int:
    return int.from_bytes(content, "little")


def _padded(size: int) -> int:
    return -(-size // 8) * 8


class _Hdf5:
    """A file, and how many bytes its addresses and lengths take."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, os.SEEK_END)
        start = self.read(0, 128, least=48)
        version = start[8]
        if version > 3:
            raise UnreadableError(f"HDF5 files have no superblock of version {version}")
        self.width, self.length = (start[13], start[14]) if version < 2 else (start[9], start[10])
        if self.width not in (4, 8) or self.length not in (4, 8):
            raise UnreadableError("its addresses are of an odd size")
        place = 24 + 4 * version + 5 * self.width if version < 2 else 12 + 3 * self.width
        self.root = _number(start[place : place + self.width])

    def read(self, address: int, size: int, *, least: int | None = None) -> bytes:
        """Return bytes of the file, all that are asked for, or at least so many."""
        least = size if least is None else least
        if size > _LARGEST + 2**16 or address + least > self.size:
            raise UnreadableError("something in it lies outside of it")
        self.file.seek(address)
        content = self.file.read(size)
        if len(content) < least:
            raise UnreadableError("it ends too early")
        return content

    def is_nowhere(self, address: bytes) -> bool:
        return address[: self.width] == b"\xff" * self.width

    def messages(self) -> Iterator[tuple[int, bytes]]:
        """Yield the kind and the content of each message in the root's header."""
        start = self.read(self.root, 32, least=16)
        newer = start[:4] == b"OHDR"
        if not newer and start[0] != 1:
            raise UnreadableError("its root has no header")
        flags = start[5] if newer else 0
        if newer:
            at = 6 + 16 * bool(flags & 32) + 4 * bool(flags & 16)
            width = 1 << (flags & 3)
            blocks = [(self.root + at + width, _number(start[at : at + width]))]
        else:
            blocks = [(self.root + 16, _number(start[8:12]))]
        head = 8 if not newer else 4 + 2 * bool(flags & 4)
        for count, (address, size) in enumerate(blocks):
            if count == _MOST_BLOCKS:
                raise UnreadableError("the header of its root has no end")
            block, at = self.read(address, size), 0
            if newer and count:
                block, at = block[:-4], 4  # a signature, and a checksum
            while at + head <= len(block):
                kind = block[at] if newer else _number(block[at : at + 2])
                length = _number(block[at + 1 : at + 3] if newer else block[at + 2 : at + 4])
                content = block[at + head : at + head + length]
                at += head + length
                if kind == _CONTINUATION:
                    blocks.append((_number(content[: self.width]), _number(content[self.width :][: self.length])))
                else:
                    yield kind, content

    def attribute(self, content: bytes, wanted: bytes) -> bytes | None:
        """Return the text of an attribute, if it has the name that is wanted."""
        version = content[0]
        sizes = [_number(content[i : i + 2]) for i in (2, 4, 6)]
        pad = _padded if version == 1 else int
        at = 9 if version == 3 else 8
        name = content[at : at + sizes[0]]
        if name.rstrip(b"\0") != wanted:
            return None
        kind, space = at + pad(sizes[0]), at + pad(sizes[0]) + pad(sizes[1])
        value = content[space + pad(sizes[2]) :]
        if content[space + 1] != 0:
            raise UnreadableError(f"its {wanted.decode()} is not one text")
        if content[kind] & 15 == _STRING:
            return value[: _number(content[kind + 4 : kind + 8])].rstrip(b"\0")
        if content[kind] & 15 != _VARIABLE or content[kind + 1] & 15 != 1:
            raise UnreadableError(f"its {wanted.decode()} is no text")
        address, index = value[4 : 4 + self.width], value[4 + self.width : 8 + self.width]
        return self._in_heap(_number(address), _number(index))[: _number(value[:4])]

    def _in_heap(self, address: int, index: int) -> bytes:
        """Return an object of a collection in the global heap."""
        start = self.read(address, 8 + self.length)
        if start[:4] != b"GCOL":
            raise UnreadableError("there is no heap where one should be")
        heap = self.read(address, _number(start[8:]))
        at, head = _padded(8 + self.length), _padded(8 + self.length)
        while at + head <= len(heap):
            found, size = _number(heap[at : at + 2]), _number(heap[at + 8 : at + 8 + self.length])
            if found == index:
                return heap[at + head : at + head + size]
            if found == 0:
                break
            at += head + _padded(size)
        raise UnreadableError("its heap does not hold what it should")
