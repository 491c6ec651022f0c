# ruff: noqa: A002, ARG002  # fakes take the arguments of what they stand for, and need few of them
"""Stand-ins for the target, its agents, the client and the clock: scripted, and quick.

    app = FakeApp(keeps={"image": 20_000})
    target = FakeTarget(app, pids, launch_dir)
    client = FakeReplayer(target, clock, ("image", "page"))

What a request keeps shows in the heap that the agents report and, by `FakeTarget.memory_of`, in what the kernel would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path
from typing import Final

from builders import Kept
from builders import snapshot as make_snapshot
from leakhunt.errors import AgentError, TargetError, WorkloadError
from leakhunt.model.calls import CallTable, Operation
from leakhunt.model.measurement import HeapUsage, MemoryUsage, RequestRecord
from leakhunt.model.run import Caveat, Role, Round, Worker
from leakhunt.model.snapshot import Age, Container, PathNode, Snapshot
from leakhunt.model.split import Layout
from leakhunt.targets.answers import AgentStats, Hello
from leakhunt.targets.base import Address
from leakhunt.targets.link import AgentLink
from leakhunt.units import Bytes, Seconds
from leakhunt.workload.replay import Replayer
from leakhunt.workload.scenario import Step

LIVE: Final[Bytes] = 20_000_000
"""Live bytes of a worker before its first request."""
HOLDER: Final = (("views", "module"), ("._KEPT", "list"), ("[*]", "bytearray"))
"""Where a fake worker keeps what its requests leave behind."""


def route_of(step: str) -> str:
    """The route that a fake agent reports for a step."""
    return f"POST /{step}/<int:pk>/"


def path_of(step: str) -> str:
    """The route key of a step: what stands for its route until an agent has told it."""
    return f"POST /{step}/{{n}}/"


def make_step(name: str) -> Step:
    return Step(name, "POST", f"/{name}/{{n}}/")


class FakeClock:
    """Shows the time it was set to."""

    def __init__(self) -> None:
        self.now: Seconds = 0.0

    def __call__(self) -> Seconds:
        return self.now

    def advance(self, seconds: Seconds) -> None:
        self.now += seconds


@dataclass
class FakeObserver:
    """Remembers what it was told."""

    phases: list[str] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def phase(self, label: str) -> None:
        self.phases.append(label)

    def round(self, done: Round) -> None:
        self.rounds.append(done)

    def note(self, text: str) -> None:
        self.notes.append(text)


@dataclass
class FakeApp:
    """What the requests of each step do; by step, and nothing where a step is absent."""

    keeps: Mapping[str, Bytes] = field(default_factory=dict)
    entries: Mapping[str, int] = field(default_factory=dict)
    """Most requests of a step that are kept: its cache has a cap."""
    statuses: Mapping[str, int | None] = field(default_factory=dict)
    """200 where absent; None for no response."""
    seconds: Mapping[str, Seconds] = field(default_factory=dict)
    """A millisecond where absent."""
    per_second: Bytes = 0
    """What a timer keeps."""
    gc_enabled: bool = True


class FakeLink(AgentLink):
    """The agent of one fake worker."""

    def __init__(self, app: FakeApp, pid: int, temp_dir: Path, log: list[str], started: int = 1000) -> None:
        self.hello = Hello(pid, 1, started, "3.11.7", "cpython", "gunicorn", "/usr/bin/python", ("gunicorn",), False)
        self.key = self.hello.key
        self.served: dict[str, int] = {}
        self.kept = 0
        self.live = LIVE
        self.in_flight: Iterator[int] = cycle([0])
        """What further calls of `stats` say."""
        self.traced: int | None = None
        self.gone = False
        self.pause: Seconds = 0.004
        self.collecting: Seconds = 0.002
        self.cpu: Seconds = 0.0
        self.memory: Bytes = 1_000_000
        self.child_memory: Bytes | None = 90_000_000
        self.refuses: frozenset[str] = frozenset()
        """Commands that fail."""
        self.problems: tuple[str, ...] = ()
        """Of the next snapshots."""
        self.during_heap: Callable[[], None] = lambda: None
        """What happens while a snapshot child lives."""
        self.watched: tuple[Operation, ...] = ()
        """Operations that lead into extensions, seen from the next `watch` to the one after it."""
        self.skipped: dict[str, int] = {}
        """Why requests are not watched."""
        self.inspected: list[tuple[str, bool]] = []
        self._app, self._temp_dir, self._log = app, temp_dir, log

    @property
    def alive(self) -> bool:
        return not self.gone

    def serve(self, step: str) -> None:
        """One request."""
        route = route_of(step)
        count = self.served.get(route, 0)
        self.served[route] = count + 1
        if count < self._app.entries.get(step, count + 1):
            self.live += self._app.keeps.get(step, 0)
            self.kept += step in self._app.keeps

    def stats(self) -> AgentStats:
        self._do("stats")
        routes = {path_of(route.split("/")[1]): route for route in self.served}
        return AgentStats(
            next(self.in_flight), dict(self.served), routes, True, True, self.cpu, self.memory, str(self._temp_dir)
        )

    def collect(self, *, forced: bool = False) -> Seconds:
        self._do("collect, forced" if forced else "collect")
        return self.collecting

    def trim(self) -> None:
        self._do("trim")

    def heap(self, timeout: Seconds = 20.0) -> tuple[HeapUsage, Seconds]:
        self._do("heap")
        self.during_heap()
        half = self.live // 2
        usage = HeapUsage(200_000 + self.kept, half, self.live - half, 10_000 + self.kept, self._app.gc_enabled)
        return usage, self.pause

    def layout(self, timeout: Seconds = 60.0) -> tuple[Layout, Seconds]:
        self._do("layout")
        self.during_heap()
        return Layout("glibc", True, ()), self.pause

    def snapshot(
        self,
        round: int,
        *,
        types: bool,
        sites: bool,
        paths: bool,
        sizes: bool = False,
        at_once: int = 1,
        timeout: Seconds = 60.0,
    ) -> Snapshot:
        self._do("snapshot")
        seen = make_snapshot(self.key, round, [Kept(HOLDER, size=1000)], self.kept)
        return replace(seen, pause=self.pause, problems=self.problems)

    def trace(self, frames: int | None) -> None:
        self._do("trace" if frames else "untrace")
        self.traced = frames

    def watch(self, round: int) -> CallTable:
        self._do("watch")
        watched, self.watched = self.watched, ()
        requests = 0 if self.skipped or not watched else 1
        return CallTable(self.key, round, requests, watched if requests else (), self.skipped)

    def stop_watching(self) -> None:
        self._do("unwatch")

    def ages(self, paths: Sequence[tuple[str, Sequence[PathNode]]], *, at_once: int = 1) -> tuple[Age, ...]:
        self._do("ages")
        return tuple(Age(path, dated=self.kept, newer=self.kept // 2) for path, _ in paths)

    def inspect(
        self,
        round: int,
        paths: Sequence[tuple[str, Sequence[PathNode]]],
        *,
        values: bool = False,
        timeout: Seconds = 60.0,
    ) -> tuple[Container, ...]:
        self._do("inspect")
        self.inspected += [(path, values) for path, _ in paths]
        return tuple(Container(self.key, round, path, nodes[-1].type, length=self.kept) for path, nodes in paths)

    def _do(self, command: str) -> None:
        self._log.append(f"{command} {self.hello.pid}")
        if self.gone:
            raise AgentError(f"process {self.hello.pid} has ended or its agent has left")
        if command in self.refuses:
            raise AgentError(f"the agent in process {self.hello.pid} refused {command}: it would rather not")


class FakeTarget:
    """An app served by processes that exist, one worker each; `log` is what was asked of it and its agents."""

    def __init__(self, app: FakeApp, pids: Sequence[int], launch_dir: Path) -> None:
        self.app = app
        self.address = Address("http", "127.0.0.1", 8000)
        self.launch_dir = launch_dir
        self.log: list[str] = []
        self.died: str | None = None
        self.refusal: TargetError | None = None
        """Why it does not start."""
        self.agents: dict[str, FakeLink] = {}
        self.lives: dict[str, Worker] = {}
        self.unseen: list[int] = []
        """Workers that were born since the last look."""
        for pid in pids:
            self.add(pid)

    def add(self, pid: int, role: Role = Role.WORKER, *, agent: bool = True) -> str:
        """One more process, and its key."""
        link = FakeLink(self.app, pid, self.launch_dir, self.log, started=1000 + len(self.lives))
        if agent:
            self.agents[link.key] = link
        name = f"{role.value} {len(self.lives) + 1}"
        self.lives[link.key] = Worker(link.key, pid, 1, role, name, born=0.0, python="3.11.7")
        return link.key

    def end(self, key: str, when: Seconds = 1.0) -> None:
        """A process ends, and with it its agent."""
        self.lives[key] = replace(self.lives[key], died=when, death="recycled")
        if link := self.agents.pop(key, None):
            link.gone = True

    def memory_of(self, pid: int) -> MemoryUsage:
        """What the kernel would say of a worker that keeps what its agent reports."""
        live = next((link.live for link in self.agents.values() if link.hello.pid == pid), LIVE)
        return MemoryUsage(live + 30_000_000, live + 12_000_000, live + 15_000_000, 0, live + 10_000_000)

    def start(self) -> None:
        self.log.append("start")
        if self.refusal is not None:
            raise self.refusal

    def refresh(self) -> None:
        newborn, self.unseen = self.unseen, []
        for pid in newborn:
            self.add(pid)

    def workers(self) -> tuple[Worker, ...]:
        return tuple(self.lives.values())

    def links(self) -> Mapping[str, AgentLink]:
        return dict(self.agents)

    def dead(self) -> str | None:
        return self.died

    def failure(self) -> str | None:
        return self.died

    def with_last_lines(self, sentence: str) -> str:
        return f"{sentence}\n  | ValueError: no such album"

    def caveats(self) -> tuple[Caveat, ...]:
        return (Caveat("stdlib-server", "The standard library's server was used."),)

    def conditions(self) -> Mapping[str, str]:
        return {"server": "fake 1.0"}

    def stop(self) -> None:
        self.log.append("stop")
        for key, life in self.lives.items():
            if life.died is None:
                self.end(key)


@dataclass(frozen=True)
class Sent:
    """One call of `FakeReplayer.run`."""

    round: int
    doses: Mapping[str, int]
    inputs: str
    sizes: Mapping[str, Bytes] | None


class FakeReplayer(Replayer):
    """Deals requests out to the workers in turn; each moves the clock by what it takes."""

    def __init__(self, target: FakeTarget, clock: FakeClock, steps: Sequence[str]) -> None:
        self.sent: list[Sent] = []
        self.before: Callable[[int], None] = lambda _: None
        """Called with the number of a round before its requests are sent."""
        self.stopped = False
        self.refusal: WorkloadError | None = None
        """Why the user cannot sign in."""
        self._target, self._time, self._steps = target, clock, tuple(steps)
        self._turn = 0
        self.inputs = "distinct"
        self.scatters: tuple[str, ...] = ()
        """Steps whose path changes from request to request in a way that routes follow."""

    def prepare(self) -> None:
        self._target.log.append("prepare")
        if self.refusal is not None:
            raise self.refusal

    def run(
        self,
        doses: Mapping[str, int],
        *,
        round: int,
        inputs: str | None = None,
        sizes: Mapping[str, Bytes] | None = None,
    ) -> tuple[RequestRecord, ...]:
        self.before(round)
        if self.stopped:
            return ()
        self._target.log.append("load")
        self.sent.append(Sent(round, dict(doses), inputs or self.inputs, sizes))
        return tuple(self._send(step, round, sizes) for step, dose in doses.items() for _ in range(dose))

    def stop(self) -> None:
        self.stopped = True

    def route_keys(self) -> Mapping[str, str]:
        return {step: path_of(step) for step in self._steps}

    def scattered(self) -> tuple[str, ...]:
        return self.scatters

    def _send(self, step: str, number: int, sizes: Mapping[str, Bytes] | None) -> RequestRecord:
        agents = list(self._target.agents.values())
        if agents:
            agents[self._turn % len(agents)].serve(step)
            self._turn += 1
        started, duration = self._time(), self._target.app.seconds.get(step, 0.001)
        self._time.advance(duration)
        status = self._target.app.statuses.get(step, 200)
        size = (sizes or {}).get(step, 1000)
        return RequestRecord(number, step, status, status == 200, size, started, duration)
