"""Runs in which an app was looked at under its own traffic, made up: what was requested, and what memory did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from builders import Noise, white
from leakhunt.model.measurement import HeapUsage, MemoryUsage, Sample, TimelinePoint
from leakhunt.model.run import ATTACHED, NATURAL, Phase, Plan, Role, Round, Run, Worker
from leakhunt.model.snapshot import PathNode, Snapshot

READINGS: Final = 60
SECONDS: Final = 2.0
BASE: Final = 200 * 2**20

Demand = Callable[[Random, int], int]
"""Requests of a route that one worker gets between two readings, by the number of the second one."""


def steady(rate: float) -> Demand:
    """So many a reading on average, each on its own (a Poisson process)."""

    def requests(random: Random, _: int) -> int:
        count, left = 0, random.expovariate(1.0)
        while left < rate:
            count, left = count + 1, left + random.expovariate(1.0)
        return count

    return requests


def waves(rate: float, period: int = 12) -> Demand:
    """Many and few in turn."""
    return lambda random, number: steady(rate * (1.8 if number // period % 2 else 0.2))(random, number)


def burst(number: int, requests: int) -> Demand:
    """All at once."""
    return lambda _, now: requests if now == number else 0


@dataclass(frozen=True)
class Visit:
    """What was there to be seen."""

    demand: Mapping[str, Demand]
    keeps: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By route, what a request leaves behind of each signal."""
    until: int = READINGS
    """Reading after which nothing more is left behind: a cache is full."""
    per_second: float = 0.0
    """Bytes that grow with time."""
    noise: Noise = white(20_000)
    workers: int = 2
    readings: int = READINGS
    follows: Mapping[str, str] = field(default_factory=dict)
    """Routes that are requested whenever another one is."""

    def run(self, seed: int) -> Run:
        """The run that was recorded of it."""
        random = Random(seed)
        workers = tuple(
            Worker(f"{pid}@1", pid, 1, Role.WORKER, f"gunicorn worker {pid}", -100.0)
            for pid in range(2, self.workers + 2)
        )
        master = Worker("1@1", 1, 0, Role.MASTER, "gunicorn master", -100.0)
        histories = [self._history(worker, random) for worker in workers]
        rounds = tuple(
            Round(number, Phase.NATURAL if number else Phase.BASELINE, at - SECONDS, at, samples=samples)
            for number, samples in enumerate(zip(*histories, strict=True))
            for at in [SECONDS * (number + 1)]
        )
        routes = {route: route for route in (*self.demand, *self.follows)}
        timeline = tuple(
            TimelinePoint(sample.worker, sample.time, sample.memory.rss) for done in rounds for sample in done.samples
        )
        plan = Plan(
            "PID 1", NATURAL, ATTACHED, seed=0, concurrency=0, options={"duration": "120 s", "flags": "--pid 1"}
        )
        return Run(
            "pid-1",
            "2026-11-26T10:00:00+00:00",
            "1",
            plan,
            {},
            routes,
            (master, *workers),
            rounds,
            (),
            timeline,
            outcome="complete",
        )

    def _history(self, worker: Worker, random: Random) -> list[Sample]:
        noise = self.noise(random, self.readings + 1)
        kept: Counter[str] = Counter()
        served: Counter[str] = Counter()
        found = []
        for number in range(self.readings + 1):
            if number:
                got = {route: demand(random, number) for route, demand in self.demand.items()}
                got |= {route: got[other] for route, other in self.follows.items()}
                served.update(got)
                kept["anonymous"] += round(self.per_second * SECONDS)
                for route, signals in self.keeps.items() if number <= self.until else ():
                    kept.update({signal: round(size * got[route]) for signal, size in signals.items()})
            found.append(_sample(worker, number, kept, noise[number], served))
        return found


def _sample(worker: Worker, number: int, kept: Mapping[str, int], noise: float, served: Mapping[str, int]) -> Sample:
    anonymous = BASE + round(noise) + kept.get("anonymous", 0)
    heap = HeapUsage(
        2_000_000 + round(noise / 100) + kept.get("blocks", 0),
        None,
        BASE // 2 + round(noise / 2) + kept.get("malloc", 0),
        None,
    )
    return Sample(
        worker.key,
        SECONDS * (number + 1),
        MemoryUsage(anonymous + 10 * 2**20, anonymous=anonymous),
        heap,
        threads=4 + kept.get("threads", 0),
        descriptors=20 + kept.get("descriptors", 0),
        served={route: count for route, count in served.items() if count},
    )


def looked_at(run: Run, holder: str, type_: str, size: int, counts: Sequence[tuple[int, int]]) -> Run:
    """With two looks at the heap of each worker: so many objects in one holder at the first and at the last one."""
    module, _, name = holder.rpartition(".")
    last = run.rounds[-1].index
    snapshots = []
    for worker, (before, after) in zip(run.workers[1:], counts, strict=True):
        for number, count in ((0, before), (last, after)):
            nodes = (
                PathNode(-1, "", "roots", 1, 0),
                PathNode(0, module, "module", 1, 100),
                PathNode(1, f".{name}", "list", 1, 8 * count, count),
                PathNode(2, "[*]", type_, count, size * count),
            )
            snapshots.append(Snapshot(worker.key, number, paths=nodes))
    return replace(run, snapshots=tuple(snapshots))
