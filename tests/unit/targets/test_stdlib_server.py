from __future__ import annotations

import hashlib
import http.client
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from conftest import find_interpreters
from leakhunt.targets import ports, stdlib_server

SERVER = Path(str(stdlib_server.__file__))
APP = """
import hashlib, sys, threading, time

def application(environ, start_response):
    path, body = environ["PATH_INFO"], environ["wsgi.input"]
    if path == "/digest":
        digest = hashlib.sha256()
        size = 0
        while True:
            chunk = body.read(1 << 16)
            if not chunk:
                break
            digest.update(chunk)
            size += len(chunk)
        answer = "%d %s" % (size, digest.hexdigest())
    elif path == "/everything":
        answer = repr((body.read(), body.read(), body.readline()))
    elif path == "/lines":
        answer = repr([line for line in body])
    elif path == "/refuse":
        start_response("413 Content Too Large", [])
        return [b"too large"]
    elif path == "/meet":
        BARRIER.wait(10)
        answer = str(environ["wsgi.multithread"])
    elif path == "/peak":
        import resource
        answer = str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    else:
        answer = "%s %s %d" % (path, sys.path[0], sys.version_info[1])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer.encode()]

BARRIER = threading.Barrier(2)

def factory():
    return application

"""

Serve = Callable[..., int]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    (tmp_path / "site_of_test.py").write_text(APP)
    started: list[subprocess.Popen[bytes]] = []

    def start(python: str | Path = sys.executable, *options: str, app: str = "application") -> int:
        command = [str(python), str(SERVER), "--bind", "127.0.0.1:0", *options, f"site_of_test:{app}"]
        process = subprocess.Popen(command, cwd=tmp_path)
        started.append(process)
        while not (found := ports.listeners([process.pid])):
            assert process.poll() is None
            time.sleep(0.02)
        (listener,) = found
        assert listener.port is not None
        return listener.port

    yield start
    for process in started:
        process.terminate()
        process.wait()


def ask(port: int, path: str, body: bytes | None = None) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET" if body is None else "POST", path, body)
        response = connection.getresponse()
        return response.status, response.read().decode()


@pytest.mark.parametrize(("version", "python"), find_interpreters().items())
def test_every_interpreter_serves_an_app_of_its_working_directory(
    serve: Serve, tmp_path: Path, version: str, python: Path
) -> None:
    port = serve(python)
    assert ask(port, "/hello") == (200, f"/hello {tmp_path} {version.partition('.')[2]}")
    assert ask(port, "/everything", b"one\ntwo") == (200, "(b'one\\ntwo', b'', b'')")


def test_a_large_body_is_streamed_and_arrives_whole(serve: Serve) -> None:
    port = serve()
    before = int(ask(port, "/peak")[1])
    body = bytes(range(256)) * 4096 * 64
    assert ask(port, "/digest", body) == (200, f"{len(body)} {hashlib.sha256(body).hexdigest()}")
    # Kilobytes: far less than the 64 MiB that came in.
    assert int(ask(port, "/peak")[1]) - before < 8 * 1024


def test_reading_ends_where_the_body_ends_though_the_connection_stays_open(serve: Serve) -> None:
    with socket.create_connection(("127.0.0.1", serve()), timeout=10) as connection:
        connection.sendall(
            b"POST /lines HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\na\nb\nc\nd, which is not in it"
        )
        assert connection.makefile("rb").read().endswith(rb"[b'a\n', b'b\n', b'c\n', b'd']")


def test_a_client_that_expects_100_continue_gets_it_before_it_sends_the_body(serve: Serve) -> None:
    with socket.create_connection(("127.0.0.1", serve()), timeout=10) as connection:
        answer = connection.makefile("rb")
        head = b"POST /everything HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        connection.sendall(head)
        assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert answer.readline() == b"\r\n"
        connection.sendall(b"abc")
        assert re.match(rb"HTTP/1\.\d 200 OK\r\n", answer.readline())
        assert answer.read().endswith(b"(b'abc', b'', b'')")


def test_an_answer_given_before_the_body_was_read_reaches_the_client(serve: Serve) -> None:
    assert ask(serve(), "/refuse", b"x" * 5_000_000) == (413, "too large")


def test_a_chunked_body_is_refused_rather_than_misread(serve: Serve) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", serve(), timeout=10)) as connection:
        connection.request("POST", "/digest", iter([b"abc"]), encode_chunked=True)
        assert connection.getresponse().status == 411


def test_the_refusal_of_a_body_waits_for_the_client_to_finish_sending(serve: Serve) -> None:
    def slowly() -> Iterator[bytes]:
        for _ in range(5):
            yield b"x" * 100_000
            time.sleep(0.05)

    with closing(http.client.HTTPConnection("127.0.0.1", serve(), timeout=10)) as connection:
        connection.request("POST", "/digest", slowly(), encode_chunked=True)
        assert connection.getresponse().status == 411


def test_as_many_requests_run_at_once_as_there_are_threads(serve: Serve) -> None:
    port = serve(sys.executable, "--threads", "2")
    answers: list[tuple[int, str]] = []
    clients = [threading.Thread(target=lambda: answers.append(ask(port, "/meet"))) for _ in range(2)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert answers == [(200, "True")] * 2


def test_the_callable_may_be_made_by_a_factory(serve: Serve) -> None:
    assert ask(serve(app="factory()"), "/hello")[0] == 200


def test_nothing_is_logged(tmp_path: Path) -> None:
    (tmp_path / "site_of_test.py").write_text(APP)
    command = [sys.executable, str(SERVER), "--bind", "127.0.0.1:0", "site_of_test:application"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        while not (found := ports.listeners([process.pid])):
            time.sleep(0.02)
        ask(next(iter(found)).port or 0, "/hello")
        # A client that goes away in the middle of its upload.
        with socket.create_connection(("127.0.0.1", next(iter(found)).port or 0)) as connection:
            connection.sendall(b"POST /digest HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc")
        ask(next(iter(found)).port or 0, "/hello")
        process.terminate()
        output, _ = process.communicate()
    assert output == b""
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ("nosuch:app", "No module named 'nosuch'"),
        ("site_of_test:nosuch", "Failed to find attribute 'nosuch' in 'site_of_test'."),
        ("site_of_test:APP", "Application object must be callable."),
    ],
)
def test_an_app_that_cannot_be_served_is_named(tmp_path: Path, app: str, said: str) -> None:
    (tmp_path / "site_of_test.py").write_text("APP = 'text'")
    command = [sys.executable, str(SERVER), "--bind", "127.0.0.1:0", app]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said in ended.stderr
    assert ended.returncode == 1
