"""Simulated runs of six routes whose six series move together and by no request, but for a leak that is put in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from builders import Noise, arena_steps, autoregressive, lottery, random_walk, ratchet, white
from leakhunt.analysis.blocks import Experiment, read_experiment
from leakhunt.analysis.series import Ledger, RoundGrowth
from leakhunt.analysis.thresholds import DEFAULTS, SIGNALS
from leakhunt.hunt.doses import FIRST_BASE, rounds_per_block
from leakhunt.model.run import Phase

ROUTES: Final = tuple("abcdef")
KINDS: Final[Mapping[str, Callable[[float], Noise]]] = {
    "white noise": white,
    "autoregressive": autoregressive,
    "random walk": random_walk,
    "ratchet": ratchet,
    "arena steps": lambda scale: arena_steps(25 * scale),
}
_UNITS: Final[Mapping[str, float]] = {
    "live": 1.0,
    "anonymous": 1.0,
    "blocks": 0.01,
    "threads": 0.001,
    "descriptors": 0.001,
    "temp_files": 0.001,
}
"""Of a series, per byte of noise."""
_SHARED: Final = 0.7
"""Correlation with the common course is about a half."""


@dataclass(frozen=True)
class Simulated:
    """One run."""

    experiment: Experiment
    levels: Mapping[str, list[float]]
    """Signal -> its level before the first round and after each, without the leak."""


def simulate(kind: Noise, seed: int, *, leak: float = 0.0, blocks: int = 2) -> Simulated:
    """A run of so many blocks; route `a` keeps `leak` bytes of live memory per request."""
    random = Random(seed)
    rounds = rounds_per_block(len(ROUTES))
    doses = [(block, row) for block in range(blocks) for row in lottery(random, ROUTES, rounds, FIRST_BASE * 2**block)]
    common = kind(random, len(doses) + 1)
    levels = {
        signal: [unit * _SHARED * (a + b) for a, b in zip(common, kind(random, len(doses) + 1), strict=True)]
        for signal, unit in _UNITS.items()
    }
    rows = tuple(
        RoundGrowth(
            index,
            Phase.DOSE,
            block,
            1,
            {
                signal: levels[signal][index + 1] - levels[signal][index] + leak * row["a"] * (signal == "live")
                for signal in SIGNALS
            },
            row,
            1.0,
        )
        for index, (block, row) in enumerate(doses)
    )
    ledger = Ledger(ROUTES, rows, frozenset({"1@1"}), frozenset(), split_known=True)
    return Simulated(read_experiment(ledger, DEFAULTS), levels)
