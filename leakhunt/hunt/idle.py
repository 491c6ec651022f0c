"""Idle rounds: nothing is requested for a number of seconds drawn by lottery, to see what grows with time alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from leakhunt.analysis.assess import assess
from leakhunt.analysis.idle import grows_at_rest
from leakhunt.analysis.series import read_ledger
from leakhunt.analysis.thresholds import planned_thresholds
from leakhunt.hunt.doses import MIN_ROUNDS, draw_block
from leakhunt.hunt.rounds import Rounds
from leakhunt.hunt.settings import Observer
from leakhunt.model.run import BACKGROUND, Phase
from leakhunt.units import Seconds

_UNIT: Final[Seconds] = 0.2
"""The seconds of a round are a prime number of these."""
_FIRST_BASE: Final = 3
"""Smallest of these numbers in the first block; it doubles with each further block."""
_BLOCKS: Final = 2
_MOST_BLOCKS: Final = 3
"""While what grew once has not been proven to go on, and no longer."""


def watch_idle(rounds: Rounds, observer: Observer, seed: int, check: Callable[[], None]) -> None:
    """Run idle rounds where memory seemed to grow at rest. A run in which it did not is spared them."""
    run = rounds.recorder.run()
    thresholds = planned_thresholds(run.plan)
    if not grows_at_rest(read_ledger(run, thresholds), thresholds):
        return
    lottery = random.Random(seed)
    for block in range(_MOST_BLOCKS):
        doses = [each[BACKGROUND] for each in draw_block({BACKGROUND: _FIRST_BASE * 2**block}, MIN_ROUNDS, lottery)]
        observer.phase(f"idle: memory seems to grow with time; no load for {sum(doses) * _UNIT:.0f} s")
        for dose in doses:
            rounds.run(Phase.IDLE, {}, block=block, rest=dose * _UNIT)
            check()
        background = assess(rounds.recorder.run()).background
        if block + 1 >= _BLOCKS and (background is None or background.state != "growing"):
            return
