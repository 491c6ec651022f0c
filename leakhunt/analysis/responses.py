"""What the client saw of each route: requests, statuses, unexpected ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from leakhunt.model.measurement import RequestRecord
from leakhunt.model.run import Run
from leakhunt.units import Seconds

NO_RESPONSE = "no response"


@dataclass(frozen=True, slots=True)
class Responses:
    """All requests of one route, retries included."""

    steps: tuple[str, ...]
    requests: int
    unexpected: int
    statuses: Mapping[str, int]
    """The commonest first."""
    median_duration: Seconds | None

    @property
    def unexpected_share(self) -> float:
        """0 where nothing was requested."""
        return self.unexpected / self.requests if self.requests else 0.0


def count_responses(run: Run) -> Mapping[str, Responses]:
    """The responses of every route of the workload; unhappy paths count towards the route they are sent to."""
    records: dict[str, list[RequestRecord]] = {route: [] for route in run.routes.values()}
    for record in run.requests:
        records.setdefault(run.routes.get(record.step, record.step), []).append(record)
    return {route: _summarise(run, route, group) for route, group in records.items()}


def failed_once(run: Run) -> Mapping[str, Responses]:
    """The steps sent once, so that they have no route, that got a response they should not get."""
    if not run.routes:  # it stopped before they were told
        return {}
    routes = set(run.routes.values())
    found = count_responses(run).items()
    return {step: responses for step, responses in found if step not in routes and responses.unexpected}


def _summarise(run: Run, route: str, records: list[RequestRecord]) -> Responses:
    statuses = Counter(NO_RESPONSE if record.status is None else str(record.status) for record in records)
    return Responses(
        tuple(step for step, target in run.routes.items() if target == route),
        len(records),
        sum(not record.expected for record in records),
        dict(statuses.most_common()),
        median(record.duration for record in records) if records else None,
    )
