"""PNG with real pixels that compress to almost nothing, and the rest of its size in ancillary chunks."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from leakhunt.workload.payloads.base import Chunk, Kind, Recipe
from leakhunt.workload.payloads.padding import CHUNK, pool
from leakhunt.workload.payloads.picture import dimensions

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_FRAME: Final = 12
"""Length, type and checksum around the data of a chunk."""
_ADLER: Final = 65521
# Ancillary, and by its second letter not private: Pillow keeps private chunks in memory with the picture.
_FILLER: Final = b"pADd"
_FILTER_NONE: Final = b"\0"
_FILTER_UP: Final = b"\2"


def _chunk(kind: bytes, data: bytes | memoryview) -> bytes:
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))))


@lru_cache(maxsize=8)
def _lower_rows(seed: int, width: int, height: int) -> tuple[bytes, int, int]:
    """All rows but the first, as deflated differences to the row above; their Adler-32 and their length."""
    ramp = (_FILTER_UP + bytes(width * 3), _FILTER_UP + b"\1" * (width * 3))
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    parts: list[bytes] = []
    checksum = 1
    for row in range(1, height):
        line = ramp[(row + seed) % 2]
        parts.append(deflate.compress(line))
        checksum = zlib.adler32(line, checksum)
    parts.append(deflate.flush())
    return b"".join(parts), checksum, (height - 1) * (width * 3 + 1)


def _joined_adler(first: int, second: int, length: int) -> int:
    """Adler-32 of two texts one after the other, the second of `length` bytes, from that of each."""
    low = (first & 0xFFFF) + (second & 0xFFFF) - 1
    high = (first >> 16) + (second >> 16) + length * ((first & 0xFFFF) - 1)
    return (high % _ADLER) << 16 | low % _ADLER


def _pixels(recipe: Recipe, width: int, height: int) -> bytes:
    """The zlib stream. Every row builds on the first, so a new first row makes every pixel new at no cost."""
    stripe = recipe.digest(24)
    first = _FILTER_NONE + (stripe * (width * 3 // len(stripe) + 1))[: width * 3]
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    head = deflate.compress(first) + deflate.flush(zlib.Z_FULL_FLUSH)
    rest, checksum, length = _lower_rows(recipe.seed, width, height)
    total = _joined_adler(zlib.adler32(first), checksum, length)
    return b"\x78\x9c" + head + rest + struct.pack(">I", total)


@lru_cache(maxsize=4)
def _full_filler(seed: int) -> bytes:
    return _chunk(_FILLER, pool(seed)[: CHUNK - _FRAME])


def _filler(recipe: Recipe, length: int) -> Iterator[Chunk]:
    """Chunks of `length` bytes together, which must be 0 or at least the frame of one."""
    while length >= CHUNK + _FRAME:
        yield _full_filler(recipe.seed)
        length -= CHUNK
    if length:
        yield _chunk(_FILLER, pool(recipe.seed)[: length - _FRAME])


def _make(recipe: Recipe) -> Iterator[Chunk]:
    for width, height in dimensions(recipe):
        header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        picture = _SIGNATURE + header + _chunk(b"IDAT", _pixels(recipe, width, height))
        end = _chunk(b"IEND", b"")
        left = recipe.size - len(picture) - len(end)
        if left == 0 or left >= _FRAME:
            yield picture
            yield from _filler(recipe, left)
            yield end
            return
    raise ValueError(f"a PNG of {recipe.size} bytes is too small")


PNG: Final = Kind("image/png", "image/png", ".png", 256, _make)
