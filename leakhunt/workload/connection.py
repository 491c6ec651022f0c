"""One HTTP/1.1 connection that streams request bodies, over TCP or a Unix socket.

On the standard library's http.client: it lets a body go out chunk by chunk from a generator, stop halfway, or end
short, and for a 500 MB upload it is faster and smaller than the clients measured beside it (docs/decisions).
"""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlsplit

from leakhunt.errors import UsageError
from leakhunt.units import Bytes, Seconds
from leakhunt.workload.body import Body
from leakhunt.workload.payloads.base import Chunk
from leakhunt.workload.scenario import Fault

_KEPT: Final = 1_000_000
"""Most bytes of an answer that are kept when an answer is asked for; a login page is smaller."""
_READ: Final = 65536
_SOON: Final[Seconds] = 0.02
"""Within this time after its answer a server closes a connection that it does not keep."""
_SAFE: Final = "/?&=%:@!$'()*+,;~[]-._"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go."""

    host: str
    port: int
    unix: str | None = None
    """Path of a Unix socket that is used instead of TCP; `host` then only names the server."""

    @property
    def authority(self) -> str:
        """Value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 80 else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to be sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Body | None = None
    fault: Fault | None = None
    drop_early: bool = False
    """With the fault `disconnect`: leave in the middle of the body instead of after it."""
    timeout: Seconds = 60.0
    keep_text: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request. `status` is None if no answer came, and `error` then says why."""

    status: int | None
    sent: Bytes
    error: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    text: str = ""
    connected: bool = True
    """False if there was nobody to send to."""

    def header(self, name: str) -> str | None:
        """The first header called `name`."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class _EndlessError(TimeoutError):
    """An answer goes on and on."""


@dataclass(slots=True)
class _Progress:
    sent: Bytes = 0
    error: str | None = field(default=None)
    answered: bool = False
    """The head of the answer has come."""
    hung_up: bool = False
    """The server closed the connection before that."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: Seconds) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Connection:
    """Sends one request after another, over one connection for as long as the server keeps it. For one thread."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._http: http.client.HTTPConnection | None = None
        self._reuse: bool | None = None
        """Whether the server keeps connections that it does not announce to close; None until that is known."""

    def send(self, request: Request) -> Answer:
        """Send `request` and read the whole answer. Never raises for what the network or the server does."""
        kept = self._http is not None
        progress = _Progress()
        answer = self._try(request, progress)
        if kept and progress.hung_up:
            # The server had closed the connection, and the request came too late to be read: it is sent once more over
            # a new one. This never happens twice, so that a worker that dies of its requests is not taken for it.
            self._reuse = False
            return self._try(request, _Progress())
        return answer

    def _try(self, request: Request, progress: _Progress) -> Answer:
        try:
            connection = self._connected(request.timeout)
        except OSError as error:
            self.close()
            return Answer(None, 0, _reason(error), connected=False)
        try:
            self._send_head(connection, request)
            if request.body is not None:
                _send_body(connection.sock, request, progress)
            if request.fault == "disconnect":
                return self._failed("disconnected on purpose", progress)
            if request.fault == "truncated":
                connection.sock.shutdown(socket.SHUT_WR)
            return self._read(connection, request, progress)
        except TimeoutError as error:
            what = "no end of the answer" if isinstance(error, _EndlessError) else "no progress"
            return self._failed(f"{what} for {request.timeout:g} s", progress)
        except ConnectionError as error:
            progress.hung_up = not progress.answered
            closed = isinstance(error, http.client.RemoteDisconnected)
            reason = "connection closed without an answer" if closed else _reason(error)
            return self._failed(progress.error or reason, progress)
        except (OSError, http.client.HTTPException) as error:
            return self._failed(progress.error or _reason(error), progress)

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def abort(self) -> None:
        """End whatever the connection is waiting for. For another thread."""
        sock = None if self._http is None else self._http.sock
        if sock is not None:
            with contextlib.suppress(OSError):  # it has just been closed
                sock.shutdown(socket.SHUT_RDWR)

    def _connected(self, timeout: Seconds) -> http.client.HTTPConnection:
        if self._http is not None and not _is_usable(self._http.sock):
            self.close()
        if self._http is None:
            self._http = self._new(timeout)
            self._http.connect()
        self._http.sock.settimeout(timeout)
        return self._http

    def _new(self, timeout: Seconds) -> http.client.HTTPConnection:
        if self._endpoint.unix is not None:
            return _UnixConnection(self._endpoint.unix, timeout)
        return http.client.HTTPConnection(self._endpoint.host, self._endpoint.port, timeout=timeout)

    def _send_head(self, connection: http.client.HTTPConnection, request: Request) -> None:
        headers = {"Host": self._endpoint.authority, "Accept": "*/*", "User-Agent": "leakhunt"}
        if request.body is not None:
            headers["Content-Length"] = str(request.body.length)
            if request.body.content_type is not None:
                headers["Content-Type"] = request.body.content_type
        elif request.method not in ("GET", "HEAD", "OPTIONS"):
            headers["Content-Length"] = "0"
        _override(headers, request.headers)
        connection.putrequest(
            request.method, quote(request.path, safe=_SAFE), skip_host=True, skip_accept_encoding=True
        )
        for name, value in headers.items():
            connection.putheader(name, value.encode())
        connection.endheaders()

    def _read(self, connection: http.client.HTTPConnection, request: Request, progress: _Progress) -> Answer:
        _acknowledge_at_once(connection.sock)
        response = connection.getresponse()
        progress.answered = True
        text = _drain(response, keep=_KEPT if request.keep_text else 0, timeout=request.timeout)
        unsent = request.body is not None and progress.sent < request.body.length
        if response.will_close or unsent or not self._is_kept(connection.sock):
            self.close()
        return Answer(response.status, progress.sent, headers=tuple(response.getheaders()), text=text)

    def _is_kept(self, sock: socket.socket) -> bool:
        """Whether the server keeps its connections, which is learned from what it does after its first answer."""
        if self._reuse is None:
            self._reuse = not select.select([sock], [], [], _SOON)[0]
        return self._reuse

    def _failed(self, error: str, progress: _Progress) -> Answer:
        self.close()
        return Answer(None, progress.sent, error)


def endpoint_for(base_url: str, unix: str | None) -> Endpoint:
    """The endpoint of `http://host:port`.

    Raises:
        UsageError: it is no such URL.
    """
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"no valid address: {error}", "write for example http://127.0.0.1:8000") from error
    if parts.scheme != "http" or not parts.hostname:
        raise UsageError(f"only http can be replayed, not {parts.scheme or 'this'}", "give the server behind the proxy")
    return Endpoint(parts.hostname, 80 if port is None else port, unix)


def _override(headers: dict[str, str], others: Mapping[str, str]) -> None:
    """Put `others` into `headers`; names are the same whatever their case."""
    for name, value in others.items():
        for known in [known for known in headers if known.lower() == name.lower()]:
            del headers[known]
        headers[name] = value


def _is_usable(sock: socket.socket | None) -> bool:
    """Whether a kept connection is still open: one that has something to read was closed by the server."""
    return sock is not None and not select.select([sock], [], [], 0)[0]


def _acknowledge_at_once(sock: socket.socket) -> None:
    """Keep servers that send the head and the body of an answer apart from waiting 40 ms in between."""
    if sock.family != socket.AF_UNIX and hasattr(socket, "TCP_QUICKACK"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _send_body(sock: socket.socket, request: Request, progress: _Progress) -> None:
    """Send the body, or the part of it that the fault allows, until the server hangs up or answers before its end."""
    assert request.body is not None
    chunks = request.body.chunks()
    if request.fault == "truncated" or (request.fault == "disconnect" and request.drop_early):
        chunks = _first(chunks, request.body.length // 2)
    early = select.poll()
    early.register(sock, select.POLLIN)
    try:
        for chunk in chunks:
            sock.sendall(chunk)
            progress.sent += len(chunk)
            if early.poll(0):
                return
    except (BrokenPipeError, ConnectionResetError) as error:
        # The answer that explains it, 413 for example, may have come before the hang-up.
        progress.error = _reason(error)


def _first(chunks: Iterator[Chunk], length: Bytes) -> Iterator[Chunk]:
    for chunk in chunks:
        if length <= 0:
            return
        yield chunk[:length]
        length -= len(chunk)


def _drain(response: http.client.HTTPResponse, *, keep: Bytes, timeout: Seconds) -> str:
    """Read to the end of the answer, an event stream's too if it comes in time."""
    kept = bytearray()
    deadline = time.monotonic() + timeout
    while data := response.read1(_READ):
        if len(kept) < keep:
            kept += data
        if time.monotonic() > deadline:
            raise _EndlessError
    response.read()  # read1 leaves an answer open that has come to its Content-Length
    return kept.decode(errors="replace")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__
