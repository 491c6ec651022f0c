"""Rounds and experiments written down by hand, for tests that need no whole run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from leakhunt.analysis.blocks import Experiment, read_experiment
from leakhunt.analysis.series import Ledger, RoundGrowth
from leakhunt.analysis.thresholds import DEFAULTS
from leakhunt.model.run import Phase

DOSES: Final = (13, 7, 23, 11, 19, 17)
"""Requests of the six rounds of a block."""


def row(
    index: int,
    growth: Mapping[str, float],
    doses: Mapping[str, int],
    *,
    phase: Phase = Phase.DOSE,
    block: int | None = 0,
    seconds: float = 1.0,
) -> RoundGrowth:
    """One round of one process life."""
    return RoundGrowth(index, phase, block if phase is Phase.DOSE else None, 1, growth, doses, seconds)


def rest(index: int, growth: Mapping[str, float], seconds: float, phase: Phase = Phase.BASELINE) -> RoundGrowth:
    """A round in which nothing was requested."""
    return row(index, growth, {"a": 0}, phase=phase, seconds=seconds)


def rounds(
    keeps: Mapping[str, float], *, block: int = 0, doses: Sequence[int] = DOSES, jitter: float = 20.0
) -> list[RoundGrowth]:
    """A block of rounds of route `a`, which keeps so much of each signal per request; live bytes jitter."""
    return [
        row(
            100 * block + position,
            {name: kept * dose + (jitter * (-1) ** position if name == "live" else 0) for name, kept in keeps.items()},
            {"a": dose},
            block=block,
        )
        for position, dose in enumerate(doses)
    ]


def ledger(rows: Sequence[RoundGrowth]) -> Ledger:
    """Of these rounds, with the routes that they name."""
    routes = tuple(dict.fromkeys(route for each in rows for route in each.doses))
    return Ledger(routes, tuple(rows), frozenset({"1@1"}), frozenset(), split_known=True)


def experiment(rows: Sequence[RoundGrowth]) -> Experiment:
    """Of these rounds, judged as usual."""
    return read_experiment(ledger(rows), DEFAULTS)


def blocks(*keeps: Mapping[str, float], doses: Sequence[int] = DOSES, jitter: float = 20.0) -> Experiment:
    """An experiment on route `a`, block by block with what it keeps per request there."""
    return experiment(
        [each for number, kept in enumerate(keeps) for each in rounds(kept, block=number, doses=doses, jitter=jitter)]
    )
