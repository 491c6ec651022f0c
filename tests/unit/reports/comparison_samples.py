"""Comparisons that every format has to show: a fix, a regression, some that tell nothing, one full of nasty text."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from leakhunt.analysis.compare import Judged, compare
from leakhunt.model.comparison import Comparison
from leakhunt.model.measurement import RequestRecord
from leakhunt.model.report import Report, RouteReport, Verdict
from leakhunt.model.run import Phase, Round, Run
from leakhunt.units import Seconds
from unit.reports.samples import BOUNDED, CLEAN, COURSE, INCONCLUSIVE, LEAK, NASTY, SUSPECTS, TRUNCATED, nasty

_TIMES: Final[tuple[Seconds, ...]] = (0.040, 0.041, 0.043, 0.047, 0.090)


def proven(report: Report) -> Report:
    """The report with what its leaks are proven by."""
    return replace(report, routes=tuple(_proven(route) for route in report.routes))


def _proven(route: RouteReport) -> RouteReport:
    return replace(route, signals=("live",) if route.verdict is Verdict.LEAK else ())


def run_of(report: Report, *, slower: float = 1.0) -> Run:
    """A run that this may be the report of, as far as a comparison looks at runs."""
    doses = {route.steps[0]: route.requests for route in report.routes}
    requests = tuple(
        RequestRecord(0, step, 201, True, 300_000, 11.0, duration * slower) for step in doses for duration in _TIMES
    )
    return Run(
        name=report.name,
        started_at=report.started_at,
        leakhunt=report.leakhunt,
        plan=report.plan,
        conditions=report.conditions,
        routes={route.steps[0]: route.route for route in report.routes},
        workers=(),
        rounds=(Round(0, Phase.DOSE, 11.0, 38.0, doses, 0),) if doses else (),
        requests=requests,
        timeline=(),
        outcome=report.outcome,
    )


def compared(before: Report, after: Report, *, slower: float = 1.0) -> Comparison:
    """What a comparison makes of two reports; the run after answered so many times slower."""
    sides = proven(before), proven(after)
    return compare(Judged(run_of(sides[0]), sides[0]), Judged(run_of(sides[1], slower=slower), sides[1]))


LATER: Final = "2026-11-24T09:00:00Z"
_FIXED: Final = replace(
    CLEAN,
    started_at=LATER,
    plan=replace(CLEAN.plan, seed=11, workers=4),
    conditions={**CLEAN.conditions, "python": "CPython 3.12.1"},
    workers=(replace(CLEAN.workers[0], pid=5001, rss_end=61_000_000, rss_max=63_000_000), LEAK.workers[2]),
)
_WORSE: Final = replace(
    LEAK,
    started_at=LATER,
    routes=(
        replace(LEAK.routes[0], bytes_per_request=3_303_014.4, bytes_per_request_interval=(3_260_000.0, 3_340_000.0)),
        *LEAK.routes[1:3],
        replace(
            LEAK.routes[3],
            verdict=Verdict.LEAK,
            bytes_per_request=20_480.0,
            bytes_per_request_interval=(20_000.0, 21_000.0),
            reasons=("Live bytes grew with every dose (p = 0.0004).",),
        ),
    ),
    suspects=(
        *SUSPECTS,
        replace(
            SUSPECTS[1],
            route=COURSE,
            bytes_per_request=20_480.0,
            type="str",
            cause="python-objects",
            library=None,
            path="courseware.catalogue._SEEN[*]",
            fingerprint="77aa00b1c2d3",
        ),
    ),
)

FIXED: Final = compared(LEAK, _FIXED, slower=0.8)
WORSE: Final = compared(LEAK, _WORSE, slower=1.1)
_FULL: Final = replace(BOUNDED, judgement=replace(BOUNDED.judgement, thresholds={"live": 1024.0}))
SAME: Final = compared(_FULL, replace(_FULL, started_at=LATER))
UNSETTLED: Final = compared(LEAK, replace(INCONCLUSIVE, started_at=LATER))
NOTHING: Final = compared(TRUNCATED, TRUNCATED)

COMPARISONS: Final = {
    "fixed": FIXED,
    "worse": WORSE,
    "same": SAME,
    "unsettled": UNSETTLED,
    "nothing": NOTHING,
}


def nasty_comparison() -> Comparison:
    """Every text of the targets says something that could act in some format."""
    after = nasty()
    report = replace(after, suspects=(replace(after.suspects[0], path=f"{NASTY}2", fingerprint="f" * 16),))
    return compared(nasty(), replace(report, plan=replace(report.plan, target=f"{NASTY}2")))
