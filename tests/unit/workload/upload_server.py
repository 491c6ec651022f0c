"""A real HTTP server that remembers exactly what arrived."""

from __future__ import annotations

import email.parser
import email.policy
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

READ = 1 << 20


@dataclass(frozen=True)
class Part:
    name: str
    filename: str | None
    content_type: str
    data: bytes


@dataclass(frozen=True)
class Arrived:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    complete: bool
    """Whether as many bytes came as Content-Length promised."""
    connection: int
    """Number of the connection it came over."""

    def parts(self) -> dict[str, Part]:
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + self.body)
        assert isinstance(message, EmailMessage)
        assert not message.defects
        return {part.name: part for part in map(_part, message.iter_parts())}


def _part(message: Any) -> Part:
    disposition = message["Content-Disposition"].params
    filename = disposition.get("filename")
    return Part(disposition["name"], filename, message.get_content_type(), message.get_payload(decode=True))


@dataclass(frozen=True)
class Reply:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    close: bool = False


Answer = Callable[[Arrived], Reply]


class UploadServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answer: Answer, *, reads_bodies: bool = True, unix: Path | None = None) -> None:
        self.answer = answer
        self.reads_bodies = reads_bodies
        self._arrived: list[Arrived] = []
        self._lock = threading.Lock()
        self.connections = 0
        if unix is not None:
            self.address_family = socket.AF_UNIX
        address: Any = ("127.0.0.1", 0) if unix is None else str(unix)
        super().__init__(address, _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def arrived(self) -> list[Arrived]:
        with self._lock:
            return list(self._arrived)

    def wait_for(self, count: int) -> list[Arrived]:
        """What arrived, once it is at least `count` requests: the client may be gone before the server has noticed."""
        deadline = time.monotonic() + 10
        while len(self.arrived) < count and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.arrived

    def record(self, arrived: Arrived) -> None:
        with self._lock:
            self._arrived.append(arrived)

    def next_connection(self) -> int:
        with self._lock:
            self.connections += 1
            return self.connections


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: UploadServer

    def setup(self) -> None:
        self.number = self.server.next_connection()
        super().setup()

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self._body(length) if self.server.reads_bodies else b""
        headers = {name.lower(): value for name, value in self.headers.items()}
        arrived = Arrived(self.command, self.path, headers, body, len(body) == length, self.number)
        self.server.record(arrived)
        reply = self.server.answer(arrived)
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        if reply.close:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve  # noqa: N815 - http.server's names

    def _body(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            try:
                chunk = self.rfile.read(min(READ, length - len(data)))
            except OSError:
                break
            if not chunk:
                break
            data += chunk
        return bytes(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


@contextmanager
def serving(
    answer: Answer = lambda _: Reply(), *, reads_bodies: bool = True, unix: Path | None = None
) -> Iterator[UploadServer]:
    with UploadServer(answer, reads_bodies=reads_bodies, unix=unix) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
