"""All there is to say about the growth of one route."""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.analysis.calls import WatchedOperation, watched_operations
from leakhunt.analysis.join import Lead
from leakhunt.analysis.judge import RouteJudgement
from leakhunt.analysis.paths import GrowingPath
from leakhunt.analysis.series import JUDGED_PHASES
from leakhunt.model.report import RouteReport
from leakhunt.model.run import BACKGROUND, Phase, Run


@dataclass(frozen=True, slots=True)
class Case:
    """All there is to say about the growth of one route."""

    run: Run
    judgement: RouteJudgement
    report: RouteReport
    leads: tuple[Lead, ...]
    explained: bool
    """Whether the route was run alone with its allocations traced."""
    stores: tuple[GrowingPath, ...] = ()
    """What holds the memory of a route that has stopped growing."""

    @property
    def unit(self) -> str:
        """What figures are per: a request, or a second of what grows with time."""
        return "second" if self.report.route == BACKGROUND else "request"

    @property
    def total(self) -> float:
        """Bytes per request that want an explanation."""
        return max(0.0, self.report.bytes_per_request or 0.0)

    @property
    def operations(self) -> tuple[WatchedOperation, ...]:
        """What leads into extensions, as far as it was watched."""
        return watched_operations(self.run, self.report.route)

    @property
    def requests(self) -> float:
        """Requests of the verdict rounds, on which sizes rest; of what grows with time, seconds since the baseline."""
        if self.report.route == BACKGROUND:
            rested = [each.ended for each in self.run.rounds if each.phase in {Phase.BASELINE, Phase.IDLE}]
            return rested[-1] - rested[0] if rested else 0.0
        steps = [step for step, route in self.run.routes.items() if route == self.report.route]
        rounds = (each for each in self.run.rounds if each.phase in JUDGED_PHASES)
        return sum(each.doses.get(step, 0) for each in rounds for step in steps)

    @property
    def certain(self) -> float:
        """The part of `total` that is there in any case, where noise makes it vague."""
        interval = self.report.bytes_per_request_interval
        return self.total if interval is None else max(interval[0], self.total / 2)
