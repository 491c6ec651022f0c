"""Heaps of real servers with a leak that is known: its holder, how many entries it has and how much it retains."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import psutil
import pytest

from heaps import objects_of
from integration.test_profile_tasks import celery
from leakhunt.analysis.heap.analysed import HeapAnalysis, analyse_heap
from leakhunt.analysis.heap.suspects import dominators
from leakhunt.cli.main import main
from leakhunt.heapfile.read import read_heap
from leakhunt.model.heap_view import HeapSuspect
from leakhunt.targets import native, tree
from sampler_build import built_for

SIZE: Final = 100_000
APP: Final = f"""
import time
KEPT = {{}}
class Upload:
    def __init__(self, name):
        self.name, self.body = name, bytes({SIZE})
def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/keep/"):
        KEPT[path] = Upload(path)
        time.sleep(0.01)  # so that a second client is served by another worker
    start_response("200 OK", [("Content-Length", "2"), ("Connection", "close")])
    return [b"ok"]
"""
GREENLETS: Final = f"""
import gevent
def wait(number):
    basket = [bytes({SIZE})]
    gevent.sleep(1000)
    return basket
def app(environ, start_response):
    if environ["PATH_INFO"].startswith("/keep/"):
        gevent.spawn(wait, environ["PATH_INFO"])
    start_response("200 OK", [("Content-Length", "2"), ("Connection", "close")])
    return [b"ok"]
"""
LARGE: Final = """
kept = [[number] for number in range(1_500_000)]
print("ready", flush=True)
import time
while True:
    time.sleep(0.05)
"""

GROWING: Final = """
import time
KEPT = []
class Upload:
    def __init__(self, number):
        self.body = bytes(20_000 + number % 7)
def keep(number):
    KEPT.append(Upload(number))
def forget(number):
    return [bytes(20_000) for _ in range(5)]
print("ready", flush=True)
number = 0
while True:
    number += 1
    keep(number)
    forget(number)
    time.sleep(0.001)
"""


@contextlib.contextmanager
def serving(directory: Path, app: str, *command: str) -> Iterator[tuple[int, int]]:
    """Pid and port of a server of `heap_app:app`; `{at}` in its command is where it listens."""
    (directory / "heap_app.py").write_text(app)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    words = [word.format(at=f"127.0.0.1:{port}") for word in command]
    process = subprocess.Popen([*words], cwd=directory, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not get(port, "/"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(30)


def get(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def take(pid: int, file: Path) -> list[HeapAnalysis]:
    """The heaps that `leakhunt heap take` writes of a process or of its workers."""
    command = [sys.executable, "-m", "leakhunt", "heap", "take", str(pid), "-o", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return [analyse_heap(read_heap(Path(line))) for line in done.stdout.splitlines()]


def suspect_of(heap: HeapAnalysis) -> HeapSuspect:
    return dominators(heap).suspects[0]


def gunicorn(*options: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "gunicorn", "--no-control-socket", "--bind", "{at}", *options, "heap_app:app")


def test_of_every_worker_of_gunicorn_the_holder_is_named_and_what_it_retains(tmp_path: Path) -> None:
    uploads = 200
    with serving(tmp_path, APP, *gunicorn("--workers", "2")) as (master, port):
        with ThreadPoolExecutor(2) as clients:
            assert all(clients.map(lambda number: get(port, f"/keep/{number}"), range(uploads)))
        workers = {each.pid for each in psutil.Process(master).children()}
        heaps = take(master, tmp_path / "a.heap")
        assert {each.pid for each in psutil.Process(master).children()} == workers
        assert get(port, "/")
    assert {heap.graph.origin.pid for heap in heaps} == workers
    assert {each.name for each in tmp_path.glob("*.heap")} == {f"a.{pid}.heap" for pid in workers}
    found = [suspect_of(heap) for heap in heaps]
    points = [suspect.point for suspect in found if suspect.point is not None]
    assert sum(point.entries or 0 for point in points) == uploads
    for suspect, point in zip(found, points, strict=True):
        assert [(step.edge, step.object) for step in suspect.path] == [
            ("module heap_app", "module heap_app"),
            (".KEPT", "dict"),
        ]
        assert suspect.holds[0].type == "heap_app.Upload"
        assert suspect.holds[0].count == point.entries
        held = (point.entries or 0) * SIZE
        assert held < point.retained < 1.02 * held + 50_000


def test_when_leakhunt_is_killed_the_copy_ends_and_the_process_goes_on(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", LARGE], stdout=subprocess.PIPE) as target:
        try:
            assert target.stdout is not None
            target.stdout.readline()
            command = [
                sys.executable,
                "-m",
                "leakhunt",
                "heap",
                "take",
                str(target.pid),
                "-o",
                str(tmp_path / "a.heap"),
            ]
            with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as taking:
                until(lambda: len(tree.descendants(target.pid)) == 1)
                taking.kill()
            until(lambda: not [each for each in tree.descendants(target.pid) if not each.ended])
            assert target.poll() is None
        finally:
            target.kill()
    assert not (tmp_path / "a.heap").exists()


def until(condition: Callable[[], bool], patience: float = 30.0) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_is_held_is_told_with_the_line_that_allocated_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "BUILT", built_for(Path(sys.executable)))
    program, file = tmp_path / "growing.py", tmp_path / "a.heap"
    program.write_text(GROWING)
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE) as target:
        try:
            assert target.stdout is not None
            target.stdout.readline()
            assert main(["heap", "take", str(target.pid), "-o", str(file), "--sample", "2"]) == 0
            assert target.poll() is None
        finally:
            target.kill()
    suspect = suspect_of(analyse_heap(read_heap(file)))
    assert suspect.path[-1].edge == ".KEPT"
    line = 1 + GROWING.splitlines().index("        self.body = bytes(20_000 + number % 7)")
    site, share = suspect.sites[0]
    assert f"growing.py:{line} in " in site
    assert share > 0.8
    assert 0 < suspect.sampled < 1.5 * suspect.retained


@pytest.mark.slow
def test_greenlets_that_wait_are_roots_with_their_variables(tmp_path: Path) -> None:
    with serving(tmp_path, GREENLETS, *gunicorn("--workers", "1", "--worker-class", "gevent")) as (master, port):
        assert all(get(port, f"/keep/{number}") for number in range(100))
        (heap,) = take(master, tmp_path / "a.heap")
    suspect = suspect_of(heap)
    held = 100 * SIZE
    assert held < suspect.retained < 1.05 * held + 200_000
    assert suspect.count == 100
    assert "Greenlet" in suspect.name
    sizes = heap.graph.sizes
    baskets = [number for number in range(len(heap.graph)) if sizes[number] >= SIZE]
    assert {heap.path(number)[-2].edge for number in baskets} == {".basket"}


@pytest.mark.slow
def test_of_a_worker_of_uwsgi_the_holder_is_named_and_what_it_retains(tmp_path: Path) -> None:
    uwsgi = str(Path(sys.executable).parent / "uwsgi")
    options = ("--http-socket", "{at}", "--master", "--processes", "1", "--wsgi", "heap_app:app", "--die-on-term")
    with serving(tmp_path, APP, uwsgi, *options) as (master, port):
        assert all(get(port, f"/keep/{number}") for number in range(60))
        (heap,) = take(master, tmp_path / "a.heap")
        assert get(port, "/")
    suspect = suspect_of(heap)
    assert suspect.point is not None
    assert (suspect.path[-1].edge, suspect.point.entries) == (".KEPT", 60)
    assert 60 * SIZE < suspect.point.retained < 60 * SIZE * 1.02 + 50_000


@pytest.mark.slow
def test_of_the_processes_of_celery_the_holder_of_what_tasks_keep_is_named(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    with celery(tmp_path / "shop") as master:
        time.sleep(15)  # tasks keep coming, and what they keep by then is looked for
        children = {each.pid for each in psutil.Process(master).children()}
        heaps = take(master, tmp_path / "a.heap")
        assert {each.pid for each in psutil.Process(master).children()} == children
    assert {heap.graph.origin.pid for heap in heaps} == children
    for heap in heaps:
        kept = max(objects_of(heap.graph, "list"), key=heap.retained)
        assert heap.path(kept)[-1].edge == ".KEPT"
        entries = len(heap.graph.held(kept))
        assert entries > 10
        assert entries * 20_000 < heap.retained(kept) < entries * 20_200 + 50_000
