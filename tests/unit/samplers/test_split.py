from __future__ import annotations

import ctypes
import mmap
import os
import signal
from subprocess import Popen

import pytest

from leakhunt.model.split import PARTS, REST, Extent, Layout, MemorySplit
from leakhunt.samplers.memory import ProcessGone
from leakhunt.samplers.split import read_split

MIB = 2**20


class Stretch:
    """Memory of ours, of which so much is resident."""

    def __init__(self, size: int, resident: int) -> None:
        self._map = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE)
        self._map[:resident] = b"x" * resident
        self.start = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        self.end = self.start + size


def split(*extents: Extent, allocator: str = "glibc", owned: int = 0, statistics: tuple[int, int] | None = None,
          cached: int = 0) -> MemorySplit:  # fmt: skip
    layout = Layout(allocator, True, extents, cached, owned, statistics)
    return read_split(os.getpid(), "1@1", 3, layout)


def grown(extent: Extent, part: str) -> int:
    """How much more a part is when an extent is known."""
    return split(extent).parts[part] - split().parts[part]


@pytest.fixture(scope="module")
def half() -> Stretch:
    """8 MiB, of which the first four are resident."""
    return Stretch(8 * MIB, 4 * MIB)


def test_parts_sum_to_rss(half: Stretch) -> None:
    found = split(Extent(half.start, half.end, "malloc", MIB, MIB))
    assert set(found.parts) == set(PARTS)
    assert sum(found.parts.values()) == found.rss
    assert min(found.parts.values()) >= 0
    assert (found.worker, found.round) == ("1@1", 3)


def test_what_is_in_use_is_cut_to_what_is_resident(half: Stretch) -> None:
    extent = Extent(half.start, half.end, "malloc", 6 * MIB, 2 * MIB)
    assert grown(extent, "objects") == pytest.approx(3 * MIB, abs=8192)
    assert grown(extent, "native") == pytest.approx(MIB, abs=8192)
    assert grown(extent, "malloc-free") == 0


def test_what_is_resident_and_not_in_use_is_free(half: Stretch) -> None:
    assert grown(Extent(half.start, half.end, "malloc", MIB, 0), "malloc-free") == pytest.approx(3 * MIB, abs=8192)
    assert grown(Extent(half.start, half.end, "pool", MIB, 0), "arena-free") == pytest.approx(3 * MIB, abs=8192)
    assert grown(Extent(half.start, half.end, "stack", 0, 0), "stacks") == pytest.approx(4 * MIB, abs=8192)


def test_an_extent_that_is_no_more_counts_for_nothing(half: Stretch) -> None:
    assert grown(Extent(4096, 1 << 20, "malloc", MIB, MIB), "objects") == 0


def test_cached_chunks_are_free(half: Stretch) -> None:
    extent = Extent(half.start, half.end, "malloc", 0, 2 * MIB)
    plain, cached = split(extent), split(extent, cached=MIB)
    assert plain.parts["native"] - cached.parts["native"] == MIB
    assert cached.parts["malloc-free"] - plain.parts["malloc-free"] == pytest.approx(MIB, abs=200_000)


def test_of_an_allocator_that_tells_nothing_memory_is_unexplained(half: Stretch) -> None:
    found = split(allocator="musl")
    assert found.parts["mapped"] == 0
    assert found.parts[REST] >= 4 * MIB
    assert sum(found.parts.values()) == found.rss


def test_an_allocator_that_tells_how_much_it_has_is_taken_at_its_word(half: Stretch) -> None:
    found = split(allocator="jemalloc", owned=MIB, statistics=(3 * MIB, 4 * MIB))
    assert found.parts["objects"] == MIB
    assert found.parts["native"] == 2 * MIB
    assert found.parts["malloc-free"] == MIB
    assert sum(found.parts.values()) == found.rss


def test_of_an_allocator_that_tells_nothing_objects_are_weighed(half: Stretch) -> None:
    found = split(allocator="musl", owned=MIB)
    assert split(allocator="musl").parts[REST] - found.parts[REST] == pytest.approx(MIB, abs=200_000)
    assert found.parts["objects"] == MIB
    assert found.parts["mapped"] == 0


def test_objects_outside_pymalloc_and_malloc_are_weighed_with_glibc_too(half: Stretch) -> None:
    found = split(owned=MIB)
    assert found.parts["objects"] == MIB
    assert split().parts["mapped"] - found.parts["mapped"] == pytest.approx(MIB, abs=200_000)


@pytest.mark.parametrize("statistics", [None, (3 * MIB, 4 * MIB)])
def test_shared_pages_belong_to_the_parts_that_memory_was_put_down_to(statistics: tuple[int, int] | None) -> None:
    kept = b"x" * (8 * MIB)
    pid = os.fork()
    if not pid:
        signal.pause()
    try:
        found = split(allocator="jemalloc", owned=4 * MIB, statistics=statistics)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert sum(found.shared.values()) > len(kept)
    assert all(0 < size <= found.parts[name] for name, size in found.shared.items())


def test_a_process_that_has_ended_raises() -> None:
    process = Popen(["true"])
    process.wait()
    with pytest.raises(ProcessGone):
        read_split(process.pid, "1@1", 0, Layout("glibc", True, ()))
