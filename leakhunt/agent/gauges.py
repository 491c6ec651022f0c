"""The counters of memory that are cheap enough to be read around every operation.

Measured on CPython 3.8 to 3.13 and glibc 2.36: 2 us together in a small process, 50 us with 0.4 million blocks, 0.7 ms
with 2.7 million blocks and 20 000 free chunks of malloc, which `mallinfo2` walks.
"""

from __future__ import annotations

import os
import sys

from leakhunt.agent.probes.mallocs import find_malloc

TYPE_CHECKING = False
if TYPE_CHECKING:
    Reading = tuple[int, int, int]


class Gauges:
    """The counters that are read around every operation."""

    def __init__(self) -> None:
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._malloc = find_malloc()
        # Of a malloc that does not tell what it has in use the pages are all there is to see: it takes address space by
        # the dozen of megabytes.
        self._column = 0 if self._malloc.quick() else 1

    def read(self) -> Reading:
        """Allocated blocks, bytes of malloc in use, bytes mapped by others than malloc."""
        size = int(os.pread(self._statm, 64, 0).split(None, 2)[self._column]) * self._page
        used, taken = self._malloc.quick() or (0, 0)
        return sys.getallocatedblocks(), used, size - taken

    def close(self) -> None:
        """Give the descriptor back, once."""
        descriptor, self._statm = self._statm, -1
        if descriptor >= 0:
            os.close(descriptor)
