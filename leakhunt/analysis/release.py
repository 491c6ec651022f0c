"""What was only late: growth under load that the target gave back at rest, or that malloc gave back when asked to."""

from __future__ import annotations

from leakhunt.analysis.series import JUDGED_PHASES, Ledger
from leakhunt.model.run import Phase


def released_share(ledger: Ledger, signal: str) -> float:
    """Share of a signal's growth over the verdict rounds that was gone after the rest that followed, from 0 to 1.

    A level may jitter down as well as up, but not by a share that matters of growth that was proven before. Of
    anonymous memory, what malloc gives back when it is asked to was free all along, and kept for the next request.
    """
    grown = sum(row.growth.get(signal, 0.0) for row in ledger.of_phase(*JUDGED_PHASES))
    given_back = -sum(row.growth.get(signal, 0.0) for row in ledger.of_phase(Phase.SETTLE))
    if signal == "anonymous":
        given_back += ledger.trimmed
    if grown <= 0 or given_back <= 0:
        return 0.0
    return min(1.0, given_back / grown)
