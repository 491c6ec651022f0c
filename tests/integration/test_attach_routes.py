"""Attached to a live server under traffic: requests carry route marks while hooked, none does after, and none fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from leakhunt.targets.answers import Found
from leakhunt.targets.hub import AgentHub, AgentLink
from leakhunt.targets.inject.attach import attach
from live_server import BARE, DJANGO, FASTAPI, FLASK, STARLETTE, Traffic, live_server, python, traffic

PATTERN = {
    BARE: "GET /items/{n}",
    FLASK: "GET /items/<int:number>",
    FASTAPI: "GET /items/{number}",
    STARLETTE: "GET /items/{number}",
    DJANGO: "GET /items/<int:number>",
}


@dataclass(frozen=True)
class Server:
    """A way to serve an app, and where the app is to be found in it."""

    command: tuple[str, ...]
    source: str
    name: str
    holder: str
    depth: int = 0
    app: str = "site_app:app"


def gunicorn(*words: str, app: str = "site_app:app") -> tuple[str, ...]:
    return python("-m", "gunicorn", "--bind", "127.0.0.1:{port}", *words, app)


def uvicorn(*words: str, app: str = "site_app:app") -> tuple[str, ...]:
    return python("-m", "uvicorn", "--port", "{port}", "--log-level", "warning", *words, app)


def script(text: str) -> tuple[str, ...]:
    return python("-c", f"from site_app import app\n{text}")


def program(text: str) -> tuple[str, ...]:
    return python("-c", text)


SERVERS = {
    "gunicorn-sync": Server(gunicorn(), FLASK, "gunicorn", "gunicorn.workers.sync.SyncWorker.wsgi", 1),
    "gunicorn-gthread": Server(
        gunicorn("--threads", "4"), FLASK, "gunicorn", "gunicorn.workers.gthread.ThreadWorker.wsgi", 1
    ),
    "gunicorn-gevent": Server(
        gunicorn("-k", "gevent"), FLASK, "gunicorn", "gunicorn.workers.ggevent.GeventWorker.wsgi", 1
    ),
    "gunicorn-gevent-pywsgi": Server(
        gunicorn("-k", "gevent_pywsgi"), FLASK, "gevent", "gunicorn.workers.ggevent.PyWSGIServer.application", 1
    ),
    "gunicorn-asgi": Server(gunicorn("-k", "asgi"), FASTAPI, "gunicorn", "gunicorn.workers.gasgi.ASGIWorker.asgi", 1),
    "gunicorn-uvicorn": Server(
        gunicorn("-k", "uvicorn.workers.UvicornWorker"),
        FASTAPI,
        "uvicorn",
        "uvicorn.middleware.proxy_headers.ProxyHeadersMiddleware.app",
        1,
    ),
    "waitress": Server(
        python("-m", "waitress", "--listen", "127.0.0.1:{port}", "site_app:app"),
        BARE,
        "waitress",
        "waitress.server.TcpWSGIServer.application",
    ),
    "waitress-two-addresses": Server(
        python("-m", "waitress", "--listen", "127.0.0.1:{port}", "--listen", "127.0.0.2:{port}", "site_app:app"),
        BARE,
        "waitress",
        "waitress.server.TcpWSGIServer.application",
    ),
    "werkzeug": Server(
        script("from werkzeug.serving import run_simple\nrun_simple('127.0.0.1', {port}, app, threaded=True)"),
        FLASK,
        "werkzeug",
        "werkzeug.serving.ThreadedWSGIServer.app",
    ),
    "runserver": Server(
        python("site_app.py", "runserver", "--noreload", "127.0.0.1:{port}"),
        DJANGO,
        "wsgiref",
        "django.core.servers.basehttp.WSGIServer.application",
        app="site_app:wsgi",
    ),
    "runserver-reloader": Server(
        python("site_app.py", "runserver", "127.0.0.1:{port}"),
        DJANGO,
        "wsgiref",
        "django.core.servers.basehttp.WSGIServer.application",
        1,
        app="site_app:wsgi",
    ),
    "wsgiref": Server(
        script("from wsgiref.simple_server import make_server\nmake_server('127.0.0.1', {port}, app).serve_forever()"),
        BARE,
        "wsgiref",
        "wsgiref.simple_server.WSGIServer.application",
    ),
    "gevent": Server(
        program(
            "from gevent import monkey; monkey.patch_all()\nfrom site_app import app\n"
            "from gevent.pywsgi import WSGIServer\nWSGIServer(('127.0.0.1', {port}), app, log=None).serve_forever()"
        ),
        FLASK,
        "gevent",
        "gevent.pywsgi.WSGIServer.application",
    ),
    "cheroot": Server(
        script("from cheroot.wsgi import Server\nServer(('127.0.0.1', {port}), app).start()"),
        FLASK,
        "cheroot",
        "cheroot.wsgi.Server.wsgi_app",
    ),
    "uvicorn": Server(uvicorn(), FASTAPI, "uvicorn", "uvicorn.middleware.proxy_headers.ProxyHeadersMiddleware.app"),
    "uvicorn-bare": Server(
        uvicorn("--no-proxy-headers", "--http", "h11"), STARLETTE, "uvicorn", "uvicorn.config.Config.loaded_app"
    ),
    "uvicorn-django": Server(
        uvicorn(app="site_app:asgi"),
        DJANGO,
        "uvicorn",
        "uvicorn.middleware.proxy_headers.ProxyHeadersMiddleware.app",
        app="site_app:asgi",
    ),
    "uvicorn-wsgi": Server(uvicorn("--interface", "wsgi"), FLASK, "uvicorn", "a2wsgi.wsgi.WSGIMiddleware.app"),
    "hypercorn": Server(
        python("-m", "hypercorn", "--bind", "127.0.0.1:{port}", "--workers", "0", "site_app:app"),
        FASTAPI,
        "hypercorn",
        "hypercorn.app_wrappers.ASGIWrapper.app",
    ),
    "hypercorn-wsgi": Server(
        python("-m", "hypercorn", "--bind", "127.0.0.1:{port}", "--workers", "0", "wsgi:site_app:app"),
        FLASK,
        "hypercorn",
        "hypercorn.app_wrappers.WSGIWrapper.app",
    ),
    "daphne": Server(
        python("-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "site_app:app"),
        FASTAPI,
        "daphne",
        "daphne.server.Server.application",
    ),
}
QUICK = {"gunicorn-sync", "gunicorn-gevent", "waitress", "uvicorn", "runserver"}


def cases() -> Iterator[object]:
    for name in SERVERS:
        yield pytest.param(name, marks=() if name in QUICK else (pytest.mark.slow,))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[AgentHub]:
    with AgentHub(tmp_path / "s") as opened:
        yield opened


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def served(link: AgentLink) -> int:
    return sum(link.stats().served.values())


def at_rest(link: AgentLink) -> int:
    """Requests counted, once none is in flight: a client has its answer before the server is done with it."""
    deadline = time.monotonic() + 10
    while link.stats().in_flight:
        assert time.monotonic() < deadline, link.stats()
        time.sleep(0.01)
    return served(link)


def hooked(link: AgentLink, clients: Traffic, server: Server, seconds: float) -> Found:
    """Hook, let clients ask for a while, and unhook: what they asked in between is counted, and nothing after it."""
    found = link.hook()
    before, since = served(link), time.monotonic()
    time.sleep(seconds)
    until = time.monotonic()
    counted = served(link) - before
    assert link.unhook() == ()
    sent = clients.count(since, until - 0.2)
    assert sent >= 10
    assert counted >= 0.99 * sent
    stats = link.stats()
    assert (stats.hooked, stats.problems) == (False, ())
    assert set(stats.served) == {PATTERN[server.source]}
    total = at_rest(link)
    asked = len(clients.done)
    while len(clients.done) < asked + 10:
        time.sleep(0.01)
    assert served(link) == total
    return found


@pytest.mark.parametrize("name", list(cases()))
def test_requests_carry_marks_while_hooked_and_none_fails(name: str, hub: AgentHub, place: Path) -> None:
    server = SERVERS[name]
    with live_server(server.command, server.source, place, depth=server.depth) as (port, pid):
        process = psutil.Process(pid)
        with traffic(port) as clients:
            for _ in range(2):
                link = attach(pid, hub, timeout=30).link
                found = hooked(link, clients, server, 0.7)
                assert found.by == "server"
                assert {(each.server, each.app, each.holder) for each in found.servers} == {
                    (server.name, server.app, server.holder)
                }
                assert link.detach() == ()
        assert clients.failures == []
        assert process.is_running()
        assert process.status() != psutil.STATUS_ZOMBIE
