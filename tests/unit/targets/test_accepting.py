"""Who waits for connections, seen on real processes that wait in every way there is."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from leakhunt.targets.accepting import accepting, waits_for_connections

WAYS: Final = {
    "accept": "server.accept()",
    "a thread": "threading.Thread(target=server.accept, daemon=True).start(); time.sleep(600)",
    "select": "select.select([sys.stdin, server], [], [])",
    "poll": "poll = select.poll(); poll.register(0, select.POLLIN); poll.register(server, select.POLLIN); poll.poll()",
    "epoll": "poll = select.epoll(); poll.register(server, select.EPOLLIN); poll.poll()",
    "asyncio": "asyncio.run(serve())",
}
OTHERS: Final = {
    "sleep": "time.sleep(600)",
    "a pipe": "os.read(os.pipe()[0], 1)",
    "select of something else": "select.select([pipe[0]], [], [])",
    "epoll of something else": "poll = select.epoll(); poll.register(pipe[0], select.EPOLLIN); poll.poll()",
    "a loop": "exec('while True: pass')",
}
PROLOGUE: Final = """
import asyncio, os, select, socket, sys, threading, time
server = socket.create_server(("127.0.0.1", 0))
pipe = os.pipe()
async def serve():
    async with await asyncio.start_server(lambda *_: None, sock=server) as started:
        await started.serve_forever()
print("ready", flush=True)
"""


@contextmanager
def waiting(how: str) -> Iterator[int]:
    command = [sys.executable, "-c", PROLOGUE + how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
        process.kill()


def soon(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_who_waits_for_a_connection_is_seen(how: str) -> None:
    with waiting(how) as pid:
        assert soon(lambda: waits_for_connections(pid))


@pytest.mark.parametrize("how", OTHERS.values(), ids=OTHERS)
def test_who_holds_a_listening_socket_and_does_something_else_does_not(how: str) -> None:
    with waiting(how) as pid:
        time.sleep(0.2)
        assert accepting([pid]) == frozenset()


def test_of_several_those_that_wait_are_told() -> None:
    with waiting(WAYS["accept"]) as first, waiting(OTHERS["sleep"]) as second:
        assert soon(lambda: accepting([first, second]) == {first})


def test_a_process_that_is_gone_waits_for_nothing() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert not waits_for_connections(gone.pid)
