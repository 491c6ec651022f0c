"""`leakhunt profile --pid`: the experiment against servers that run already, and go on unchanged."""

from __future__ import annotations

import signal
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import pytest

from integration.command_line import CommandLine, Done
from integration.visited import TWO_WORKERS, at_rest, is_as_before
from leakhunt.units import format_size
from live_server import DJANGO, STARLETTE, live_server, python

FLASK: Final = """
import gc, json, os, sys, tracemalloc
from flask import Flask
app = Flask(__name__)
KEPT = []

@app.get("/leak")
def leak():
    KEPT.append(os.urandom(5000))
    return "kept"

@app.get("/items/<int:number>")
def item(number):
    return str(number)

@app.get("/state")
def state():
    modules = sorted(name for name in sys.modules if name.startswith("_leakhunt"))
    entry = f"{Flask.__call__.__module__}.{Flask.__call__.__qualname__}"
    collector = [gc.isenabled(), gc.get_freeze_count(), gc.get_threshold(), len(gc.callbacks)]
    return json.dumps([modules, len(sys.meta_path), collector, tracemalloc.is_tracing(), entry])

STORED = {number: bytes(20_000) for number in range(1_000)}
"""
LEAKING_LINE: Final = 9
LATE: Final = """
from flask import Flask
app = Flask(__name__)
PICTURES, SESSIONS = {}, []

class Session:
    def __init__(self):
        self.seen = bytearray(50_000)

@app.get("/fill/<int:number>")
def fill(number):
    for _ in range(number):
        PICTURES[len(PICTURES)] = b"x" * 100_000
    return "filled"

@app.get("/leak")
def leak():
    SESSIONS.append(Session())
    return "kept"

@app.get("/items/<int:number>")
def item(number):
    return str(number)
"""
SCRIPT: Final = """
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server
KEPT = []

def app(environ, start_response):
    if environ["PATH_INFO"] == "/leak":
        KEPT.append(bytearray(5000))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]

make_server("127.0.0.1", int(sys.argv[1]), app).serve_forever()
"""
LEAK: Final = ("--seed", "7", "--request", "GET /leak?q={n}")
CLEAN: Final = ("--seed", "7", "--budget-time", "8", "--request", "GET /items/{n}")


def ask(port: int, path: str) -> str:
    """The answer to one request."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def states(port: int) -> set[str]:
    """What the workers say about themselves."""
    return {ask(port, "/state") for _ in range(20)}


def leaks_at(done: Done, file: str, line: int, holder: str) -> None:
    done.has_no_traceback()
    assert done.code == 1, done.err + done.out
    found = done.report["suspects"][0]
    assert (Path(found["site"]["file"]).name, found["site"]["line"]) == (file, line)
    assert found["path"].startswith(holder)


def caveats(done: Done) -> dict[str, Any]:
    return {caveat["code"]: caveat["text"] for caveat in done.report["caveats"]}


def test_a_leak_of_a_server_that_runs_is_found_in_all_its_workers(leakhunt: CommandLine, site: Path) -> None:
    with live_server(TWO_WORKERS, FLASK, site) as (port, master):
        before = at_rest(master)
        workers = sorted(before.keys() - {master})
        done = leakhunt.profile("--pid", str(master), *LEAK, "--quick", "--budget-time", "2")
        leaks_at(done, "site_app.py", LEAKING_LINE, "site_app.KEPT")
        assert f"attaching to PID {workers[0]}, {workers[1]}. Requests go to http://127.0.0.1:{port}." in " ".join(
            done.err.split()
        )
        roles = {worker["pid"]: worker["role"] for worker in done.report["workers"]}
        assert roles == {master: "master", workers[0]: "worker", workers[1]: "worker"}
        assert caveats(done).keys() == {"no-gc"}
        there = done.report["already_there"][0]
        assert (there["path"], there["workers"], there["entries"]) == ("site_app.STORED", 2, 2_000)
        assert there["size"] == pytest.approx(2 * 1_000 * 20_000, rel=0.1)
        is_as_before(master, before)


def test_what_cannot_be_attached_to_is_refused_before_anything_is_written(leakhunt: CommandLine) -> None:
    leakhunt.profile_here("--pid", "1", "--server", "waitress", *LEAK).fails(
        2, "--server has no effect on a process that runs already"
    )
    nobody = leakhunt.profile_here("--pid", str(2**22 - 1), *LEAK)
    nobody.fails(3, "does not exist (any more)")
    assert not nobody.run.exists()


@pytest.mark.slow
def test_what_leaked_before_leakhunt_came_is_named_by_its_holder_and_what_still_grows_apart_from_it(
    leakhunt: CommandLine, site: Path
) -> None:
    one_worker = python("-m", "gunicorn", "-w", "1", "-b", "127.0.0.1:{port}", "site_app:app")
    with live_server(one_worker, LATE, site) as (port, master):
        ask(port, "/fill/5000")
        for _ in range(600):
            ask(port, "/leak")
        done = leakhunt.profile("--pid", str(master), *LEAK, "--quick", "--budget-time", "2")
    pictures, sessions = done.report["already_there"][:2]
    assert (pictures["path"], pictures["type"], pictures["entries"]) == ("site_app.PICTURES", "dict", 5_000)
    assert (pictures["heaviest_type"], pictures["heaviest_count"]) == ("bytes", 5_000)
    assert pictures["size"] == pytest.approx(500_000_000, rel=0.1)
    assert pictures["share"] > 0.85
    assert pictures["growth"] == 0
    assert (sessions["path"], sessions["heaviest_path"]) == ("site_app.SESSIONS", "site_app.SESSIONS[*].seen")
    assert sessions["size"] == pytest.approx(600 * 50_000, rel=0.1)
    assert sessions["growth"] > 100 * 50_000
    assert sessions["newer"] > 0.9 * sessions["dated"] > 500
    assert f"Already there: {format_size(pictures['size'])} below site_app.PICTURES" in done.out


@pytest.mark.slow
def test_a_clean_server_is_clean_twice_and_unchanged(leakhunt: CommandLine, site: Path) -> None:
    with live_server(TWO_WORKERS, FLASK, site) as (port, master):
        before, inside = at_rest(master), states(port)
        (told,) = inside
        assert told.startswith("[[], ")
        assert told.endswith('false, "flask.app.Flask.__call__"]')
        for run in ("first", "second"):
            done = leakhunt.profile("--pid", str(master), *CLEAN, run=run)
            assert done.code == 0, done.err + done.out
            assert done.report["judgement"]["verdict"] == "CLEAN"
            is_as_before(master, before)
            assert states(port) == inside


@pytest.mark.slow
def test_one_worker_alone_is_measured_alone_and_that_is_said(leakhunt: CommandLine, site: Path) -> None:
    with live_server(TWO_WORKERS, FLASK, site) as (_, master):
        before = at_rest(master)
        worker, other = sorted(before.keys() - {master})
        done = leakhunt.profile("--pid", str(worker), *LEAK, "--budget-time", "6", "--no-explain")
        assert f"of the others that serve with it (PID {other}) nothing is measured" in " ".join(done.err.split())
        assert [row["pid"] for row in done.report["workers"] if row["role"] == "worker"] == [worker]
        assert {"siblings", "not-all-seen"} <= caveats(done).keys()
        tree = leakhunt.profile("--pid", str(worker), "--tree", *LEAK, "--budget-time", "6", "--no-explain", run="tree")
        assert tree.code == 1, tree.err + tree.out
        assert [row["pid"] for row in tree.report["workers"] if row["role"] == "worker"] == [worker, other]
        is_as_before(master, before)


@pytest.mark.slow
def test_workers_that_are_recycled_are_followed(leakhunt: CommandLine, site: Path) -> None:
    command = (*TWO_WORKERS[:3], "--max-requests", "150", *TWO_WORKERS[3:])
    with live_server(command, FLASK, site) as (_, master):
        done = leakhunt.profile("--pid", str(master), *LEAK, "--budget-time", "10", "--no-explain")
        done.has_no_traceback()
        assert done.code == 1, done.err + done.out
        workers = [row for row in done.report["workers"] if row["role"] == "worker"]
        assert len(workers) > 4
        assert "not-attached" not in caveats(done)


@pytest.mark.slow
def test_djangos_reloader_means_the_process_it_has_started(leakhunt: CommandLine, site: Path) -> None:
    command = python("site_app.py", "runserver", "{port}")
    with live_server(command, DJANGO, site) as (_, reloader):
        before = at_rest(reloader)
        done = leakhunt.profile("--pid", str(reloader), *CLEAN)
        assert done.code == 0, done.err + done.out
        assert [route["route"] for route in done.report["routes"]] == ["GET /items/<int:number>"]
        is_as_before(reloader, before)


@pytest.mark.slow
def test_workers_that_were_spawned_and_serve_asgi_are_found(leakhunt: CommandLine, site: Path) -> None:
    command = python("-m", "uvicorn", "--workers", "2", "--port", "{port}", "site_app:app")
    with live_server(command, STARLETTE, site) as (_, supervisor):
        before = at_rest(supervisor)
        done = leakhunt.profile("--pid", str(supervisor), *CLEAN)
        assert done.code == 0, done.err + done.out
        assert sum(row["role"] == "worker" for row in done.report["workers"]) == 2
        assert caveats(done).keys() == {"no-gc"}
        is_as_before(supervisor, before)


@pytest.mark.slow
def test_a_leak_of_a_plain_script_is_found_with_line_and_holder(leakhunt: CommandLine, site: Path) -> None:
    with live_server(python("site_app.py", "{port}"), SCRIPT, site) as (_, pid):
        before = at_rest(pid)
        done = leakhunt.profile("--pid", str(pid), *LEAK, "--budget-time", "8")
        leaks_at(done, "site_app.py", 8, "__main__.KEPT")
        is_as_before(pid, before)


@pytest.mark.slow
def test_traffic_of_others_is_told_with_its_size(leakhunt: CommandLine, site: Path) -> None:
    with live_server(TWO_WORKERS, FLASK, site) as (port, master):
        stopping = threading.Event()

        def ask() -> None:
            while not stopping.wait(0.2):
                connection = HTTPConnection("127.0.0.1", port, timeout=20)
                connection.request("GET", "/items/1")
                assert connection.getresponse().read() == b"1"
                connection.close()

        other = threading.Thread(target=ask)
        other.start()
        try:
            done = leakhunt.profile("--pid", str(master), *LEAK, "--budget-time", "6", "--no-explain")
        finally:
            stopping.set()
            other.join()
        assert done.code in {1, 4}, done.err + done.out
        assert " requests of others while leakhunt sent " in caveats(done)["other-traffic"]


@pytest.mark.slow
def test_an_interrupt_leaves_the_app_as_it_was(leakhunt: CommandLine, site: Path) -> None:
    with live_server(TWO_WORKERS, FLASK, site) as (_, master):
        before = at_rest(master)
        for wait in (0.4, 3.0):
            with leakhunt.started("--pid", str(master), *LEAK, run=f"run-{wait}") as process:
                assert process.stderr is not None
                while "warm-up" not in process.stderr.readline():
                    pass
                time.sleep(wait)
                process.send_signal(signal.SIGINT)
                assert process.wait(timeout=60) == 130
            is_as_before(master, before)


@pytest.mark.slow
def test_an_address_of_another_app_is_noticed(leakhunt: CommandLine, site: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with (
        live_server(TWO_WORKERS, FLASK, site) as (_, master),
        live_server(TWO_WORKERS, FLASK, tmp_path / "other") as (port, _),
    ):
        before = at_rest(master)
        done = leakhunt.profile("--pid", str(master), "--url", f"http://127.0.0.1:{port}", *CLEAN)
        done.fails(3, "requests that leakhunt sent has come to the processes it is attached to", "Look at --url")
        is_as_before(master, before)


@pytest.mark.slow
def test_a_kill_leaves_the_app_as_it_was_and_no_file(leakhunt: CommandLine, site: Path) -> None:
    with live_server(TWO_WORKERS, FLASK, site) as (port, master):
        before, inside = at_rest(master), states(port)
        for moment in ("warm-up", "verdict rounds", "explain"):
            with leakhunt.started("--pid", str(master), *LEAK, "--quick", "--budget-time", "2", run=moment) as process:
                assert process.stderr is not None
                while moment not in process.stderr.readline():
                    pass
                time.sleep(0.7)
                process.kill()
                process.wait()
            is_as_before(master, before)
            assert states(port) == inside


@pytest.mark.slow
def test_what_is_allowed_is_done(leakhunt: CommandLine, site: Path) -> None:
    with live_server(TWO_WORKERS, FLASK, site) as (_, master):
        done = leakhunt.profile("--pid", str(master), *CLEAN, "--allow-gc")
        assert done.code == 0, done.err + done.out
        assert "no-gc" not in caveats(done)
