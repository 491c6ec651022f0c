"""What is attached to: processes that notice how long they were held up, and can be asked whether they still work."""

from __future__ import annotations

import http.client
import mmap
import os
import socket
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Final

import psutil

from live_server import Traffic, traffic

PATIENCE: Final = 30.0
"""Seconds that a target may take to start."""
ANSWER: Final = 10.0
"""Seconds within which a target has to answer after a tool has been there; one that does not is lost."""
_SAMPLE: Final = 0.0005

_PROLOGUE: Final = """
import mmap, os, select, socket, sys, time, zlib
with open(sys.argv[1], "r+b") as file:
    page = memoryview(mmap.mmap(file.fileno(), 4096)).cast("d")
last = time.monotonic()

def beat():
    # Rounds of the main loop, when the last one ended, and the longest of them.
    global last
    now = time.monotonic()
    page[0] += 1
    page[1] = now
    if now - last > page[2]:
        page[2] = now - last
    last = now
"""

LOOPS: Final[Mapping[str, str]] = {
    "idle": """
server = socket.create_server(("127.0.0.1", int(sys.argv[2])))
beat()
while True:
    if select.select([server], [], [], 1.0)[0]:
        client, _ = server.accept()
        client.close()
        beat()
""",
    "blocked": """
beat()
while True:
    os.read(0, 1)
    beat()
""",
    "busy": """
while True:
    beat()
    text = ",".join(str(number * 3) for number in range(1000))
""",
    "malloc": """
data = [bytes([number % 251]) * (number * 37) for number in range(1, 100)]
while True:
    beat()
    kept = [zlib.decompress(zlib.compress(each, 1)) for each in data]
""",
    "holds the GIL": """
began = time.monotonic()
sum(range(1000000))
numbers = range(int(1000000 * 0.5 / (time.monotonic() - began)))
while True:
    beat()
    sum(numbers)
""",
}
"""What the main thread of a target does. Nothing else runs in it."""

WEB: Final = "gunicorn"
STATES: Final = (*LOOPS, WEB)

_APP: Final = """
import json

def app(environ, start_response):
    body = json.dumps([{"number": number, "name": str(number)} for number in range(500)])
    assert len(json.loads(body)) == 500
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""


class Target(ABC):
    """One process, from its start to its end."""

    pid: int

    def __enter__(self) -> Target:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @abstractmethod
    def watch(self) -> None:
        """Look for pauses from now on."""

    @abstractmethod
    def pause(self) -> float:
        """Seconds of the longest pause since then."""

    @abstractmethod
    def lost(self) -> str | None:
        """What has become of it; None while it does its work."""

    @abstractmethod
    def end(self) -> None:
        """End it."""

    def failures(self) -> int:
        """Requests that failed."""
        return 0


class Loop(Target):
    """A process with one thread, that does one of `LOOPS`."""

    def __init__(self, python: Path, state: str, place: Path) -> None:
        self._state = state
        self._port = free_port()
        page = place / "page"
        page.write_bytes(bytes(4096))
        with page.open("r+b") as file:
            self._page = memoryview(mmap.mmap(file.fileno(), 4096)).cast("d")
        self._log = place / "target.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(python), "-c", _PROLOGUE + LOOPS[state], str(page), str(self._port)],
                cwd=place,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        self.pid = self._process.pid
        self._stops = Stops(self.pid) if state in {"idle", "blocked"} else None
        _until(lambda: self._page[0] >= 1, self._process, self._log)

    def watch(self) -> None:
        self._page[2] = 0.0
        if self._stops is not None:
            self._stops.begin()

    def pause(self) -> float:
        """Of its main loop; of a main thread that waits, how long it was stopped."""
        if self._stops is not None:
            return self._stops.end()
        return max(self._page[2], time.monotonic() - self._page[1])

    def lost(self) -> str | None:
        done = self._page[0]
        deadline = time.monotonic() + ANSWER
        while True:
            if self._process.poll() is not None:
                return f"ended with {self._process.returncode}"
            if self._page[0] >= done + 2:
                return None
            if time.monotonic() > deadline:
                return f"no answer in {ANSWER:.0f} s"
            self._ask()
            time.sleep(0.01)

    def _ask(self) -> None:
        with suppress(OSError):
            if self._state == "idle":
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            elif self._state == "blocked":
                assert self._process.stdin is not None
                os.write(self._process.stdin.fileno(), b".")

    def end(self) -> None:
        if self._stops is not None:
            self._stops.end()
        self._process.kill()
        self._process.communicate()


class Worker(Target):
    """A gunicorn worker that two clients keep busy."""

    def __init__(self, python: Path, place: Path) -> None:
        (place / "site_app.py").write_text(_APP)
        self._port = free_port()
        self._log = place / "target.log"
        words = (str(python), "-m", "gunicorn", "-w", "1", "-b", f"127.0.0.1:{self._port}", "site_app:app")
        with self._log.open("wb") as log:
            self._master = subprocess.Popen(words, cwd=place, stdout=log, stderr=log)
        with ExitStack() as stack:
            stack.callback(self._kill)
            _until(self._answers, self._master, self._log)
            self.pid = self._workers()[0]
            self._traffic: Traffic = stack.enter_context(traffic(self._port))
            stack.callback(self._kill)  # before the clients: those whose worker hangs would wait for long
            self._stack = stack.pop_all()
        self._began = time.monotonic()

    def watch(self) -> None:
        self._began = time.monotonic()

    def pause(self) -> float:
        """Of the slowest request; one that has not been answered yet counts as well."""
        done = list(self._traffic.done)
        waiting = time.monotonic() - max((ended for _, ended in done), default=self._began)
        return max((ended - began for began, ended in done if ended >= self._began), default=0.0) or waiting

    def failures(self) -> int:
        return len(self._traffic.failures)

    def lost(self) -> str | None:
        deadline = time.monotonic() + ANSWER
        while time.monotonic() < deadline:
            if self.pid not in self._workers():
                return "the worker has ended"
            if self._answers():
                return None
            time.sleep(0.05)
        return f"no answer in {ANSWER:.0f} s"

    def end(self) -> None:
        self._stack.close()

    def _workers(self) -> list[int]:
        with suppress(psutil.NoSuchProcess):
            return [each.pid for each in psutil.Process(self._master.pid).children()]
        return []

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
        try:
            connection.request("GET", "/items/0")
            return connection.getresponse().read() == b"ok"
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _kill(self) -> None:
        self._traffic_ends()
        workers = self._workers()
        for pid in (self._master.pid, *workers):
            with suppress(psutil.NoSuchProcess):
                psutil.Process(pid).kill()
        self._master.wait()

    def _traffic_ends(self) -> None:
        if hasattr(self, "_traffic"):
            self._traffic.stopping = True


class Stops:
    """How long a thread stands still for a tracer, seen from outside, every half a millisecond."""

    def __init__(self, pid: int) -> None:
        self._stat = Path(f"/proc/{pid}/stat")
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._longest = 0.0

    def begin(self) -> None:
        """Look from now on."""
        self._longest = 0.0
        self._ended.clear()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def end(self) -> float:
        """Seconds of the longest stop."""
        if self._thread is not None:
            self._ended.set()
            self._thread.join()
            self._thread = None
        return self._longest

    def _look(self) -> None:
        began: float | None = None
        while not self._ended.wait(_SAMPLE):
            try:
                stopped = self._stat.read_bytes().rpartition(b")")[2].split()[0] == b"t"
            except OSError:
                return
            now = time.monotonic()
            if stopped:
                began = now if began is None else began
                self._longest = max(self._longest, now - began + _SAMPLE)
            else:
                began = None


def start_target(python: Path, state: str, place: Path) -> Target:
    """Start one of `STATES`; it works when this returns."""
    return Worker(python, place) if state == WEB else Loop(python, state, place)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        return int(reserved.getsockname()[1])


def _until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise RuntimeError(f"the target did not start: {log.read_text(errors='replace')}")
        time.sleep(0.01)
