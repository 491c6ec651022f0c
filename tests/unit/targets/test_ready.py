from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from leakhunt.targets.base import Address
from leakhunt.targets.ready import answers, ask

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Listening:
    """A server that gives everyone the same answer, and remembers what it was asked."""

    def __init__(self, server: socket.socket, address: Address, answer: bytes) -> None:
        self.address, self.asked = address, b""
        self._server, self._answer = server, answer

    def serve(self) -> None:
        connection, _ = self._server.accept()
        with connection:
            connection.settimeout(10)
            while b"\r\n\r\n" not in self.asked and (part := connection.recv(4096)):
                self.asked += part
            connection.sendall(self._answer)

    def lines(self) -> list[str]:
        return self.asked.decode("latin-1").split("\r\n")


@contextmanager
def serving(answer: bytes, unix: Path | None = None) -> Iterator[Listening]:
    if unix is None:
        server = socket.create_server(("127.0.0.1", 0))
        address = Address("http", "127.0.0.1", int(server.getsockname()[1]))
    else:
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(unix))
        server.listen()
        address = Address("http", "localhost", None, unix=str(unix))
    with server:
        server.settimeout(10)
        made = Listening(server, address, answer)
        thread = threading.Thread(target=made.serve)
        thread.start()
        try:
            yield made
        finally:
            thread.join()


@pytest.fixture
def closed() -> Address:
    """Where nobody listens any more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return Address("http", "127.0.0.1", int(server.getsockname()[1]))


def get(address: Address, path: str = "/", *, timeout: float = 10.0, **headers: str) -> int | None:
    return ask(address, path, headers=headers, timeout=timeout, keep_waiting=lambda: True)


def test_who_listens_answers_and_who_does_not_does_not(closed: Address, launch_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert answers(Address("http", "127.0.0.1", int(server.getsockname()[1])))
    assert not answers(closed)
    assert not answers(Address("http", "localhost", None, unix=str(launch_dir / "absent.sock")))


def test_a_unix_socket_that_was_left_behind_does_not_answer(launch_dir: Path) -> None:
    path = launch_dir / "site.sock"
    address = Address("http", "localhost", None, unix=str(path))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert answers(address)
    assert path.exists()
    assert not answers(address)


@pytest.mark.parametrize("status", [200, 302, 404, 503])
def test_the_status_of_the_answer_is_told_whatever_it_is(status: int) -> None:
    with serving(b"HTTP/1.1 %d Well\r\nContent-Length: 0\r\n\r\n" % status) as server:
        assert get(server.address) == status


def test_an_answer_without_an_end_is_not_waited_for() -> None:
    with serving(b"HTTP/1.0 200 OK\r\n\r\nand so on") as server:
        assert get(server.address) == 200


def test_an_interim_answer_is_not_the_answer() -> None:
    with serving(b"HTTP/1.1 100 Continue\r\n\r\n" + OK) as server:
        assert get(server.address) == 200


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 ", b"\xff\xfe\r\n\r\n"])
def test_what_is_no_http_is_no_answer(answer: bytes) -> None:
    with serving(answer) as server:
        assert get(server.address) is None


def test_nobody_there_is_no_answer(closed: Address) -> None:
    assert get(closed) is None


def test_the_request_names_the_host_and_asks_for_no_second_one() -> None:
    with serving(OK) as server:
        get(server.address, "/health?full=1")
    assert server.lines()[0] == "GET /health?full=1 HTTP/1.1"
    assert f"Host: 127.0.0.1:{server.address.port}" in server.lines()
    assert "Connection: close" in server.lines()


def test_headers_of_the_user_replace_ours_however_they_are_written() -> None:
    with serving(OK) as server:
        get(server.address, host="shop.example", Authorization="Basic eA==")
    names = [line.partition(":")[0].lower() for line in server.lines()[1:] if line]
    assert sorted(names) == ["authorization", "connection", "host", "user-agent"]
    assert "host: shop.example" in server.lines()


def test_a_unix_socket_is_asked_for_localhost(launch_dir: Path) -> None:
    with serving(OK, launch_dir / "site.sock") as server:
        assert get(server.address) == 200
    assert "Host: localhost" in server.lines()


def test_a_target_that_is_silent_is_given_up_at_the_end_of_its_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = Address("http", "127.0.0.1", int(server.getsockname()[1]))
        assert get(address, timeout=0.1) is None


def test_a_target_that_is_silent_is_given_up_when_it_is_no_longer_worth_it() -> None:
    worth_it = iter([False])
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = Address("http", "127.0.0.1", int(server.getsockname()[1]))
        assert ask(address, "/", headers={}, timeout=20, keep_waiting=lambda: next(worth_it)) is None
    assert list(worth_it) == []
