"""The verdict rounds: blocks of growing doses, for the routes that are not settled yet."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sized
from statistics import median
from typing import Final, Protocol

from leakhunt.analysis.assess import Assessment, RouteState, assess
from leakhunt.analysis.error_rate import MAX_BLOCKS
from leakhunt.analysis.lives import requests_per_round
from leakhunt.hunt.doses import (
    FIRST_BASE,
    SPREAD,
    affordable_base,
    base_for_total,
    base_of,
    draw_block,
    prime_doses,
    rounds_per_block,
)
from leakhunt.hunt.settings import Observer, Settings
from leakhunt.hunt.warm_up import StepCost
from leakhunt.model.run import Effort, Phase, Round, Run
from leakhunt.units import Bytes, Seconds

LEAST_BLOCKS: Final = 2
"""Blocks that a verdict rests on."""
_FIRST_SHARE: Final = 0.05
"""Part of the time budget that the first block may take."""
_NEXT_SHARE: Final = 0.12
"""Part that each further block may take: several of them, since one step of an allocator spoils a block."""
_PROOF_SHARE: Final[Mapping[Effort, float]] = {Effort.QUICK: 0.0, Effort.NORMAL: 0.25, Effort.STRICT: 1.0}
"""Part of the time budget that is spent on making sure of what has been found already."""
_RECYCLED: Final = 2
"""How many times the rounds of a block where workers are recycled."""
_MORE_ROUNDS: Final = 4
"""Rounds that a strict run adds to each block."""
_PATIENCE: Final = 3.0
"""How many times the time budget the rounds may really take, on a machine that is busy with something else."""
_BLOCK_GROWTH: Final[Bytes] = 256 * 2**20
"""A block whose predicted growth is larger gets smaller doses: the target must survive the proof."""
_BLOCK_RESOURCES: Final[Mapping[str, int]] = {"threads": 300, "descriptors": 300, "temp_files": 2000}
"""The same for what a process may have only so many of."""
_FIRST_USES: Final = 2
"""Requests of each route and worker, where workers are recycled, before a block."""


class _Run(Protocol):
    """Sends one round and has it recorded; raises if the load must not go on."""

    def __call__(self, phase: Phase, doses: Mapping[str, int], *, block: int | None = None) -> Round: ...


class _Recorder(Protocol):
    """Keeps what was observed."""

    def run(self) -> Run: ...
    def caveat(self, code: str, text: str) -> None: ...


class _Rounds(Protocol):
    """What is recorded, and who serves."""

    @property
    def recorder(self) -> _Recorder: ...
    def serving(self) -> Sized: ...


class Blocks:
    """Plans one block after the other.

    What a block costs is reckoned in requests, each at the duration it had when nothing else kept the machine busy. So
    a busy machine makes a run longer and leaves its doses, and with them its verdict, as they are.
    """

    def __init__(
        self,
        rounds: _Rounds,
        settings: Settings,
        costs: Mapping[str, StepCost],
        observer: Observer,
        clock: Callable[[], Seconds],
        run: _Run,
        most: int = MAX_BLOCKS,
    ) -> None:
        self._rounds = rounds
        self._settings = settings
        self._costs = costs
        self._observer = observer
        self._clock = clock
        self._run = run
        self._most = most
        self._lottery = random.Random(settings.seed)
        self._durations = {step: cost.duration for step, cost in costs.items()}
        self._assessment: Assessment | None = None
        self._spent: Seconds = 0.0
        """Of the time budget, as planned."""
        self._sent = 0
        self._round_limit: int | None = None
        """Requests that a round may send so that recycled workers see a few rounds; None while none are recycled."""

    def run(self) -> None:
        """Run blocks until every route is settled, or time, requests or patience are used up."""
        deadline = self._clock() + _PATIENCE * self._settings.budget
        turn = block = 0
        while turn < self._most:
            unsettled = self._open_steps()
            for steps in self._groups(unsettled):
                rounds = self._rounds_per_block(len(steps))
                bases = self._bases(steps, turn, rounds, len(unsettled))
                if not self._affordable(turn, block, bases, rounds, deadline):
                    return
                size = _requests(bases, rounds)
                self._observer.phase(f"verdict rounds, block {block + 1}: {size} requests")
                complete = self._block(block, draw_block(bases, rounds, self._lottery))
                block, self._sent = block + 1, self._sent + size
                self._spent += self._duration(bases, rounds)
                if not complete:
                    break
            else:
                turn += 1
            self._learn(block - 1)
            if not self._open_steps():
                return

    def _affordable(self, turn: int, block: int, bases: Mapping[str, int], rounds: int, deadline: Seconds) -> bool:
        """Whether the next block may be run."""
        size = _requests(bases, rounds)
        if self._settings.max_requests is not None and self._sent + size > self._settings.max_requests:
            if block == 0:
                text = f"--requests is too low: one block of verdict rounds takes {size} requests."
                self._observer.note(text)
                self._rounds.recorder.caveat("too-few-requests", text)
            return False
        if turn < LEAST_BLOCKS and self._found_nothing():
            return True
        share = 1.0 if self._found_nothing() else _PROOF_SHARE[self._settings.effort]
        if self._spent + self._duration(bases, rounds) > share * self._settings.budget:
            return False
        if self._clock() > deadline:
            text = f"The verdict rounds took {_PATIENCE:.0f} times as long as they should: the machine is busy."
            self._observer.note(text)
            self._rounds.recorder.caveat("busy-machine", text)
            return False
        return True

    def _found_nothing(self) -> bool:
        """Whether some route has no verdict yet; else further blocks only make sure of it."""
        states = self._states()
        return not states or any(state is None or state.state in ("open", "growing") for state in states.values())

    def _block(self, number: int, rounds: tuple[Mapping[str, int], ...]) -> bool:
        """Run a block; False if it was given up because a worker was recycled, too early for blocks of this size."""
        if self._round_limit is not None:
            # Workers that were born since meet these routes for the first time: the rounds are to begin after that.
            each = _FIRST_USES * max(1, len(self._rounds.serving()))
            self._run(Phase.WARM_UP, dict.fromkeys(rounds[0], each))
        for doses in rounds:
            self._run(Phase.DOSE, doses, block=number)
            if self._round_limit is None:
                self._round_limit = requests_per_round(self._rounds.recorder.run())
                if self._round_limit is not None and max(sum(each.values()) for each in rounds) > self._round_limit:
                    self._observer.note(
                        "Workers are recycled after few requests, so each route gets smaller blocks of its own."
                    )
                    return False
        return True

    def _learn(self, block: int) -> None:
        """Judge what there is, and take over durations that are shorter than those of the warm-up."""
        run = self._rounds.recorder.run()
        self._assessment = assess(run)
        indexes = {done.index for done in run.rounds if done.block == block}
        for step, known in self._durations.items():
            seen = [record.duration for record in run.requests if record.step == step and record.round in indexes]
            self._durations[step] = min([known, *([median(seen)] if seen else [])])

    def _groups(self, steps: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        """Which steps share a block: all of them, unless workers are recycled before they have seen a few rounds."""
        largest = sum(prime_doses(1, self._rounds_per_block(len(steps)))[-1] for _ in steps)
        together = self._round_limit is None or self._round_limit >= largest
        return ((steps,) if steps else ()) if together else tuple((step,) for step in steps)

    def _rounds_per_block(self, steps: int) -> int:
        rounds = rounds_per_block(steps) + (_MORE_ROUNDS if self._settings.effort is Effort.STRICT else 0)
        # Doses are small where workers are recycled, and rounds in which all of them are young do not count.
        return rounds if self._round_limit is None else _RECYCLED * rounds

    def _bases(self, steps: tuple[str, ...], turn: int, rounds: int, sharing: int) -> Mapping[str, int]:
        """The smallest dose of each step of a block; the time of a turn is shared by `sharing` steps."""
        ceiling = FIRST_BASE * 2**turn
        if self._round_limit is not None:
            ceiling = max(1, min(ceiling, int(self._round_limit / len(steps) / SPREAD)))
        share = self._settings.budget * (_FIRST_SHARE if turn == 0 else _NEXT_SHARE) / sharing
        bases = {}
        for step in steps:
            # A number of requests that the user gives makes the doses, and no clock: a seed then repeats them.
            timed = self._settings.max_requests is None
            base = affordable_base(self._durations[step], share, rounds, ceiling) if timed else ceiling
            earlier = self._settings.doses.get(step, ())
            if turn < len(earlier) and self._round_limit is None:
                base = base_of(earlier[turn])
            for growth, most in self._growth(step):
                if growth > 0:
                    base = min(base, base_for_total(most / len(steps) / growth, rounds))
            if self._settings.max_requests is not None:
                base = min(base, base_for_total(self._settings.max_requests / LEAST_BLOCKS / len(steps), rounds))
            bases[step] = base
        return bases

    def _growth(self, step: str) -> tuple[tuple[float, int], ...]:
        """What one request of a step is expected to leave behind, and the most that a block may add of it."""
        state = self._states()[step] if self._assessment is not None else None
        kept = state.growth if state is not None else self._costs[step].resources
        size = state.bytes_per_request if state is not None else float(self._costs[step].growth)
        resources = tuple((kept.get(signal, 0.0), most) for signal, most in _BLOCK_RESOURCES.items())
        return ((size, _BLOCK_GROWTH), *resources)

    def _open_steps(self) -> tuple[str, ...]:
        """Steps whose routes have no verdict yet, or one that more requests would make sure of, while there is time."""
        making_sure = self._spent <= _PROOF_SHARE[self._settings.effort] * self._settings.budget
        return tuple(
            step
            for step, state in self._states().items()
            if state is None or state.state in ("open", "growing") or (making_sure and not state.proven)
        )

    def _states(self) -> Mapping[str, RouteState | None]:
        """What is known of each step's route so far."""
        routes = self._rounds.recorder.run().routes
        known = self._assessment.routes if self._assessment is not None else {}
        return {step: known.get(routes[step]) for step in self._costs}

    def _duration(self, bases: Mapping[str, int], rounds: int) -> Seconds:
        """How long a block should take."""
        return sum(self._durations[step] * sum(prime_doses(base, rounds)) for step, base in bases.items())


def _requests(bases: Mapping[str, int], rounds: int) -> int:
    return sum(sum(prime_doses(base, rounds)) for base in bases.values())
