"""Anonymous memory of this process, and the heaps that glibc keeps in it."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress

PAGE = 4096
PRESENT = 1 << 63
"""Of an entry of `/proc/PID/pagemap`."""
ARENA = 64 << 20
"""glibc's heaps of further threads begin at multiples of this."""
FLAGS = 7
"""Of a chunk of malloc's, in the lowest bits of its size."""
_IN_USE = 1
"""The chunk before this one is."""
_READ_WRITE, _PRIVATE_ANONYMOUS = 3, 0x22
_LARGEST = 16 << 30
"""A mapping that reserves more than this is not looked into."""
_WINDOW = 64 << 10
_open: list[int] = []
_c = ctypes.CDLL(None)
_c.mmap.restype = ctypes.c_void_p


def private(size: int) -> memoryview:
    """Memory for our own use that no allocator hands out, so that it is not taken for the target's."""
    address = _c.mmap(None, ctypes.c_size_t(size), _READ_WRITE, _PRIVATE_ANONYMOUS, -1, ctypes.c_long(0))
    if address in (None, ctypes.c_void_p(-1).value):
        raise MemoryError
    return memoryview((ctypes.c_char * size).from_address(address)).cast("B")


def peek(address: int, size: int) -> bytes:
    """What stands there; less, or nothing, if our own work has meanwhile given that memory back."""
    with suppress(OSError):
        return os.pread(_memory(), size, address)
    return b""


def _memory() -> int:
    if not _open:
        _open.append(os.open("/proc/self/mem", os.O_RDONLY | os.O_CLOEXEC))
    return _open[0]


class Window:
    """Reads words in rising order without trusting that they are still there: a bare access would end the process."""

    def __init__(self) -> None:
        self._buffer = private(_WINDOW)
        self._words = self._buffer.cast("Q")
        self._start = self._end = 0

    def word(self, address: int) -> int:
        """The word at an address that is a multiple of 8; 0 if it cannot be read."""
        if not self._start <= address < self._end:
            self._start, self._end = address, address
            with suppress(OSError):
                self._end += os.preadv(_memory(), [self._buffer], address) // 8 * 8
            if self._end == self._start:
                return 0
        return self._words[(address - self._start) // 8]


class Mapping:
    """One anonymous mapping that can be written to."""

    def __init__(self, start: int, end: int, name: bytes) -> None:
        self.start, self.end, self.name = start, end, name
        self.pages = private((end - start) // PAGE * 8).cast("Q")
        """As in `/proc/PID/pagemap`."""
        self.limit = end
        """Where it ends by now: our own work may have made the heap larger."""


class Heap:
    """Memory that glibc has divided into chunks, one after the other."""

    def __init__(self, mapping: Mapping, start: int, end: int) -> None:
        self.start, self.end = start, end
        self._limit = mapping.limit if end == mapping.end else end
        self._window = Window()
        self.count = 0
        """Chunks in use."""
        self.used = private((end - start) // 2 + PAGE).cast("Q")
        """Their offsets and lengths in turn, as they were before this probe took any memory."""
        self.marks = private((end - start) // 16 + 2)
        """One byte for every 16 that malloc may hand out: 1 where a block of Python's begins."""

    def find_chunks(self, after: int) -> bool:
        """Follow the chain that begins within a page after this offset; False if none ends where the heap does."""
        if not after:
            return self._follow(0)
        offsets = range(16, PAGE, 16)
        return any(self._window.word(self.start + offset + 8) & ~FLAGS and self._follow(offset) for offset in offsets)

    def _follow(self, offset: int) -> bool:
        word, size, count = self._window.word, self.end - self.start, 0
        while offset + 16 <= size:
            length = word(self.start + offset + 8) & ~FLAGS
            following = offset + length
            if length == 0 or length % 16 or following > self._limit - self.start:
                break
            if following + 16 <= size and word(self.start + following + 8) & _IN_USE:
                self.used[2 * count], self.used[2 * count + 1] = offset, length
                count += 1
            offset = following
        self.count = count
        # Two small chunks fence off the end of a heap that is full.
        return count > 0 and size - offset <= 32


def read_mappings() -> list[Mapping]:
    """Anonymous private mappings of this process that can be written to, but for the main thread's stack."""
    found = []
    bounds = _bounds()
    with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
        for start, end, name in bounds:
            if end - start <= _LARGEST:
                mapping = Mapping(start, end, name)
                pagemap.seek(start // PAGE * 8)
                pagemap.readinto(mapping.pages.cast("B"))
                found.append(mapping)
    ends = {start: end for start, end, _ in _bounds()}
    for mapping in found:
        mapping.limit = max(mapping.end, ends.get(mapping.start, 0))
    return found


def _bounds() -> list[tuple[int, int, bytes]]:
    """Neighbours are taken as one: the kernel keeps apart what has grown since a fork."""
    found: list[tuple[int, int, bytes]] = []
    with open("/proc/self/maps", "rb") as maps:
        lines = maps.read().splitlines()
    for line in lines:
        addresses, rights, _, _, inode, *rest = line.split(None, 5)
        start, end = (int(address, 16) for address in addresses.split(b"-"))
        name = rest[0] if rest else b""
        if inode != b"0" or not rights.startswith(b"rw-p") or name == b"[stack]":
            continue
        if found and found[-1][1] == start and found[-1][2] == name:
            start = found.pop()[0]
        found.append((start, end, name))
    return found


def find_heaps(mappings: list[Mapping]) -> list[Heap]:
    """Heaps of glibc: the first thread's, and those of the others, of which several may lie side by side."""
    found = []
    for mapping in mappings:
        if mapping.name == b"[heap]":
            candidates = [(mapping.start, mapping.end, 0)]
        else:
            first = -(-mapping.start // ARENA) * ARENA
            candidates = [
                (start, start + int.from_bytes(peek(start + 16, 8), sys.byteorder), 16)
                for start in range(first, mapping.end - PAGE + 1, ARENA)
                if mapping.pages[(start - mapping.start) // PAGE] & PRESENT
            ]
        for start, end, after in candidates:
            if start < end <= min(mapping.end, start + (ARENA if after else _LARGEST)):
                heap = Heap(mapping, start, end)
                if heap.find_chunks(after):
                    found.append(heap)
    return found
