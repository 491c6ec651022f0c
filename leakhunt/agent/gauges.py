"""The counters of memory that are cheap enough to be read around every operation.

Measured on CPython 3.8 to 3.13 and glibc 2.36: 2 us together in a small process, 50 us with 0.4 million blocks, 0.7 ms
with 2.7 million blocks and 20 000 free chunks of malloc, which `mallinfo2` walks.
"""

from __future__ import annotations

import ctypes
import os
import sys

from leakhunt.agent.probes.heap import MallInfo, MallInfo2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Reading = tuple[int, int, int]


class Gauges:
    """The counters that are read around every operation."""

    def __init__(self) -> None:
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._info: Any = None
        library = ctypes.PyDLL(None)
        for name, layout in (("mallinfo2", MallInfo2), ("mallinfo", MallInfo)):
            function = getattr(library, name, None)
            if function is not None:
                function.restype = layout
                self._info = function
                break

    def read(self) -> Reading:
        """Allocated blocks, bytes of malloc in use, bytes mapped by others than malloc."""
        mapped = int(os.pread(self._statm, 64, 0).split(None, 1)[0]) * self._page
        if self._info is None:
            return sys.getallocatedblocks(), 0, mapped
        info = self._info()
        return sys.getallocatedblocks(), info.uordblks + info.hblkhd, mapped - info.arena - info.hblkhd

    def close(self) -> None:
        """Give the descriptor back, once."""
        descriptor, self._statm = self._statm, -1
        if descriptor >= 0:
            os.close(descriptor)
