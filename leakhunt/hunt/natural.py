"""Observes an app that runs already under its own traffic: nothing is sent, and nothing is judged while it lasts.

Everything is written to the run file at once and forgotten, so that leakhunt stays small however long it looks on: it
may live under the very memory limit that the app is about to meet.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from leakhunt.errors import AgentError
from leakhunt.hunt.live import say_what_was_spared, used_time
from leakhunt.hunt.samples import take_sample
from leakhunt.hunt.settings import Observer
from leakhunt.model.measurement import HeapUsage, Sample, TimelinePoint
from leakhunt.model.run import Caveat, Cost, Phase, Role, Round, Worker
from leakhunt.runfile import RunWriter
from leakhunt.samplers.activity import cpu_of
from leakhunt.samplers.memory import ProcessGone
from leakhunt.samplers.peak import read_peak
from leakhunt.targets.answers import AgentStats, UnreadSnapshot
from leakhunt.targets.attached import AttachedTarget
from leakhunt.targets.base import Target
from leakhunt.targets.link import AgentLink
from leakhunt.units import Bytes, Seconds, format_duration, format_size

COMPLETE: Final = "complete"
INTERRUPTED: Final = "interrupted"

_INTERVALS: Final = 60
"""How many are wanted."""
_SHORTEST: Final[Seconds] = 0.5
_LONGEST: Final[Seconds] = 60.0
_MOST: Final = 1000
"""Intervals of a long visit: what a recording holds is bounded by that."""
_PATIENCE: Final[Seconds] = 0.2
"""How long a moment without any request in flight is waited for, all workers together."""
_POLL: Final[Seconds] = 0.01


@dataclass(frozen=True, slots=True)
class Visit:
    """What the user may decide about looking on."""

    duration: Seconds
    snapshots: bool = True
    """Whether the heap is looked at, before and after."""
    allow_gc: bool = False
    """Whether the app may be made to collect garbage, before each look at the heap."""


def interval_of(duration: Seconds) -> Seconds:
    """Time from one reading to the next: sixty in all, but neither closer than needed nor more than can be kept."""
    return max(_SHORTEST, min(duration / _INTERVALS, _LONGEST), duration / _MOST)


def observe(
    *, target: AttachedTarget, writer: RunWriter, visit: Visit, observer: Observer, clock: Callable[[], Seconds]
) -> str:
    """Attach, look on, detach; returns how it ended: `complete`, `interrupted`, or why the app is no more.

    Raises:
        TargetError: the app cannot be attached to. The run has been finished with the reason as its outcome.
    """
    outcome = INTERRUPTED
    notebook = _Notebook(writer)
    before = {worker.pid: cpu_of([worker.pid]) for worker in target.scope.workers}
    onlooker = _Onlooker(target, notebook, visit, observer, clock, before)
    if not visit.allow_gc:
        say_what_was_spared(notebook)
    try:
        target.start()
        onlooker.arrive()
        outcome = onlooker.look_on()
        onlooker.leave()
    except KeyboardInterrupt:
        observer.note("Interrupted; the report is made from what was recorded.")
    except Exception as error:
        outcome = f"stopped by an error: {str(error).partition(chr(10))[0]}"
        raise
    finally:
        onlooker.reckon()
        target.stop()
        writer.conditions({"leakhunt's memory while attached": f"{format_size(read_peak(os.getpid()))} at most"})
        for caveat in target.caveats():
            notebook.caveat(caveat.code, caveat.text)
        notebook.workers(target.workers())
        onlooker.read_snapshots()
        if (cost := onlooker.cost()) is not None:
            writer.cost(cost)
        writer.finish(outcome)
    return outcome


class _Notebook:
    """Writes down what is new, and keeps no more than it takes to know that."""

    def __init__(self, writer: RunWriter) -> None:
        self.writer = writer
        self._workers: dict[str, Worker] = {}
        self._routes: set[str] = set()
        self._caveats: set[tuple[str, str]] = set()

    def workers(self, workers: tuple[Worker, ...]) -> None:
        for worker in workers:
            if self._workers.get(worker.key) != worker:
                self._workers[worker.key] = worker
                self.writer.worker(worker)

    def round(self, done: Round) -> None:
        for route in dict.fromkeys(route for sample in done.samples for route in sample.served):
            if route not in self._routes:
                self._routes.add(route)
                self.writer.route(route, route)
        points = (TimelinePoint(each.worker, each.time, each.memory.rss, each.memory.uss) for each in done.samples)
        self.writer.round(done, (), points)

    def caveat(self, code: str, text: str) -> None:
        if (code, text) not in self._caveats:
            self._caveats.add((code, text))
            self.writer.caveat(Caveat(code, text))


class _Onlooker:
    """Reads counts and memory of every process at intervals."""

    def __init__(
        self,
        target: Target,
        notebook: _Notebook,
        visit: Visit,
        observer: Observer,
        clock: Callable[[], Seconds],
        before: Mapping[int, Seconds],
    ) -> None:
        self._target = target
        self._notebook = notebook
        self._visit = visit
        self._observer = observer
        self._clock = clock
        self._next_index = 0
        self._last = 0.0
        self._longest_pause: Seconds | None = None
        self._child_memory: Bytes | None = None
        self._cost: Cost | None = None
        self._unread: list[UnreadSnapshot] = []
        self._before = before

    def arrive(self) -> None:
        """Look at the heap, then read the levels that growth is counted from."""
        self._notebook.writer.conditions(self._target.conditions())
        # The first reading loads what the agent needs for it, and says what had been served by the look at the heap.
        self._read(Phase.BASELINE)
        self._look_at_heaps("looking at the heap")
        self._read(Phase.BASELINE)

    def look_on(self) -> str:
        """Read at intervals until the time is over or the app is; how it ended."""
        self._observer.phase(f"looking on at its own traffic for {format_duration(self._visit.duration)}")
        interval = interval_of(self._visit.duration)
        began = self._clock()
        end, due = began + self._visit.duration, began
        while self._clock() < end:
            due = min(max(due + interval, self._clock()), end)
            time.sleep(max(0.0, due - self._clock()))
            if (dead := self._target.dead()) is not None:
                return dead
            self._observer.round(self._read(Phase.NATURAL))
        return COMPLETE

    def leave(self) -> None:
        """Look at the heap once more."""
        self._look_at_heaps("looking at the heap again")

    def read_snapshots(self) -> None:
        """Take apart and write down what was seen of the heaps, once leakhunt is attached no more."""
        while self._unread:
            try:
                snapshot, memory = self._unread.pop(0).read()
            except AgentError as error:
                self._notebook.caveat("no-snapshot", f"A snapshot could not be read: {error.message}")
                continue
            self._child_memory = max(memory or 0, self._child_memory or 0) or None
            self._notebook.writer.snapshot(snapshot)
            for problem in snapshot.problems:
                self._notebook.caveat("snapshot", problem)

    def reckon(self) -> None:
        """Processor time of the agents over that of their workers meanwhile, and their memory."""
        agents = workers = 0.0
        memory: list[Bytes] = []
        after = used_time(self._target)
        for link in self._serving().values():
            try:
                stats = link.stats()
            except AgentError:
                continue
            agents += stats.cpu
            workers += after.get(link.hello.pid, 0.0) - self._before.get(link.hello.pid, 0.0)
            memory.append(stats.memory)
        if memory:
            self._cost = Cost(agents / workers if workers > 0 else None, max(memory, default=None), longest_pause=None)

    def cost(self) -> Cost | None:
        """What it has cost the app, the longest pause included; None if nothing came of it."""
        if self._cost is None:
            return None
        return replace(self._cost, longest_pause=self._longest_pause, child_memory=self._child_memory)

    def _read(self, phase: Phase) -> Round:
        self._target.refresh()
        workers, links = self._target.workers(), self._target.links()
        self._notebook.workers(workers)
        alive = [worker for worker in workers if worker.died is None]
        patience = _PATIENCE / max(1, len(links))
        samples = []
        for worker in alive:
            try:
                samples.append(self._sample(worker, links.get(worker.key), patience))
            except ProcessGone:
                continue
        started, self._last = self._last, self._clock()
        done = Round(self._next_index, phase, started, self._last, samples=tuple(samples))
        self._next_index += 1
        self._notebook.round(done)
        return done

    def _sample(self, worker: Worker, link: AgentLink | None, patience: Seconds) -> Sample:
        """Counts and memory of one process, if there is one within `patience` at a moment when it handles nothing."""
        serves = link is not None and worker.role is Role.WORKER
        stats, heap = _measure(link, patience) if link is not None and serves else (None, None)
        return take_sample(worker, self._clock, stats, heap)

    def _look_at_heaps(self, label: str) -> None:
        """One worker after the other: each child takes memory, and so does what it tells."""
        links = self._serving() if self._visit.snapshots else {}
        if links:
            self._observer.phase(label)
        for link in links.values():
            try:
                if self._visit.allow_gc:
                    self._note_pause(link.collect())
                taken = link.unread_snapshot(self._next_index - 1)
            except AgentError as error:
                self._notebook.caveat("no-snapshot", f"A snapshot could not be taken: {error.message}")
                continue
            self._note_pause(taken.pause)
            self._unread.append(taken)

    def _note_pause(self, pause: Seconds) -> None:
        self._longest_pause = max(pause, self._longest_pause or 0.0)

    def _serving(self) -> Mapping[str, AgentLink]:
        roles = {worker.key: worker.role for worker in self._target.workers()}
        return {key: link for key, link in self._target.links().items() if roles.get(key) is Role.WORKER}


def _measure(link: AgentLink, patience: Seconds) -> tuple[AgentStats | None, HeapUsage | None]:
    """What the agent says, asked again for a while as long as requests are in flight; nothing if it has gone."""
    deadline = time.monotonic() + patience
    try:
        while True:
            stats, heap = link.measure()
            if not stats.in_flight or time.monotonic() >= deadline:
                return stats, heap
            time.sleep(_POLL)
    except AgentError:
        return None, None
