"""One route and what is said of it, as the checks of a gate ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from leakhunt.analysis.thresholds import MEMORY_SIGNALS
from leakhunt.model.reference import ReferenceRoute
from leakhunt.model.report import Growth, Report, RouteReport, Suspect, Verdict

CAUSES: Final = {"threads": "threads", "descriptors": "descriptors", "temp_files": "temporary-files"}
"""Of what is left behind and is no memory, by signal: the cause of its suspects."""
_RESOURCES: Final = frozenset(CAUSES.values())


@dataclass(frozen=True, slots=True)
class Facts:
    """One route of a report, and of the reference where there is one."""

    report: Report
    route: RouteReport
    before: ReferenceRoute | None = None
    """None where there is nothing to compare it with."""

    @property
    def threshold(self) -> float:
        """Bytes per request that the run itself has tested against."""
        return self.report.judgement.thresholds.get(self.route.bytes_per_request_basis or "live", 0.0)

    @property
    def leaks_memory(self) -> bool:
        """Whether that is proven."""
        return self.route.verdict is Verdict.LEAK and not set(MEMORY_SIGNALS).isdisjoint(self.route.signals)

    def growth(self, signal: str) -> Growth | None:
        """How much it grows per request."""
        return next((growth for growth in self.route.growths if growth.signal == signal), None)

    def suspects(self, *, cause: str | None = None) -> tuple[Suspect, ...]:
        """Those of the route with a cause; without one, all of its memory."""
        mine = (suspect for suspect in self.report.suspects if suspect.route == self.route.route)
        if cause is not None:
            return tuple(suspect for suspect in mine if suspect.cause == cause)
        return tuple(suspect for suspect in mine if suspect.cause not in _RESOURCES)
