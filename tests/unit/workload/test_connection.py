from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Final

import pytest

from leakhunt.workload.body import Body
from leakhunt.workload.connection import Connection, Endpoint, Request

TEXT: Final = Body("text/plain", (b"hello",))


@pytest.fixture
def dripping() -> Iterator[Endpoint]:
    """A server whose answer never ends: an event stream."""
    stopped = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
                while not stopped.is_set():
                    try:
                        connection.sendall(b"data: tick\n\n")
                    except OSError:  # the client has had enough
                        return
                    time.sleep(0.02)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Endpoint("127.0.0.1", server.getsockname()[1])
        stopped.set()
        thread.join()


def test_an_answer_that_never_ends_is_given_up(dripping: Endpoint) -> None:
    connection = Connection(dripping)
    answer = connection.send(Request("GET", "/events", {}, timeout=0.3))
    connection.close()
    assert answer.status is None
    assert answer.error == "no end of the answer for 0.3 s"


class ClosingServer:
    """Answers as if it kept the connection, and closes it; `delay` seconds after its answer."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.bodies: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.endpoint = Endpoint("127.0.0.1", self._server.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                request = b""
                while not request.endswith(b"hello") and (data := connection.recv(65536)):
                    request += data
                if not request:
                    continue
                self.bodies.append(request.partition(b"\r\n\r\n")[2])
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                time.sleep(self.delay)


@pytest.fixture(params=[0.0, 0.1], ids=["at once", "later"])
def closing(request: pytest.FixtureRequest) -> Iterator[ClosingServer]:
    server = ClosingServer(request.param)
    yield server
    server.close()


def test_a_server_that_closes_without_a_word_is_asked_over_new_connections(closing: ClosingServer) -> None:
    connection = Connection(closing.endpoint)
    answers = [connection.send(Request("POST", f"/{number}", {}, body=TEXT)) for number in range(6)]
    connection.close()
    assert [answer.status for answer in answers] == [200] * 6
    assert closing.bodies == [b"hello"] * 6


def test_a_server_that_dies_of_a_request_is_not_asked_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        seen: list[bytes] = []

        def serve() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                with connection:
                    seen.append(connection.recv(65536))

        thread = threading.Thread(target=serve)
        thread.start()
        connection = Connection(Endpoint("127.0.0.1", server.getsockname()[1]))
        answers = [connection.send(Request("GET", "/dying", {})) for _ in range(2)]
        thread.join()
    assert [answer.error for answer in answers] == ["connection closed without an answer"] * 2
    assert len(seen) == 2
