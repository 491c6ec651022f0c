"""Memory in use as the interpreter and its malloc account for it.

Nothing is counted twice: pymalloc takes its arenas from the kernel by `mmap`, never from malloc, so neither
`uordblks` nor `hblkhd` (mappings made by malloc itself) holds them.
"""

from __future__ import annotations

import gc
import os
import re
import sys

from leakhunt.agent.probes.mallocs import find_malloc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from leakhunt.agent.child import Scene

_SIZE_CLASS = re.compile(rb"^ *[0-9]+ +([0-9]+) +[0-9]+ +([0-9]+) +[0-9]+ *$", re.MULTILINE)
"""class, size, number of pools, blocks in use, blocks free"""
_OWN_HEAPS = b"Allocated Bytes:"
"""Printed by interpreters whose small objects come from the mimalloc that is built into them."""
_TRIAL = (200, 500)
"""Bytes of a block, and how many of them show who serves Python's small objects."""


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
    """Bytes that callers of malloc hold; None where the malloc that serves this process does not tell."""
    return find_malloc().in_use()


def pymalloc_in_use() -> int | None:
    """Bytes in use by small objects, apart from malloc; takes standard error over, so only for the child.

    Nothing where malloc serves them, too. None where another allocator does: the mimalloc of CPython 3.13 and later
    tells only of the heap of the thread that asks, which in the child has none of the app's objects.
    """
    file = os.memfd_create("statistics")
    os.dup2(file, 2)
    sys._debugmallocstats()
    text = os.pread(file, os.fstat(file).st_size, 0)
    os.close(file)
    classes = _SIZE_CLASS.findall(text)
    if classes:
        return sum(int(size) * int(used) for size, used in classes)
    return 0 if _OWN_HEAPS not in text and _malloc_serves_small_objects() else None


def _malloc_serves_small_objects() -> bool:
    """Tried out, since a program that embeds Python may have put any allocator in its place."""
    size, number = _TRIAL
    before = malloc_in_use()
    kept = [bytes(size) for _ in range(number)]
    after = malloc_in_use()
    # Half of it is proof enough: what threads cache moves by some kilobytes meanwhile.
    return before is not None and after is not None and after - before >= size * len(kept) / 2
