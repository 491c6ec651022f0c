"""Runs for tests: a simulated application, and the run that an experiment on it records.

    run = record(App(keeps={"POST /image": {"live": 20_000}}), blocks=3, seed=7)

`App` says what every request of every route does to a process; `record` plays the phases of an experiment
with it, lotteries included. Everything is drawn from one seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from random import Random

from leakhunt.model.measurement import HeapUsage, MemoryUsage, PeakSample, RequestRecord, Sample, TimelinePoint
from leakhunt.model.run import Phase, Plan, Role, Round, Run, Worker
from leakhunt.model.snapshot import Frame, PathNode, SiteStat, Snapshot, TypeStat

PRIMES = tuple(n for n in range(2, 6000) if all(n % d for d in range(2, int(n**0.5) + 1)))
ROUTES = ("GET /course", "POST /document", "POST /image", "POST /progress", "POST /video")

Noise = Callable[[Random, int], Sequence[float]]
"""Levels of a signal without a leak, in bytes, one per round."""


def white(sd: float) -> Noise:
    """A level that jitters around a constant."""
    return lambda random, n: [random.gauss(0, sd) for _ in range(n)]


def autoregressive(sd: float, phi: float = 0.7) -> Noise:
    """A level that remembers `phi` of its last deviation."""

    def levels(random: Random, n: int) -> list[float]:
        found = [0.0]
        for _ in range(n - 1):
            found.append(phi * found[-1] + random.gauss(0, sd))
        return found

    return levels


def random_walk(sd: float) -> Noise:
    """A level that drifts."""
    return lambda random, n: list(accumulate(random.gauss(0, sd) for _ in range(n)))


def ratchet(sd: float) -> Noise:
    """A high-water mark: never falls, rises ever more rarely."""
    return lambda random, n: list(accumulate((random.gauss(0, sd) for _ in range(n)), max))


def arena_steps(step: float, chance: float = 0.15) -> Noise:
    """Rare upward steps, as new arenas make them."""
    return lambda random, n: list(accumulate(step * (random.random() < chance) for _ in range(n)))


@dataclass(frozen=True)
class Cache:
    """A store that fills with the first `entries` requests of a route, in each process."""

    entries: int
    size: float
    """Bytes per entry."""


@dataclass(frozen=True)
class App:
    """What requests do to a process of the simulated target."""

    routes: Sequence[str] = ROUTES
    keeps: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Route -> signal -> growth per request. Live bytes are seen by `anonymous` too."""
    caches: Mapping[str, Cache] = field(default_factory=dict)
    doubling: bool = False
    """Each kept object also sits in a container that doubles when it is full."""
    per_second: float = 0.0
    """Live bytes that a background timer keeps."""
    noise: Noise = field(default_factory=lambda: white(500))
    anonymous_noise: Noise = field(default_factory=lambda: white(4000))
    warm_up: float = 3e6
    """Live bytes of the first requests of a process."""
    seconds_per_request: float = 0.002
    spread: float = 0.0
    """Standard deviation of the upload size, and with it of what one request keeps, as a share of its mean."""
    upload: float = 1000
    """Mean body size in bytes."""
    statuses: Mapping[str, int] = field(default_factory=dict)
    """Route -> status of all its responses; 200 where absent."""


@dataclass
class _Process:
    key: str
    served: dict[str, int]
    levels: dict[str, float]
    alive: bool = True


def sample(worker: str, time: float, levels: Mapping[str, float], served: Mapping[str, int] | None) -> Sample:
    """One reading of one process; `served` None as from a process without an agent."""
    live = round(levels["live"])
    heap = HeapUsage(round(levels["blocks"]), live // 2, live - live // 2, 10_000)
    anonymous = round(levels["anonymous"])
    return Sample(
        worker,
        time,
        MemoryUsage(anonymous + 9_000_000, anonymous + 2_000_000, anonymous + 4_000_000, 0, anonymous),
        heap if served is not None else None,
        threads=round(levels["threads"]),
        descriptors=round(levels["descriptors"]),
        served=dict(served or {}),
    )


class Recorder:
    """Plays an experiment on a simulated application, round by round."""

    def __init__(self, app: App, *, workers: int, agent: bool, seed: int, recycle: int | None) -> None:
        self.app, self.agent, self.recycle = app, agent, recycle
        self.random = Random(seed)
        self.time = 0.0
        self.rounds: list[Round] = []
        self.requests: list[RequestRecord] = []
        self.workers: dict[str, Worker] = {}
        self.temp_files = 3.0
        self.noise: dict[tuple[str, str], Sequence[float]] = {}
        self.processes = [self._fork() for _ in range(workers)]

    def play(self, phase: Phase, doses: Mapping[str, int], *, block: int | None = None, seconds: float = 0.0) -> None:
        """One round: requests to random workers, then a sample of each."""
        started = self.time
        for route, dose in doses.items():
            for _ in range(dose):
                self._request(route, len(self.rounds))
        self.time += max(seconds, 0.05)
        inputs = "repeated" if phase is Phase.REPEATED else "distinct"
        elapsed = self.time - started
        samples = tuple(self._sample(process, elapsed) for process in self.processes)
        self.rounds.append(
            Round(
                len(self.rounds), phase, started, self.time, dict(doses), block, None, inputs, samples,
                round(self.temp_files), 10**11,
            )
        )  # fmt: skip

    def _fork(self) -> _Process:
        key = f"{100 + len(self.workers)}@{1000 + len(self.workers)}"
        self.workers[key] = Worker(key, int(key[:3]), 99, Role.WORKER, f"worker {len(self.workers) + 1}", self.time)
        for signal, noise in (("live", self.app.noise), ("anonymous", self.app.anonymous_noise)):
            self.noise[key, signal] = noise(self.random, 120)
        base = {"live": 2e7, "blocks": 2e5, "anonymous": 3e7, "threads": 2.0, "descriptors": 12.0}
        return _Process(key, dict.fromkeys(self.app.routes, 0), base)

    def _request(self, route: str, index: int) -> None:
        slot = self.random.randrange(len(self.processes))
        if self.recycle and sum(self.processes[slot].served.values()) >= self.recycle:
            old = self.processes[slot].key
            self.workers[old] = replace(self.workers[old], died=self.time, death="recycled")
            self.processes[slot] = self._fork()
        process = self.processes[slot]
        if not any(process.served.values()):
            self._grow(process, "live", self.app.warm_up)
        factor = max(0.1, self.random.gauss(1, self.app.spread)) if self.app.spread else 1.0
        self._keep(process, route, factor)
        process.served[route] += 1
        status = self.app.statuses.get(route, 200)
        duration = self.app.seconds_per_request
        self.requests.append(
            RequestRecord(index, route, status, status == 200, round(self.app.upload * factor), self.time, duration)
        )
        self.time += duration

    def _keep(self, process: _Process, route: str, factor: float) -> None:
        for signal, amount in self.app.keeps.get(route, {}).items():
            self._grow(process, signal, amount * factor)
        cache = self.app.caches.get(route)
        if cache is not None and process.served[route] < cache.entries:
            self._grow(process, "live", cache.size)
            self._grow(process, "blocks", 3)
        entries = process.served[route] + 1
        if self.app.doubling and route in self.app.keeps and entries >= 8 and entries & (entries - 1) == 0:
            self._grow(process, "live", entries * 36)

    def _grow(self, process: _Process, signal: str, amount: float) -> None:
        if signal == "temp_files":
            self.temp_files += amount
            return
        process.levels[signal] += amount
        if signal == "live":
            process.levels["anonymous"] += amount

    def _sample(self, process: _Process, elapsed: float) -> Sample:
        self._grow(process, "live", self.app.per_second * elapsed)
        index = min(len(self.rounds), 119)
        levels = dict(process.levels)
        for signal in ("live", "anonymous"):
            levels[signal] += self.noise[process.key, signal][index]
        return sample(process.key, self.time, levels, process.served if self.agent else None)


def lottery(random: Random, routes: Sequence[str], rounds: int, scale: float) -> list[dict[str, int]]:
    """The doses of one block: the same distinct primes for every route, each in an order of its own."""
    doses: list[int] = []
    for i in range(rounds):
        wanted = scale * (1 + 3 * i / (rounds - 1))
        doses.append(next(p for p in PRIMES if p >= wanted and p not in doses))
    columns = {route: random.sample(doses, rounds) for route in routes}
    return [{route: columns[route][i] for route in routes} for i in range(rounds)]


def record(
    app: App | None = None,
    *,
    blocks: int = 2,
    rounds: int | None = None,
    scale: float = 25,
    workers: int = 1,
    agent: bool = True,
    seed: int = 0,
    recycle: int | None = None,
    repeated: bool = False,
    idle: int = 0,
    only: Mapping[int, Sequence[str]] | None = None,
) -> Run:
    """The run that an experiment on `app` records.

    `rounds` cuts it short after so many DOSE rounds; `idle` is the number of blocks without load; `only` names the
    routes of a block that leaves others out.
    """
    app = app or App()
    recorder = Recorder(app, workers=workers, agent=agent, seed=seed, recycle=recycle)
    random = Random(seed + 1)
    for _ in range(5):
        recorder.play(Phase.WARM_UP, dict.fromkeys(app.routes, 3 * workers))
    recorder.play(Phase.BASELINE, {}, seconds=1.0)
    size = max(6, len(app.routes) + 3)
    plan = []
    for block in range(blocks):
        routes = (only or {}).get(block, app.routes)
        drawn = lottery(random, routes, max(6, len(routes) + 3), scale * workers * 2**block)
        plan += [(block, doses) for doses in drawn]
    for block, doses in plan[:rounds]:
        recorder.play(Phase.DOSE, doses, block=block)
    if repeated:
        for doses in lottery(random, app.routes, size, scale * workers):
            recorder.play(Phase.REPEATED, doses)
    if rounds is None:
        recorder.play(Phase.SETTLE, {}, seconds=6.0)
    for block in range(idle):
        for drawn_seconds in lottery(random, ("",), 6, 3 * 2**block):
            recorder.play(Phase.IDLE, {}, block=block, seconds=drawn_seconds[""] * 0.2)
    return finish(recorder, seed, complete=rounds is None)


@dataclass(frozen=True)
class Kept:
    """What one request leaves behind in the heap, as the snapshots show it."""

    path: Sequence[tuple[str, str]]
    """Hops (edge, type) from the root's name to the kept object; empty: the walk over the heap sees no growth."""
    per_request: float = 1.0
    size: int = 0
    """Bytes of one of them that the tree of paths sees."""
    stack: Sequence[Frame] = ()
    """Allocating stack, innermost first; empty: tracemalloc sees nothing."""
    allocated: int = 0
    """Bytes per request at that stack."""
    below: Sequence[tuple[str, str, int]] = ()
    """Further hops (edge, type, bytes), each hanging on the one before, the first on the kept object."""
    room: int = 0
    """Bytes by which the container itself grows per request."""


def explain(run: Run, step: str, kept: Sequence[Kept], doses: Sequence[int] = (3, 5, 7, 11)) -> Run:
    """`run` with explain rounds of `step` added: alone, with a snapshot of its last worker after each.

    Its requests keep there what they kept in the verdict rounds.
    """
    last = run.rounds[-1]
    worker = last.samples[-1].worker
    live, anonymous = _kept(run, worker, run.routes[step])
    rounds, snapshots, requests = list(run.rounds), list(run.snapshots), 0
    for dose in doses:
        requests += dose
        index, before = len(rounds), rounds[-1]
        served = {sample.worker: dict(sample.served) for sample in before.samples}
        route = run.routes[step]
        if served[worker]:
            served[worker][route] = served[worker].get(route, 0) + dose
        samples = tuple(
            _after(sample, served[sample.worker], live * dose * mine, anonymous * dose * mine)
            for sample in before.samples
            for mine in (sample.worker == worker,)
        )
        started = before.ended
        rounds.append(Round(index, Phase.EXPLAIN, started, started + 1, {step: dose}, alone=step, samples=samples))
        snapshots.append(snapshot(worker, index, kept, requests))
    return replace(run, rounds=tuple(rounds), snapshots=tuple(snapshots))


def _kept(run: Run, worker: str, route: str) -> tuple[float, float]:
    """Live bytes and anonymous memory per request of a route over the verdict rounds, if no other keeps any."""
    doses = [sample for each in run.rounds if each.phase is Phase.DOSE for sample in each.samples]
    mine = [sample for sample in doses if sample.worker == worker]
    requests = mine[-1].served.get(route, 0) - mine[0].served.get(route, 0) if len(mine) > 1 else 0
    if not requests:
        return 0.0, 0.0
    live = [sample.heap.live or 0 if sample.heap else 0 for sample in (mine[0], mine[-1])]
    anonymous = [sample.memory.anonymous or 0 for sample in (mine[0], mine[-1])]
    return max(0.0, (live[1] - live[0]) / requests), max(0.0, (anonymous[1] - anonymous[0]) / requests)


def _after(sample: Sample, served: Mapping[str, int], live: float, anonymous: float) -> Sample:
    """The next sample of a process that keeps so many bytes more, live ones in malloc."""
    memory = replace(sample.memory, anonymous=(sample.memory.anonymous or 0) + round(anonymous))
    heap = sample.heap and replace(sample.heap, malloc=(sample.heap.malloc or 0) + round(live))
    return replace(sample, served=served, memory=memory, heap=heap)


def snapshot(worker: str, index: int, kept: Sequence[Kept], requests: int) -> Snapshot:
    """The heap after so many requests: 100 objects of each kind were there before."""
    nodes = [PathNode(-1, "", "root", 1, 0)]
    known: dict[tuple[int, str, str], int] = {}
    reached = [item for item in kept if item.path]
    for item in reached:
        count = 100 + round(item.per_request * requests)
        parent = 0
        for edge, type_ in item.path[:-1]:
            size = 64 + item.room * requests if (edge, type_) == item.path[-2] else 64
            parent = _node(nodes, known, PathNode(parent, edge, type_, 1, size))
        edge, type_ = item.path[-1]
        parent = _node(nodes, known, PathNode(parent, edge, type_, count, count * item.size))
        for edge, type_, size in item.below:
            parent = _node(nodes, known, PathNode(parent, edge, type_, count, count * size))
    sites = tuple(
        SiteStat(tuple(item.stack), item.allocated * requests, round(item.per_request * requests))
        for item in kept
        if item.stack
    )
    types = tuple(TypeStat(item.path[-1][1], 100 + round(item.per_request * requests)) for item in reached)
    return Snapshot(worker, index, types, sites, tuple(nodes))


def _node(nodes: list[PathNode], known: dict[tuple[int, str, str], int], node: PathNode) -> int:
    key = (node.parent, node.edge, node.type)
    if key not in known:
        known[key] = len(nodes)
        nodes.append(node)
    return known[key]


def peaks(
    step: str, worker: str, sizes: Sequence[int], amplification: float, noise: float = 0.0
) -> tuple[PeakSample, ...]:
    """Peak samples of one step: a fixed 2 MB and so much per uploaded byte."""
    random = Random(0)
    return tuple(
        PeakSample(step, worker, size, round(2e6 + amplification * size + random.gauss(0, noise))) for size in sizes
    )


def finish(recorder: Recorder, seed: int, *, complete: bool = True) -> Run:
    """The run as it would be read back."""
    return Run(
        name="simulated",
        started_at="2026-01-02T03:04:05Z",
        leakhunt="0.1.0",
        plan=Plan("shop.wsgi:application", "command line", "gunicorn", seed, 1),
        conditions={"python": "3.11.7"},
        routes={route: route for route in recorder.app.routes},
        workers=tuple(recorder.workers.values()),
        rounds=tuple(recorder.rounds),
        requests=tuple(recorder.requests),
        timeline=tuple(
            TimelinePoint(s.worker, s.time, s.memory.rss, s.memory.uss) for r in recorder.rounds for s in r.samples
        ),
        outcome="complete" if complete else "the target ended: killed by SIGKILL",
    )
