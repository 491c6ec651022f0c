"""MP4: a valid box structure (ISO/IEC 14496-12) around filler media data."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from leakhunt.workload.payloads.base import Chunk, Kind, Recipe
from leakhunt.workload.payloads.padding import padding

_LARGEST_SHORT_BOX: Final = 2**32 - 1
_UNITY_MATRIX: Final = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def _box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def _movie_header() -> bytes:
    times = struct.pack(">IIIII", 0, 0, 0, 1000, 0)  # version and flags, created, modified, timescale, duration
    playback = struct.pack(">IH10x", 0x10000, 0x0100)  # rate 1.0, volume 1.0
    return _box(b"mvhd", times + playback + _UNITY_MATRIX + bytes(24) + struct.pack(">I", 1))


_HEAD: Final = _box(b"ftyp", b"isom" + struct.pack(">I", 512) + b"isomiso2mp41") + _box(b"moov", _movie_header())


def _make(recipe: Recipe) -> Iterator[Chunk]:
    size = recipe.size - len(_HEAD)
    if size < 8:
        raise ValueError(f"an MP4 has at least {len(_HEAD) + 8} bytes")
    long = size > _LARGEST_SHORT_BOX
    header = struct.pack(">I4sQ", 1, b"mdat", size) if long else struct.pack(">I4s", size, b"mdat")
    yield _HEAD + header
    yield from padding(recipe, size - len(header))


MP4: Final = Kind("video", "video/mp4", ".mp4", 256, _make)
