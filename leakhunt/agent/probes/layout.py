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
import struct
import sys

from leakhunt.agent.probes.mallocs import find_malloc
from leakhunt.agent.probes.mappings import FLAGS, PAGE, PRESENT, Heap, Mapping, find_heaps, peek, read_mappings
from leakhunt.agent.probes.owned import Owned, collect_owned
from leakhunt.agent.probes.tcache import cached_bytes, find_caches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from leakhunt.agent.child import Scene

POOL = 16384 if sys.version_info >= (3, 10) else 4096
_POOL_HEADER = struct.Struct("=I28xIIII")
"""Blocks in use; index of the arena, size class, offset of the next fresh block, last such offset."""
_CELL = 64 << 10
"""Bytes of a heap that are reported as one extent."""
_MAPPED = 2
"""Flag of a block that malloc has mapped by itself."""


def layout(stack_pointers: list[int], scene: Scene) -> dict[str, Any]:
    """Extents as [start, end, kind, bytes of Python's in use, bytes of others in use]; kinds: pool, malloc, stack."""
    malloc = find_malloc()
    allocator = malloc.name
    # Before anything reads a page that was never touched.
    mappings = read_mappings()
    glibc = allocator == "glibc"
    told = None if glibc else (malloc.in_use(), malloc.resident())
    cached = cached_bytes(find_caches()) if glibc else 0
    heaps = find_heaps(mappings) if glibc else []
    taken = {heap.start: heap.end for heap in heaps}
    pools = [extent for each in mappings for extent in _pools(each, taken)]
    owned = Owned(heaps, small=not pools)
    # Of a list of any length, what it holds is a block of its own.
    ours = ctypes.c_size_t.from_address(id(scene.tracked) + object.__basicsize__ + 8).value
    collect_owned(scene, owned)
    extents = list(pools)
    for heap in heaps:
        extents += _cells(heap, ours)
    if glibc:
        taken.update((extent[0], extent[1]) for extent in pools)
        extents += [extent for each in mappings for extent in _mapped_blocks(each, taken, owned.mapped)]
    extents += _stacks(mappings, extents, stack_pointers)
    return {
        "allocator": allocator,
        "pymalloc": bool(pools),
        "extents": extents,
        "cached": cached,
        "owned": 0 if glibc and owned.in_heaps >= owned.elsewhere else owned.elsewhere,
        "statistics": None if told is None or None in told else told,
        "uncollectable": len(gc.garbage),
    }


def _pools(mapping: Mapping, taken: dict[int, int]) -> list[list[Any]]:
    """Runs of pools that lie side by side, up to a mebibyte each."""
    found: list[list[Any]] = []
    first, busy = -mapping.start % POOL, 0
    for offset in range(first, mapping.end - mapping.start - POOL + 1, POOL):
        busy = max(busy, taken.get(mapping.start + offset, 0))
        if mapping.start + offset < busy or not mapping.pages[offset // PAGE] & PRESENT:
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


def _cells(heap: Heap, ours: int) -> list[list[Any]]:
    """How much of every cell is in use; the block at `ours` is the probe's own."""
    cells = [[0, 0] for _ in range((heap.end - heap.start) // _CELL + 1)]
    for number in range(heap.count):
        offset, length = heap.used[2 * number], heap.used[2 * number + 1]
        if heap.start + offset + 16 != ours:
            _spread(cells, offset, offset + length, 0 if heap.marks[offset // 16 + 1] else 1)
    return [
        [heap.start + number * _CELL, min(heap.end, heap.start + (number + 1) * _CELL), "malloc", *cell]
        for number, cell in enumerate(cells)
        if heap.start + number * _CELL < heap.end
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
        head = peek(address, 16) if mapping.pages[offset // PAGE] & PRESENT else b""
        if len(head) == 16 and head[:8] == bytes(8):
            flagged = int.from_bytes(head[8:], sys.byteorder)
            length = flagged & ~FLAGS
            # From glibc 2.43 on the size leaves the header out.
            length += -length % PAGE if -length % PAGE == 16 else 0
            if flagged & FLAGS == _MAPPED and length and length % PAGE == 0 and offset + length <= size:
                step = length
                python = address + 16 in owned
                found.append([address, address + length, "malloc", length * python, length * (not python)])
        offset += step
    return found


def _stacks(mappings: list[Mapping], extents: list[list[Any]], pointers: list[int]) -> list[list[Any]]:
    """From the lower end of the mapping that a thread's stack pointer or descriptor is in up to what lies above it."""
    threading = sys.modules.get("threading")
    main = getattr(getattr(threading, "_main_thread", None), "ident", None)
    # The main thread's descriptor lies beside no stack, and without `threading` nothing tells which one it is.
    others = [ident for ident in sys._current_frames() if main is not None and ident != main]
    ends = {ident: (ident // PAGE + 2) * PAGE for ident in others}
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
