"""Who waits for connections, seen on real processes that wait in every way there is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from leakhunt.targets.accepting import awaited, serving_with
from leakhunt.targets.ports import listening_descriptors

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
ACCEPT: Final = "server.accept()"
REST: Final = "time.sleep(600)"
CONTROL: Final = "control.accept()"
PROLOGUE: Final = """
import asyncio, os, select, socket, sys, threading, time
server = socket.create_server(("127.0.0.1", 0))
control = socket.create_server(("127.0.0.1", 0))
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
        try:
            yield process.pid
        finally:
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
        assert soon(lambda: awaited(pid, listening_descriptors(pid)))


@pytest.mark.parametrize("how", OTHERS.values(), ids=OTHERS)
def test_who_holds_a_listening_socket_and_does_something_else_does_not(how: str) -> None:
    with waiting(how) as pid:
        time.sleep(0.2)
        assert listening_descriptors(pid)
        assert awaited(pid, listening_descriptors(pid)) == frozenset()


@pytest.mark.parametrize(
    ("server", "children", "serve"),
    [
        (ACCEPT, [REST, REST], ["server"]),
        (ACCEPT, [ACCEPT, REST], ["server", "child 0"]),
        (REST, [ACCEPT, REST], []),
        (REST, [REST], []),
        (CONTROL, [ACCEPT], []),
        (CONTROL, [REST], []),
        ("select.select([server, control], [], [])", [REST], ["server"]),
    ],
)
def test_a_server_is_told_from_a_master(server: str, children: list[str], serve: list[str]) -> None:
    forks = "".join(f"if os.fork() == 0:\n    {each}\n" for each in children)
    only = "" if "control" in server else "control.close()\n"
    with waiting(f"{only}{forks}{server}") as pid:
        deadline = time.monotonic() + 5
        below = Path(f"/proc/{pid}/task/{pid}/children")
        while len(found := [int(each) for each in below.read_text().split()]) < len(children):
            assert time.monotonic() < deadline
        time.sleep(0.3)
        names = {pid: "server"} | {each: f"child {number}" for number, each in enumerate(found)}
        told = sorted(names[each] for each in serving_with(pid, found))
        for each in found:
            os.kill(each, signal.SIGKILL)
        assert told == sorted(serve)


def test_a_process_that_is_gone_waits_for_nothing() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert awaited(gone.pid, {3: "1"}) == frozenset()
