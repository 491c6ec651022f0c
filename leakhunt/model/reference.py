"""What is kept of an earlier run so that a later one can be compared with it, whatever machine either was made on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from leakhunt.model.report import BackgroundReport, RouteReport


@dataclass(frozen=True, slots=True)
class ReferenceRoute:
    """One route of the earlier run."""

    report: RouteReport
    """As far as it is kept: what a request leaves behind and needs for a while, and no durations."""
    doses: Mapping[str, tuple[tuple[int, ...], ...]]
    """By step: its requests in each round of each block of verdict rounds."""
    types: Mapping[str, float] = field(default_factory=dict)
    """Objects that a request keeps, by type."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An earlier run, or what a file says of it."""

    source: str
    """The file or run directory, as it was named."""
    seed: int
    python: str
    """Implementation and minor version: `CPython 3.11`."""
    allocator: str
    """As in `MemoryReport`."""
    routes: Mapping[str, ReferenceRoute]
    """By route."""
    background: BackgroundReport | None = None

    @property
    def doses(self) -> Mapping[str, tuple[tuple[int, ...], ...]]:
        """By step, of all routes."""
        return {step: blocks for route in self.routes.values() for step, blocks in route.doses.items()}


@dataclass(frozen=True, slots=True)
class Compared:
    """A run and the earlier one that it is compared with."""

    reference: Reference
    now: Reference
    """The run itself, in the same terms."""
