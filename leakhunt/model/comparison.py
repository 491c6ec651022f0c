"""What two runs of one app say beside each other, before and after a change, and all that may be shown of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from leakhunt.model.report import Interval, Report, Suspect, Verdict
from leakhunt.model.run import Caveat


class Change(str, Enum):
    """What became of something from one run to the other."""

    NEW_LEAK = "new leak"
    """Proven to leak after, and proven not to before."""
    WORSE = "worse"
    """More by at least the budget, and the interval of the difference is above zero."""
    NOT_COMPARABLE = "not comparable"
    """It was not measured in both, or not of requests that did the same work."""
    NOT_SETTLED = "not settled"
    """Measured in both, but the interval of the difference leaves room for more and for less."""
    BETTER = "better"
    """Less by at least the budget, and the interval of the difference is below zero."""
    FIXED = "fixed"
    """A leak before; after, the upper bound is below the budget."""
    SAME = "same"
    """The interval of the difference leaves room for no change that counts."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How much something grows per request, or per second, in one run."""

    value: float
    interval: Interval | None
    """At 99 %; None where it could not be told."""
    leaks: bool
    """Whether the run has proven it to be a leak."""
    settled: bool = True
    """Whether the run has come to a verdict on it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What was measured after, less what was measured before."""

    value: float
    interval: Interval | None
    """At 99 %; None where one of both has none."""


@dataclass(frozen=True, slots=True)
class RateChange:
    """One signal of one route, before and after."""

    signal: str
    """As in `Growth`."""
    before: Rate | None
    after: Rate | None
    difference: Difference | None
    change: Change
    regression: bool | None
    """Whether it is worse; None where that cannot be told."""
    budget: float
    """Growth below which a difference does not count."""
    reason: str
    """One sentence."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One figure of both runs; None is not measured."""

    before: float | None
    after: float | None
    ratio: float | None = None
    """After over before; None where there is no such thing."""


@dataclass(frozen=True, slots=True)
class Service:
    """How the target answered in the verdict rounds."""

    median: Pair
    """Seconds until the response had come whole."""
    slow: Pair
    """The same of the slowest twentieth: 95 of 100 were quicker."""
    expected: Pair
    """Share of all requests that were answered as expected."""


@dataclass(frozen=True, slots=True)
class RouteChange:
    """One route, before and after."""

    route: str
    before: Verdict | None
    """None where the run did not request it."""
    after: Verdict | None
    change: Change
    regression: bool | None
    rates: tuple[RateChange, ...]
    """Its memory first; then threads, descriptors and files, where one of both runs has proven a leak of them."""
    peak: Pair
    """Bytes that one request takes for a while."""
    amplification: Pair
    amplification_difference: Difference | None
    service: Service

    @property
    def memory(self) -> RateChange:
        """Bytes kept per request."""
        return self.rates[0]


class SuspectState(str, Enum):
    """What became of a suspect."""

    NEW = "new"
    REMAINING = "remaining"
    FIXED = "fixed"
    NOT_SEEN = "not seen"
    """Not found after, which proves nothing: its route was not shown to be free of leaks."""


@dataclass(frozen=True, slots=True)
class SuspectChange:
    """One suspect of one of the runs, or of both."""

    state: SuspectState
    before: Suspect | None
    after: Suspect | None
    matched_by: str | None
    """`fingerprint`, `holder` or `line`; None where it is in one run only."""

    @property
    def latest(self) -> Suspect:
        """As it was found last."""
        found = self.after or self.before
        assert found is not None
        return found


@dataclass(frozen=True, slots=True)
class RoleMemory:
    """RSS of the processes of one role: the largest of each figure."""

    role: str
    """As in `Role`."""
    processes: Pair
    """How many lives there were."""
    start: Pair
    end: Pair
    most: Pair


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One row of the table that tells all in short."""

    name: str
    """Stable: `kept`, `rss-start`, `rss-end`, `rss-most`, `peak`, `amplification`, `response`, `throughput`,
    `expected`."""
    unit: str
    """`bytes`, `seconds`, `ratio`, `per-second` or `share`."""
    pair: Pair
    intervals: tuple[Interval | None, Interval | None] = (None, None)
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The whole answer."""

    schema: int
    before: Report
    after: Report
    change: Change
    regression: bool | None
    """Whether the run after is worse; None where that cannot be told."""
    reasons: tuple[str, ...]
    """One sentence each, the weightiest first."""
    summary: tuple[SummaryRow, ...]
    routes: tuple[RouteChange, ...]
    """The worst first."""
    background: RateChange | None
    """What grows with time, per second; None where neither run saw any such growth."""
    suspects: tuple[SuspectChange, ...]
    """New ones first, then remaining, not seen and fixed ones."""
    memory: tuple[RoleMemory, ...]
    requests: Pair
    """Requests of the verdict rounds."""
    caveats: tuple[Caveat, ...]
    """What makes the two less comparable."""
    null_reasons: Mapping[str, str] = field(default_factory=dict)
    """Why a figure of the summary is None, by the name of its row."""
