"""Records what is watched as a run: processes and the growth chart, without rounds, for nothing was requested."""

from __future__ import annotations

from dataclasses import replace

from leakhunt.model.measurement import TimelinePoint
from leakhunt.model.run import WATCHED, Plan, Worker
from leakhunt.model.snapshot import Snapshot
from leakhunt.model.view import ProcessView, TreeView
from leakhunt.runfile import RunWriter
from leakhunt.units import Seconds


def plan_of(pid: int, name: str, interval: Seconds) -> Plan:
    """What was asked for."""
    options = {"interval": f"{interval:g} s"}
    return Plan(f"PID {pid} ({name})", WATCHED, name, seed=0, concurrency=0, options=options)


class WatchRecorder:
    """Adds each reading to a run file."""

    def __init__(self, writer: RunWriter) -> None:
        self._writer = writer
        self._workers: dict[str, Worker] = {}

    def add(self, view: TreeView) -> None:
        """Write one reading down."""
        for process in view.processes:
            self._know(_worker(process, view.time))
        self._bury({process.key for process in view.processes}, view.time)
        self._writer.timeline(
            TimelinePoint(each.key, view.time, each.vitals.memory.rss, each.vitals.memory.uss)
            for each in view.processes
        )

    def add_snapshot(self, snapshot: Snapshot) -> None:
        """Write down what was seen in the heap of one worker."""
        self._writer.snapshot(snapshot)

    def finish(self, outcome: str) -> None:
        """Say how it ended, and close the run."""
        self._writer.finish(outcome)

    def _know(self, worker: Worker) -> None:
        known = self._workers.get(worker.key)
        if known is None or (known.name, known.role) != (worker.name, worker.role):
            self._workers[worker.key] = worker
            self._writer.worker(worker)

    def _bury(self, living: set[str], now: Seconds) -> None:
        """A process that is seen no more has ended; how, only its parent knows."""
        for key, worker in list(self._workers.items()):
            if key not in living:
                del self._workers[key]
                self._writer.worker(replace(worker, died=now, death="ended"))


def _worker(process: ProcessView, now: Seconds) -> Worker:
    born = now - process.age
    return Worker(process.key, process.pid, process.parent, process.role, process.name, born)
