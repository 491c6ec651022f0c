"""A worker of a real server that never rests and allocates all the time, and how much of it is as it was before."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from live_server import PATIENCE, Traffic, live_server, python, traffic

APP: Final = """
import gc, json, os, sys, threading, zlib

data = [bytes([n % 251]) * (n * 37) for n in range(1, 200)]
expected = [zlib.crc32(each) for each in data]
problems = []

def place(number):
    try:
        return os.readlink("/proc/self/fd/" + number)
    except OSError:
        return ""

def churn():
    while True:
        kept = [zlib.decompress(zlib.compress(each, 1)) for each in data]
        if [zlib.crc32(each) for each in kept] != expected:
            problems.append("memory is damaged")

def state():
    return {
        "modules": sorted(sys.modules),
        "finders": len(sys.meta_path),
        "threads": len(os.listdir("/proc/self/task")),
        "fds": len([each for each in os.listdir("/proc/self/fd") if "libffi" not in place(each)]),
        "collector": [gc.isenabled(), gc.get_threshold(), len(gc.callbacks)],
        "tracing": "tracemalloc" in sys.modules and sys.modules["tracemalloc"].is_tracing(),
        "traced": [sys.gettrace() is None, sys.getprofile() is None],
        "problems": problems,
    }

def count():
    for clear in ("_clear_internal_caches", "_clear_type_cache"):
        if hasattr(sys, clear):
            getattr(sys, clear)()
            break
    gc.collect()
    gc.collect()
    return len(gc.get_objects()), sys.getallocatedblocks()

def app(environ, start_response):
    path = environ["PATH_INFO"]
    kept = [zlib.compress(bytes([n]) * 5000) for n in range(20)]
    body = b"ok"
    if path in ("/state", "/count"):
        body = json.dumps(state() if path == "/state" else count()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]

threading.Thread(target=churn, daemon=True).start()
"""
COMMAND: Final = python("-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "1", "site_app:app")
SETTLING: Final = 30.0
"""Seconds that an agent may take to leave: one whose controller was killed before they met waits for 5."""


@dataclass(frozen=True)
class BusyWorker:
    """Such a worker, with two clients that never stop asking it."""

    pid: int
    port: int
    traffic: Traffic

    def ask(self, path: str) -> Any:
        """What it says about itself; it is the worker that was there from the beginning."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def state(self) -> dict[str, Any]:
        """Whatever a visit might change."""
        found: dict[str, Any] = self.ask("/state")
        return found

    def count(self) -> tuple[int, int]:
        """Objects and blocks in use, once it has collected."""
        objects, blocks = self.ask("/count")
        return objects, blocks

    def resident(self) -> int:
        """Bytes of it that are in memory."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def difference(self, before: dict[str, Any]) -> dict[str, Any]:
        """What is other than before, and stays it."""
        deadline = time.monotonic() + SETTLING
        while True:
            after = self.state()
            other = {name: (before[name], after[name]) for name in before if after[name] != before[name]}
            if not other or time.monotonic() > deadline:
                return other
            time.sleep(0.01)

    def losses(self) -> list[str]:
        """What went wrong so far: requests that failed, and a worker that is another one."""
        found = list(self.traffic.failures)
        if not Path(f"/proc/{self.pid}").exists():
            found.append(f"PID {self.pid} has ended")
        return found


@contextlib.contextmanager
def busy_worker(directory: Path) -> Iterator[BusyWorker]:
    """Start one that is asked all the time."""
    with live_server(COMMAND, APP, directory, depth=1) as (port, pid), traffic(port) as clients:
        yield BusyWorker(pid, port, clients)
