"""What every kind of generated file has in common."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from leakhunt.units import Bytes

Chunk: TypeAlias = bytes | memoryview
LARGEST: Final[Bytes] = 10**12
"""Of any file: sending more takes longer than anybody waits."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides every byte of a generated file."""

    seed: int
    n: int
    """Number of the file: another number, other contents."""
    size: Bytes
    megapixels: float = 2.0
    salt: str = ""
    """What else keeps this file apart from others with the same seed and number: its step and field."""

    def digest(self, length: int) -> bytes:
        """`length` bytes that depend on `seed`, `n` and `salt` only."""
        return hashlib.shake_128(f"{self.seed}:{self.n}:{self.salt}".encode()).digest(length)


@dataclass(frozen=True, slots=True)
class Kind:
    """One format of generated files: valid, and of exactly the size of its recipe."""

    name: str
    content_type: str
    extension: str
    minimum: Bytes
    """Smallest file that can be made."""
    make: Callable[[Recipe], Iterator[Chunk]]
    """Yields the file in chunks of about 256 KiB. A recipe below `minimum` is a ValueError."""
    maximum: Bytes = LARGEST
    """Largest file that can be made."""
