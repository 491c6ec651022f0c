"""An app under its own traffic, looked at by a real visit to a real process."""

from __future__ import annotations

import http.client
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from leakhunt.errors import AgentError
from leakhunt.hunt.natural import COMPLETE, Visit, interval_of, observe
from leakhunt.model.run import ATTACHED, NATURAL, Phase, Plan, Run
from leakhunt.runfile import RunWriter, read_run
from leakhunt.targets.attached import AttachedTarget, AttachSpec
from leakhunt.targets.link import AgentLink
from live_server import live_server, python

SCRIPT = """
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server
KEPT = []
WSGIRequestHandler.log_message = lambda *_: None

def app(environ, start_response):
    KEPT.append(environ["PATH_INFO"] + "x" * 1000)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]

make_server("127.0.0.1", int(sys.argv[1]), app).serve_forever()
"""
NO_APP = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    with server.accept()[0] as connection:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nok")
"""


class Listener:
    """Keeps what it is told, and does something at each round."""

    def __init__(self, on_round: Callable[[], None] = lambda: None) -> None:
        self.phases: list[str] = []
        self._on_round = on_round

    def phase(self, label: str) -> None:
        self.phases.append(label)

    def round(self, done: object) -> None:  # noqa: ARG002  # as an observer is told
        self._on_round()

    def note(self, text: str) -> None:
        pass


def visit(
    pid: int, directory: Path, asked: Visit, on_round: Callable[[], None] = lambda: None
) -> tuple[str, Run, Listener]:
    """Look on at a process; how it ended, what was recorded, and what was said meanwhile."""
    start, listener = time.monotonic(), Listener(on_round)

    def clock() -> float:
        return time.monotonic() - start

    head: dict[str, Any] = {"name": "pid", "started_at": "2026-11-26T10:00:00+00:00", "leakhunt": "1"}
    plan = Plan("PID 1", NATURAL, ATTACHED, seed=0, concurrency=0)
    target = AttachedTarget(AttachSpec(pid, loaded=False), clock=clock)
    with RunWriter(directory, plan=plan, **head) as writer:
        outcome = observe(target=target, writer=writer, visit=asked, observer=listener, clock=clock)
    return outcome, read_run(directory), listener


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Run, Listener]]:
    directory = tmp_path_factory.mktemp("natural")
    with live_server(python("site_app.py", "{port}"), SCRIPT, directory) as (port, pid):
        stopping = threading.Event()

        def ask() -> None:
            while not stopping.wait(0.02):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                connection.request("GET", "/page")
                connection.getresponse().read()
                connection.close()

        visitor = threading.Thread(target=ask)
        visitor.start()
        try:
            yield visit(pid, directory / "run", Visit(duration=2.0))
        finally:
            stopping.set()
            visitor.join()


def test_readings_are_close_enough_to_be_many_and_not_closer_than_needed() -> None:
    assert [interval_of(seconds) for seconds in (1, 30, 120, 3600, 86400)] == [0.5, 0.5, 2.0, 60.0, 86.4]


def test_each_interval_is_a_round_with_what_was_served_and_what_memory_was(
    looked_at: tuple[str, Run, Listener],
) -> None:
    outcome, run, _ = looked_at
    assert (outcome, run.outcome) == (COMPLETE, COMPLETE)
    assert [done.phase for done in run.rounds[:3]] == [Phase.BASELINE, Phase.BASELINE, Phase.NATURAL]
    assert len(run.rounds) >= 5
    (last,) = run.rounds[-1].samples
    assert last.served["GET /page"] > 0
    assert last.heap is not None
    assert last.heap.blocks > 10_000
    assert last.heap.malloc is not None
    assert (last.heap.pymalloc, last.heap.objects) == (None, None)
    assert last.memory.anonymous is not None
    assert "GET /page" in run.routes
    assert len(run.timeline) == len(run.rounds)


def test_the_heap_is_looked_at_before_and_after_and_what_holds_is_in_it(looked_at: tuple[str, Run, Listener]) -> None:
    _, run, listener = looked_at
    first, second = run.snapshots
    assert (first.round, second.round) == (0, run.rounds[-1].index)
    assert any(node.edge == ".KEPT" for node in second.paths)
    assert listener.phases[0] == "looking at the heap"
    assert listener.phases[-1] == "looking at the heap again"


def test_what_it_cost_and_what_leakhunt_took_is_recorded(looked_at: tuple[str, Run, Listener]) -> None:
    _, run, _ = looked_at
    assert run.cost is not None
    assert run.cost.child_memory is not None
    assert run.cost.longest_pause is not None
    assert (run.cost.cpu_fraction or 0) > 0
    assert run.conditions["leakhunt's memory while attached"].endswith(" at most")
    assert [caveat.code for caveat in run.caveats] == ["no-gc"]


def test_without_headroom_no_snapshot_is_taken_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent refuses by the limits of its own process; which of them it reads is tried in the agent's tests."""

    def refuse(link: AgentLink, *_: object) -> None:
        raise AgentError(f"the agent in process {link.hello.pid} refused snapshot: a snapshot needs 250 MiB")

    monkeypatch.setattr(AgentLink, "unread_snapshot", refuse)
    with live_server(python("site_app.py", "{port}"), SCRIPT, tmp_path) as (_, pid):
        outcome, run, _ = visit(pid, tmp_path / "run", Visit(duration=1.0))
    assert outcome == COMPLETE
    assert run.snapshots == ()
    assert {caveat.code for caveat in run.caveats} == {"no-gc", "no-snapshot"}
    assert len(run.rounds) >= 4


def test_an_app_that_is_not_found_is_watched_all_the_same(tmp_path: Path) -> None:
    with live_server(python("site_app.py", "{port}"), NO_APP, tmp_path) as (_, pid):
        _, run, listener = visit(pid, tmp_path / "run", Visit(duration=1.0, snapshots=False, allow_gc=True))
    assert [caveat.code for caveat in run.caveats] == ["no-agent"]
    assert run.rounds[-1].samples[0].memory.anonymous is not None
    assert run.snapshots == ()
    assert listener.phases == ["looking on at its own traffic for 1.0 s"]


def test_an_app_that_ends_ends_the_visit(tmp_path: Path) -> None:
    with live_server(python("site_app.py", "{port}"), SCRIPT, tmp_path) as (_, pid):
        asked = Visit(duration=60.0, snapshots=False)
        outcome, run, _ = visit(pid, tmp_path / "run", asked, lambda: os.kill(pid, signal.SIGTERM))
    assert outcome == f"PID {pid} has ended"
    assert run.outcome == outcome
