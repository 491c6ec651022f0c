"""Agents in processes that are only watched, on real ones."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leakhunt.errors import AttachError
from leakhunt.targets import tree
from leakhunt.targets.guests import Guests
from leakhunt.targets.tree import Process
from live_server import BARE, live_server, python
from live_target import live_target


@pytest.fixture(autouse=True)
def _leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    yield
    assert not list((tmp_path / "temporary").iterdir())


def process(pid: int) -> Process:
    found = tree.read_process(pid)
    assert found is not None
    return found


def test_a_guest_comes_and_goes_and_the_process_is_what_it_was(tmp_path: Path) -> None:
    with live_target(sys.executable, "accept", directory=tmp_path) as target:
        fds, threads = target.fds(), target.threads()
        with Guests() as guests:
            guest = guests.bring(process(target.pid))
            assert guests.present() == {guest.process.key: guest}
            assert guest.uncounted is not None
            assert "no WSGI or ASGI application found" in guest.uncounted
            assert guests.stopped > 0
            assert target.threads() == threads + 1
            assert guests.leave() == ()
            assert guests.present() == {}
        assert target.settles(fds, threads)
        before, after, problems = target.end()
        assert (after, problems) == (before, [])


def test_the_end_of_the_visit_is_the_end_of_all_guests(tmp_path: Path) -> None:
    with live_target(sys.executable, "sleep", directory=tmp_path) as target:
        fds, threads = target.fds(), target.threads()
        with Guests() as guests:
            guests.bring(process(target.pid))
        assert target.settles(fds, threads)


def test_what_is_no_python_is_refused_and_others_are_not_troubled(tmp_path: Path) -> None:
    with (
        subprocess.Popen(["sleep", "100"]) as sleeping,
        live_target(sys.executable, "accept", directory=tmp_path) as target,
        Guests() as guests,
    ):
        guests.bring(process(target.pid))
        with pytest.raises(AttachError, match="is not a CPython process"):
            guests.bring(process(sleeping.pid))
        assert len(guests.present()) == 1
        sleeping.kill()


def test_one_whose_process_has_ended_is_present_no_more(tmp_path: Path) -> None:
    with live_target(sys.executable, "accept", directory=tmp_path) as target, Guests() as guests:
        guests.bring(process(target.pid))
        target.process.kill()
        target.process.wait()
        deadline = time.monotonic() + 10
        while guests.present():
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_requests_are_counted_at_the_server_and_at_an_app_that_is_named_where_there_is_none(tmp_path: Path) -> None:
    command = python("-m", "gunicorn", "--no-control-socket", "--bind", "127.0.0.1:{port}", "site_app:app")
    with live_server(command, BARE, tmp_path, depth=1) as (_, worker):
        with Guests() as guests:
            assert guests.bring(process(worker)).link.stats().hooked
        with Guests("site_app:app") as guests:
            assert guests.bring(process(worker)).link.stats().hooked


APP_COMES_LATER = """
import socketserver, threading, time
from wsgiref.simple_server import WSGIServer, WSGIRequestHandler
server = WSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
def app(environ, start_response):
    start_response("200 OK", [])
    return []
def load():
    input()
    server.set_app(app)
threading.Thread(target=load, daemon=True).start()
print("ready", flush=True)
server.serve_forever()
"""


def test_an_app_that_is_not_loaded_yet_is_looked_for_again_at_ever_longer_intervals() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", APP_COMES_LATER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        server.stdout.readline()
        with Guests() as guests:
            guest = guests.bring(process(server.pid))
            assert guest.uncounted is not None
            assert "it has not loaded its application yet" in guest.uncounted
            server.stdin.write("\n")
            server.stdin.flush()
            deadline = time.monotonic() + 20
            while guest.uncounted is not None:
                assert time.monotonic() < deadline
                guests.try_again(guest)
                time.sleep(0.02)
            assert guest.server == "wsgiref"
            assert guest.link.stats().hooked
        server.kill()
