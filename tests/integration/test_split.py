"""Programs that each add 100 MB of one cause, under the real agent: that part reads 100 MB, and no other does."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import find_interpreters
from leakhunt.agent.bundle import write_boot
from leakhunt.model.split import MemorySplit
from leakhunt.samplers.split import read_split
from leakhunt.targets.hub import AgentHub, AgentLink

PROGRAM = Path(__file__).with_name("split_program.py")
HUNDRED = 100_000_000
_PYTHONS = find_interpreters()
each_interpreter = pytest.mark.parametrize("python", _PYTHONS.values(), ids=_PYTHONS.keys())

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
        f"{C}; held = [libc.malloc(20_000) for _ in range(5100)]; "
        "any(ctypes.memset(each, 1, 20_000) is None for each in held); "
        "any(libc.free(ctypes.c_void_p(each)) is None for n, each in enumerate(held) if n % 50); del held",
    ),
    "thread stacks": (
        "stacks",
        "from split_stacks import start; start(200, 500_000)",
    ),
    "mapped file": ("files", "m = mmap.mmap(f.fileno(), 100_000_000); any(m[i] for i in range(0, 100_000_000, 4096))"),
    "anonymous map": ("mapped", "m = mmap.mmap(-1, 100_000_000, flags=mmap.MAP_PRIVATE); m.write(b'x' * 100_000_000) and None"),
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


def test_look(tmp_path):
    python = next(iter(_PYTHONS.values()))
    for name, (part, statement) in CAUSES.items():
        if name in ("",): continue
        (tmp_path / name).mkdir()
        with program(python, tmp_path / name) as run:
            if part == "files":
                run.run(f"f = open({str(tmp_path / 'f')!r}, 'wb+'); f.truncate(100_000_000)")
            t=time.time()
            a = run.split(); t1=time.time()-t
            run.run(statement)
            t=time.time()
            b = run.split(); t2=time.time()-t
            print(name, part, f"{t1:.2f} {t2:.2f}", {k: round((b.parts[k]-a.parts.get(k,0))/1e6,1) for k in b.parts}, b.rss//10**6)
            if name=="small objects": print({k:v//1000 for k,v in a.parts.items()}, a.shared)
