"""Where in this process's memory which allocator has what in use: the map by which its RSS is divided.

Nothing asks an allocator for addresses, for none tells them. They are recognised by what stands in memory:

- a pool of pymalloc by its header, whose four numbers have to fit each other (`Objects/obmalloc.c`);
- the heaps of glibc by a chain of chunks that ends exactly where the heap ends (`malloc/malloc.c`);
- a block that malloc has mapped by itself by a size that fits its mapping, flagged as mapped;
- the stack of a thread by its stack pointer, and by the thread's descriptor at its upper end.

What malloc gave to Python is told from what it gave to others by the addresses of Python's objects.
"""

from __future__ import annotations

import ctypes
import gc
import os
import struct
import sys
from contextlib import suppress

from leakhunt.agent.probes.owned import collect_owned
from leakhunt.agent.probes.tcache import cached_bytes, find_caches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from leakhunt.agent.child import Scene

PAGE = 4096
POOL = 16384 if sys.version_info >= (3, 10) else 4096
_POOL_HEADER = struct.Struct("=I28xIIII")
"""Blocks in use; index of the arena, size class, offset of the next fresh block, last such offset."""
_ARENA = 64 << 20
"""glibc's heaps of further threads begin at multiples of this."""
_CELL = 64 << 10
"""Bytes of a heap that are reported as one extent."""
_MAPPED, _IN_USE, _FLAGS = 2, 1, 7
_PRESENT = 1 << 63
_READ_WRITE, _PRIVATE_ANONYMOUS = 3, 0x22
_open: list[int] = []
_c = ctypes.CDLL(None)
_c.mmap.restype = ctypes.c_void_p
_c.sbrk.restype = ctypes.c_void_p
_LARGEST = 16 << 30
"""A mapping that reserves more than this is not looked into."""
_ALLOCATORS = (("jemalloc", b"jemalloc"), ("mimalloc", b"mimalloc"), ("tcmalloc", b"tcmalloc"), ("musl", b"ld-musl"))


def private(size: int) -> memoryview:
    """Memory for our own use that no allocator hands out, so that it is not taken for the target's."""
    address = _c.mmap(None, ctypes.c_size_t(size), _READ_WRITE, _PRIVATE_ANONYMOUS, -1, ctypes.c_long(0))
    if address in (None, ctypes.c_void_p(-1).value):
        raise MemoryError
    return memoryview((ctypes.c_char * size).from_address(address)).cast("B")


def peek(address: int, size: int) -> bytes:
    """What stands there; nothing if our own work has meanwhile given that memory back."""
    with suppress(OSError):
        return os.pread(_memory(), size, address)
    return b""


def _memory() -> int:
    if not _open:
        _open.append(os.open("/proc/self/mem", os.O_RDONLY | os.O_CLOEXEC))
    return _open[0]


class Mapping:
    """One anonymous mapping that can be written to."""

    def __init__(self, start: int, end: int, name: bytes) -> None:
        self.start, self.end, self.name = start, end, name
        self.bytes = memoryview((ctypes.c_char * (end - start)).from_address(start)).cast("B")
        self.words = self.bytes.cast("Q")
        self.pages = private((end - start) // PAGE * 8).cast("Q")
        """As in `/proc/PID/pagemap`."""
        self.marks: memoryview | None = None
        """One byte for every 16 that malloc may hand out: 1 where a block of Python's begins."""


class Owned:
    """Addresses of blocks that belong to Python's objects."""

    def __init__(self, heaps: list[Mapping], *, small: bool) -> None:
        self.small = small
        """Whether malloc serves small blocks, too."""
        self.size = 0
        """Bytes of all of them, as their types tell."""
        self.mapped: set[int] = set()
        """Those that begin as a block does that malloc has mapped by itself."""
        self._heaps: dict[int, list[Mapping]] = {}
        for heap in heaps:
            heap.marks = private((heap.end - heap.start) // 16 + 1)
            for granule in range(heap.start // _ARENA, (heap.end - 1) // _ARENA + 1):
                self._heaps.setdefault(granule, []).append(heap)

    def add(self, address: int) -> None:
        for heap in self._heaps.get(address // _ARENA, ()):
            if heap.start <= address < heap.end and heap.marks is not None:
                heap.marks[(address - heap.start) // 16] = 1
                return
        if address % PAGE == 16:
            self.mapped.add(address)


def layout(stack_pointers: list[int], scene: Scene) -> dict[str, Any]:
    """Extents as [start, end, kind, bytes of Python's in use, bytes of others in use]; kinds: pool, malloc, stack."""
    allocator = find_allocator()
    # Before anything reads a page that was never touched.
    mappings = read_mappings()
    caches = find_caches() if allocator == "glibc" else []
    cached = cached_bytes(caches)
    heaps = [each for each in mappings if each.name == b"[heap]" or each.start % _ARENA == 0]
    starts = {heap.start: _first_chunk(heap) for heap in heaps} if allocator == "glibc" else {}
    heaps = [heap for heap in heaps if starts.get(heap.start) is not None]
    pools = [extent for each in mappings if each not in heaps for extent in _pools(each)]
    owned = Owned(heaps, small=not pools)
    ours = ctypes.c_size_t.from_address(id(scene.tracked) + 24).value
    collect_owned(scene.tracked, owned)
    extents = list(pools)
    for heap in heaps:
        extents += _cells(heap, starts[heap.start] or 0, ours)
    if allocator == "glibc":
        taken = {extent[0]: extent[1] for extent in pools}
        extents += [
            extent for each in mappings if each not in heaps for extent in _mapped_blocks(each, taken, owned.mapped)
        ]
    extents += _stacks(mappings, extents, stack_pointers)
    statistics = jemalloc_statistics() if allocator == "jemalloc" else None
    return {
        "allocator": allocator,
        "pymalloc": bool(pools),
        "extents": extents,
        "cached": cached,
        "owned": owned.size,
        "statistics": statistics,
        "uncollectable": len(gc.garbage),
    }


def find_allocator() -> str:
    """Which malloc serves this process: `glibc`, `musl`, or the name of one that was put in its place."""
    with open("/proc/self/maps", "rb") as maps:
        files = b" ".join(line.split(None, 5)[5] for line in maps if line.count(b"/"))
    for name, part in _ALLOCATORS:
        if part in files:
            return name
    library = ctypes.CDLL(None)
    if hasattr(library, "mallctl"):
        return "jemalloc"
    return "glibc" if hasattr(library, "gnu_get_libc_version") else "unknown"


def jemalloc_statistics() -> tuple[int, int] | None:
    """Bytes in use, and bytes resident for jemalloc; None where it does not tell."""
    control = getattr(ctypes.PyDLL(None), "mallctl", None)
    if control is None:
        return None
    epoch, size = ctypes.c_uint64(1), ctypes.c_size_t(8)
    control(b"epoch", ctypes.byref(epoch), ctypes.byref(size), ctypes.byref(epoch), ctypes.c_size_t(8))
    found = []
    for name in (b"stats.allocated", b"stats.resident"):
        value, size = ctypes.c_size_t(0), ctypes.c_size_t(ctypes.sizeof(ctypes.c_size_t))
        if control(name, ctypes.byref(value), ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
            return None
        found.append(int(value.value))
    return found[0], found[1]


def read_mappings() -> list[Mapping]:
    """Anonymous private mappings of this process that can be written to, but for the main thread's stack."""
    found = []
    with open("/proc/self/maps", "rb") as maps:
        lines = maps.read().splitlines()
    with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
        for line in lines:
            bounds, rights, _, _, inode, *name = line.split(None, 5)
            start, end = (int(bound, 16) for bound in bounds.split(b"-"))
            named = name[0] if name else b""
            ours = inode == b"0" and rights.startswith(b"rw-p") and named != b"[stack]"
            if ours and end - start <= _LARGEST:
                mapping = Mapping(start, end, named)
                pagemap.seek(start // PAGE * 8)
                pagemap.readinto(mapping.pages.cast("B"))
                found.append(mapping)
    return found


def _pools(mapping: Mapping) -> list[list[Any]]:
    """Runs of pools that lie side by side, up to a mebibyte each."""
    found: list[list[Any]] = []
    first = -mapping.start % POOL
    for offset in range(first, mapping.end - mapping.start - POOL + 1, POOL):
        if not mapping.pages[offset // PAGE] & _PRESENT:
            continue
        header = peek(mapping.start + offset, _POOL_HEADER.size)
        if len(header) < _POOL_HEADER.size:
            continue
        count, _, class_, following, last = _POOL_HEADER.unpack(header)
        size = (class_ + 1) * 16
        if class_ >= 32 or last != POOL - size or not 48 <= following <= POOL or count > (POOL - 48) // size:
            continue
        address = mapping.start + offset
        if found and found[-1][1] == address and address - found[-1][0] < 1 << 20:
            found[-1][1] = address + POOL
            found[-1][3] += count * size
        else:
            found.append([address, address + POOL, "pool", count * size, 0])
    return found


def _first_chunk(heap: Mapping) -> int | None:
    """Where the chain of chunks begins that ends where the heap does; None if this is no heap of glibc's."""
    if heap.name == b"[heap]":
        return 0 if _chain_ends(heap, 0) else None
    for offset in range(16, PAGE, 16):
        if heap.words[offset // 8 + 1] & ~_FLAGS and _chain_ends(heap, offset):
            return offset
    return None


def _chain_ends(heap: Mapping, offset: int) -> bool:
    limit = _limit(heap)
    words, size, steps = heap.words, min(heap.end, limit) - heap.start, 0
    while offset + 16 <= size:
        length = words[offset // 8 + 1] & ~_FLAGS
        if length == 0 or length % 16 or offset + length > limit - heap.start:
            break
        offset += length
        steps += 1
    # Two small chunks fence off the end of a heap that is full.
    return steps > 1 and size - offset <= 32


def _limit(heap: Mapping) -> int:
    """Where a heap ends by now: our own work may have made it smaller, or larger by a second mapping after a fork."""
    if heap.name == b"[heap]":
        return int(_c.sbrk(ctypes.c_long(0)))
    # The third word of a heap of a thread's arena is its size.
    return heap.start + min(heap.words[2], _ARENA)


def _cells(heap: Mapping, offset: int, ours: int) -> list[list[Any]]:
    """How much of every cell is in use; the block at `ours` is the probe's own."""
    words, size, marks = heap.words, min(heap.end, _limit(heap)) - heap.start, heap.marks or b""
    cells = [[0, 0] for _ in range(size // _CELL + 1)]
    while offset + 16 <= size:
        length = words[offset // 8 + 1] & ~_FLAGS
        if length == 0 or offset + length > size:
            break
        after = offset + length
        if after + 16 <= size and words[after // 8 + 1] & _IN_USE and heap.start + offset + 16 != ours:
            _spread(cells, offset, after, 0 if marks[offset // 16 + 1] else 1)
        offset = after
    return [
        [heap.start + number * _CELL, min(heap.end, heap.start + (number + 1) * _CELL), "malloc", *cell]
        for number, cell in enumerate(cells)
        if number * _CELL < size
    ]


def _spread(cells: list[list[int]], start: int, end: int, column: int) -> None:
    while start < end:
        number = start // _CELL
        part = min(end, (number + 1) * _CELL) - start
        cells[number][column] += part
        start += part


def _mapped_blocks(mapping: Mapping, taken: dict[int, int], owned: set[int]) -> list[list[Any]]:
    found: list[list[Any]] = []
    size, offset = mapping.end - mapping.start, 0
    while offset < size:
        address = mapping.start + offset
        if address in taken:
            offset = taken[address] - mapping.start
            continue
        step = PAGE
        words = peek(address, 16) if mapping.pages[offset // PAGE] & _PRESENT else b""
        if len(words) == 16 and words[:8] == bytes(8):
            head = int.from_bytes(words[8:], sys.byteorder)
            length = head & ~_FLAGS
            if head & _FLAGS == _MAPPED and length and length % PAGE == 0 and offset + length <= size:
                step = length
                python = address + 16 in owned
                found.append([address, address + length, "malloc", length * python, length * (not python)])
        offset += step
    return found


def _stacks(mappings: list[Mapping], extents: list[list[Any]], pointers: list[int]) -> list[list[Any]]:
    """From the lower end of the mapping that a thread's stack pointer or descriptor is in up to what lies above it."""
    threading = sys.modules.get("threading")
    main = getattr(getattr(threading, "_main_thread", None), "ident", None)
    ends = {ident: (ident // PAGE + 2) * PAGE for ident in sys._current_frames() if ident != main}
    above = sorted(extent[0] for extent in extents)
    found: dict[int, list[Any]] = {}
    for anchor in sorted([*pointers, *ends]):
        for mapping in mappings:
            if mapping.start <= anchor < mapping.end and mapping.name != b"[heap]":
                limits = [start for start in above if anchor < start < mapping.end]
                end = min([mapping.end, *limits[:1], ends.get(anchor, mapping.end)])
                if mapping.start not in above:
                    start = max([mapping.start, *[other[1] for other in found.values() if other[1] <= anchor]])
                    known = found.get(start)
                    if known is None or end > known[1] or anchor in ends:
                        found[start] = [start, end, "stack", 0, 0]
    return list(found.values())
