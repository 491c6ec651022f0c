"""Servers that run already: their traffic, and how they are before and after a visit."""

from __future__ import annotations

import contextlib
import http.client
import random
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from leakhunt.targets.tree import descendants
from live_server import python

TWO_WORKERS: Final = python("-m", "gunicorn", "-w", "2", "-b", "127.0.0.1:{port}", "site_app:app")
MOST_MEMORY: Final = 60 * 10**6
"""What leakhunt promises to stay under while it is attached."""


def family(pid: int) -> Mapping[int, tuple[int, int]]:
    """Descriptors and threads of a process and of all below it, by pid."""
    pids = (pid, *(process.pid for process in descendants(pid)))
    return {each: (entries(each, "fd"), entries(each, "task")) for each in pids}


def at_rest(pid: int) -> Mapping[int, tuple[int, int]]:
    """The same once nothing of it changes any more: a server answers before all its workers have started."""
    before, since = family(pid), time.monotonic()
    while time.monotonic() < since + 0.5:
        time.sleep(0.05)
        if (now := family(pid)) != before:
            before, since = now, time.monotonic()
    return before


def entries(pid: int, name: str) -> int:
    return len(list(Path(f"/proc/{pid}/{name}").iterdir()))


def is_as_before(pid: int, before: Mapping[int, tuple[int, int]]) -> None:
    """Check that the same processes are there, with as many descriptors and threads."""
    deadline = time.monotonic() + 5
    while family(pid) != before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert family(pid) == before


def peak(pid: int) -> int:
    """Highest RSS so far, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


@contextlib.contextmanager
def visitors(port: int, *paths: str) -> Iterator[None]:
    """Somebody for each path who comes at times of their own, now often, now seldom, until the end."""
    stopping = threading.Event()
    failures: list[Exception] = []

    def visit(path: str, chance: random.Random) -> None:
        number = 0
        while not stopping.is_set():
            pace = chance.choice((0.02, 0.2))
            until = time.monotonic() + chance.uniform(0.5, 1.5)
            while time.monotonic() < until and not stopping.wait(chance.expovariate(1 / pace)):
                number += 1
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                try:
                    connection.request("GET", path.format(n=number))
                    assert connection.getresponse().read()
                except (OSError, AssertionError, http.client.HTTPException) as error:
                    failures.append(error)
                    return
                finally:
                    connection.close()

    threads = [threading.Thread(target=visit, args=(path, random.Random(path))) for path in paths]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    assert not failures
