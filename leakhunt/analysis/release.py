"""What was only late: growth under load that the target gave back once it had come to rest."""

from __future__ import annotations

from leakhunt.analysis.series import JUDGED_PHASES, Ledger
from leakhunt.model.run import Phase


def released_share(ledger: Ledger, signal: str) -> float:
    """Share of a signal's growth over the verdict rounds that was gone after the rest that followed, from 0 to 1.

    A level may jitter down as well as up, but not by a share that matters of growth that was proven before.
    """
    grown = sum(row.growth.get(signal, 0.0) for row in ledger.of_phase(*JUDGED_PHASES))
    given_back = -sum(row.growth.get(signal, 0.0) for row in ledger.of_phase(Phase.SETTLE))
    if grown <= 0 or given_back <= 0:
        return 0.0
    return min(1.0, given_back / grown)
