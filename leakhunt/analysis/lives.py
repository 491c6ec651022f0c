"""How long the target's workers live, for servers that recycle them after a number of requests."""

from __future__ import annotations

from statistics import median
from typing import Final

from leakhunt.model.run import Role, Run

_ROUNDS: Final = 4
"""A life should see about so many rounds: growth is the difference of two samples of the same life."""


def life_span(run: Run) -> int | None:
    """Requests that a worker serves in its life; None as long as no worker has been recycled."""
    recycled = {worker.key for worker in run.workers if worker.role is Role.WORKER and worker.died is not None}
    served = {
        sample.worker: sum(sample.served.values()) for done in run.rounds for sample in done.samples if sample.served
    }
    lives = [requests for key, requests in served.items() if key in recycled and requests]
    return int(median(lives)) if lives else None


def requests_per_round(run: Run) -> int | None:
    """Most requests a round may send to all workers together; None as long as no worker has been recycled."""
    life = life_span(run)
    if life is None:
        return None
    together = max((sum(bool(sample.served) for sample in done.samples) for done in run.rounds), default=1)
    return max(1, life * max(1, together) // _ROUNDS)
