"""Requests that are sent again and again inside the test's process, by clients that keep nothing of them."""

from __future__ import annotations

import io
import json as json_
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import pytest

_BOUNDARY: Final = "leakhunt-boundary-of-parts"

Run = Callable[[str, Callable[[], object]], None]
"""Checks what is sent under a name."""


class Client(ABC):
    """A test client whose every request is a check. Returns the response to the first one."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def get(self, path: str, *args: Any, **kwargs: Any) -> Any:
        """Send GET, again and again."""
        __tracebackhide__ = True
        return self._repeat("get", path, args, kwargs)

    def post(self, path: str, *args: Any, **kwargs: Any) -> Any:
        """Send POST, again and again."""
        __tracebackhide__ = True
        return self._repeat("post", path, args, kwargs)

    def put(self, path: str, *args: Any, **kwargs: Any) -> Any:
        """Send PUT, again and again."""
        __tracebackhide__ = True
        return self._repeat("put", path, args, kwargs)

    def patch(self, path: str, *args: Any, **kwargs: Any) -> Any:
        """Send PATCH, again and again."""
        __tracebackhide__ = True
        return self._repeat("patch", path, args, kwargs)

    def delete(self, path: str, *args: Any, **kwargs: Any) -> Any:
        """Send DELETE, again and again."""
        __tracebackhide__ = True
        return self._repeat("delete", path, args, kwargs)

    @abstractmethod
    def _send(self, method: str, path: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """One request; its response."""

    def _repeat(self, method: str, path: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        __tracebackhide__ = True
        kept = _keep((args, kwargs))

        def send_once() -> Any:
            __tracebackhide__ = True
            return self._send(method, path, *_open(kept))

        first = send_once()

        def send() -> None:
            __tracebackhide__ = True
            response = send_once()
            if response.status_code != first.status_code:
                pytest.fail(
                    f"leakhunt sent {method.upper()} {path} again and again: the first was answered with "
                    f"{first.status_code}, a later one with {response.status_code}",
                    pytrace=False,
                )
            _close(response)

        self._run(f"{method.upper()} {path}", send)
        return first


class ForeignClient(Client):
    """Somebody else's test client."""

    def __init__(self, client: Any, run: Run) -> None:
        super().__init__(run)
        self.client = client

    def _send(self, method: str, path: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        __tracebackhide__ = True
        return getattr(self.client, method)(path, *args, **kwargs)


class DjangoClient(ForeignClient):
    """Django's.

    With each request it connects signals to functions that live for ever, and disconnects them. What `weakref.finalize`
    keeps for that, a kilobyte each time, is never given back.
    """

    def __init__(self, client: Any, run: Run) -> None:
        if client is None:
            from django.test import Client as OwnClient

            client = OwnClient()
        super().__init__(client, run)

    def _send(self, method: str, path: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        __tracebackhide__ = True
        with _connections_forgotten():
            return super()._send(method, path, args, kwargs)


@contextmanager
def _connections_forgotten() -> Iterator[None]:
    """Undo the finalizers of signals that the test client itself connects meanwhile; the application's stay."""
    from django.dispatch import dispatcher
    from django.test import client

    recorder = _Finalizers(dispatcher.weakref, client.__file__)
    dispatcher.weakref = recorder
    try:
        yield
    finally:
        dispatcher.weakref = recorder.original
        for finalizer in recorder.made:
            finalizer.detach()


class _Finalizers:
    """In place of the module `weakref`: notes the finalizers made for one file."""

    def __init__(self, original: Any, file: str) -> None:
        self.original = original
        self.made: list[Any] = []
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)

    def finalize(self, *args: Any, **kwargs: Any) -> Any:
        """As `weakref.finalize`; called by `Signal.connect`, whose caller counts."""
        made = self.original.finalize(*args, **kwargs)
        if sys._getframe(2).f_code.co_filename == self._file:  # noqa: SLF001  # nothing else tells the caller
            self.made.append(made)
        return made


@dataclass(frozen=True, slots=True)
class Response:
    """What a WSGI application answers."""

    status_code: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class WsgiClient(Client):
    """Calls a WSGI application as a server would.

    Of each request: `params` (query), `headers`, and `data` (bytes, or fields of a form), `json` or `files`. A file is
    its bytes, or (name, bytes), or (name, bytes, type).
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], run: Run) -> None:
        super().__init__(run)
        self._app = app

    def _send(self, method: str, path: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Response:
        __tracebackhide__ = True
        environ = _environ(method, path, *args, **kwargs)
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if exc_info and started:
                raise exc_info[1].with_traceback(exc_info[2])
            started[:] = [status, headers]
            return lambda _: None

        answer = self._app(environ, start_response)
        try:
            body = b"".join(answer)
        finally:
            _close(answer)
        status, headers = started
        return Response(int(status.split()[0]), tuple(headers), body)


def _environ(
    method: str,
    path: str,
    *,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    data: bytes | str | Mapping[str, Any] | None = None,
    json: Any = None,
    files: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    parts = urlsplit(path)
    body, kind = _body(data, json, files)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method.upper(),
        "SCRIPT_NAME": "",
        "PATH_INFO": parts.path,
        "QUERY_STRING": urlencode(params, doseq=True) if params else parts.query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(body)),
    }
    if kind:
        environ["CONTENT_TYPE"] = kind
    for name, value in (headers or {}).items():
        key = name.upper().replace("-", "_")
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
    return environ


def _body(data: Any, json: Any, files: Mapping[str, Any] | None) -> tuple[bytes, str | None]:
    if files:
        return _multipart(data or {}, files), f"multipart/form-data; boundary={_BOUNDARY}"
    if json is not None:
        return json_.dumps(json).encode(), "application/json"
    if isinstance(data, Mapping):
        return urlencode(data, doseq=True).encode(), "application/x-www-form-urlencoded"
    return (data.encode() if isinstance(data, str) else data or b""), None


def _multipart(fields: Mapping[str, Any], files: Mapping[str, Any]) -> bytes:
    parts: list[tuple[str, str | None, bytes]] = []
    parts += [(f'name="{name}"', None, str(value).encode()) for name, value in fields.items()]
    for name, file in files.items():
        file_name, content, *rest = file if isinstance(file, tuple) else (name, file)
        content = content.read() if hasattr(content, "read") else content
        described = f'name="{name}"; filename="{file_name}"'
        parts.append((described, rest[0] if rest else "application/octet-stream", content))
    body = bytearray()
    for described, kind, content in parts:
        body += f"--{_BOUNDARY}\r\nContent-Disposition: form-data; {described}\r\n".encode()
        body += f"Content-Type: {kind}\r\n\r\n".encode() if kind else b"\r\n"
        body += content + b"\r\n"
    return bytes(body) + f"--{_BOUNDARY}--\r\n".encode()


class _File(io.BytesIO):
    """A file to upload; clients ask for its name, and some close it."""

    def __init__(self, content: bytes, name: str | None) -> None:
        super().__init__(content)
        if name is not None:
            self.name = name


class _Kept:
    """A file among the arguments of a request, read once."""

    def __init__(self, file: Any) -> None:
        content = file.read()
        self._content = content.encode() if isinstance(content, str) else content
        self._name = getattr(file, "name", None)

    def open(self) -> _File:
        """From its start."""
        return _File(self._content, self._name)


def _keep(value: Any) -> Any:
    """Arguments with their files read, so that they can be sent again and again."""
    return _Kept(value) if hasattr(value, "read") else _map(_keep, value)


def _open(value: Any) -> Any:
    """The same arguments with files that are new."""
    return value.open() if isinstance(value, _Kept) else _map(_open, value)


def _map(change: Callable[[Any], Any], value: Any) -> Any:
    if type(value) is dict:
        return {key: change(each) for key, each in value.items()}
    return type(value)(change(each) for each in value) if type(value) in {list, tuple} else value


def _close(thing: Any) -> None:
    close = getattr(thing, "close", None)
    if close is not None:
        close()
