"""The numbers a verdict depends on, in one place and all of them parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from leakhunt.units import Bytes

MEMORY_SIGNALS: Final = ("live", "blocks", "anonymous")
RESOURCE_SIGNALS: Final = ("threads", "descriptors", "temp_files")
SIGNALS: Final = (*MEMORY_SIGNALS, *RESOURCE_SIGNALS)
"""Every series that is judged. RSS, USS and PSS are for the charts: they move when a neighbour process does."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Growth per request below which a signal is no leak, and the strictness of the tests."""

    live: float = 64.0
    """Bytes per request."""
    anonymous: float = 1024.0
    """Bytes per request."""
    blocks: float = 0.5
    """Allocated blocks per request; supports a claim about live bytes, makes none alone."""
    resources: float = 0.02
    """Threads, descriptors or temporary files per request."""
    significance: float = 1 / 720
    """p-value of a hit in one block: the best that six rounds in lottery order can reach."""
    joint_significance: float = 1 / 5000
    """p-value of a hit over two blocks taken together. Stricter, since one look replaces two."""
    persistence: float = 0.6
    """Share of the earlier slope that the next block has to repeat."""
    unexpected: float = 0.1
    """Share of unexpected responses above which a route is not judged."""
    ceiling_requests: int = 1000
    """Requests of a route in one block before "no new maximum" says that growth has stopped."""
    proof_requests: int = 3000
    """Requests after which two hits running need no further block."""
    proof_bytes: Bytes = 16 * 2**20
    """Bytes kept after which two hits running need no further block."""
    minimum_rounds: int = 6
    """Rounds of a complete block; more where there are more routes to separate."""
    minimum_life: int = 3
    """Usable rounds below which a process life is not judged."""
    hazard: Bytes = 2**20
    """Bytes kept before growth stopped from which it is BOUNDED; less is what any program keeps while it warms up."""
    step_factor: float = 10.0
    """How many times as large as that of every other round the growth of a lone step is."""
    step_rounds: int = 12
    """Rounds, two blocks at least, over which a step has to be the only one."""
    background_share: float = 0.5
    """Share of the growth explained by time alone from which requests are not to blame."""

    def of(self, signal: str) -> float:
        """Growth per request from which `signal` is a leak."""
        return self.as_mapping()[signal]

    def as_mapping(self) -> Mapping[str, float]:
        """The budget of every signal, for the report."""
        budgets = {"live": self.live, "blocks": self.blocks, "anonymous": self.anonymous}
        return budgets | dict.fromkeys(RESOURCE_SIGNALS, self.resources)


DEFAULTS: Final = Thresholds()
