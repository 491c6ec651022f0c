"""No peer at all: the same calls, to compare the time with."""

from __future__ import annotations

from leakbench.peers.inside.load import Load
from leakbench.peers.inside.rows import Plan, Row

TITLE = "none"
REQUIREMENTS: tuple[str, ...] = ()
OLDEST = (3, 8)


def observe(load: Load, plan: Plan) -> list[Row]:
    """Nothing."""
    load.run(plan.warm_up + plan.requests)
    return []


def accuse(rows: list[Row], plan: Plan) -> list[Row]:
    """Nobody."""
    return []
