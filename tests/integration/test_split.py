"""Programs that each add 100 MB of one cause, under the real agent: that part reads 100 MB, and no other does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import find_interpreters
from leakhunt.agent.bundle import write_boot
from leakhunt.model.split import PARTS, REST, MemorySplit
from leakhunt.samplers.split import read_split
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.link import AgentLink
from leakhunt.units import Bytes

PROGRAM = Path(__file__).with_name("split_program.py")
HUNDRED = 100_000_000
_PYTHONS = find_interpreters()
each_interpreter = pytest.mark.parametrize("python", _PYTHONS.values(), ids=_PYTHONS.keys())

_LIBC = "libc = ctypes.CDLL(None); libc.malloc.restype = ctypes.c_void_p"
_MALLOC = "[ctypes.memset(libc.malloc(2000), 1, 2000) and None for _ in range(49_500)]"
_IN_POOLS = "-(-sys.getsizeof((1,)) // 16) * 16 + 32 + 8"
"""Bytes of a tuple, of the number in it, and of its place in a list; from 3.14 on a tuple has room for its hash."""
_IN_MALLOC = "-(-(sys.getsizeof((1,)) + 8) // 16) * 16 + 48 + 8"
CAUSES = {
    "small objects": ("objects", "kept = [(i + 1000,) for i in range(100_000_000 // ({small}))]"),
    "objects that malloc serves": ("objects", "kept = [bytes(1) * 2000 for i in range(49_000)]"),
    "one large bytes": ("objects", "kept = b'x' * 100_000_000"),
    "one large bytearray": ("objects", "kept = bytearray(b'x') * 100_000_000"),
    "one long list": ("objects", "kept = [None] * 12_500_000"),
    "malloc in use": ("native", f"{_LIBC}; {_MALLOC}"),
    "malloc in use of a thread": (
        "native",
        f"{_LIBC}; t = threading.Thread(target=lambda: {_MALLOC}); t.start(); t.join()",
    ),
    "one large malloc": ("native", f"{_LIBC}; ctypes.memset(libc.malloc(100_000_000), 1, 100_000_000) and None"),
    "freed malloc": (
        "malloc-free",
        (
            f"{_LIBC}; held = [libc.malloc(20_000) for _ in range(5100)]; "
            "any(ctypes.memset(each, 1, 20_000) is None for each in held); "
            "any(libc.free(ctypes.c_void_p(each)) is None for n, each in enumerate(held) if n % 50); del held"
        ),
    ),
    "200 thread stacks": ("stacks", "from split_stacks import start; start(200, 500_000)"),
    "a mapped file": (
        "files",
        "m = mmap.mmap(f.fileno(), 100_000_000); any(m[i] for i in range(0, 100_000_000, 4096))",
    ),
    "an anonymous map": (
        "mapped",
        "m = mmap.mmap(-1, 100_000_000, flags=mmap.MAP_PRIVATE); m.write(b'x' * 100_000_000) and None",
    ),
}
"""Name -> part of the memory, and what makes it 100 MB larger."""

FREED_ARENAS = "kept = [bytes(100) for i in range(700_000)]; kept = kept[::100]; gc.collect() and None"
"""Every pool keeps a block or two, so that none can be used for another size."""


class Program:
    """A process with an agent that runs statements."""

    def __init__(self, process: subprocess.Popen[str], link: AgentLink) -> None:
        self.process, self.link = process, link

    def run(self, statement: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(statement + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def split(self) -> MemorySplit:
        self.link.collect()
        layout, _ = self.link.layout()
        return read_split(self.process.pid, self.link.key, 0, layout)


@contextmanager
def program(python: Path, directory: Path, env: Mapping[str, str] | None = None) -> Iterator[Program]:
    write_boot(directory / "boot", directory / "s")
    environment = {**os.environ, **(env or {}), "PYTHONPATH": str(directory / "boot")}
    with AgentHub(directory / "s") as hub:
        process = subprocess.Popen(
            [str(python), str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        with process:
            end = time.monotonic() + 20
            while not hub.links():
                assert time.monotonic() < end
                time.sleep(0.01)
            yield Program(process, hub.links()[0])
            assert process.stdin is not None
            process.stdin.close()


def grow(python: Path, directory: Path, statement: str, env: Mapping[str, str] | None = None) -> Mapping[str, Bytes]:
    """By how much each part grows when a program runs the statement; holds each split to its promises."""
    file = directory / "file"
    file.write_bytes(bytes(HUNDRED))
    with program(python, directory, env) as run:
        run.run(f"f = open({str(file)!r}, 'rb+')")
        before = run.split()
        run.run(statement)
        after = run.split()
    for split in (before, after):
        assert sum(split.parts.values()) == split.rss
        assert min(split.parts.values()) >= 0
        assert split.parts[REST] < split.rss / 20
        assert split.allocator == "glibc"
    return {part: after.parts[part] - before.parts[part] for part in PARTS}


def assert_only(part: str, growth: Mapping[str, Bytes]) -> None:
    assert growth[part] == pytest.approx(HUNDRED, rel=0.1), growth
    others = {name: size for name, size in growth.items() if name != part}
    assert max(map(abs, others.values())) < 5_000_000, growth


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_is_seen_in_its_part_and_in_no_other(cause: str, tmp_path: Path) -> None:
    part, statement = CAUSES[cause]

    assert_only(part, grow(Path(sys.executable), tmp_path, statement.format(small=_IN_POOLS)))


@pytest.mark.parametrize("cause", CAUSES)
def test_so_it_is_where_malloc_serves_small_objects_too(cause: str, tmp_path: Path) -> None:
    part, statement = CAUSES[cause]
    env = {"PYTHONMALLOC": "malloc"}

    assert_only(part, grow(Path(sys.executable), tmp_path, statement.format(small=_IN_MALLOC), env))


def test_blocks_free_inside_arenas_are_a_part_of_their_own(tmp_path: Path) -> None:
    assert_only("arena-free", grow(Path(sys.executable), tmp_path, FREED_ARENAS))


def test_without_pymalloc_these_are_free_lists_of_malloc(tmp_path: Path) -> None:
    growth = grow(Path(sys.executable), tmp_path, FREED_ARENAS, {"PYTHONMALLOC": "malloc"})

    assert_only("malloc-free", growth)


@each_interpreter
@pytest.mark.parametrize("cause", ["small objects", "malloc in use", "freed malloc", "200 thread stacks"])
def test_every_version_is_understood(python: Path, cause: str, tmp_path: Path) -> None:
    part, statement = CAUSES[cause]

    assert_only(part, grow(python, tmp_path, statement.format(small=_IN_POOLS)))


def test_what_a_process_shares_with_the_one_it_was_forked_from_is_told(tmp_path: Path) -> None:
    with program(Path(sys.executable), tmp_path) as run:
        run.run("kept = b'x' * 100_000_000; import os; pid = os.fork() or signal.pause()")
        try:
            shared = run.split()
        finally:
            run.run("os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0) and None")
        alone = run.split()

    assert shared.shared["objects"] == pytest.approx(HUNDRED, rel=0.1)
    assert shared.parts["objects"] == pytest.approx(alone.parts["objects"], abs=1_000_000)
    assert sum(alone.shared.values()) < 1_000_000


def test_what_malloc_gives_back_when_asked_leaves_its_free_lists(tmp_path: Path) -> None:
    with program(Path(sys.executable), tmp_path) as run:
        run.run(CAUSES["freed malloc"][1])
        before = run.split()
        run.link.trim()
        after = run.split()
    assert before.parts["malloc-free"] - after.parts["malloc-free"] == pytest.approx(HUNDRED, rel=0.1)
    assert before.rss - after.rss == pytest.approx(HUNDRED, rel=0.1)
    assert after.parts["native"] == pytest.approx(before.parts["native"], abs=1_000_000)
