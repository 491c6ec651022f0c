"""What the resident memory of a process is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from leakhunt.units import Bytes

OBJECTS: Final = "objects"
ARENA_FREE: Final = "arena-free"
NATIVE: Final = "native"
MALLOC_FREE: Final = "malloc-free"
STACKS: Final = "stacks"
FILES: Final = "files"
MAPPED: Final = "mapped"
REST: Final = "rest"
SHARED: Final = "shared"
"""Anonymous pages of any of these that are shared with another process since a fork: a part of its own in reports."""

PARTS: Final = (OBJECTS, ARENA_FREE, NATIVE, MALLOC_FREE, STACKS, FILES, MAPPED, REST)


@dataclass(frozen=True, slots=True)
class MemorySplit:
    """One process after one round. `parts` sum to `rss`."""

    worker: str
    round: int
    rss: Bytes
    parts: Mapping[str, Bytes]
    """By the names in `PARTS`; a part that could not be told apart is absent, and its pages are in the rest."""
    shared: Mapping[str, Bytes]
    """How much of each part is shared with another process since a fork."""
    allocator: str
    """`glibc`, `musl`, `jemalloc`, `mimalloc`, `tcmalloc` or `unknown`."""
    pymalloc: bool
    """False where another allocator serves Python's small objects (`PYTHONMALLOC`, free-threaded interpreters)."""
    uncollectable: int | None = None
    """Objects in `gc.garbage`."""
    trimmed: bool = False
    """Whether malloc had just been made to give back what it could."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A stretch of memory of which the agent knows the use."""

    start: int
    end: int
    kind: str
    """`pool`, `malloc` or `stack`."""
    objects: Bytes
    """In use by Python's objects."""
    native: Bytes
    """In use by others."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a snapshot child found in its memory."""

    allocator: str
    pymalloc: bool
    extents: tuple[Extent, ...]
    cached: Bytes = 0
    """Free chunks that look as if they were in use."""
    owned: Bytes = 0
    """Python's objects from an allocator whose blocks are not found, by the sizes that their types tell."""
    statistics: tuple[Bytes, Bytes] | None = None
    """What such an allocator has in use, and what it keeps resident."""
    uncollectable: int | None = None
