"""The experiment: warm-up, baseline, blocks of verdict rounds, settle, peaks, explanation."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Final

from leakhunt.analysis.assess import Assessment, assess
from leakhunt.hunt.brake import Brake
from leakhunt.hunt.doses import (
    FIRST_BASE,
    SPREAD,
    affordable_base,
    base_for_total,
    draw_block,
    prime_doses,
    rounds_per_block,
)
from leakhunt.hunt.explain import explain
from leakhunt.hunt.lives import requests_per_round
from leakhunt.hunt.peaks import measure_peaks
from leakhunt.hunt.rounds import Rounds
from leakhunt.hunt.settings import Observer, Settings
from leakhunt.hunt.splits import read_splits, try_trim
from leakhunt.hunt.warm_up import StepCost, warm_up
from leakhunt.model.run import Phase, Round
from leakhunt.units import Bytes, Seconds
from leakhunt.workload.scenario import Step

MAX_BLOCKS: Final = 9
_FIRST_SHARE: Final = 0.05
"""Part of the time budget that the first block may take."""
_NEXT_SHARE: Final = 0.12
"""Part that each further block may take: several of them, since one step of an allocator spoils a block."""
_LEAST_BLOCKS: Final = 2
"""Blocks that a verdict rests on."""
_BLOCK_GROWTH: Final[Bytes] = 256 * 2**20
"""A block whose predicted growth is larger gets smaller doses: the target must survive the proof."""
_SETTLE: Final[Seconds] = 1.0
_SETTLE_RESOURCES: Final[Seconds] = 6.0
"""Some libraries give threads and descriptors back only after five seconds."""
_FIRST_USES: Final = 2
"""Requests of each route and worker, where workers are recycled, before a block."""
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
        self._lottery = random.Random(settings.seed)
        self._costs: dict[str, StepCost] = {}
        self._round_limit: int | None = None
        """Requests that a round may send so that recycled workers see a few rounds; None while none are recycled."""

    def run(self, steps: tuple[Step, ...]) -> str:
        """Run everything; returns the outcome: `complete`, or one sentence why it stopped early."""
        try:
            self._phases(steps)
        except _Stopped as stopped:
            self._observer.note(str(stopped))
            return str(stopped)
        return "complete"

    def _phases(self, steps: tuple[Step, ...]) -> None:
        self._observer.phase("warm-up: every step alone, then together until steady")
        try:
            self._costs = dict(warm_up(self._rounds, [step.name for step in steps]))
        finally:
            self._check()  # a target that died says more than the responses that did not come
        self._observer.phase("baseline")
        baseline = self._round(Phase.BASELINE, {})
        read_splits(self._rounds)
        self._blocks()
        self._repeated()
        self._settle(baseline)
        read_splits(self._rounds)
        try_trim(self._rounds)
        if self._settings.explain:
            self._explain()
        if self._settings.peaks:
            # Last, because its largest uploads are what may reach the memory limit.
            self._observer.phase("peak memory of single requests")
            measure_peaks(self._rounds, tuple(step for step in steps if step.name in self._costs))
            self._check()

    def _blocks(self) -> None:
        """Blocks of growing doses, for the routes that are not settled yet, while time and requests last."""
        end = self._clock() + self._settings.budget
        assessment: Assessment | None = None
        turn = block = sent = 0
        while turn < MAX_BLOCKS:
            unsettled = self._open_steps(assessment)
            share = self._settings.budget * (_FIRST_SHARE if turn == 0 else _NEXT_SHARE) / len(unsettled)
            for steps in self._groups(unsettled):
                rounds = rounds_per_block(len(steps))
                bases = self._bases(steps, turn, rounds, assessment, share)
                size = sum(sum(prime_doses(base, rounds)) for base in bases.values())
                if turn >= _LEAST_BLOCKS and self._clock() + self._duration(bases, rounds) > end:
                    return
                if self._settings.max_requests is not None and sent + size > self._settings.max_requests:
                    if block == 0:
                        text = f"--requests is too low: one block of verdict rounds takes {size} requests."
                        self._observer.note(text)
                        self._rounds.recorder.caveat("too-few-requests", text)
                    return
                self._observer.phase(f"verdict rounds, block {block + 1}: {size} requests")
                complete = self._block(block, draw_block(bases, rounds, self._lottery))
                block, sent = block + 1, sent + size
                if not complete:
                    break
            else:
                turn += 1
            assessment = assess(self._rounds.recorder.run())
            if not self._open_steps(assessment):
                return

    def _block(self, number: int, rounds: tuple[Mapping[str, int], ...]) -> bool:
        """Run a block; False if it was given up because a worker was recycled, too early for blocks of this size."""
        if self._round_limit is not None:
            # Workers that were born since meet these routes for the first time: the rounds are to begin after that.
            each = _FIRST_USES * max(1, len(self._rounds.serving()))
            self._round(Phase.WARM_UP, dict.fromkeys(rounds[0], each))
        for doses in rounds:
            self._round(Phase.DOSE, doses, block=number)
            if self._round_limit is None:
                self._round_limit = requests_per_round(self._rounds.recorder.run())
                if self._round_limit is not None and max(sum(each.values()) for each in rounds) > self._round_limit:
                    self._observer.note(
                        "Workers are recycled after few requests, so each route gets smaller blocks of its own."
                    )
                    return False
        return True

    def _groups(self, steps: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        """Which steps share a block: all of them, unless workers are recycled before they have seen a few rounds."""
        largest = sum(prime_doses(1, rounds_per_block(len(steps)))[-1] for _ in steps)
        together = self._round_limit is None or self._round_limit >= largest
        return ((steps,) if steps else ()) if together else tuple((step,) for step in steps)

    def _bases(
        self, steps: tuple[str, ...], turn: int, rounds: int, assessment: Assessment | None, share: Seconds
    ) -> Mapping[str, int]:
        """The smallest dose of each step of a block; `share` is the time that each step may take."""
        ceiling = FIRST_BASE * 2**turn
        if self._round_limit is not None:
            ceiling = max(1, min(ceiling, int(self._round_limit / len(steps) / SPREAD)))
        bases = {}
        for step in steps:
            # A number of requests that the user gives makes the doses, and no clock: a seed then repeats them.
            timed = self._settings.max_requests is None
            base = affordable_base(self._costs[step].duration, share, rounds, ceiling) if timed else ceiling
            growth = self._growth(step, assessment)
            if growth > 0:
                base = min(base, base_for_total(_BLOCK_GROWTH / len(steps) / growth, rounds))
            if self._settings.max_requests is not None:
                base = min(base, base_for_total(self._settings.max_requests / _LEAST_BLOCKS / len(steps), rounds))
            bases[step] = base
        return bases

    def _growth(self, step: str, assessment: Assessment | None) -> float:
        """Bytes that one request of a step is expected to keep."""
        if assessment is None:
            return float(self._costs[step].growth)
        state = assessment.routes.get(self._rounds.recorder.run().routes[step])
        return state.bytes_per_request if state is not None else 0.0

    def _open_steps(self, assessment: Assessment | None) -> tuple[str, ...]:
        if assessment is None:
            return tuple(self._costs)
        routes = self._rounds.recorder.run().routes
        return tuple(
            step
            for step in self._costs
            if (state := assessment.routes.get(routes[step])) is None
            or state.state in ("open", "growing")
            or not state.proven
        )

    def _duration(self, bases: Mapping[str, int], rounds: int) -> Seconds:
        """About how long a block will take."""
        return sum(self._costs[step].duration * sum(prime_doses(base, rounds)) for step, base in bases.items())

    def _repeated(self) -> None:
        """Each step alone, with distinct inputs made repeated or the other way round: does it keep less then?"""
        inputs = self._rounds.replayer.other_inputs
        self._observer.phase(_INPUTS[inputs])
        for step in self._costs:
            for dose in _REPEATED_DOSES:
                self._round(Phase.REPEATED, {step: dose}, alone=step, inputs=inputs)

    def _settle(self, baseline: Round) -> None:
        self._observer.phase("settle: no load")
        time.sleep(_SETTLE)
        settled = self._round(Phase.SETTLE, {})
        if _resources(settled) > _resources(baseline):
            time.sleep(_SETTLE_RESOURCES - _SETTLE)
            self._round(Phase.SETTLE, {})

    def _explain(self) -> None:
        run = self._rounds.recorder.run()
        suspicious = assess(run).suspicious
        wanted = [step for route in suspicious for step in self._costs if run.routes[step] == route]
        for step in wanted:
            self._observer.phase(f"explain {run.routes[step]}")
            explain(self._rounds, step, self._costs[step], show_values=self._settings.show_values)
            self._check()

    def _round(
        self,
        phase: Phase,
        doses: Mapping[str, int],
        *,
        block: int | None = None,
        alone: str | None = None,
        inputs: str | None = None,
    ) -> Round:
        done = self._rounds.run(phase, doses, block=block, alone=alone, inputs=inputs)
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
