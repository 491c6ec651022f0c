"""Baseline JPEG with real pixels, and the rest of its size in comment segments.

Every block is flat: only its mean (the DC coefficient) is coded, as a difference to the block before. Each row of
blocks ends with a restart marker, so rows are whole bytes and independent, and a row is a new first block (which
depends on the recipe) followed by the same cached differences.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from leakhunt.workload.payloads.base import Chunk, Kind, Recipe
from leakhunt.workload.payloads.padding import pool
from leakhunt.workload.payloads.picture import dimensions

_BLOCK: Final = 8
_ROW_HEAD: Final = 6
"""Bytes of the first block of a row: three components of 8 bits of code, 7 of value, 1 of end."""
_SEGMENT: Final = 65537
"""Largest segment, its marker included."""
_END: Final = b"\xff\xd9"
_FRAME: Final = 4
"""Marker and length of a segment."""
# Code k means "the difference has k bits" and is written as k ones and a zero, but for the seven of the first block,
# whose code gets eight bits to make that block six whole bytes.
_DC_CODES: Final = bytes((1, 1, 1, 1, 1, 1, 0, 1)) + bytes(8)
_DC_VALUES: Final = bytes((0, 1, 2, 3, 4, 5, 7))
_SEVEN: Final = 0b11111100
_AC_CODES: Final = bytes((1,)) + bytes(15)
_AC_VALUES: Final = bytes((0,))
_QUANTUM: Final = 8
_FLAT: Final = "00"
_BRIGHTER: Final = "1010"
_DARKER: Final = "1000"
"""Difference 0, +1 and -1: code, value and the end of the block."""


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(data)) + data


def _head(width: int, height: int) -> bytes:
    components = b"".join(bytes((number, 0x11, 0)) for number in (1, 2, 3))
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
            _segment(0xDB, bytes((0,)) + bytes((_QUANTUM,)) * 64),
            _segment(0xC0, struct.pack(">BHHB", 8, height, width, 3) + components),
            _segment(0xC4, b"\x00" + _DC_CODES + _DC_VALUES),
            _segment(0xC4, b"\x10" + _AC_CODES + _AC_VALUES),
            _segment(0xDD, struct.pack(">H", width // _BLOCK)),
            _segment(0xDA, b"\3\1\0\2\0\3\0\0\x3f\0"),
        )
    )


@lru_cache(maxsize=8)
def _row_rest(blocks: int) -> bytes:
    """The blocks of a row after the first: brighter, then darker, in turns."""
    bits = "".join((_BRIGHTER if number % 8 < 4 else _DARKER) + _FLAT + _FLAT for number in range(blocks - 1))
    bits += "1" * (-len(bits) % 8)
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big") if bits else b""
    return packed.replace(b"\xff", b"\xff\0")


def _first_block(values: bytes) -> bytes:
    """Three colour components of the first block, each a code, seven bits and an end bit that is 0."""
    return bytes(byte for value in values for byte in (_SEVEN, (value & 0x7F) << 1))


def _scan(recipe: Recipe, width: int, height: int) -> bytes:
    rest = _row_rest(width // _BLOCK)
    count = height // _BLOCK
    colours = recipe.digest(3 * count)
    rows: list[bytes] = []
    for row in range(count):
        rows.append(_first_block(colours[3 * row : 3 * row + 3]) + rest)
        if row < count - 1:
            rows.append(bytes((0xFF, 0xD0 + row % 8)))
    return b"".join(rows)


def _comment(seed: int, size: int) -> bytes:
    return _segment(0xFE, bytes(pool(seed)[: size - _FRAME]))


@lru_cache(maxsize=4)
def _pack(seed: int) -> bytes:
    return _comment(seed, _SEGMENT) * 4


def _comments(seed: int, length: int) -> Iterator[Chunk]:
    """Comment segments of `length` bytes together, which must be 0 or at least the frame of one."""
    pack = _pack(seed)
    while length >= len(pack) + _SEGMENT:
        yield pack
        length -= len(pack)
    while length:
        size = min(length, _SEGMENT)
        if 0 < length - size < _FRAME:
            size -= _FRAME
        yield _comment(seed, size)
        length -= size


def _make(recipe: Recipe) -> Iterator[Chunk]:
    for width, height in dimensions(recipe):
        picture = _head(width, height) + _scan(recipe, width, height)
        left = recipe.size - len(picture) - len(_END)
        if left == 0 or left >= _FRAME:
            yield picture
            # After the scan: Pillow keeps the comments that stand before it in memory with the picture.
            yield from _comments(recipe.seed, left)
            yield _END
            return
    raise ValueError(f"a JPEG of {recipe.size} bytes is too small")


JPEG: Final = Kind("image/jpeg", "image/jpeg", ".jpg", 512, _make)
