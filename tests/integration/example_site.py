"""Serving an example and visiting it, with nothing but the standard library."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlencode

Process: TypeAlias = "subprocess.Popen[bytes]"

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
HERE = Path(__file__).resolve().parent


def png(width: int, height: int, *, padding: int = 0) -> bytes:
    """A grey image, its file made `padding` bytes longer and unlike any other by random bytes in a chunk of its own."""
    rows = zlib.compress((b"\0" + b"\x80" * (3 * width)) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    random = secrets.token_bytes(16 + padding)
    chunks = ((b"IHDR", header), (b"raNd", random), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(kind, body) for kind, body in chunks)


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    def json(self) -> dict[str, object]:
        """The body, which must be a JSON object."""
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found


@dataclass
class Visitor:
    """A browser of sorts: keeps cookies, knows Django's CSRF token, reconnects for every request."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str) -> Answer:
        """GET without following redirects."""
        return self._send("GET", path, b"", {})

    def post(self, path: str, body: bytes, content_type: str, *, token: bool = True) -> Answer:
        """POST with the CSRF token as a header, unless told otherwise."""
        headers = {"Content-Type": content_type}
        if token and "csrftoken" in self.cookies:
            headers["X-CSRFToken"] = self.cookies["csrftoken"]
        return self._send("POST", path, body, headers)

    def upload(self, path: str, name: str, content: bytes, *, field: str = "file", token: bool = True) -> Answer:
        """POST one file and a title."""
        edge = secrets.token_hex(16)
        body = (
            f'--{edge}\r\nContent-Disposition: form-data; name="title"\r\n\r\nA title\r\n'
            f'--{edge}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        body += content + f"\r\n--{edge}--\r\n".encode()
        return self.post(path, body, f"multipart/form-data; boundary={edge}", token=token)

    def log_in(self, path: str, name: str, password: str) -> Answer:
        """Fetch Django's login page for its token, then send the form."""
        page = self.get(path).body.decode()
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert found is not None, page
        form = {"username": name, "password": password, "csrfmiddlewaretoken": found[1]}
        return self.post(path, urlencode(form).encode(), "application/x-www-form-urlencoded", token=False)

    def held(self) -> int:
        """Allocated blocks of the process that answers, where `counted_app` serves."""
        blocks = self.get("/held-by-this-process").json()["blocks"]
        assert isinstance(blocks, int)
        return blocks

    def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.read())
        finally:
            connection.close()
        for line in response.headers.get_all("Set-Cookie", []):
            self.cookies.update((name, morsel.value) for name, morsel in SimpleCookie(line).items())
        return answer


def free_port() -> int:
    """A port of 127.0.0.1 nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def process(command: list[str], *, directory: Path, env: Mapping[str, str], log: Path) -> Iterator[Process]:
    """Run a command for as long as the block lasts; its output goes to `log`."""
    with log.open("wb") as output:
        started = subprocess.Popen(command, cwd=directory, env=os.environ | dict(env), stdout=output, stderr=output)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(15)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@contextmanager
def gunicorn(app: str, *, directory: Path, env: Mapping[str, str], log: Path) -> Iterator[Visitor]:
    """Serve `app` from `directory` by one sync worker, with the page of `counted_app` beside it."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    with _serving([*command, "counted_app:application"], port, app, directory, env, log) as visitor:
        yield visitor


@contextmanager
def wsgiref(python: Path, app: str, *, directory: Path, env: Mapping[str, str], log: Path) -> Iterator[Visitor]:
    """The same by the standard library's server, under the interpreter `python`."""
    port = free_port()
    with _serving([str(python), str(HERE / "counted_app.py"), str(port)], port, app, directory, env, log) as visitor:
        yield visitor


@contextmanager
def _serving(
    command: list[str], port: int, app: str, directory: Path, env: Mapping[str, str], log: Path
) -> Iterator[Visitor]:
    env = {**env, "COUNTED_APP": app, "PYTHONPATH": f"{directory}:{HERE}"}
    with process(command, directory=directory, env=env, log=log) as server:
        wait_until(lambda: server.poll() is not None or _listens(port), 30, f"a server on port {port}")
        assert server.poll() is None, log.read_text()
        visitor = Visitor(port)
        visitor.held()
        yield visitor


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Ask `condition()` again and again until it is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
