"""How columns of numbers are packed: differences, transposed to planes of bytes, deflated.

Addresses of neighbours differ little, so that all but two or three planes are zero or nearly so, and deflate at its
lowest level shrinks a million objects with their references to one or two megabytes in a tenth of a second.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

import numpy as np

from leakhunt.errors import RunFileError
from leakhunt.model.heap import Column

_HEAD: Final = struct.Struct("<BBII")
"""How it is packed, number of planes, number of values, bytes that follow."""
PLAIN: Final = 0
DIFFERENCES: Final = 1
"""Of each value to the one before, as unsigned numbers: 0, -1, 1, -2, 2 are 0, 1, 2, 3, 4."""
_LEVEL: Final = 1
_LARGEST: Final = 1 << 28
"""Values: more than any chunk has."""


def pack(values: Column, *, differences: bool = False) -> bytes:
    """One column of unsigned numbers below 2**63, or of any addresses with `differences`."""
    numbers = values.astype(np.int64)
    if differences:
        steps = np.diff(numbers, prepend=np.int64(0))
        numbers = (steps << 1) ^ (steps >> 63)
    planes = np.ascontiguousarray(numbers).view(np.uint8).reshape(-1, 8).T
    used = 1 + max((number for number in range(8) if planes[number].any()), default=-1)
    body = zlib.compress(np.ascontiguousarray(planes[:used]).tobytes(), _LEVEL)
    return _HEAD.pack(DIFFERENCES if differences else PLAIN, used, len(values), len(body)) + body


def unpack(data: bytes, offset: int) -> tuple[Column, int]:
    """The column that begins at `offset`, as int64, and where the next one does; RunFileError if there is none."""
    how, used, number, length = _head(data, offset)
    offset += _HEAD.size
    if used > 8 or number > _LARGEST or how > DIFFERENCES or offset + length > len(data):
        raise RunFileError("A column of the heap file makes no sense")
    inflated = zlib.decompressobj()
    try:
        body = inflated.decompress(data[offset : offset + length], used * number + 1)
    except zlib.error as error:
        raise RunFileError(f"A column of the heap file makes no sense: {error}") from error
    if len(body) != used * number:
        raise RunFileError("A column of the heap file has not the length that it says")
    planes = np.zeros((number, 8), dtype=np.uint8)
    planes[:, :used] = np.frombuffer(body, dtype=np.uint8).reshape(used, number).T
    values = planes.view(np.int64).reshape(number)
    if how == DIFFERENCES:
        values = np.cumsum((values >> 1) & np.int64(0x7FFFFFFFFFFFFFFF) ^ -(values & 1), dtype=np.int64)
    return values, offset + length


def skip(data: bytes, offset: int) -> int:
    """Where the column ends that begins at `offset`."""
    return offset + _HEAD.size + _head(data, offset)[3]


def _head(data: bytes, offset: int) -> tuple[int, int, int, int]:
    try:
        how, used, number, length = _HEAD.unpack_from(data, offset)
    except struct.error as error:
        raise RunFileError("A column of the heap file is cut off") from error
    return how, used, number, length
