"""Serves `MODULE:CALLABLE` with nothing but the standard library, for interpreters that have no WSGI server.

Run as `python stdlib_server.py --bind HOST:PORT [--threads N] MODULE:CALLABLE`, in the directory that holds MODULE.
Quiet but for the app's own output. Bodies are streamed; `Expect: 100-continue` is honoured; one request per connection.
"""

from __future__ import annotations

import argparse
import importlib
import os
import queue
import signal
import socket
import socketserver
import sys
import threading
import time
from io import BufferedIOBase
from typing import Any, Callable, Iterator, List, Optional, Tuple
from wsgiref.handlers import SimpleHandler
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

_CHUNK = 1 << 16
_PATIENCE = 0.2
"""Seconds between two looks at whether to end."""
_LINGER = 2.0
"""Seconds given to a client to take in an answer that came before its whole body was read."""


class Body:
    """A request body that ends where Content-Length says, though the connection stays open."""

    def __init__(self, stream: BufferedIOBase, length: int) -> None:
        self._stream = stream
        self.left = length

    def read(self, size: Optional[int] = -1) -> bytes:
        return self._take(self._stream.read, size)

    def read1(self, size: Optional[int] = -1) -> bytes:
        """What has come in already, or else the next bytes that do; `read` waits for all of `size`."""
        return self._take(self._stream.read1, size)

    def readline(self, size: Optional[int] = -1) -> bytes:
        return self._take(self._stream.readline, size)

    def readlines(self, hint: Optional[int] = None) -> List[bytes]:
        lines, total = [], 0
        for line in self:
            lines.append(line)
            total += len(line)
            if hint and total >= hint:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _take(self, read: Callable[[int], bytes], size: Optional[int]) -> bytes:
        wanted = self.left if size is None or size < 0 else min(size, self.left)
        data = read(wanted) if wanted else b""
        self.left -= len(data)
        return data


class Handler(WSGIRequestHandler):
    """One connection, one request."""

    server: "Server"

    # The answer is HTTP/1.0 all the same; without this `Expect: 100-continue` would be ignored.
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        self.raw_requestline = self.rfile.readline(_CHUNK + 1)
        if not self.raw_requestline:
            return
        if len(self.raw_requestline) > _CHUNK:
            self.requestline = self.request_version = self.command = ""
            self.send_error(414)
            return
        if not self.parse_request():
            return
        length = self._length()
        if length is None:
            self._linger(Body(self.rfile, sys.maxsize))
            return
        body = Body(self.rfile, length)
        environ = self.get_environ()
        handler = SimpleHandler(body, self.wfile, sys.stderr, environ, self.server.threads > 1, multiprocess=False)  # type: ignore[arg-type]  # all of it that PEP 3333 asks for
        handler.run(self.server.get_app())  # type: ignore[arg-type]  # None only before set_app
        self._linger(body)

    def _length(self) -> Optional[int]:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            self.send_error(411)
            return None
        text = self.headers.get("Content-Length") or "0"
        if not text.isdigit():
            self.send_error(400)
            return None
        return int(text)

    def _linger(self, body: Body) -> None:
        """Read what was left unread: closing on it would reset the connection and lose the answer."""
        if not body.left:
            return
        deadline = time.monotonic() + _LINGER
        try:
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_LINGER)
            while time.monotonic() < deadline and body.read1(_CHUNK):
                pass
        except OSError:
            return  # The client did not wait for it.

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name is the base class's
        """Write no access log."""


class Server(WSGIServer):
    """Accepts in the main thread; requests run there too, or in a fixed number of threads."""

    request_queue_size = 128

    def __init__(self, address: Tuple[str, int], threads: int) -> None:
        super().__init__(address, Handler)
        self.threads = threads
        self._accepted: "queue.SimpleQueue[Tuple[Any, Any]]" = queue.SimpleQueue()
        for _ in range(threads if threads > 1 else 0):
            threading.Thread(target=self._work, daemon=True).start()

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks the DNS for a name.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        if self.threads > 1:
            self._accepted.put((request, client_address))
        else:
            super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that went away is no error of the app.
        if not isinstance(sys.exc_info()[1], (ConnectionError, socket.timeout)):
            super().handle_error(request, client_address)

    def _work(self) -> None:
        while True:
            request, client_address = self._accepted.get()
            try:
                super().process_request(request, client_address)
            except Exception:
                self.handle_error(request, client_address)
                self.shutdown_request(request)


def load(app: str) -> Callable[..., Any]:
    """The WSGI callable named by `MODULE:CALLABLE` or `MODULE:FACTORY()`."""
    module, _, name = app.partition(":")
    found = getattr(importlib.import_module(module), name[:-2] if name.endswith("()") else name, None)
    if found is None:
        raise SystemExit("Failed to find attribute %r in %r." % (name, module))
    if name.endswith("()"):
        found = found()
    if not callable(found):
        raise SystemExit("Application object must be callable.")
    return found  # type: ignore[no-any-return]  # any object that can be called is taken for a WSGI app


def main() -> None:
    """Load the app, then serve it until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bind", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("app")
    options = parser.parse_args()
    host, _, port = options.bind.rpartition(":")
    # As under `python -m` and gunicorn, the app is looked for in the working directory, not beside this file.
    if sys.path[0] == os.path.dirname(os.path.abspath(__file__)):
        del sys.path[0]
    sys.path.insert(0, os.getcwd())
    app = load(options.app)
    server = Server((host, int(port)), options.threads)
    server.set_app(app)
    # A flag, not an exception: wsgiref swallows whatever is raised while it handles a request.
    ending: List[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ending.append(number))
    server.timeout = _PATIENCE
    while not ending:
        server.handle_request()


if __name__ == "__main__":
    main()
