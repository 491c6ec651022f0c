"""Attaching to the workers of real servers while requests come in: none of them may fail."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from leakhunt.targets.hub import AgentHub
from leakhunt.targets.inject.attach import attach
from leakhunt.targets.tree import descendants

FLASK = """
import zlib
from flask import Flask
app = Flask(__name__)

@app.get("/items/<int:number>")
def item(number):
    kept = [zlib.compress(bytes([n]) * 5000) for n in range(20)]
    return str(number)
"""
SERVERS = {
    "gunicorn-sync": ("gunicorn", "--bind", "{at}", "--workers", "2", "site_app:app"),
    "gunicorn-gthread": ("gunicorn", "--bind", "{at}", "--workers", "1", "--threads", "4", "site_app:app"),
    "waitress": ("waitress", "--listen", "{at}", "site_app:app"),
}


@dataclass
class Load:
    """One client that never stops asking."""

    port: int
    answered: int = 0
    problems: list[str] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.ending.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            try:
                connection.request("GET", f"/items/{self.answered}")
                response = connection.getresponse()
                if (response.status, response.read()) != (200, str(self.answered).encode()):
                    self.problems.append(f"status {response.status}")
            except (OSError, http.client.HTTPException) as error:
                self.problems.append(repr(error))
            finally:
                connection.close()
            self.answered += 1


@contextmanager
def serving(server: str, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    (tmp_path / "site_app.py").write_text(FLASK)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    command = [word.format(at=f"127.0.0.1:{port}") for word in SERVERS[server]]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-W", "error::DeprecationWarning", "-m", *command], cwd=tmp_path, stderr=log, stdout=log
        )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.05)
        yield process, port
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def under_load(port: int) -> Iterator[Load]:
    load = Load(port)
    thread = threading.Thread(target=load.run)
    thread.start()
    try:
        yield load
    finally:
        load.ending.set()
        thread.join()


def workers_of(process: subprocess.Popen[bytes]) -> list[int]:
    """The processes that serve: those of a master, or the one itself."""
    return [each.pid for each in descendants(process.pid)] or [process.pid]


def fds_and_threads(pid: int) -> tuple[list[str], int]:
    """What is open, and how many threads there are."""
    places = [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink()]
    return sorted(places), len(list(Path(f"/proc/{pid}/task").iterdir()))


@pytest.mark.parametrize("server", SERVERS)
def test_no_request_fails_and_every_one_is_counted_until_it_leaves(server: str, tmp_path: Path) -> None:
    with serving(server, tmp_path) as (process, port), AgentHub(tmp_path / "s") as hub:
        with under_load(port), under_load(port), under_load(port), under_load(port):
            time.sleep(1)  # by then a pool of threads has as many as it ever has
        time.sleep(0.5)  # the last connection is closed
        workers = workers_of(process)
        before = {pid: fds_and_threads(pid) for pid in workers}
        with under_load(port) as load:
            for _ in range(3):
                links = [attach(pid, hub, timeout=30).link for pid in workers]
                for link in links:
                    link.hook()
                at_start = sum(sum(link.stats().served.values()) for link in links)
                asked = load.answered
                time.sleep(0.5)
                counted = sum(link.stats().served.get("GET /items/<int:number>", 0) for link in links) - at_start
                assert counted >= 0.9 * (load.answered - asked) - 2
                assert counted > 0
                assert all(link.detach() == () for link in links)
        assert load.problems == []
        assert load.answered > 0
        assert workers_of(process) == workers
        deadline = time.monotonic() + 10
        while (after := {pid: fds_and_threads(pid) for pid in workers}) != before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert after == before
        assert "Traceback" not in (tmp_path / "log").read_text()
