"""Filler bytes that look random, cost nothing to make, and differ from file to file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from leakhunt.units import Bytes
from leakhunt.workload.payloads.base import Chunk, Recipe

CHUNK: Final = 256 * 1024
_POOL: Final = 4 * CHUNK
_STAMP: Final = 16


@lru_cache(maxsize=4)
def pool(seed: int) -> memoryview:
    """1 MiB of pseudo-random bytes, always the same for one seed."""
    return memoryview(hashlib.shake_128(f"pool:{seed}".encode()).digest(_POOL))


def padding(recipe: Recipe, length: Bytes) -> Iterator[Chunk]:
    """`length` bytes: a stamp of the recipe, then its seed's pool from an offset that depends on its number."""
    stamp = recipe.digest(_STAMP)[:length]
    yield stamp
    left = length - len(stamp)
    data = pool(recipe.seed)
    offset = int.from_bytes(stamp[:4], "big") % _POOL
    while left > 0:
        chunk = data[offset : offset + min(CHUNK, left)]
        yield chunk
        left -= len(chunk)
        offset = (offset + len(chunk)) % _POOL
