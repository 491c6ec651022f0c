"""Free chunks that glibc keeps per thread, which its own accounts call memory in use.

Each thread has a cache of up to seven freed chunks per size (`tcache`, glibc 2.26 and later). `mallinfo2` counts them
as in use, so that live bytes move by kilobytes from reading to reading where nothing is kept. The layout read here is
that of glibc 2.30 to 2.41 on 64-bit machines: a chunk with 64 counts of two bytes, then the heads of the 64 lists. It
is the first chunk of the main heap for the main thread, and of an arena for the thread that the arena was made for.
What does not look exactly like that is taken for something else, and nothing is subtracted.
"""

from __future__ import annotations

import ctypes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator

_BINS = 64
_SMALLEST = 32
_STEP = 16
_CHUNK = 0x290
"""Size of the chunk: 16 bytes of header, 64 * 2 of counts, 64 * 8 of heads."""
_FLAGS = 7
_MOST = 127
"""A bin holds 7 chunks; the largest number that glibc may be tuned to fits in here for older versions."""
_ARENA = 64 * 2**20
"""Arenas of further threads begin at multiples of this, by a header and the arena's own bookkeeping."""
_HEADER = 4096
"""More than both take."""


Words = ctypes.c_uint64 * (_HEADER // 8)


class Cache(ctypes.Structure):
    """`struct tcache_perthread_struct`."""

    _fields_ = [("counts", ctypes.c_uint16 * _BINS), ("heads", ctypes.c_void_p * _BINS)]


def find_caches() -> list[Cache]:
    """The caches of this process, as they change; none where the layout is another."""
    if ctypes.sizeof(ctypes.c_void_p) != 8:
        return []
    with open("/proc/self/maps", "rb") as maps:
        places = [address for line in maps for address in _places(line)]
    return [Cache.from_address(address + 16) for address in places if _is_chunk_of_cache(address)]


def cached_bytes(caches: Iterable[Cache]) -> int:
    """Bytes of all chunks that are in these caches now."""
    return sum(map(_bytes_in, caches))


def _places(line: bytes) -> Iterator[int]:
    """Where a chunk with a cache may begin in the mapping that this line of `maps` describes."""
    fields = line.split()
    start, end = (int(bound, 16) for bound in fields[0].split(b"-"))
    if not fields[1].startswith(b"rw"):
        return
    if fields[-1] == b"[heap]":
        yield start
    elif len(fields) == 5 and start % _ARENA == 0 and end - start >= _HEADER + _CHUNK:
        words = Words.from_address(start)
        # Chunks lie at multiples of 16 bytes; the size is the second word of a chunk.
        for index in range(1, len(words), 2):
            if words[index] & ~_FLAGS == _CHUNK:
                yield start + (index - 1) * 8
                return


def _is_chunk_of_cache(address: int) -> bool:
    return bool(ctypes.c_uint64.from_address(address + 8).value & ~_FLAGS == _CHUNK)


def _bytes_in(cache: Cache) -> int:
    # A thread that has ended leaves counts whose lists are empty.
    if not all(bool(count) == bool(head) and count <= _MOST for count, head in zip(cache.counts, cache.heads)):
        return 0
    return sum(count * (_SMALLEST + _STEP * index) for index, count in enumerate(cache.counts))
