"""One cell: a server on a Python, attached to time after time while requests come in or while there are none."""

from __future__ import annotations

import http.client
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from attach_matrix.servers import SERVERS, NoWheel, Server, install
from leakhunt.errors import AgentError, AttachError
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.inject.attach import attach
from leakhunt.targets.link import AgentLink
from live_server import PATIENCE, Traffic, live_server, traffic

TIMES: Final = 20
WANTED: Final = 0.99
"""Share of the requests sent while attached that has to carry a mark."""
_ASKED: Final = 15
"""Requests of ours during each attach."""
_LATE: Final = 5
"""After it was undone."""


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix."""

    server: str
    python: str
    busy: bool

    def __str__(self) -> str:
        return f"{self.server} · {self.python} · {'busy' if self.busy else 'idle'}"


@dataclass(frozen=True)
class Row:
    """What came of one cell."""

    server: str
    python: str
    busy: bool
    attached: int = 0
    """Attaches that the agent answered."""
    sent: int = 0
    """Requests that began and ended while marks were wanted: ours, by a method that no other client uses."""
    marked: int = 0
    """Of these, requests that were counted on their route."""
    late: int = 0
    """Requests counted after the marks were given up."""
    others: int = 0
    """Requests of other clients, from before the first attach to after the last."""
    failed: int = 0
    """Requests of anybody that got no answer, or a wrong one."""
    same_process: bool = False
    stopped: tuple[float, ...] = field(default=())
    """Seconds that a thread was stopped, attach by attach."""
    duration: tuple[float, ...] = field(default=())
    """Seconds from the command to the agent's hello."""
    problem: str | None = None
    """Why there are fewer attaches than wanted: `no wheel: ...` or what went wrong."""

    @property
    def installable(self) -> bool:
        """Whether there was a server to attach to."""
        return not (self.problem or "").startswith("no wheel")

    @property
    def passed(self) -> bool:
        """Whether all is as it has to be."""
        return (
            self.attached == TIMES
            and self.sent > 0
            and self.marked >= WANTED * self.sent
            and (self.late, self.failed, self.same_process, self.problem) == (0, 0, True, None)
        )


def to_row(values: Mapping[str, Any]) -> Row:
    """A row as it was stored."""
    lists = {name: tuple(values[name]) for name in ("stopped", "duration")}
    return Row(**{**values, **lists})


def from_row(row: Row) -> dict[str, Any]:
    """A row as it is stored."""
    return asdict(row)


def measure(cell: Cell, python: Path, cache: Path) -> Row:
    """Attach to it `TIMES` times and see what its clients see."""
    server = SERVERS[cell.server]
    try:
        packages = install(server.needs, cell.python, python, cache)
    except NoWheel as error:
        return Row(cell.server, cell.python, cell.busy, problem=f"no wheel: {error}")
    with tempfile.TemporaryDirectory(prefix="leakhunt-matrix-") as name, ExitStack() as stack:
        place = Path(name) / "site"
        place.mkdir()
        words = [word.replace("{python}", str(python)) for word in server.words]
        hub = stack.enter_context(AgentHub(Path(name) / "s"))
        started = live_server(words, server.source, place, depth=server.depth, boot=packages)
        try:
            port, pid = stack.enter_context(started)
        except AssertionError as error:
            last = (str(error).strip().splitlines() or [""])[-1]
            return Row(cell.server, cell.python, cell.busy, problem=f"the server did not start: {last}")
        return _attach_to(cell, server, hub, port, pid)


@dataclass
class _Tally:
    """What has been seen so far."""

    attached: int = 0
    sent: int = 0
    marked: int = 0
    late: int = 0
    failures: list[str] = field(default_factory=list)
    stopped: list[float] = field(default_factory=list)
    duration: list[float] = field(default_factory=list)
    problem: str | None = None


def _attach_to(cell: Cell, server: Server, hub: AgentHub, port: int, pid: int) -> Row:
    process = psutil.Process(pid)
    tally = _Tally()
    with traffic(port) if cell.busy else nullcontext(Traffic(port)) as clients:
        try:
            for _ in range(TIMES):
                _visit(hub, pid, clients, server.route, tally, busy=cell.busy)
        except (AttachError, AgentError) as error:
            tally.problem = f"{type(error).__name__}: {error}"[:300]
    alive = process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return Row(
        *(cell.server, cell.python, cell.busy, tally.attached, tally.sent, tally.marked, tally.late),
        others=len(clients.done),
        failed=len(clients.failures) + len(tally.failures),
        same_process=alive,
        stopped=tuple(round(each, 5) for each in tally.stopped),
        duration=tuple(round(each, 5) for each in tally.duration),
        problem=tally.problem or next(iter((*tally.failures, *clients.failures)), None),
    )


def _visit(hub: AgentHub, pid: int, clients: Traffic, route: str, tally: _Tally, *, busy: bool) -> None:
    """Attach, count for a while, count no more, and leave."""
    if busy:
        _wait_for(clients, 3)
    arrived = attach(pid, hub, timeout=PATIENCE)
    tally.attached += 1
    tally.stopped.append(arrived.stopped)
    tally.duration.append(arrived.duration)
    link = arrived.link
    link.hook()
    tally.sent += _ask(clients.port, _ASKED, tally.failures)
    if busy:
        _wait_for(clients, 3)  # there are two, so one of the answers is to what was asked since
    if link.unhook() != ():
        raise AgentError("something had to stay")
    counted = _at_rest(link)
    tally.marked += counted.get(f"HEAD {route}", 0)
    if busy and not counted.get(f"GET {route}"):
        raise AgentError("no request of the other clients was marked")
    _ask(clients.port, _LATE, tally.failures)
    tally.late += sum(_at_rest(link).values()) - sum(counted.values())
    if link.detach() != ():
        raise AgentError("something had to stay")


def _ask(port: int, requests: int, failures: list[str]) -> int:
    """Send so many requests by a method of our own, one after the other; how many got their answer."""
    answered = 0
    for number in range(requests):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("HEAD", f"/items/{number}")
            status = connection.getresponse().status
            answered += status == 200
            failures += [f"status {status}"] * (status != 200)
        except (OSError, http.client.HTTPException) as error:
            failures.append(repr(error))
        finally:
            connection.close()
    return answered


def _wait_for(clients: Traffic, requests: int) -> None:
    """Wait until the other clients have had so many more answers."""
    enough, deadline = len(clients.done) + requests, time.monotonic() + PATIENCE
    while len(clients.done) < enough:
        if time.monotonic() > deadline:
            raise AgentError("the other clients got no answers")
        time.sleep(0.01)


def _at_rest(link: AgentLink) -> Mapping[str, int]:
    """Requests counted by route, once none is in flight any more."""
    deadline = time.monotonic() + PATIENCE
    while (stats := link.stats()).in_flight:
        if time.monotonic() > deadline:
            raise AgentError("a request did not end")
        time.sleep(0.01)
    return stats.served
