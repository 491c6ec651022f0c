from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unit.agent.probes.inside import each_interpreter, run_inside

PROGRAM = """
import ctypes, weakref
from leakhunt.agent.probes.layout import layout
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
class Odd:
    __class__ = property(lambda self: 1 / 0)
    def __sizeof__(self):
        raise RuntimeError
odd = Odd()
proxy = weakref.proxy(odd)
seen = [layout([], scene())]
texts = [chr(65) * 3000 for _ in range(1000)]
table = list(range(2000))
blocks = [libc.malloc(5000) for _ in range(400)]
seen.append(layout([], scene()))
print(json.dumps(seen))
"""


def used(seen: dict[str, Any], kind: str, column: int) -> int:
    return sum(extent[column] for extent in seen["extents"] if extent[2] == kind)


@each_interpreter
def test_blocks_of_malloc_are_told_apart_by_whether_a_python_object_is_there(python: Path) -> None:
    before, after = run_inside(python, PROGRAM)
    objects, native = 3, 4
    assert used(after, "malloc", objects) - used(before, "malloc", objects) == pytest.approx(3_070_000, rel=0.05)
    assert used(after, "malloc", native) - used(before, "malloc", native) == pytest.approx(2_000_000, rel=0.1)


@each_interpreter
def test_pools_are_found_by_their_headers(python: Path) -> None:
    _, after = run_inside(python, PROGRAM)
    pools = [(start, end) for start, end, kind, *_ in after["extents"] if kind == "pool"]
    assert after["allocator"] == "glibc"
    assert after["pymalloc"]
    assert sum(end - start for start, end in pools) > 1_000_000
    assert all(first[1] <= second[0] for first, second in zip(sorted(pools), sorted(pools)[1:], strict=False))
