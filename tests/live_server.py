"""Real web servers that run already, and clients that keep asking them while somebody attaches."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

PATIENCE = 30.0

BARE = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""
FLASK = """
from flask import Flask
app = Flask(__name__)

@app.get("/items/<int:number>")
def item(number):
    return "ok"
"""
FASTAPI = """
import asyncio
from fastapi import APIRouter, FastAPI
from fastapi.responses import PlainTextResponse
app = FastAPI()
router = APIRouter()

@router.get("/{number}", response_class=PlainTextResponse)
async def item(number: int):
    await asyncio.sleep(0.01)
    return "ok"

app.include_router(router, prefix="/items")
"""
STARLETTE = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

async def item(request):
    return PlainTextResponse("ok")

app = Starlette(routes=[Mount("/items", routes=[Route("/{number:int}", item)])])
"""
DJANGO = """
import os, sys
from django.conf import settings
from django.http import HttpResponse
from django.urls import path
if not settings.configured:
    settings.configure(
        ROOT_URLCONF="site_app", ALLOWED_HOSTS=["*"], SECRET_KEY="x", MIDDLEWARE=[], INSTALLED_APPS=[],
        WSGI_APPLICATION="site_app.wsgi", DEBUG=True,
    )
urlpatterns = [path("items/<int:number>", lambda request, number: HttpResponse("ok"))]
if __name__ == "__main__":
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
else:
    from django.core.asgi import get_asgi_application
    from django.core.wsgi import get_wsgi_application
    wsgi, asgi = get_wsgi_application(), get_asgi_application()
"""


@dataclass
class Traffic:
    """What clients have seen so far."""

    port: int
    done: list[tuple[float, float]] = field(default_factory=list)
    """When each request began and ended."""
    failures: list[str] = field(default_factory=list)
    stopping: bool = False

    def count(self, since: float, until: float) -> int:
        """Requests that began and ended in between."""
        return sum(since <= began and ended <= until for began, ended in list(self.done))

    def overlapping(self, since: float, until: float) -> int:
        """Requests that were under way at some moment in between."""
        return sum(ended >= since and began <= until for began, ended in list(self.done))

    def ask(self, number: int, connection: http.client.HTTPConnection) -> None:
        began = time.monotonic()
        try:
            connection.request("GET", f"/items/{number}")
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self.failures.append(repr(error))
            return
        if (response.status, body) != (200, b"ok"):
            self.failures.append(f"{response.status} {body!r}")
        self.done.append((began, time.monotonic()))

    def keep_asking(self, *, keep_alive: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        number = 0
        while not self.stopping:
            number += 1
            self.ask(number, connection)
            if not keep_alive:
                connection.close()
            time.sleep(0.005)
        connection.close()


@contextlib.contextmanager
def traffic(port: int) -> Iterator[Traffic]:
    """Two clients that ask all the time, one of them over one connection as long as the server allows it."""
    made = Traffic(port)
    clients = [threading.Thread(target=made.keep_asking, kwargs={"keep_alive": each}) for each in (True, False)]
    for client in clients:
        client.start()
    try:
        yield made
    finally:
        made.stopping = True
        for client in clients:
            client.join()


@contextlib.contextmanager
def live_server(
    command: Sequence[str], source: str, directory: Path, *, depth: int = 0, boot: Path | None = None
) -> Iterator[tuple[int, int]]:
    """Start one with the app in `site_app.py`; yields its port and the pid of the process that serves, `depth` below.

    `{port}` in the command is replaced. `boot` stands first on its PYTHONPATH: the agent it is launched with, or
    packages.
    """
    (directory / "site_app.py").write_text(source)
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = int(reserved.getsockname()[1])
    words = [word.replace("{port}", str(port)) for word in command]
    search = os.pathsep.join(str(each) for each in (boot, directory) if each is not None)
    environment = {**os.environ, "PYTHONPATH": search, "PYTHONWARNINGS": "ignore"}
    with (directory / "server.log").open("wb") as log:
        process = subprocess.Popen(words, cwd=directory, env=environment, stdout=log, stderr=log)
    try:
        _wait(port, process, directory / "server.log")
        yield port, _serving(process.pid, depth)
    finally:
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.terminate()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.terminate()
        process.wait(timeout=PATIENCE)
    text = (directory / "server.log").read_text(errors="replace")
    assert "Traceback" not in text, text


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
                connection.sendall(b"GET /items/0 HTTP/1.0\r\nHost: localhost\r\n\r\n")
                if connection.recv(64).startswith(b"HTTP/"):
                    return
        except OSError:
            pass
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.05)


def _serving(pid: int, depth: int) -> int:
    for _ in range(depth):
        (child,) = psutil.Process(pid).children()
        pid = child.pid
    return pid


def python(*words: str) -> tuple[str, ...]:
    return (sys.executable, *words)
