from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import pytest

from unit.agent.probes.inside import each_interpreter, run_inside

FREED: Final = 7 * (1008 + 528 + 32)
"""Sizes of the chunks for 1000, 520 and 10 bytes; a cache takes seven of each."""
PROGRAM: Final = """
import ctypes, os, threading
from leakhunt.agent.probes.heap import malloc_in_use
from leakhunt.agent.probes.tcache import cached_bytes, find_caches
library = ctypes.PyDLL(None)
library.malloc.restype = ctypes.c_void_p
library.free.argtypes = [ctypes.c_void_p]

def settled():
    gc.collect()  # of what ctypes itself leaves behind
    return malloc_in_use()

def fill():
    held = [[library.malloc(size) for _ in range(7)] for size in (1000, 520, 10)]
    full.append(settled())
    for addresses in held:
        for address in addresses:
            library.free(address)
    empty.append(settled())

def wait():
    fill()
    done.set()
    end.wait()

full, empty, done, end = [], [], threading.Event(), threading.Event()
for _ in range(4):  # until the reading itself leaves the same chunks behind each time
    settled()
    cached_bytes(find_caches())
before = cached_bytes(find_caches())
fill()
after = cached_bytes(find_caches())
thread = threading.Thread(target=wait)
thread.start()
done.wait()
alive = cached_bytes(find_caches())
end.set()
thread.join()
while len(os.listdir("/proc/self/task")) > 1:  # Python is done with a thread before the system is
    pass
freed = [with_chunks - without for with_chunks, without in zip(full, empty)]
print(json.dumps({"cached": [before, after, alive, cached_bytes(find_caches())], "freed": freed}))
"""


@each_interpreter
def test_chunks_that_a_thread_keeps_free_are_not_in_use(python: Path) -> None:
    seen = run_inside(python, PROGRAM)
    before, after, with_thread, ended = seen["cached"]
    # The interpreter's own chunks fill a part of the same lists.
    assert FREED * 0.5 < after - before <= FREED
    assert FREED * 0.9 < with_thread - after < FREED * 1.5
    assert ended < with_thread - FREED * 0.9
    assert seen["freed"] == [pytest.approx(FREED, rel=0.01), pytest.approx(FREED, rel=0.15)]


def test_readings_of_an_idle_process_agree_to_a_few_chunks() -> None:
    program = """
from leakhunt.agent.probes.heap import malloc_in_use
def settled():
    gc.collect()  # of what ctypes itself leaves behind
    return malloc_in_use()
print(json.dumps([settled() for _ in range(20)]))
"""
    seen = run_inside(Path(sys.executable), program)[2:]
    assert max(seen) - min(seen) <= 1024
