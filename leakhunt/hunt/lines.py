"""Memory line by line for named functions: start the target, replay the workload, read the tables, stop everything."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from leakhunt.errors import AgentError, TargetError
from leakhunt.hunt.brake import Brake
from leakhunt.hunt.quiet import wait_until_quiet
from leakhunt.hunt.settings import Observer
from leakhunt.hunt.warm_up import unexpected_answers, working_steps
from leakhunt.model.lines import LineTable
from leakhunt.model.measurement import RequestRecord
from leakhunt.samplers.lines import Entry, merge_tables
from leakhunt.samplers.timeline import Timeline
from leakhunt.targets.base import Target
from leakhunt.units import Seconds
from leakhunt.workload.replay import Replayer
from leakhunt.workload.scenario import Workload

_DEATH_SHOWS: Final[Seconds] = 1.0
"""How long it takes at most until a process that has ended is known to have ended."""
_POLL: Final[Seconds] = 0.05
WARM_UP: Final = 2
"""Rounds that are not measured: they pay for lazy imports and caches."""


def measure_lines(
    *,
    target: Target,
    workload: Workload,
    connect: Callable[[Target], Replayer],
    requests: int,
    observer: Observer,
    clock: Callable[[], Seconds],
) -> LineTable:
    """What the calls of the functions cost that the target was made to measure; it is stopped on return.

    Args:
        target: Not started yet.
        workload: What `connect` will replay.
        connect: Makes the client once the target's address is known.
        requests: How often each step is sent, after the warm-up.
        observer: Told how far it is.
        clock: Seconds since the command began.

    Raises:
        TargetError: it cannot be started, died, lacks memory_profiler, or not one of the functions was measured.
        WorkloadError: no step gets the response it should.
    """
    try:
        observer.phase("starting the target")
        target.start()
        replayer = connect(target)
        replayer.prepare()
        lines = _Lines(target, replayer, observer)
        timeline = Timeline(lambda: _live(target), clock, lines.brake.check)
        timeline.start()
        try:
            return lines.run([step.name for step in workload.dosed], requests)
        finally:
            timeline.stop()
    finally:
        target.stop()


class _Lines:
    """The rounds against one started target."""

    def __init__(self, target: Target, replayer: Replayer, observer: Observer) -> None:
        self._target = target
        self._replayer = replayer
        self._observer = observer
        self.brake = Brake(replayer.stop, (target.launch_dir,), None)
        self._rounds = 0
        self._measured: set[str] = set()
        self._caveats: list[str] = [caveat.text for caveat in target.caveats()]

    def run(self, steps: Sequence[str], requests: int) -> LineTable:
        self._observer.phase(f"warm-up: {WARM_UP} requests of each step")
        records, tables = self._rounds_of(steps, WARM_UP)
        # Every module that the workload needs is imported by now: what the target lacks, it will not get.
        merge_tables(tables)
        working = working_steps(records, steps, self._target.with_last_lines)
        if len(working) < len(steps):
            self._caveats.append(f"left out for the responses they got: {unexpected_answers(records)}")
        self._observer.phase(f"measuring: {requests} requests of each step")
        records, tables = self._rounds_of(working, requests)
        if answers := unexpected_answers(records):
            self._caveats.append(f"measured in spite of the responses they got: {answers}")
        if self.brake.reason is not None:
            self._caveats.append(f"the load was stopped early: {self.brake.reason}")
        return self._checked(merge_tables(tables))

    def _rounds_of(self, steps: Sequence[str], rounds: int) -> tuple[list[RequestRecord], list[Sequence[Entry]]]:
        """Send each step once per round. Tables are read after every round, before a recycled worker takes its own."""
        records: list[RequestRecord] = []
        tables: list[Sequence[Entry]] = []
        for _ in range(rounds):
            if self.brake.reason is not None:
                break
            answered = self._replayer.run(dict.fromkeys(steps, 1), round=self._rounds)
            self._rounds += 1
            self._require_alive(no_answer=any(not each.expected and each.status is None for each in answered))
            records += answered
            tables += self._read()
        return records, tables

    def _require_alive(self, *, no_answer: bool) -> None:
        """Raise TargetError if the target has died; after a request without an answer that may yet have to show."""
        deadline = time.monotonic() + (_DEATH_SHOWS if no_answer else 0)
        while (failure := self._target.failure()) is None and time.monotonic() < deadline:
            time.sleep(_POLL)
        if failure is not None:
            raise TargetError(f"The target stopped while it was measured: {failure}")

    def _read(self) -> list[Sequence[Entry]]:
        """The tables of the processes that are alive, once they are at rest."""
        self._target.refresh()
        wait_until_quiet(self._target.links(), _live(self._target).values())
        tables: dict[str, Sequence[Entry]] = {}
        for key, link in self._target.links().items():
            with suppress(AgentError):  # it has ended meanwhile, as those that are no more among the links
                tables[key] = link.lines()
        if not self._measured <= tables.keys():
            self._caveats.append("processes of the target ended while they were measured; their last calls are missing")
        self._measured = set(tables)
        return list(tables.values())

    def _checked(self, table: LineTable) -> LineTable:
        """The table with all caveats, if there is anything in it."""
        if not table.functions:
            reasons = " ".join(table.problems) or "leakhunt's agent runs in no process of the target."
            raise TargetError(
                f"None of the functions was measured. {reasons}",
                "Look at the names, and whether the requests of the workload lead there.",
            )
        return replace(table, caveats=tuple(dict.fromkeys(self._caveats)))


def _live(target: Target) -> dict[str, int]:
    """Pids of its live processes, companions too, by worker key."""
    return {worker.key: worker.pid for worker in target.workers() if worker.died is None}
