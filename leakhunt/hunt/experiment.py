"""The experiment: warm-up, baseline, blocks of verdict rounds, settle, peaks, explanation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from leakhunt.analysis.assess import assess
from leakhunt.hunt.arrival import look_around
from leakhunt.hunt.blocks import Blocks
from leakhunt.hunt.brake import Brake
from leakhunt.hunt.explain import explain, explain_background
from leakhunt.hunt.idle import watch_idle
from leakhunt.hunt.live import require_seen
from leakhunt.hunt.peaks import measure_peaks
from leakhunt.hunt.plateau import compare_heap, explain_plateau, remember_heap
from leakhunt.hunt.rounds import Rounds
from leakhunt.hunt.settings import Observer, Settings
from leakhunt.hunt.splits import read_splits, try_trim
from leakhunt.hunt.warm_up import StepCost, warm_up
from leakhunt.model.run import Effort, Phase, Round
from leakhunt.units import Seconds
from leakhunt.workload.scenario import Step

_SETTLE: Final[Seconds] = 6.0
"""Some libraries give threads and descriptors back only after five seconds."""
_AT_FIRST: Final = 0.25
"""Part of it after which a first sample is taken."""
_SETTLE_MORE: Final[Seconds] = 3.0
_SETTLE_MOST: Final[Seconds] = 30.0
"""How long threads and descriptors that become fewer are waited for."""
_REPEATED_DOSES: Final = (1, 5)
"""The first request fills whatever is kept once per input; the others show what is kept each time."""
_INPUTS: Final = {
    "repeated": "the same names and contents in every request",
    "distinct": "names and contents that differ from request to request",
}


class _Stopped(Exception):
    """The load must not go on; the text says why."""


class Experiment:
    """Runs all phases in order against a started target. What was recorded stands, however it ends."""

    def __init__(
        self, rounds: Rounds, settings: Settings, brake: Brake, observer: Observer, clock: Callable[[], Seconds]
    ) -> None:
        self._rounds = rounds
        self._settings = settings
        self._brake = brake
        self._observer = observer
        self._clock = clock
        self._costs: dict[str, StepCost] = {}

    def run(self, steps: tuple[Step, ...]) -> str:
        """Run everything; returns the outcome: `complete`, or one sentence why it stopped early."""
        try:
            self._phases(steps)
        except _Stopped as stopped:
            self._observer.note(str(stopped))
            return str(stopped)
        return "complete"

    def _phases(self, steps: tuple[Step, ...]) -> None:
        if self._settings.live and self._settings.explain:
            self._observer.phase("arrival: what is there already")
            look_around(self._rounds)
        self._observer.phase("warm-up: every step alone, then together until steady")
        try:
            self._costs = dict(warm_up(self._rounds, [step.name for step in steps]))
        finally:
            self._check()  # a target that died says more than the responses that did not come
        if self._settings.live:
            require_seen(self._rounds)
        self._observer.phase("baseline")
        self._round(Phase.BASELINE, {})
        read_splits(self._rounds)
        if self._settings.explain:
            remember_heap(self._rounds)
        Blocks(self._rounds, self._settings, self._costs, self._observer, self._clock, self._round).run()
        if self._settings.effort is not Effort.QUICK:
            self._repeated()
        settled = self._settle()
        if self._settings.effort is not Effort.QUICK:
            watch_idle(self._rounds, self._observer, self._settings.seed, self._check)
        read_splits(self._rounds)
        if self._settings.allow_gc:
            try_trim(self._rounds)
            self._collect(settled)
        if self._settings.explain:
            compare_heap(self._rounds, settled.index)
            self._explain()
            explain_plateau(self._rounds, show_values=self._settings.show_values)
        if self._settings.peaks:
            # Last, because its largest uploads are what may reach the memory limit.
            self._observer.phase("peak memory of single requests")
            measure_peaks(self._rounds, tuple(step for step in steps if step.name in self._costs))
            self._check()

    def _repeated(self) -> None:
        """Each step alone, with distinct inputs made repeated or the other way round: does it keep less then?"""
        inputs = self._rounds.replayer.other_inputs
        self._observer.phase(_INPUTS[inputs])
        for step in self._costs:
            for dose in _REPEATED_DOSES:
                self._round(Phase.REPEATED, {step: dose}, alone=step, inputs=inputs)

    def _settle(self) -> Round:
        """Wait without load until what is only late in being given back has been."""
        self._observer.phase("settle: no load")
        before = _resources(self._rounds.recorder.run().rounds[-1])
        waited = _SETTLE
        # Two samples: what goes on growing for a moment only is growth with time, too.
        self._round(Phase.SETTLE, {}, rest=_AT_FIRST * _SETTLE)
        done = self._round(Phase.SETTLE, {}, rest=(1 - _AT_FIRST) * _SETTLE)
        while _resources(done) < before and waited < _SETTLE_MOST:
            before = _resources(done)
            waited += _SETTLE_MORE
            done = self._round(Phase.SETTLE, {}, rest=_SETTLE_MORE)
        if _resources(done) < before:
            text = f"Threads or descriptors still became fewer {waited:.0f} s after the last request."
            self._rounds.recorder.caveat("still-settling", text)
        return done

    def _collect(self, settled: Round) -> None:
        """One collection where the app does without: only now, since until here it ran as it always does."""
        if any(sample.heap is not None and not sample.heap.gc_enabled for sample in settled.samples):
            self._observer.phase("collect: garbage that the app leaves lying")
            self._rounds.run(Phase.COLLECT, {}, collect=True)
            self._check()

    def _explain(self) -> None:
        run = self._rounds.recorder.run()
        assessment = assess(run)
        wanted = [step for route in assessment.suspicious for step in self._costs if run.routes[step] == route]
        for step in wanted:
            self._observer.phase(f"explain {run.routes[step]}")
            explain(self._rounds, step, self._costs[step], show_values=self._settings.show_values)
            self._check()
        if assessment.background is not None and assessment.background.suspicious:
            self._observer.phase("explain what grows with time")
            explain_background(self._rounds, show_values=self._settings.show_values)
            self._check()

    def _round(
        self,
        phase: Phase,
        doses: Mapping[str, int],
        *,
        block: int | None = None,
        alone: str | None = None,
        inputs: str | None = None,
        rest: Seconds = 0.0,
    ) -> Round:
        done = self._rounds.run(phase, doses, block=block, alone=alone, inputs=inputs, rest=rest)
        self._check()
        return done

    def _check(self) -> None:
        failure = self._rounds.target.failure()
        if failure is not None:
            raise _Stopped(f"The target stopped during the run: {failure}")
        if self._brake.reason is not None:
            raise _Stopped(f"The load was stopped: {self._brake.reason}.")


def _resources(done: Round) -> int:
    return sum((sample.threads or 0) + (sample.descriptors or 0) for sample in done.samples)
