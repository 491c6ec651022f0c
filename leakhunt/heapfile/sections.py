"""A heap file as a row of sections, each with a tag, a checksum and a length: who does not know one passes over it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import IO, Final

from leakhunt.errors import RunFileError

MAGIC: Final = b"\x89LKH\r\n\x1a\n"
"""As of PNG: shows files that were transferred as text."""
VERSION: Final = 1
ORIGIN, TABLES, OBJECTS, TEXTS, SITES, SAMPLES, END = (
    b"ORIG", b"TABL", b"OBJS", b"TEXT", b"SITE", b"SAMP", b"END ",
)  # fmt: skip
_START: Final = struct.Struct("<8sHH")
_SECTION: Final = struct.Struct("<4sIQ")
_LARGEST: Final = 1 << 32


def write_start(file: IO[bytes]) -> None:
    """What the file begins with."""
    file.write(_START.pack(MAGIC, VERSION, 0))


def write_section(file: IO[bytes], tag: bytes, body: bytes) -> None:
    """One section."""
    file.write(_SECTION.pack(tag, zlib.crc32(body), len(body)))
    file.write(body)


def read_start(file: IO[bytes], name: str) -> None:
    """Raises RunFileError if this is no heap file, or one of a later version."""
    start = file.read(_START.size)
    if len(start) < _START.size or start[:8] != MAGIC:
        raise RunFileError(f"{name} is no heap file", "leakhunt heap take PID -o FILE writes one.")
    version = _START.unpack(start)[1]
    if version > VERSION:
        raise RunFileError(
            f"{name} was written by a newer leakhunt: it has version {version}, this one reads up to {VERSION}",
            "Update leakhunt.",
        )


def sections(file: IO[bytes], name: str) -> Iterator[tuple[bytes, int, int]]:
    """Tag, position and length of each section up to the end; raises RunFileError if that is missing."""
    while True:
        head = file.read(_SECTION.size)
        if len(head) < _SECTION.size:
            raise RunFileError(f"{name} is incomplete: it was still being written, or was cut off", "Take another one.")
        tag, _, length = _SECTION.unpack(head)
        position = file.tell()
        if length > _LARGEST:
            raise RunFileError(f"{name} is damaged: a section of {length} bytes")
        yield tag, position, length
        if tag == END:
            return
        file.seek(position + length)


def read_section(file: IO[bytes], position: int, length: int, name: str) -> bytes:
    """What a section holds; raises RunFileError if its checksum is wrong."""
    file.seek(position - _SECTION.size)
    _, checksum, _ = _SECTION.unpack(file.read(_SECTION.size))
    body = file.read(length)
    if len(body) < length or zlib.crc32(body) != checksum:
        raise RunFileError(f"{name} is damaged: a section has not the checksum that it should have")
    return body
