"""How long the target's workers live, for servers that recycle them after a number of requests."""

from __future__ import annotations

from statistics import median
from typing import Final

from leakhunt.model.run import Role, Run

_ROUNDS: Final = 4
"""A life should see about so many rounds: growth is the difference of two samples of the same life."""


def requests_per_round(run: Run) -> int | None:
    """Most requests a round may send to all workers together; None as long as no worker has been recycled."""
    recycled = {worker.key for worker in run.workers if worker.role is Role.WORKER and worker.died is not None}
    served: dict[str, int] = {}
    together = 1
    for done in run.rounds:
        serving = [sample for sample in done.samples if sample.served]
        together = max(together, len(serving))
        served.update({sample.worker: sum(sample.served.values()) for sample in serving})
    lives = [requests for key, requests in served.items() if key in recycled and requests]
    if not lives:
        return None
    return max(1, int(median(lives) * together / _ROUNDS))
