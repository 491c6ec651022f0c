"""What a team accepts of its app, and what came of checking it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from enum import Enum
from typing import Final

from leakhunt.model.budget import Budget
from leakhunt.model.comparison import Rate
from leakhunt.model.report import Interval, Suspect
from leakhunt.model.run import Caveat
from leakhunt.units import Bytes

APP: Final = "all routes"
"""In place of a route, for what is measured of the workers and not of a route."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is accepted of a route. None is no limit of its own."""

    growth: Budget | None = None
    """Bytes of memory kept per request."""
    peak: Bytes | None = None
    """Bytes that one request may take for a while."""
    amplification: float | None = None
    """Of these, bytes per uploaded byte."""
    memory: Bytes | None = None
    """RSS of any worker at its highest; of the app, and not of a route."""
    threads: float | None = None
    """Left behind per request; so are the next two."""
    descriptors: float | None = None
    files: float | None = None
    new_types: float | None = None
    """Types that a request keeps and did not in the reference."""

    def over(self, other: Limits) -> Limits:
        """These, and the other ones where there are none."""
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        return Limits(**{name: getattr(other, name) if value is None else value for name, value in own.items()})


@dataclass(frozen=True, slots=True)
class Budgets:
    """The limits of all routes, and those of single ones."""

    every: Limits = Limits()
    routes: Mapping[str, Limits] = field(default_factory=dict)
    """By route as reports name it: `POST /lessons/<int:pk>/images/`."""

    def of(self, route: str) -> Limits:
        """What counts for one route."""
        return self.routes.get(route, Limits()).over(self.every)

    @property
    def smallest_growth(self) -> Budget | None:
        """What the run has to resolve; None where no growth is limited."""
        limits = [limits.growth for limits in (self.every, *self.routes.values()) if limits.growth is not None]
        return min(limits, key=lambda budget: budget.per_request, default=None)


@dataclass(frozen=True, slots=True)
class KnownLeak:
    """A leak that a team has accepted for now."""

    fingerprint: str
    """As in `Suspect.fingerprint`."""
    what: str
    """What it is, for people: route, holder or line."""
    reason: str
    owner: str | None = None
    expires: date | None = None
    """The last day on which it is accepted."""

    def is_accepted(self, today: date) -> bool:
        """Whether its time has not run out."""
        return self.expires is None or today <= self.expires


class Outcome(str, Enum):
    """What came of one check, the worst first."""

    FAILED = "failed"
    UNDECIDED = "undecided"
    ACCEPTED = "accepted"
    """It would have failed, but for leaks that are known."""
    NOT_MEASURED = "not measured"
    PASSED = "passed"


@dataclass(frozen=True, slots=True)
class Check:
    """One limit of one route, and what was measured."""

    route: str
    limit: str
    """`growth`, `peak`, `amplification`, `memory`, `threads`, `descriptors`, `files` or `new-types`."""
    outcome: Outcome
    message: str
    """One sentence with the measured number and the limit."""
    measured: float | None
    """In bytes, or as a number; None where nothing was measured."""
    interval: Interval | None
    allowed: float
    suspects: tuple[Suspect, ...] = ()
    """Who is to blame, the weightiest first."""
    before: Rate | None = None
    """Of the reference. Where it is told, `allowed` is how much more is accepted."""


@dataclass(frozen=True, slots=True)
class Gate:
    """All checks of a run."""

    checks: tuple[Check, ...]
    """The worst first."""
    notes: tuple[str, ...] = ()
    """What somebody should look after, and what fails nothing: known leaks that are gone, or about to expire."""
    reference: str | None = None
    """What the run was compared with, as it was named."""
    caveats: tuple[Caveat, ...] = ()
    """What makes the two less comparable."""

    @property
    def outcome(self) -> Outcome:
        """Of all checks together."""
        worst = [outcome for outcome in Outcome if any(check.outcome is outcome for check in self.checks)]
        deciding = [each for each in worst if each in {Outcome.FAILED, Outcome.UNDECIDED}]
        return deciding[0] if deciding else Outcome.PASSED

    def of(self, *outcomes: Outcome) -> tuple[Check, ...]:
        """The checks of which that came."""
        return tuple(check for check in self.checks if check.outcome in outcomes)
