"""A real process to attach to, which tells at its end whether anything about it has changed since its start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

PROLOGUE: Final = """
import json, os, signal, sys, threading, time

def place(number):
    try:
        return os.readlink("/proc/self/fd/" + number)
    except OSError:
        return ""

def state():
    import gc
    return {
        "modules": sorted(sys.modules),
        "main": sorted(vars(sys.modules["__main__"])),
        "path": list(sys.path),
        "finders": [getattr(each, "__name__", repr(each)) for each in sys.meta_path],
        "hooks": len(sys.path_hooks),
        # Newer versions of libffi keep their own file open once anything has used ctypes.
        "fds": sorted(each for each in os.listdir("/proc/self/fd") if "libffi" not in place(each))[:-1],
        "threads": len(os.listdir("/proc/self/task")),
        "collector": [gc.isenabled(), gc.get_threshold(), len(gc.callbacks)],
        "tracing": "tracemalloc" in sys.modules and sys.modules["tracemalloc"].is_tracing(),
        "switch": sys.getswitchinterval(),
        "mask": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ()))),
        "streams": [sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__],
        "excepthook": sys.excepthook is sys.__excepthook__,
        "environment": dict(os.environ),
        "directory": os.listdir("."),
        "signals": [str(signal.getsignal(each)) for each in (2, 10, 23)],
        "profilers": [sys.gettrace() is None, sys.getprofile() is None],
    }

problems = []

def tell(*_):
    os.write(1, json.dumps([before, state(), problems]).encode())
    os._exit(0)

signal.signal(signal.SIGTERM, tell)
before = None

def begin():
    global before
    import gc
    before = state()
    os.write(1, b"begun\\n")

def attempt(function, *arguments):
    try:
        return function(*arguments)
    except BaseException as error:
        problems.append(repr(error))
"""

STATES: Final = {
    "accept": """
import socket
server = socket.socket(); server.bind(("127.0.0.1", 0)); server.listen(); client = data = None
begin()
while True:
    client = attempt(server.accept)
""",
    "busy": """
total = 0
begin()
while True:
    total = attempt(sum, range(1000))
""",
    "sleep": """
began = slept = 0
begin()
while True:
    began = time.monotonic()
    attempt(time.sleep, 1.5)
    slept = time.monotonic() - began
    if not 1.5 <= slept < 3.5:
        problems.append("slept %r" % slept)
""",
    "lock": """
event = threading.Event()
begin()
while True:
    attempt(event.wait)
""",
    "threads": """
import queue
jobs = queue.Queue()
for _ in range(20):
    threading.Thread(target=jobs.get, daemon=True).start()
threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
while len(os.listdir("/proc/self/task")) < 22:
    time.sleep(0.01)
begin()
while True:
    attempt(threading.Event().wait)
""",
    "counts": """
import gc, select  # as every server does; 3.9 cannot free its classes
def count(*_):
    for clear in ("_clear_internal_caches", "_clear_type_cache"):
        if hasattr(sys, clear):
            getattr(sys, clear)()
            break
    gc.collect()
    gc.collect()
    os.write(1, b"%d %d\\n" % (len(gc.get_objects()), sys.getallocatedblocks()))
signal.signal(signal.SIGUSR1, count)
begin()
while True:
    attempt(time.sleep, 0.1)
""",
    "malloc": """
import zlib
data = [bytes([n % 251]) * (n * 37) for n in range(1, 200)]; kept = expected = None
expected = [zlib.crc32(each) for each in data]
begin()
while True:
    kept = [zlib.decompress(zlib.compress(each, 1)) for each in data]
    if [zlib.crc32(each) for each in kept] != expected:
        problems.append("memory is damaged")
""",
}
"""What the main thread of a process is doing."""


class LiveTarget:
    """One such process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.pid = process.pid

    def fds(self) -> int:
        places = [each.readlink() for each in Path(f"/proc/{self.pid}/fd").iterdir() if each.is_symlink()]
        return len([each for each in places if "libffi" not in each.name])

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def count(self) -> tuple[int, int]:
        """Objects and blocks in use, once it has collected. It has to do `counts`."""
        self.process.send_signal(signal.SIGUSR1)
        assert self.process.stdout is not None
        objects, blocks = self.process.stdout.readline().split()
        return int(objects), int(blocks)

    def settles(self, fds: int, threads: int, patience: float = 10.0) -> bool:
        """Whether it soon has so many descriptors and threads (again)."""
        deadline = time.monotonic() + patience
        while (self.fds(), self.threads()) != (fds, threads):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def end(self) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
        """Its state at the start, its state now, and what went wrong in between; it ends."""
        out, errors = self._ended()
        assert self.process.returncode == 0, errors.decode()
        assert errors == b"", errors.decode()
        before, after, problems = json.loads(out)
        return before, after, problems

    def _ended(self) -> tuple[bytes, bytes]:
        """What it wrote, once it has ended."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            # The kernel may give a signal to another thread, and then a main thread that waits for a lock sleeps on.
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                return self.process.communicate(timeout=1)
        return self.process.communicate(timeout=1)


def live_target(
    python: Path | str, doing: str, *, directory: Path, **environment: str
) -> AbstractContextManager[LiveTarget]:
    """Start one whose main thread does what is asked, see `start_target`."""
    return start_target(python, PROLOGUE + STATES[doing], directory=directory, environment=environment)


@contextmanager
def start_target(
    python: Path | str,
    program: str,
    *,
    directory: Path,
    wrapper: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[LiveTarget]:
    """Start one, wait until it does what it is to do, and kill it if it is still there at the end."""
    process = subprocess.Popen(
        [*wrapper, str(python), "-c", program],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line == b"begun\n", process.stderr.read().decode() if process.stderr and not line else line
        yield LiveTarget(process)
    finally:
        process.kill()
        process.communicate()
