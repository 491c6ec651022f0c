"""How an experiment is to be run, and whom it tells about its progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from leakhunt.model.run import Effort, Round
from leakhunt.units import Bytes, Seconds


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may decide about the experiment."""

    seed: int
    budget: Seconds = 120.0
    """Time for the requests of the verdict rounds. Slow ones make doses smaller, never the verdict laxer."""
    memory_limit: Bytes | None = None
    """The load stops before the target's tree is larger; None: 70 % of what is available."""
    max_requests: int | None = None
    """Upper bound for the requests of the verdict rounds."""
    effort: Effort = Effort.NORMAL
    peaks: bool = True
    explain: bool = True
    show_values: bool = False
    """Keep strings of the heap in holder chains instead of their type and length."""
    live: bool = False
    """Whether the target ran before and has other users: it is what it was when the run is over."""
    allow_gc: bool = True
    """Whether the target may be made to collect garbage and to give free memory back."""
    doses: Mapping[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    """By step, the doses of each block of an earlier run that this one repeats, whatever the machine could afford."""


class Observer(Protocol):
    """Told what happens while it happens. Must return at once and not raise."""

    def phase(self, label: str) -> None:
        """A stretch of rounds begins."""

    def round(self, done: Round) -> None:
        """A round has been recorded."""

    def note(self, text: str) -> None:
        """Something the user should know now."""
