"""Growth that comes with time and not with requests, measured where nothing was requested."""

from __future__ import annotations

from typing import Final

from leakhunt.analysis.dose import Lottery
from leakhunt.analysis.series import Ledger, RoundGrowth
from leakhunt.model.run import Phase

_IDLE_SECONDS: Final = 1.0
_NOISE: Final = 3.0
"""Standard deviations of a round that are taken off idle growth, before it is extrapolated to busy time."""


def idle_rate(ledger: Ledger, signal: str, noise: float = 0.0) -> float | None:
    """Growth per second while the target had nothing to do; None where it never rested long enough.

    A lottery cannot tell time from requests when longer rounds are the ones with more requests. Idle
    stretches can: whatever grows in them is not the work of a route. `noise` is the standard deviation of
    the growth of a round.
    """
    idle = _rests(ledger, signal)
    seconds = sum(row.seconds for row in idle)
    if seconds < _IDLE_SECONDS:
        return None
    return max(0.0, sum(row.growth[signal] for row in idle) - _NOISE * noise) / seconds


def background_share(ledger: Ledger, lottery: Lottery, signal: str) -> float:
    """Share of a signal's growth over these rounds that time alone explains, from 0 to 1.

    By the stretch of rest that grew fastest: what grows with time may stop at a cap while nothing is requested.
    """
    taken, seconds = ledger.taken.get(signal, 0.0), sum(row.seconds for row in lottery.rows)
    growth = sum(row.growth.get(signal, 0.0) for row in lottery.rows) + taken * seconds
    noise = _NOISE * lottery.noise(signal)
    rests = [row for row in _rests(ledger, signal) if row.seconds >= _IDLE_SECONDS]
    rate = max(((row.growth[signal] - noise) / row.seconds for row in rests), default=0.0)
    # What was proven and taken off is time's, too: a timer may be faster under load by more than a budget.
    rate = taken + max(0.0, rate)
    if rate <= 0 or growth <= 0:
        return 0.0
    return min(1.0, rate * seconds / growth)


def _rests(ledger: Ledger, signal: str) -> tuple[RoundGrowth, ...]:
    rows = ledger.of_phase(Phase.BASELINE, Phase.SETTLE)
    return tuple(row for row in rows if row.requests == 0 and signal in row.growth)
