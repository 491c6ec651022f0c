"""The most that a route may keep without having been caught: what CLEAN rests on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from leakhunt.analysis.blocks import Experiment, memory_signal
from leakhunt.analysis.dose import Slope
from leakhunt.analysis.error_rate import bound_confidence
from leakhunt.analysis.release import released_share

_RISE: Final = 0.25
"""Share of what a leak of the budget would have added in a block that its maximum may rise by all the same."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Growth per request of one route that is not ruled out."""

    per_request: float
    """The estimate."""
    upper: float
    """At 99 %, over all looks of the run."""
    requests: int
    """Requests it was taken from."""
    swing: float | None = None
    """Bytes by which a store that fills and empties moved meanwhile, where the bound rests on its ceiling."""


def quiet_slope(experiment: Experiment, route: str, signal: str, quiet: int) -> Slope | None:
    """The slope over the latest blocks without a hit, however many; of these stretches the one that bounds it best.

    The last block alone is free of what the earlier ones still warmed up, all of them together have the most requests.
    Each stretch has two bounds (`Slope.upper`), and there was a look after every block: all of them share the error
    rate. `quiet` is how many blocks there are without a hit.
    """
    numbers, step = experiment.numbers(route), experiment.lone_step(signal)
    confidence = bound_confidence(len(numbers), 2 * quiet)
    stretches = [experiment.join(numbers[-length:]).without(step) for length in range(1, quiet + 1)]
    slopes = [stretch.slope(route, signal, confidence=confidence) for stretch in stretches]
    return min((slope for slope in slopes if slope is not None), key=lambda slope: slope.upper, default=None)


def read_bound(experiment: Experiment, route: str, quiet: int) -> Bound | None:
    """The bound that a route without a hit in its last `quiet` blocks can be called clean for; None if there is none.

    That is the upper end of its slope where it lies below the budget, once what was given back at rest is taken off.
    Where it does not, a store that fills and empties may be in the way, which moves by megabytes and keeps nothing: it
    shows by a ceiling.
    """
    signal = memory_signal(experiment.blocks[experiment.numbers(route)[-1]].rows)
    slope = quiet_slope(experiment, route, signal, quiet) if signal is not None else None
    if signal is None or slope is None:
        return None
    upper = slope.upper * (1 - released_share(experiment.ledger, signal))
    if upper < experiment.thresholds.of(signal):
        return Bound(slope.per_request, upper, slope.requests)
    return _ceiling(experiment, route, signal)


def _ceiling(experiment: Experiment, route: str, signal: str) -> Bound | None:
    """The bound of a route whose level reached no new maximum in a long block.

    What a leak adds to the level of a store that fills and empties is hidden as long as it is less than the swing.
    Nothing is taken out for the other routes: a level that stands still has no leak of any of them in it.
    """
    numbers = experiment.numbers(route)
    last = experiment.blocks[numbers[-1]]
    requests = round(sum(last.doses(route)))
    if requests < experiment.thresholds.ceiling_requests or len(numbers) == 1:
        return None
    levels = list(accumulate(row.growth.get(signal, 0.0) for row in experiment.join(numbers).rows))
    earlier, latest = levels[: -len(last.rows)], levels[-len(last.rows) :]
    rise = max(latest) - max(0.0, *earlier)
    if rise >= _RISE * experiment.thresholds.of(signal) * requests:
        return None
    swing = max(latest) - min(latest)
    return Bound(max(0.0, rise) / requests, (max(0.0, rise) + swing) / requests, requests, swing)
