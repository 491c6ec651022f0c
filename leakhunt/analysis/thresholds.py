"""The numbers a verdict depends on, in one place and all of them parameters. Error rates are in `error_rate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from leakhunt.model.budget import parse_budget
from leakhunt.model.run import EFFORT, Effort, Plan
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
    persistence: float = 0.6
    """Share of the earlier slope that the next block has to repeat."""
    unexpected: float = 0.1
    """Share of unexpected responses above which a route is not judged."""
    ceiling_requests: int = 1000
    """Requests of a route in one block before "no new maximum" says that growth has stopped."""
    clean_requests: int = 1000
    """Requests of a clean route that are wanted: a leak in one of a hundred has then shown but for 1 in 20 000."""
    proof_requests: int = 5000
    """Requests of a leaking route that are wanted: a store with room for fewer has filled up by then."""
    proof_bytes: Bytes = 64 * 2**20
    """Bytes kept that are as good a proof."""
    resource_proof_requests: int = 500
    """Requests wanted where only threads, descriptors or files leak: no pool is as large as that."""
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
_PROOF: Final[Mapping[Effort, float]] = {Effort.QUICK: 0.0, Effort.NORMAL: 1.0, Effort.STRICT: 4.0}
"""How much of the usual proof is wanted."""


def planned_thresholds(plan: Plan) -> Thresholds:
    """Those that a run was made for: its budget, and the proof that its effort asks for."""
    factor = _PROOF[Effort(plan.options.get(EFFORT, Effort.NORMAL))]
    chosen = replace(
        DEFAULTS,
        clean_requests=int(DEFAULTS.clean_requests * factor),
        proof_requests=int(DEFAULTS.proof_requests * factor),
        proof_bytes=int(DEFAULTS.proof_bytes * factor),
        resource_proof_requests=int(DEFAULTS.resource_proof_requests * factor),
    )
    if "budget" not in plan.options:
        return chosen
    live = parse_budget(plan.options["budget"]).per_request
    # One block is a small object: a budget for bytes asks as many of them as the usual one does.
    blocks = DEFAULTS.blocks * live / DEFAULTS.live
    return replace(chosen, live=live, blocks=blocks, anonymous=max(DEFAULTS.anonymous, live))
