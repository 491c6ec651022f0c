"""`leakhunt watch` on a real server: its workers, those it recycles, and an agent's copies that are none."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from leakhunt.targets import tree
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.inject.attach import attach
from leakhunt.targets.watched import Lineage, find_process
from terminal import Terminal

APP = """
KEPT = []
def app(environ, start_response):
    if environ["PATH_INFO"] == "/keep":
        KEPT.append(bytes(1_000_000))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
"""

HEAP = """
kept = [[number] for number in range(1_500_000)]
print("ready", flush=True)
import time
while True:
    time.sleep(0.05)
"""


@contextmanager
def gunicorn(directory: Path, *options: str) -> Iterator[tuple[int, int]]:
    """Pid of the master, and the port it serves."""
    (directory / "kept_app.py").write_text(APP)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--bind", f"127.0.0.1:{port}", *options]
    process = subprocess.Popen([*command, "kept_app:app"], cwd=directory, stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers(port))
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(30)


def answers(port: int, path: str = "/") -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def until(condition: Callable[[], bool], patience: float = 30.0) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def watching(pid: int) -> Iterator[Iterator[Any]]:
    """Readings of `leakhunt watch --json`, as they come."""
    command = [sys.executable, "-m", "leakhunt", "watch", str(pid), "--json", "--interval", "0.2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield map(json.loads, process.stdout)
        finally:
            process.send_signal(signal.SIGTERM)


def workers(reading: Any) -> dict[int, str]:
    return {process["pid"]: process["name"] for process in reading["processes"] if process["role"] == "worker"}


def read_until(readings: Iterator[Any], condition: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + 30
    for reading in readings:
        if condition(reading):
            return reading
        assert time.monotonic() < deadline, reading
    raise AssertionError("the watch has ended")


def test_the_workers_of_gunicorn_are_shown_and_those_it_recycles(tmp_path: Path) -> None:
    with gunicorn(tmp_path, "--workers", "2", "--max-requests", "5") as (pid, port), watching(pid) as readings:
        first = read_until(readings, lambda reading: len(workers(reading)) == 2)
        (master,) = [process for process in first["processes"] if process["role"] == "master"]
        assert (master["pid"], master["name"]) == (pid, "gunicorn master")
        before = workers(first)
        for _ in range(20):
            answers(port)
        later = read_until(readings, lambda reading: len(set(workers(reading)) - set(before)) == 2)
        assert {ended["pid"] for ended in later["ended"]} & set(before)
        assert not set(workers(later).values()) & set(before.values())


def test_the_worker_that_keeps_what_it_is_sent_is_the_one_whose_memory_rises(tmp_path: Path) -> None:
    with gunicorn(tmp_path, "--workers", "1", "--threads", "2") as (pid, port), watching(pid) as readings:
        stop = threading.Event()

        def send() -> None:
            while not stop.wait(0.05):
                answers(port, "/keep")

        sender = threading.Thread(target=send)
        sender.start()
        try:
            found = read_until(readings, lambda reading: any(each.get("growth_told") for each in reading["processes"]))
        finally:
            stop.set()
            sender.join()
        (told,) = [process for process in found["processes"] if process.get("growth_told")]
        assert told["role"] == "worker"
        low, high = told["growth_interval"]
        assert 0 < low < told["growth_per_minute"] < high


def test_the_copy_that_an_agent_makes_to_look_at_the_heap_is_no_worker(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HEAP], stdout=subprocess.PIPE) as target:
        try:
            assert target.stdout is not None
            target.stdout.readline()
            lineage = Lineage(find_process(target.pid))
            with AgentHub(tmp_path / "s") as hub:
                link = attach(target.pid, hub, timeout=60).link
                taking = threading.Thread(
                    target=link.snapshot, args=(0,), kwargs={"types": True, "sites": False, "paths": True}
                )
                taking.start()
                ages, seen = [0.0], set()
                while taking.is_alive():
                    ages += [tree.age(each) for each in tree.descendants(target.pid)]
                    seen |= {member.process.pid for member in lineage.members()}
                    time.sleep(0.02)
                taking.join()
                link.detach()
            # It has lived for long enough to be taken for a worker.
            assert max(ages) > 0.8
            assert seen == {target.pid}
        finally:
            os.kill(target.pid, signal.SIGKILL)


def family(pid: int) -> dict[int, tuple[int, int]]:
    """Descriptors and threads of a process and of its children."""
    pids = (pid, *(process.pid for process in tree.descendants(pid)))
    return {each: (entries(f"/proc/{each}/fd"), entries(f"/proc/{each}/task")) for each in pids}


def entries(directory: str) -> int:
    return len(list(Path(directory).iterdir()))


def test_two_snapshots_under_traffic_name_the_type_that_grows_and_the_workers_stay_what_they_were(
    tmp_path: Path,
) -> None:
    with gunicorn(tmp_path, "--workers", "2") as (pid, port):
        time.sleep(1)
        before = family(pid)
        change = f"import os; os.chdir({str(tmp_path)!r}); from leakhunt.__main__ import run; run()"
        terminal = Terminal("-c", change, "watch", str(pid), "--interval", "0.3", columns=120, lines=40)
        try:
            terminal.read_until("t attach, snapshot")
            terminal.type("t")
            terminal.read_until("Snapshot 1 of 2 workers is in leakhunt-runs/")
            for _ in range(30):
                assert answers(port, "/keep")
            terminal.type("t")
            terminal.read_until("Snapshot 2 of 2 workers is in leakhunt-runs/")
            grown = terminal.read_until("types that have grown since the first look") + terminal.read_until("+30")
            assert "requests/s" in grown
            assert "bytes" in grown.rpartition("per minute")[2]
            terminal.type("q")
            assert terminal.wait() == 0
        finally:
            terminal.close()
        until(lambda: family(pid) == before)


def test_requests_are_counted_in_every_worker_and_in_those_that_are_recycled(tmp_path: Path) -> None:
    with gunicorn(tmp_path, "--workers", "1", "--max-requests", "40") as (pid, port):
        time.sleep(1)
        stop = threading.Event()

        def send() -> None:
            while not stop.wait(0.05):
                answers(port)

        sender = threading.Thread(target=send)
        sender.start()
        command = [sys.executable, "-m", "leakhunt", "watch", str(pid), "--json", "--types", "--interval", "0.2"]
        seen: dict[int, int] = {}
        try:
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as watching:
                try:
                    assert watching.stdout is not None
                    deadline = time.monotonic() + 60
                    for reading in map(json.loads, watching.stdout):
                        seen |= {each["pid"]: each["requests"] for each in reading["processes"] if each["requests"]}
                        if len(seen) >= 3 and reading["requests_per_second"]:
                            break
                        assert time.monotonic() < deadline, reading
                finally:
                    watching.terminate()
        finally:
            stop.set()
            sender.join()
        assert len(seen) >= 3
        assert max(seen.values()) <= 45
