"""The hub's side of the wire, with agents that are nothing but sockets."""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from leakhunt.agent import wire
from leakhunt.agent.process import hello
from leakhunt.errors import AgentError
from leakhunt.targets import reach
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.link import TRIES, AgentLink
from leakhunt.targets.shipped import MODULES, source


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[AgentHub]:
    with AgentHub(tmp_path / "s") as opened:
        yield opened


@pytest.fixture
def agent(hub: AgentHub, tmp_path: Path) -> Iterator[socket.socket]:
    with connected(tmp_path) as connection:
        wire.send(connection, hello())
        yield connection


def connected(tmp_path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(str(tmp_path / "s"))
    return connection


def the_link(hub: AgentHub) -> AgentLink:
    end = time.monotonic() + 10
    while not hub.links():
        assert time.monotonic() < end
        time.sleep(0.005)
    return hub.links()[0]


def answering(connection: socket.socket, reply: dict[str, Any]) -> threading.Thread:
    def work() -> None:
        request = wire.receive(connection)
        assert request is not None
        wire.send(connection, {"id": request["id"], **reply})

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_an_interrupted_question_leaves_no_answer_behind_for_the_next(hub: AgentHub, agent: socket.socket) -> None:
    link = the_link(hub)
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt):
            link.collect()
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert not link.alive
    with pytest.raises(AgentError, match="does not answer: it has left"):
        link.stats()


@contextmanager
def snapshot_child(
    agent: socket.socket, tmp_path: Path, life: str, *, tells: bool = True
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """One or more snapshot children that live for so many seconds after they have told what they saw."""
    children: list[subprocess.Popen[bytes]] = []
    heap = {"blocks": 7, "pymalloc": 100, "malloc": 200, "objects": 3}

    def work() -> None:
        while (request := wire.receive(agent)) is not None:
            with connected(tmp_path) as own:
                wire.send(own, {"hello": "child", "token": request["token"]})
                children.append(subprocess.Popen(["sleep", life]))
                reply = {"id": request["id"], "ok": True, "pid": children[-1].pid, "pause": 0.001, "problem": None}
                wire.send(agent, {**reply, "gc_enabled": True})
                if tells:
                    wire.send(own, {"result": {"heap": heap}, "problems": []})

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield children
    finally:
        agent.shutdown(socket.SHUT_RDWR)
        thread.join()
        for child in children:
            child.kill()
            child.wait()


def test_an_agent_is_known_by_its_pid_and_start(hub: AgentHub, agent: socket.socket) -> None:
    link = the_link(hub)
    assert link.hello.pid == os.getpid()
    assert link.key == f"{os.getpid()}@{link.hello.started}"


def test_an_agent_that_leaves_is_no_longer_listed(hub: AgentHub, agent: socket.socket) -> None:
    link = the_link(hub)
    agent.close()
    assert not link.alive
    assert hub.links() == ()
    with pytest.raises(AgentError, match="does not answer"):
        link.stats()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        wire.LENGTH.pack(3) + b"{{{",
        wire.LENGTH.pack(2) + b"[]",
        wire.encode({"pid": "x"}),
        wire.LENGTH.pack(200_000) + b"[" * 200_000,
        wire.encode({**hello(), "pid": math.inf}),
    ],
    ids=["nothing", "http", "no json", "no object", "no hello", "too deep", "no pid"],
)
def test_garbage_is_turned_away_and_others_are_served(hub: AgentHub, tmp_path: Path, data: bytes) -> None:
    with connected(tmp_path) as stranger:
        stranger.sendall(data)
        stranger.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):  # when the hub has left some of it unread
            assert stranger.recv(10) == b""
    with connected(tmp_path) as connection:
        wire.send(connection, hello())
        assert the_link(hub).alive


def test_a_process_cannot_pretend_to_be_another(hub: AgentHub, tmp_path: Path) -> None:
    with connected(tmp_path) as connection:
        wire.send(connection, {**hello(), "pid": 1})
        assert connection.recv(10) == b""
    assert hub.links() == ()


def test_a_refusal_is_told_in_the_words_of_the_agent(hub: AgentHub, agent: socket.socket) -> None:
    thread = answering(agent, {"ok": False, "error": "the app itself is using tracemalloc"})
    with pytest.raises(AgentError, match="refused trace: the app itself is using tracemalloc"):
        the_link(hub).trace(16)
    thread.join()
    assert the_link(hub).alive


def test_an_agent_that_dies_while_asked_is_an_error(hub: AgentHub, agent: socket.socket) -> None:
    link = the_link(hub)

    def die() -> None:
        wire.receive(agent)
        agent.close()

    thread = threading.Thread(target=die)
    thread.start()
    with pytest.raises(AgentError):
        link.collect()
    thread.join()
    assert not link.alive


def test_a_snapshot_is_over_when_its_child_is_gone(hub: AgentHub, agent: socket.socket, tmp_path: Path) -> None:
    with snapshot_child(agent, tmp_path, "0.3") as children:
        usage, pause = the_link(hub).heap()
        assert children[0].poll() == 0
    assert (usage.blocks, usage.live, pause) == (7, 300, 0.001)


def test_a_child_that_does_not_end_by_itself_is_ended(
    hub: AgentHub, agent: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "CHILD_END", 0.1)
    with snapshot_child(agent, tmp_path, "1000") as children:
        assert the_link(hub).heap()[0].blocks == 7
        assert children[0].poll() == -signal.SIGKILL


def test_a_child_that_says_nothing_is_ended_before_another_is_made(
    hub: AgentHub, agent: socket.socket, tmp_path: Path
) -> None:
    with snapshot_child(agent, tmp_path, "1000", tells=False) as children:
        with pytest.raises(AgentError, match="did not finish"):
            the_link(hub).heap(timeout=0.1)
        assert [child.poll() for child in children] == [-signal.SIGKILL] * TRIES


@pytest.mark.parametrize("name", MODULES)
def test_shipped_sources_compile(name: str) -> None:
    compile(source(name), name, "exec", dont_inherit=True)
