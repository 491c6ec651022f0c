"""Attached to a live server under traffic: requests carry route marks while hooked, none does after, and none fails."""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from conftest import find_attachable
from leakhunt.targets.answers import Found
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.inject.attach import attach
from leakhunt.targets.link import AgentLink
from live_server import BARE, DJANGO, FASTAPI, FLASK, PATIENCE, STARLETTE, Traffic, live_server, python, traffic
from live_target import PROLOGUE

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
    by: str = "server"


def gunicorn(*words: str, app: str = "site_app:app") -> tuple[str, ...]:
    return python("-m", "gunicorn", "--bind", "127.0.0.1:{port}", *words, app)


def uvicorn(*words: str, app: str = "site_app:app") -> tuple[str, ...]:
    return python("-m", "uvicorn", "--port", "{port}", "--log-level", "warning", *words, app)


def uwsgi() -> str:
    return str(Path(sys.executable).with_name("uwsgi"))


def script(text: str) -> tuple[str, ...]:
    return python("-c", f"from site_app import app\n{text}")


def program(text: str) -> tuple[str, ...]:
    return python("-c", text)


UWSGI = ("--http-socket", "127.0.0.1:{port}", "--enable-threads", "--die-on-term", "--add-header", "Connection: close")
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
    "uwsgi": Server((uwsgi(), *UWSGI, "--module", "site_app:app"), BARE, "uwsgi", "site_app.app", by="entry"),
    "uwsgi-flask": Server((uwsgi(), *UWSGI, "--mount", "/=site_app:app"), FLASK, "uwsgi", "", by="framework"),
}
BORROWED = {
    "gunicorn-uvicorn": "its worker is one of uvicorn",
    "gunicorn-gevent-pywsgi": "its worker has a server of gevent's",
}
QUICK = {"gunicorn-sync", "gunicorn-gevent", "waitress", "uvicorn", "runserver"}


def cases() -> Iterator[object]:
    for name in SERVERS:
        yield pytest.param(name, marks=() if name in QUICK else (pytest.mark.slow,))


def served(link: AgentLink) -> int:
    return sum(link.stats().served.values())


def at_rest(link: AgentLink) -> int:
    """Requests counted, once none is in flight: a client has its answer before the server is done with it."""
    deadline = time.monotonic() + 10
    while link.stats().in_flight:
        assert time.monotonic() < deadline, link.stats()
        time.sleep(0.01)
    return served(link)


def wait_for(clients: Traffic, requests: int) -> None:
    """Wait until clients have asked so many more."""
    enough, deadline = len(clients.done) + requests, time.monotonic() + PATIENCE
    while len(clients.done) < enough:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def hooked(link: AgentLink, clients: Traffic, server: Server) -> Found:
    """Hook, let clients ask for a while, and unhook: what they asked in between is counted, and nothing after it."""
    before, asking = at_rest(link), time.monotonic()
    found = link.hook()
    since = time.monotonic()
    wait_for(clients, 60)
    until = time.monotonic()
    assert link.unhook() == ()
    over = time.monotonic()
    counted = at_rest(link) - before
    wait_for(clients, 10)
    assert 0.99 * clients.count(since, until) <= counted <= clients.overlapping(asking, over)
    stats = link.stats()
    assert (stats.hooked, stats.problems) == (False, ())
    assert set(stats.served) == {PATTERN[server.source]}
    assert served(link) - before == counted
    return found


@pytest.mark.parametrize("name", list(cases()))
def test_requests_carry_marks_while_hooked_and_none_fails(name: str, hub: AgentHub, place: Path) -> None:
    server = SERVERS[name]
    with live_server(server.command, server.source, place, depth=server.depth) as (port, pid):
        process = psutil.Process(pid)
        with traffic(port) as clients:
            for _ in range(2):
                link = attach(pid, hub, timeout=30).link
                found = hooked(link, clients, server)
                assert found.by == server.by
                assert found.missing.get("gunicorn") == BORROWED.get(name)
                if server.by == "server":
                    assert {(each.server, each.app, each.holder) for each in found.servers} == {
                        (server.name, server.app, server.holder)
                    }
                else:
                    assert (found.servers, found.entry or "") == ((), server.holder)
                assert link.detach() == ()
        assert clients.failures == []
        assert process.is_running()
        assert process.status() != psutil.STATUS_ZOMBIE


CONTRACT = (
    PROLOGUE
    + """
import io
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.util import FileWrapper

class Handler(WSGIRequestHandler):
    def log_message(self, *_):
        pass

class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

closed = []

class Parts:
    def __init__(self, slow):
        self.slow = slow
    def __iter__(self):
        yield b"one "
        time.sleep(self.slow)
        yield b"two"
    def close(self):
        closed.append(os.getpid())

def forked():
    pid = os.fork()
    if pid == 0:
        os._exit(7 if server.application is app else 8)
    return b"%d" % os.WEXITSTATUS(os.waitpid(pid, 0)[1])

def app(environ, start_response):
    path = environ["PATH_INFO"]
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    if path == "/stream":
        return Parts(float(environ["QUERY_STRING"] or 0))
    if path == "/file":
        return environ["wsgi.file_wrapper"](io.BytesIO(b"file"))
    if path == "/write":
        write(b"written ")
        return [b"and returned"]
    if path == "/fails":
        try:
            raise LookupError("mine")
        except LookupError:
            start_response("500 Internal Server Error", [("Content-Type", "text/plain")], sys.exc_info())
        return [b"failed"]
    if path == "/closed":
        return [b"%d" % len(closed)]
    if path == "/forked":
        return [forked()]
    return [b"ok"]

server = Server(("127.0.0.1", {port}), Handler)
server.set_app(app)
for _ in range(3):  # by then all is loaded that requests need
    server.handle_request()
time.sleep(0.2)
begin()
server.serve_forever()
"""
)
ANSWERS = {
    "/stream": (200, b"one two"),
    "/file": (200, b"file"),
    "/write": (200, b"written and returned"),
    "/fails": (500, b"failed"),
    "/forked": (200, b"7"),
    "/": (200, b"ok"),
}


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def versions() -> Iterator[object]:
    for version in find_attachable():
        yield pytest.param(version, marks=() if version in {"3.8", "3.13"} else (pytest.mark.slow,))


@pytest.mark.parametrize("version", list(versions()))
def test_responses_are_what_they_were_and_nothing_of_it_is_left(version: str, hub: AgentHub, place: Path) -> None:
    command = (str(find_attachable()[version]), "-u", "-c", CONTRACT)
    with live_server(command, "", place) as (port, pid):
        for _ in range(2):
            get(port, "/forked")
        while b"begun" not in (place / "server.log").read_bytes():
            time.sleep(0.01)
        for times in (1, 2):
            link = attach(pid, hub, timeout=30).link
            found = link.hook()
            assert [(each.server, each.app, each.seen) for each in found.servers] == [
                ("wsgiref", "__main__:app", "main thread")
            ]
            assert {path: get(port, path) for path in ANSWERS} == ANSWERS
            assert get(port, "/closed") == (200, str(times * 2 - 1).encode())
            assert at_rest(link) == len(ANSWERS) + 1
            with ThreadPoolExecutor() as pool:
                slow = pool.submit(get, port, "/stream?1")
                while not link.stats().in_flight:
                    time.sleep(0.01)
                assert link.unhook() == ()
                assert {path: get(port, path) for path in ANSWERS if path != "/stream"} == {
                    path: answer for path, answer in ANSWERS.items() if path != "/stream"
                }
                assert link.detach() == ()  # while that one is still being sent
                assert slow.result() == (200, b"one two")
            assert get(port, "/closed") == (200, str(times * 2).encode())
        time.sleep(0.3)  # the last thread has ended
    before, after, problems = json.loads((place / "server.log").read_bytes().split(b"begun\n")[1])
    assert problems == []
    assert after == before


STREAMS = """
import asyncio
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": kind + ".complete"})
            if kind == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"o", "more_body": True})
    await asyncio.sleep(1 if scope["path"] == "/slow" else 0)
    await send({"type": "http.response.body", "body": b"k"})
"""


def test_what_an_event_loop_is_sending_is_sent_to_its_end(hub: AgentHub, place: Path) -> None:
    with live_server(uvicorn(), STREAMS, place) as (port, pid):
        for _ in range(2):
            link = attach(pid, hub, timeout=30).link
            link.hook()
            with ThreadPoolExecutor() as pool:
                slow = [pool.submit(get, port, "/slow") for _ in range(2)]
                while link.stats().in_flight < 2:
                    time.sleep(0.01)
                assert get(port, "/quick") == (200, b"ok")
                while link.stats().in_flight > 2:
                    time.sleep(0.01)
                assert link.stats().served == {"GET /quick": 1}
                assert link.detach() == ()
                assert get(port, "/later") == (200, b"ok")
                assert [each.result() for each in slow] == [(200, b"ok"), (200, b"ok")]


OWN = """
import os
from wsgiref.simple_server import make_server
from site_app import app

def telling(environ, start_response):
    start_response("200 OK", [])
    return [b"%d" % (server.application is telling)]

server = make_server("127.0.0.1", {port}, telling)
server.serve_forever()
"""


def test_a_controller_that_is_gone_leaves_the_app_with_its_own(hub: AgentHub, place: Path) -> None:
    with live_server(python("-c", OWN), BARE, place) as (port, pid):
        for _ in range(2):
            link = attach(pid, hub, timeout=30).link
            link.hook()
            assert get(port, "/") == (200, b"0")
            link.close()  # as when it is killed: the agent sees the end of the connection
            deadline = time.monotonic() + 10
            while get(port, "/") != (200, b"1"):
                assert time.monotonic() < deadline


REPLACED = """
from wsgiref.simple_server import make_server
from site_app import app
server = make_server("127.0.0.1", {port}, app)

def late(environ, start_response):
    if environ["PATH_INFO"] == "/wrap":
        inner = server.application
        server.application = lambda *arguments: inner(*arguments)
    return app(environ, start_response)

server.set_app(late)
server.serve_forever()
"""


def test_what_the_app_has_wrapped_after_us_stays_and_is_named(hub: AgentHub, place: Path) -> None:
    with live_server(python("-c", REPLACED), BARE, place) as (port, pid):
        link = attach(pid, hub, timeout=30).link
        link.hook()
        assert get(port, "/wrap") == (200, b"ok")
        assert link.unhook() == ("wsgiref.simple_server.WSGIServer.application",)
        assert get(port, "/after") == (200, b"ok")
        assert "GET /after" not in link.stats().served
        link.hook()
        assert get(port, "/again") == (200, b"ok")
        at_rest(link)
        assert link.stats().served["GET /again"] == 1
        assert link.detach() == ()
        assert get(port, "/at-last") == (200, b"ok")
