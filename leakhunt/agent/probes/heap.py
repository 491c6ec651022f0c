"""Memory in use as the interpreter and its malloc account for it.

Nothing is counted twice: pymalloc takes its arenas from the kernel by `mmap`, never from malloc, so neither
`uordblks` nor `hblkhd` (mappings made by malloc itself) holds them.
"""

from __future__ import annotations

import ctypes
import gc
import os
import re
import sys

from leakhunt.agent.probes.tcache import cached_bytes, find_caches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from leakhunt.agent.child import Scene

_SIZE_CLASS = re.compile(rb"^ *[0-9]+ +([0-9]+) +[0-9]+ +([0-9]+) +[0-9]+ *$", re.MULTILINE)
"""class, size, number of pools, blocks in use, blocks free"""
_FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class MallInfo2(ctypes.Structure):
    """`struct mallinfo2` of glibc 2.33 and later."""

    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS]


class MallInfo(ctypes.Structure):
    """`struct mallinfo` before: its fields wrap around at 4 GiB."""

    _fields_ = [(name, ctypes.c_int) for name in _FIELDS]


def heap(_: Any, scene: Scene) -> dict[str, Any]:
    """Blocks as counted before the fork, bytes in use in pymalloc and malloc, objects tracked by the collector."""
    malloc = malloc_in_use()
    pymalloc = pymalloc_in_use()
    return {
        "blocks": scene.blocks,
        "pymalloc": pymalloc,
        "malloc": malloc,
        "objects": len(gc.get_objects()),
    }


def malloc_in_use() -> int | None:
    """Bytes that callers of malloc hold; None where malloc is not glibc's."""
    library, caches = ctypes.PyDLL(None), find_caches()
    for name, layout in (("mallinfo2", MallInfo2), ("mallinfo", MallInfo)):
        function = getattr(library, name, None)
        if function is not None:
            function.restype = layout
            info = function()
            mask = 0xFFFFFFFF if layout is MallInfo else (1 << 64) - 1
            # Before anything else is allocated, so that both figures are of one moment.
            cached = cached_bytes(caches)
            return int(info.uordblks & mask) + int(info.hblkhd & mask) - cached
    return None


def pymalloc_in_use() -> int | None:
    """Bytes; None where pymalloc is off. Takes standard error over, so only for the child."""
    file = os.memfd_create("statistics")
    os.dup2(file, 2)
    sys._debugmallocstats()
    text = os.pread(file, os.fstat(file).st_size, 0)
    os.close(file)
    classes = _SIZE_CLASS.findall(text)
    return sum(int(size) * int(used) for size, used in classes) if classes else None
