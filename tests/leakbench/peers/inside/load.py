"""Calls a WSGI application with the requests that come over a pipe. Python 3.8, standard library only."""

from __future__ import annotations

import gc
import io
import json
import time
from collections import Counter
from typing import Any, BinaryIO, Callable, Dict, Iterable
from wsgiref.util import setup_testing_defaults

Application = Callable[[Dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class NoMoreRequestsError(Exception):
    """The pipe ended before the peer had called the app as often as planned."""


class Load:
    """The requests of one run.

    Each is one line of JSON, followed by as many bytes of body as it announces.
    """

    def __init__(self, application: Application, app: str, pipe: BinaryIO) -> None:
        self.app = app
        """Directory of the application."""
        self.seconds = 0.0
        """Spent in the application."""
        self.answers: Counter[str] = Counter()
        """How often it answered with each status; `raised` for an exception."""
        self._application = application
        self._pipe = pipe

    def run(self, count: int) -> None:
        """Call the application so many times, one after the other.

        Raises:
            NoMoreRequestsError: there are fewer left.
        """
        for _ in range(count):
            self._one()

    def collect(self) -> None:
        """Free garbage before a reading, unless the application has switched that off."""
        if gc.isenabled():
            gc.collect()

    def _one(self) -> None:
        line = self._pipe.readline()
        if not line:
            raise NoMoreRequestsError
        request = json.loads(line)
        environ = _environ(request, self._pipe.read(request["length"]))
        started = time.perf_counter()
        status = call(self._application, environ, leave=request["leave"])
        self.seconds += time.perf_counter() - started
        self.answers[status] += 1


def call(application: Application, environ: dict[str, Any], *, leave: bool) -> str:
    """One request, its answer read to the end and closed as a server does. Who leaves reads the first chunk only."""
    lines: list[str] = []

    def start_response(line: str, headers: object, exc_info: object | None = None) -> Callable[[bytes], object]:
        lines.append(line)
        return io.BytesIO().write

    try:
        answer = application(environ, start_response)
        try:
            for _ in answer:
                if leave:
                    break
        finally:
            close = getattr(answer, "close", None)
            if close is not None:
                close()
    except Exception:  # noqa: BLE001 - a server would log it and go on
        return "raised"
    return lines[-1][:3] if lines else "none"


def _environ(request: dict[str, Any], body: bytes) -> dict[str, Any]:
    path, _, query = request["path"].partition("?")
    environ: dict[str, Any] = {"REQUEST_METHOD": request["method"], "PATH_INFO": path, "QUERY_STRING": query}
    for name, value in request["headers"].items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key] = value
    environ["REMOTE_ADDR"] = "127.0.0.1"
    environ["wsgi.input"] = stream_of(body)
    setup_testing_defaults(environ)
    return environ


def stream_of(body: bytes) -> io.BytesIO:
    """A body that the application gets copies of, as from a socket: it allocates what it reads, and keeps if it leaks.

    A stream whose buffer is exactly full would give its own buffer away.
    """
    stream = io.BytesIO(body + b"\0")
    stream.truncate(len(body))
    return stream
