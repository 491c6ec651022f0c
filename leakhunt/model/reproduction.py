"""A leak with what it takes to see it, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from leakhunt.units import Seconds


@dataclass(frozen=True, slots=True)
class Reproduction:
    """The smallest workload that was found to show a leak still."""

    route: str
    fingerprint: str
    """Of the leak, as in `Suspect`."""
    sent: tuple[str, ...]
    """What it sends, a line for each kind of request; empty where no smaller run showed the leak."""
    command: str | None
    """That shows the leak, ready to paste."""
    bytes_per_request: float | None
    """Kept by the leak in the last run that showed it."""
    count_per_request: float | None
    runs: int
    seconds: Seconds
    """That the search took."""
    complete: bool
    """False where time was up before everything had been tried."""
    null_reasons: Mapping[str, str] = field(default_factory=dict)
    """Why a value is None, by field name."""
