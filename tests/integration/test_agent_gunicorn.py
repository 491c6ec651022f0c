"""The agent in gunicorn: workers, recycling, threads, preload, and what frameworks tell about routes."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from leakhunt.agent.bundle import write_boot
from leakhunt.errors import AgentError
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.link import AgentLink

BARE = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
"""
FLASK = """
from flask import Flask
app = Flask(__name__)

@app.get("/items/<int:number>")
def item(number):
    return str(number)
"""
DJANGO = """
from django.conf import settings
from django.http import HttpResponse
from django.urls import path, re_path
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x", MIDDLEWARE=[])
urlpatterns = [
    path("lessons/<int:pk>/", lambda request, pk: HttpResponse("ok")),
    re_path(r"^old/(?P<year>[0-9]{4})/$", lambda request, year: HttpResponse("ok")),
]
from django.core.wsgi import get_wsgi_application
app = get_wsgi_application()
"""


@contextlib.contextmanager
def gunicorn(tmp_path: Path, source: str, *options: str) -> Iterator[tuple[AgentHub, int, subprocess.Popen[bytes]]]:
    (tmp_path / "site_app.py").write_text(source)
    write_boot(tmp_path / "boot", tmp_path / "agent.sock")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    python = [sys.executable, "-W", "error::DeprecationWarning"]
    command = [*python, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", *options, "site_app:app"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "boot")}
    with AgentHub(tmp_path / "agent.sock") as hub:
        process = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE)
        try:
            yield hub, port, process
        finally:
            process.terminate()
            _, errors = process.communicate(timeout=20)
    assert b"Traceback" not in errors, errors.decode()
    assert b"DeprecationWarning" not in errors, errors.decode()


def get(port: int, path: str) -> int:
    end = time.monotonic() + 20
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.05)
        else:
            return response.status
        finally:
            connection.close()


def at_rest(hub: AgentHub) -> tuple[AgentLink, ...]:
    """The agents once no request is in flight: a client has its response before the server is done with it."""
    end = time.monotonic() + 20
    while any(link.stats().in_flight for link in hub.links()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return hub.links()


def until_connected(hub: AgentHub, master: int, workers: int) -> None:
    """Wait until so many workers have their agents: a recycled one is replaced first."""
    end = time.monotonic() + 20
    while sum(link.hello.parent == master for link in hub.links()) < workers:
        assert time.monotonic() < end
        time.sleep(0.01)


def served(links: tuple[AgentLink, ...]) -> Counter[str]:
    total: Counter[str] = Counter()
    for link in links:
        with contextlib.suppress(AgentError):
            total.update(link.stats().served)
    return total


@pytest.mark.parametrize(
    "options",
    [
        ["--workers", "2"],
        ["--workers", "2", "--preload"],
        ["--workers", "1", "--threads", "4", "--worker-class", "gthread"],
    ],
    ids=["sync", "preload", "gthread"],
)
def test_every_worker_counts_its_own_requests_from_the_first_one_on(options: list[str], tmp_path: Path) -> None:
    with gunicorn(tmp_path, BARE, *options) as (hub, port, process):
        for number in range(40):
            assert get(port, f"/items/{number}?page=2") == 200
        links = at_rest(hub)
        workers = [link for link in links if link.hello.parent == process.pid]
        assert [link.hello.pid for link in links if link not in workers] == [process.pid]
        assert served(links) == {"GET /items/{n}": 40}
        for link in workers:
            stats = link.stats()
            assert (stats.hooked, stats.in_flight, stats.problems) == (True, 0, ())
            assert link.hello.server == "gunicorn"
            assert link.heap()[0].live


def test_recycled_workers_bring_agents_of_their_own(tmp_path: Path) -> None:
    with gunicorn(tmp_path, BARE, "--workers", "2", "--max-requests", "5") as (hub, port, process):
        lives = {}
        total: dict[str, int] = {}
        for _ in range(40):
            assert get(port, "/") == 200
            until_connected(hub, process.pid, workers=2)
            for link in hub.links():
                lives[link.key] = link.hello
                with contextlib.suppress(AgentError):
                    total[link.key] = sum(link.stats().served.values())
        assert len(lives) >= 7
        assert max(total.values()) <= 5
        # A worker may be gone before its last request could be asked for.
        assert sum(total.values()) >= 30


@pytest.mark.parametrize(
    ("source", "path", "route"),
    [
        (FLASK, "/items/7", "GET /items/<int:number>"),
        (DJANGO, "/lessons/7/", "GET /lessons/<int:pk>/"),
        (DJANGO, "/old/2026/", "GET /old/(?P<year>[0-9]{4})/"),
    ],
    ids=["flask", "django", "django-regex"],
)
def test_routes_are_the_patterns_of_the_framework(source: str, path: str, route: str, tmp_path: Path) -> None:
    with gunicorn(tmp_path, source, "--workers", "1") as (hub, port, _):
        assert get(port, path) == 200
        assert get(port, "/nowhere/5") == 404
        stats = at_rest(hub)[-1].stats()
        assert stats.served == {route: 1, "GET /nowhere/{n}": 1}
        masked = "GET " + "/".join("{n}" if part.isdigit() else part for part in path.split("/"))
        assert stats.routes == {masked: route}
