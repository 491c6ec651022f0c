"""What the client saw of each route: requests, statuses, unexpected ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

from leakhunt.model.measurement import RequestRecord
from leakhunt.model.run import Role, Run
from leakhunt.units import Seconds

NO_RESPONSE = "no response"
_DEATH_SHOWS: Final[Seconds] = 1.0
"""How long it takes at most until a process that has ended is known to have ended."""


@dataclass(frozen=True, slots=True)
class Responses:
    """All requests of one route, retries included."""

    steps: tuple[str, ...]
    requests: int
    unexpected: int
    """Those that were in vain because the target had died, or died meanwhile, are left out."""
    statuses: Mapping[str, int]
    """The commonest first."""
    median_duration: Seconds | None
    in_vain: int = 0
    """Requests that found the whole target dead, or went down with it: its death says nothing about a route."""

    @property
    def unexpected_share(self) -> float:
        """Of the requests that the target lived to answer; 0 where there are none."""
        answerable = self.requests - self.in_vain
        return self.unexpected / answerable if answerable else 0.0


NO_RESPONSES: Final = Responses((), 0, 0, {}, None)
"""Where nothing was requested."""


def count_responses(run: Run) -> Mapping[str, Responses]:
    """The responses of every route of the workload; unhappy paths count towards the route they are sent to."""
    records: dict[str, list[RequestRecord]] = {route: [] for route in run.routes.values()}
    for record in run.requests:
        records.setdefault(run.routes.get(record.step, record.step), []).append(record)
    death = _death(run)
    return {route: _summarise(run, route, group, death) for route, group in records.items()}


def failed_once(run: Run) -> Mapping[str, Responses]:
    """The steps sent once, so that they have no route, that got a response they should not get."""
    if not run.routes:  # it stopped before they were told
        return {}
    routes = set(run.routes.values())
    found = count_responses(run).items()
    return {step: responses for step, responses in found if step not in routes and responses.unexpected}


def _summarise(run: Run, route: str, records: list[RequestRecord], death: Seconds) -> Responses:
    statuses = Counter(NO_RESPONSE if record.status is None else str(record.status) for record in records)
    unexpected = [record for record in records if not record.expected]
    in_vain = sum(record.status is None and record.started + record.duration >= death for record in unexpected)
    return Responses(
        tuple(step for step, target in run.routes.items() if target == route),
        len(records),
        len(unexpected) - in_vain,
        dict(statuses.most_common()),
        median(record.duration for record in records) if records else None,
        in_vain,
    )


def _death(run: Run) -> Seconds:
    """When the whole target died, infinity if it did not. Whoever got an answer had found it alive."""
    ends = [worker.died for worker in run.workers if worker.role is Role.WORKER]
    known = [end for end in ends if end is not None]
    if not known or len(known) < len(ends):
        return math.inf
    answered = (record.started + record.duration for record in run.requests if record.status is not None)
    return max(max(known) - _DEATH_SHOWS, max(answered, default=0.0))
