"""Writes each observation to the run file at once and keeps it for the decisions still to be made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from leakhunt.model.calls import CallTable
from leakhunt.model.measurement import PeakSample, RequestRecord, TimelinePoint
from leakhunt.model.run import Caveat, Cost, Plan, Round, Run, Worker
from leakhunt.model.snapshot import Container, Snapshot
from leakhunt.model.split import MemorySplit
from leakhunt.runfile import RunWriter


class Recorder:
    """The run so far, in memory and on disk."""

    def __init__(self, writer: RunWriter, *, name: str, started_at: str, leakhunt: str, plan: Plan) -> None:
        self._writer = writer
        self._name, self._started_at, self._leakhunt, self._plan = name, started_at, leakhunt, plan
        self._conditions: dict[str, str] = {}
        self._routes: dict[str, str] = {}
        self._workers: dict[str, Worker] = {}
        self._rounds: list[Round] = []
        self._requests: list[RequestRecord] = []
        self._timeline: list[TimelinePoint] = []
        self._peaks: list[PeakSample] = []
        self._splits: list[MemorySplit] = []
        self._snapshots: list[Snapshot] = []
        self._containers: list[Container] = []
        self._calls: list[CallTable] = []
        self._caveats: dict[str, Caveat] = {}
        self._cost: Cost | None = None
        self._outcome: str | None = None

    def conditions(self, conditions: Mapping[str, str]) -> None:
        """Facts about the machine and the target."""
        self._conditions.update(conditions)
        self._writer.conditions(conditions)

    def routes(self, routes: Mapping[str, str]) -> None:
        """Which route each step goes to."""
        for step, route in routes.items():
            if self._routes.get(step) != route:
                self._routes[step] = route
                self._writer.route(step, route)

    def workers(self, workers: Iterable[Worker]) -> None:
        """The lives seen so far; a life already known is brought up to date."""
        for worker in workers:
            if self._workers.get(worker.key) != worker:
                self._workers[worker.key] = worker
                self._writer.worker(worker)

    def round(self, done: Round, requests: tuple[RequestRecord, ...], timeline: tuple[TimelinePoint, ...]) -> None:
        """A finished round, with its requests and the points of the chart since the last one."""
        self._rounds.append(done)
        self._requests.extend(requests)
        self._timeline.extend(timeline)
        self._writer.round(done, requests, timeline)

    def peak(self, peak: PeakSample) -> None:
        """The peak of one request."""
        self._peaks.append(peak)
        self._writer.peak(peak)

    def snapshot(self, snapshot: Snapshot) -> None:
        """What a snapshot child saw."""
        self._snapshots.append(snapshot)
        self._writer.snapshot(snapshot)

    def container(self, container: Container) -> None:
        """A closer look at a holder."""
        self._containers.append(container)
        self._writer.container(container)

    def calls(self, table: CallTable) -> None:
        """What was read around the operations of one worker."""
        self._calls.append(table)
        self._writer.calls(table)

    def split(self, split: MemorySplit) -> None:
        """What the memory of one process is made of."""
        self._splits.append(split)
        self._writer.split(split)

    def caveat(self, code: str, text: str) -> None:
        """A reason to trust the run less; recorded once per code and text."""
        caveat = Caveat(code, text)
        key = f"{code}\n{text}"
        if key not in self._caveats:
            self._caveats[key] = caveat
            self._writer.caveat(caveat)

    def finish(self, outcome: str, cost: Cost | None) -> None:
        """How the run ended."""
        self._outcome, self._cost = outcome, cost
        if cost is not None:
            self._writer.cost(cost)
        self._writer.finish(outcome)

    def run(self) -> Run:
        """The run as recorded up to now."""
        return Run(
            name=self._name,
            started_at=self._started_at,
            leakhunt=self._leakhunt,
            plan=self._plan,
            conditions=dict(self._conditions),
            routes=dict(self._routes),
            workers=tuple(self._workers.values()),
            rounds=tuple(self._rounds),
            requests=tuple(self._requests),
            timeline=tuple(self._timeline),
            peaks=tuple(self._peaks),
            snapshots=tuple(self._snapshots),
            containers=tuple(self._containers),
            calls=tuple(self._calls),
            splits=tuple(self._splits),
            caveats=tuple(self._caveats.values()),
            cost=self._cost,
            outcome=self._outcome,
        )
