"""Whether one run shows the leak that another has found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from leakhunt.model.gate import Gate, Outcome
from leakhunt.model.report import Report, RouteReport, Suspect, Verdict

_SIMILAR: Final = 0.5
"""Part of the rate that has to be there again. There is no upper end: requests that do nothing else keep more each."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A leak to be recognised by."""

    route: str
    steps: tuple[str, ...]
    """That lead to the route."""
    suspect: Suspect

    @property
    def fingerprint(self) -> str:
        """Equal in every run that shows it."""
        return self.suspect.fingerprint


def leaks_of(gate: Gate, report: Report) -> Iterator[Leak]:
    """Of each route and limit that failed for something that requests leave behind, the weightiest suspect."""
    steps = {route.route: route.steps for route in report.routes}
    told = set()
    for check in gate.of(Outcome.FAILED):
        suspect = check.suspects[0] if check.suspects else None
        if suspect is not None and check.route in steps and suspect.fingerprint not in told:
            told.add(suspect.fingerprint)
            yield Leak(check.route, steps[check.route], suspect)


def same_leak(report: Report, leak: Leak, scale: float = 1.0) -> Suspect | None:
    """The suspect of `report` that is this leak: proven, of the same fingerprint, at a similar rate per request.

    Where less is uploaded, `scale` says how much less: a leak that keeps what is uploaded keeps so much less, too.
    """
    leaking = {route.route for route in report.routes if route.verdict is Verdict.LEAK}
    same = (each for each in report.suspects if each.fingerprint == leak.fingerprint and each.route in leaking)
    return next((each for each in same if _is_similar(each, leak.suspect, scale)), None)


def answers(report: Report, step: str) -> tuple[int, ...]:
    """The statuses that came for a step's route, the lowest first; empty if some requests had no answer."""
    route: RouteReport | None = next((each for each in report.routes if step in each.steps), None)
    if route is None or not all(status.isdecimal() for status in route.statuses):
        return ()
    return tuple(sorted(map(int, route.statuses)))


def _is_similar(found: Suspect, known: Suspect, scale: float) -> bool:
    for name in ("bytes_per_request", "count_per_request"):
        now, before = getattr(found, name), getattr(known, name)
        if now is not None and before is not None:
            return bool(now >= _SIMILAR * before * min(scale, 1.0))
    return True
