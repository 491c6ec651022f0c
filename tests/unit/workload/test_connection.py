from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from leakhunt.workload.connection import Connection, Endpoint, Request


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
