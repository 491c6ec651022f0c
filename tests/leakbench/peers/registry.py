"""Who is compared with, in the order of the table."""

from __future__ import annotations

from typing import Final, Protocol

from leakbench.peers.inside import (
    leak_hunter_check,
    memray_leaks,
    nothing,
    objgraph_growth,
    pympler_tracker,
    tracemalloc_diff,
)
from leakbench.peers.inside.load import Load
from leakbench.peers.inside.rows import Plan, Row


class Peer(Protocol):
    """A module of `inside`."""

    __name__: str
    TITLE: str
    REQUIREMENTS: tuple[str, ...]
    OLDEST: tuple[int, int]
    """Oldest Python that it runs on."""

    def observe(self, load: Load, plan: Plan) -> list[Row]:
        """Call the app as planned, and return what the peer shows. Runs in the target."""

    def accuse(self, rows: list[Row], plan: Plan) -> list[Row]:
        """The rows that the rule takes for a leak, the worst first; none for a clean app."""


INTRUSIVE: Final[tuple[Peer, ...]] = (
    nothing,
    tracemalloc_diff,
    objgraph_growth,
    pympler_tracker,
    memray_leaks,
    leak_hunter_check,
)
"""Each needs a run of its own inside the app's process. The first is no peer: the others' time is compared with it."""


def module_name(peer: Peer) -> str:
    """What the driver imports it by."""
    return peer.__name__.rpartition(".")[2]
