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
from leakhunt.model.split import MemorySplit
from leakhunt.samplers.memory import read_memory
from leakhunt.samplers.split import read_split
from leakhunt.targets.hub import AgentHub, AgentLink

PROGRAM = Path(__file__).with_name("split_program.py")
HUNDRED = 100_000_000
_PYTHONS = find_interpreters()
_ENDS = dict(list(_PYTHONS.items())[:1] + list(_PYTHONS.items())[-1:])
oldest_and_newest = pytest.mark.parametrize("python", _ENDS.values(), ids=_ENDS.keys())

C = "libc = ctypes.CDLL(None); libc.malloc.restype = ctypes.c_void_p; libc.calloc.restype = ctypes.c_void_p"
CAUSES = {
    "small objects": ("objects", "kept = [(i + 1000, ) for i in range(1_140_000)]"),
    "bytes of 2 kB": ("objects", "kept = [bytes(1) * 2000 for i in range(49_300)]"),
    "one big bytes": ("objects", "kept = b'x' * 100_000_000"),
    "a big bytearray": ("objects", "kept = bytearray(b'x') * 100_000_000"),
    "a long list": ("objects", "kept = [None] * 12_500_000"),
    "freed arenas": (
        "arena-free",
        "kept = [bytes(100) for i in range(700_000)]; kept = kept[::100]; gc.collect() and None",
    ),
    "malloc in use": (
        "native",
        f"{C}; [ctypes.memset(libc.malloc(2000), 1, 2000) and None for _ in range(49_500)]",
    ),
    "one big malloc": ("native", f"{C}; ctypes.memset(libc.malloc(100_000_000), 1, 100_000_000) and None"),
    "freed malloc": (
        "malloc-free",
        (
            f"{C}; held = [libc.malloc(20_000) for _ in range(5100)]; "
            "any(ctypes.memset(each, 1, 20_000) is None for each in held); "
            "any(libc.free(ctypes.c_void_p(each)) is None for n, each in enumerate(held) if n % 50); del held"
        ),
    ),
    "thread stacks": (
        "stacks",
        "from split_stacks import start; start(200, 500_000)",
    ),
    "mapped file": ("files", "m = mmap.mmap(f.fileno(), 100_000_000); any(m[i] for i in range(0, 100_000_000, 4096))"),
    "anonymous map": (
        "mapped",
        "m = mmap.mmap(-1, 100_000_000, flags=mmap.MAP_PRIVATE); m.write(b'x' * 100_000_000) and None",
    ),
}


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


def growth(run: Program, part: str, statement: str, directory: Path) -> dict[str, int]:
    """By how much every part has grown; parts have to sum to the RSS, none negative, and the rest be small."""
    if part == "files":
        run.run(f"f = open({str(directory / 'file')!r}, 'wb+'); f.truncate(100_000_000) and None")
    before = run.split()
    run.run(statement)
    after = run.split()
    for split in (before, after):
        assert sum(split.parts.values()) == split.rss
        assert min(split.parts.values()) >= 0
        assert split.parts["rest"] < 0.05 * split.rss
    assert after.rss == pytest.approx(read_memory(run.process.pid).rss, rel=0.01)
    return {name: size - before.parts.get(name, 0) for name, size in after.parts.items()}


def check(grown: Mapping[str, int], part: str) -> None:
    others = {name: size for name, size in grown.items() if name != part}
    assert grown[part] == pytest.approx(HUNDRED, rel=0.1), grown
    assert max(map(abs, others.values())) <= 5_000_000, grown


@oldest_and_newest
@pytest.mark.parametrize("name", CAUSES)
def test_a_hundred_megabytes_of_one_cause_are_read_as_such(name: str, python: Path, tmp_path: Path) -> None:
    part, statement = CAUSES[name]
    with program(python, tmp_path) as run:
        check(growth(run, part, statement, tmp_path), part)


@pytest.mark.parametrize("name", ["bytes of 2 kB", "a big bytearray", "malloc in use", "freed malloc", "anonymous map"])
def test_without_pymalloc_python_and_others_are_told_apart_in_one_heap(name: str, tmp_path: Path) -> None:
    part, statement = CAUSES[name]
    with program(Path(sys.executable), tmp_path, {"PYTHONMALLOC": "malloc"}) as run:
        check(growth(run, part, statement, tmp_path), part)


def test_what_a_fork_shares_is_told_apart_from_what_is_the_process_s_own(tmp_path: Path) -> None:
    with program(Path(sys.executable), tmp_path) as run:
        run.run(CAUSES["one big bytes"][1])
        assert run.split().shared.get("objects", 0) < 5_000_000
        run.run("import os; r, w = os.pipe(); child = os.fork() or os._exit(0 * len(os.read(r, 1)))")
        shared = run.split()
        run.run("os.write(w, b'!'); os.waitpid(child, 0) and None")
        assert shared.shared["objects"] == pytest.approx(HUNDRED, rel=0.1)
        assert sum(shared.parts.values()) == shared.rss
