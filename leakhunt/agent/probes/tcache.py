"""Free chunks that glibc keeps per thread, which its own accounts call memory in use.

Each thread has a cache of up to seven freed chunks per size (`tcache`, glibc 2.26 and later). `mallinfo2` counts them
as in use, so that live bytes move by kilobytes from reading to reading where nothing is kept. The layouts read here are
those of 64-bit machines: from glibc 2.30 on a chunk with 64 counts of two bytes, then the heads of the 64 lists; from
2.42 on 76 numbers of places left, then 76 heads. It is among the first chunks of the main heap for the main thread, and
of an arena for the thread that the arena was made for. What does not look exactly like that is taken for something
else, and nothing is subtracted.
"""

from __future__ import annotations

import ctypes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator

_BINS = 64
_SMALLEST = 32
_STEP = 16
_MORE_BINS = 76
"""The last twelve are for larger chunks of several sizes, and used only where glibc is told to."""
_FLAGS = 7
_MOST = 127
"""A bin holds 7 chunks; the largest number that glibc may be tuned to fits in here for older versions."""
_ARENA = 64 * 2**20
"""Arenas of further threads begin at multiples of this, by a header and the arena's own bookkeeping."""
_FIRST = 1000
"""Chunks of the main heap among which its cache is looked for."""
_HEADER = 4096
"""More than both take."""


Words = ctypes.c_uint64 * (_HEADER // 8)


class Cache(ctypes.Structure):
    """`struct tcache_perthread_struct`."""

    _fields_ = [("numbers", ctypes.c_uint16 * _BINS), ("heads", ctypes.c_void_p * _BINS)]

    def empty(self) -> int:
        """The number that stands for an empty list."""
        return 0


class LaterCache(ctypes.Structure):
    """The same from glibc 2.42 on, where the numbers are of the places left."""

    _fields_ = [("numbers", ctypes.c_uint16 * _MORE_BINS), ("heads", ctypes.c_void_p * _MORE_BINS)]

    def empty(self) -> int:
        """The number that stands for an empty list; some list is always empty."""
        return int(max(self.numbers))


_LAYOUTS: dict[int, type[Cache | LaterCache]] = {0x290: Cache, 0x300: LaterCache}
"""By the size of the chunk, its header of 16 bytes included."""


def find_caches() -> list[Cache | LaterCache]:
    """The caches of this process, as they change; none where the layout is another."""
    if ctypes.sizeof(ctypes.c_void_p) != 8:
        return []
    with open("/proc/self/maps", "rb") as maps:
        places = [_places(line) for line in maps.read().splitlines()]
    # Any chunk may be as large as a cache, but does not look like one.
    found = (next(filter(_is_sound, map(_cache_at, addresses)), None) for addresses in places)
    return [cache for cache in found if cache is not None]


def cached_bytes(caches: Iterable[Cache | LaterCache]) -> int:
    """Bytes of all chunks that are in these caches now."""
    return sum(map(_bytes_in, caches))


def _places(line: bytes) -> Iterator[int]:
    """Where a chunk with a cache may begin in the mapping that this line of `maps` describes."""
    fields = line.split()
    start, end = (int(bound, 16) for bound in fields[0].split(b"-"))
    if not fields[1].startswith(b"rw") or end - start < _HEADER + max(_LAYOUTS):
        return
    if fields[-1] == b"[heap]":
        # From 2.42 on it is made when something is first freed, so it may lie behind a program's arguments.
        address = start
        for _ in range(_FIRST):
            size = _size(address)
            if size in _LAYOUTS:
                yield address
            if not size or address + size + max(_LAYOUTS) >= end:
                return
            address += size
    elif len(fields) == 5 and start % _ARENA == 0:
        words = Words.from_address(start)
        # Chunks lie at multiples of 16 bytes; the size is the second word of a chunk.
        for index in range(1, len(words), 2):
            if words[index] & ~_FLAGS in _LAYOUTS:
                yield start + (index - 1) * 8


def _size(address: int) -> int:
    return int(ctypes.c_uint64.from_address(address + 8).value & ~_FLAGS)


def _cache_at(address: int) -> Cache | LaterCache:
    return _LAYOUTS[_size(address)].from_address(address + 16)


# Nothing here may take memory from malloc: that would change the lists while they are read.


def _is_sound(cache: Cache | LaterCache) -> bool:
    """A thread that has ended leaves counts whose lists are empty."""
    empty = cache.empty()
    return all(
        (number != empty) == bool(head) and abs(number - empty) <= _MOST
        for number, head in zip(cache.numbers, cache.heads)
    )


def _bytes_in(cache: Cache | LaterCache) -> int:
    if not _is_sound(cache):
        return 0
    empty = cache.empty()
    sizes = range(_SMALLEST, _SMALLEST + _STEP * _BINS, _STEP)
    return sum(abs(number - empty) * size for number, size in zip(cache.numbers, sizes))
