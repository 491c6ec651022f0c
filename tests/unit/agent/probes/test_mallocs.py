from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import preload
from unit.agent.probes.inside import each_interpreter, run_inside

PROGRAM = """
import ctypes
from leakhunt.agent.gauges import Gauges
from leakhunt.agent.probes.mallocs import find_malloc
libc = ctypes.PyDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
blocks = [None] * 2000
def take():
    for index in range(len(blocks)):
        blocks[index] = libc.malloc(5000)
        ctypes.memset(blocks[index], 1, 5000)
def give():
    for block in blocks:
        libc.free(block)
malloc, gauges = find_malloc(), Gauges()
take(), give()
seen = []
for change in (lambda: None, take, give):
    change()
    blocks_, used, mapped = gauges.read()
    seen.append([malloc.in_use(), malloc.resident(), used, mapped])
print(json.dumps([malloc.name, seen, malloc.release()]))
"""
TAKEN = pytest.approx(2000 * 5000, rel=0.1)


def look(env: dict[str, str] | None = None, python: Path = Path(sys.executable)) -> tuple[str, list[list[Any]], Any]:
    """Name, what is told before 10 MB are taken, then, and after they are given back; whether it could be trimmed."""
    name, seen, released = run_inside(python, PROGRAM, env=env)
    return name, seen, released


@each_interpreter
def test_glibc_tells_what_is_in_use(python: Path) -> None:
    name, (before, then, after), released = look(python=python)
    assert name == "glibc"
    assert then[0] - before[0] == TAKEN
    assert abs(after[0] - before[0]) < 10_000
    assert released in {True, False}


@pytest.mark.parametrize("allocator", ["jemalloc", "tcmalloc"])
def test_so_do_these_and_what_they_keep_resident(allocator: str) -> None:
    name, (before, then, after), released = look(preload(allocator))
    assert name == allocator
    assert then[0] - before[0] == TAKEN
    # What the thread keeps for later is not in use.
    assert abs(after[0] - before[0]) < 10_000
    assert all(resident >= in_use for in_use, resident, *_ in (before, then, after))
    assert released is True


def test_mimalloc_tells_nothing() -> None:
    name, seen, released = look(preload("mimalloc"))
    assert name == "mimalloc"
    assert [(in_use, resident) for in_use, resident, *_ in seen] == [(None, None)] * 3
    assert released is None


@pytest.mark.parametrize("allocator", ["glibc", "jemalloc", "tcmalloc"])
def test_around_an_operation_it_is_read_cheaply(allocator: str) -> None:
    _, (before, then, after), _ = look(None if allocator == "glibc" else preload(allocator))
    assert then[2] - before[2] == TAKEN
    assert abs(after[2] - before[2]) < 10_000


def test_of_a_malloc_that_tells_nothing_the_pages_it_takes_are_read() -> None:
    program = PROGRAM.replace("take(), give()\n", "")
    _, (before, then, _), _ = run_inside(Path(sys.executable), program, env=preload("mimalloc"))
    assert (before[2], then[2]) == (0, 0)
    assert then[3] - before[3] == TAKEN


def test_an_allocator_that_an_extension_brings_for_itself_is_not_that_of_the_process() -> None:
    library = preload("mimalloc")["LD_PRELOAD"]
    program = f"import ctypes; brought = ctypes.CDLL({library!r})\n{PROGRAM}"
    name, (before, then, _), _ = run_inside(Path(sys.executable), program)
    assert name == "glibc"
    assert then[0] - before[0] == TAKEN
