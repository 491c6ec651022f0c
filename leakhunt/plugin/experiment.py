"""The experiment of `leakhunt profile` with calls in place of requests: warm-up, verdict rounds, explain rounds."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sized
from contextlib import contextmanager
from typing import Final

from leakhunt.analysis.analyse import analyse
from leakhunt.analysis.assess import assess
from leakhunt.hunt.blocks import Blocks
from leakhunt.hunt.settings import Settings
from leakhunt.hunt.warm_up import StepCost
from leakhunt.model.measurement import PeakSample, RequestRecord
from leakhunt.model.report import Report
from leakhunt.model.run import EFFORT, Effort, Phase, Plan, Round
from leakhunt.plugin.explain import explain
from leakhunt.plugin.limits import ROUNDS_PER_BLOCK, Limits
from leakhunt.plugin.notebook import Notebook
from leakhunt.plugin.peak import peak_of
from leakhunt.plugin.this_process import ThisProcess
from leakhunt.units import Seconds

Call = Callable[[], object]

_FIRST: Final = 2
_TIMED: Final = 3
_BETWEEN: Final = 1
"""Calls before each block: what is made up between blocks is none of the calls'."""
_PEAKS: Final = 3
"""Calls whose peak is read; the middle one counts."""
_WORTH_EXPLAINING: Final = ("leak", "growing")
_UNMEASURED: Final = 1e12
"""Bytes per call."""


class Experiment:
    """One thing that is called again and again, and what it leaves behind."""

    def __init__(self, name: str, call: Call, limits: Limits, *, seed: int, directory: str) -> None:
        self.name = name
        self.call = call
        self.limits = limits
        self.process = ThisProcess(ignore=limits.ignore, collect=limits.collect)
        self.recorder = Notebook(_plan(name, limits, seed), name, self.process.worker(), directory)
        self._seed = seed
        self._block: int | None = None

    def run(self) -> Report:
        """Measure, and judge. What the call raises goes through."""
        with _collecting(self.limits.collect):
            return self._run()

    def _run(self) -> Report:
        try:
            if self.limits.max_peak is not None:
                self.call()
                for _ in range(_PEAKS):
                    self.recorder.peaks.append(PeakSample(self.name, self.process.key, 0, peak_of(self.call)))
            if self.limits.max_growth is not None or self.limits.max_kept is not None:
                self._measure_growth()
            return analyse(self.recorder.run())
        finally:
            self.process.close()

    def _measure_growth(self) -> None:
        cost = self._warm_up()
        settings = Settings(self._seed, budget=self.limits.time, max_requests=self.limits.calls)
        self.process.freeze()
        most = self.limits.rounds // ROUNDS_PER_BLOCK
        Blocks(self, settings, {self.name: cost}, _Silent(), self.process.clock, self.round, most).run()
        self.process.thaw()
        if assess(self.recorder.run()).routes[self.name].state in _WORTH_EXPLAINING:
            explain(self, cost)

    def serving(self) -> Sized:
        """The one process."""
        return (self.process,)

    def round(self, phase: Phase, doses: Mapping[str, int], *, block: int | None = None) -> Round:
        """Call so many times, then read the process; recorded."""
        if block is not None and block != self._block:
            self._block = block
            self.round(Phase.BASELINE, {self.name: _BETWEEN})
        started = self.process.clock()
        shortest = self.call_often(doses[self.name])
        sample = self.process.sample()
        return self._record(
            Round(
                self.recorder.next_index,
                phase,
                started,
                self.process.clock(),
                doses=dict(doses),
                block=block,
                inputs="repeated",
                samples=(sample,),
            ),
            shortest,
        )

    def unread_round(self, dose: int, number: int) -> tuple[Round, Seconds]:
        """Call so many times, for snapshots: nothing is read of the process. With the shortest duration of a call."""
        started = self.process.clock()
        shortest = self.call_often(dose)
        self.process.settle()
        index, ended = self.recorder.next_index, self.process.clock()
        done = Round(index, Phase.EXPLAIN, started, ended, {self.name: dose}, block=number, alone=self.name)
        return self._record(done, shortest), shortest

    def call_often(self, dose: int) -> Seconds:
        """The shortest duration of a call: a busy machine makes them longer."""
        clock, call = time.perf_counter, self.call
        shortest = float("inf")
        for _ in range(dose):
            began = clock()
            call()
            shortest = min(shortest, clock() - began)
        return shortest

    def _record(self, done: Round, duration: Seconds) -> Round:
        self.recorder.round(done, RequestRecord(done.index, self.name, None, True, 0, done.started, duration))
        return done

    def _warm_up(self) -> StepCost:
        """Until lazy imports and caches are paid for; what a call costs and keeps, good enough to cap a dose."""
        before = self.round(Phase.WARM_UP, {self.name: _FIRST}).samples[0]
        started = self.process.clock()
        after = self.round(Phase.WARM_UP, {self.name: _TIMED}).samples[0]
        duration = min(record.duration for record in self.recorder.run().requests if record.started >= started)
        kept = max(0, (after.memory.anonymous or after.memory.rss) - (before.memory.anonymous or before.memory.rss))
        resources = {
            "threads": max(0.0, ((after.threads or 0) - (before.threads or 0)) / _TIMED),
            "descriptors": max(0.0, ((after.descriptors or 0) - (before.descriptors or 0)) / _TIMED),
        }
        return StepCost(duration, kept // _TIMED, resources)


def _plan(name: str, limits: Limits, seed: int) -> Plan:
    budget = limits.max_growth if limits.max_growth is not None else _UNMEASURED
    options = {"budget": f"{budget:.0f}B/request", EFFORT: Effort.NORMAL.value}
    return Plan(target=name, workload="calls in this process", server="none", seed=seed, concurrency=1, options=options)


@contextmanager
def _collecting(wanted: bool) -> Iterator[None]:
    """Without garbage collection, if it is to be seen what only that would free."""
    if wanted or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Silent:
    """Tells nobody of the progress."""

    def phase(self, label: str) -> None: ...
    def round(self, done: Round) -> None: ...
    def note(self, text: str) -> None: ...
