"""Two runs beside each other: what a change of the app has fixed, and what it has made worse. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from leakhunt.analysis.analyse import analyse
from leakhunt.analysis.counterparts import suspect_changes
from leakhunt.analysis.difference import pair
from leakhunt.analysis.likeness import judged_requests, unlike
from leakhunt.analysis.route_change import background_change, route_changes, worst
from leakhunt.analysis.service import read_answers
from leakhunt.analysis.summary import role_memory, summarise
from leakhunt.analysis.verdict import COMPLETE
from leakhunt.model.comparison import Change, Comparison, RateChange, RouteChange
from leakhunt.model.report import Report, Verdict
from leakhunt.model.run import BACKGROUND, Run

SCHEMA: Final = 1
_WORST_FIRST: Final = tuple(Change)
_Changes: TypeAlias = "Sequence[RouteChange | RateChange]"


@dataclass(frozen=True, slots=True)
class Judged:
    """A run and what was made of it."""

    run: Run
    report: Report

    @classmethod
    def by_its_budget(cls, run: Run) -> Judged:
        """A run, judged by the budget it was made for."""
        return cls(run, analyse(run))


def compare(before: Judged, after: Judged) -> Comparison:
    """Everything that can be said about two runs. From how much on a difference counts, the budget of `after` says."""
    answers = read_answers(before.run), read_answers(after.run)
    routes = route_changes(before.report, after.report, answers)
    background = background_change(before.report.background, after.report.background, after.report.judgement.thresholds)
    changes: _Changes = routes if background is None else [*routes, background]
    flawed = _flawed(after.report)
    # Nothing that is compared tells nothing, and a run that proves nothing clears none.
    regression = worst([*(each.regression for each in changes), *([] if changes and not flawed else [None])])
    return Comparison(
        schema=SCHEMA,
        before=before.report,
        after=after.report,
        change=_overall(changes, regression, after.report),
        regression=regression,
        reasons=tuple(_reasons(routes, background, flawed)),
        summary=tuple(summarise(before.report, after.report, routes, answers)),
        routes=routes,
        background=background,
        suspects=suspect_changes(before.report, after.report, routes),
        memory=role_memory(before.report, after.report),
        requests=pair(judged_requests(before.run), judged_requests(after.run)),
        caveats=tuple(unlike((before.run, before.report), (after.run, after.report))),
    )


def _flawed(after: Report) -> str | None:
    """Why the run after proves nothing, settled as its routes may seem: it was stopped, or a worker died."""
    if after.judgement.verdict is not Verdict.INCONCLUSIVE:
        return None
    routes_say_so = any(route.verdict is Verdict.INCONCLUSIVE for route in after.routes)
    if routes_say_so and after.outcome == COMPLETE:
        return None
    return after.judgement.reasons[-1] if after.judgement.reasons else "the run after is inconclusive"


def _overall(changes: _Changes, regression: bool | None, after: Report) -> Change:
    """One word for both runs."""
    found = {each.change for each in changes}
    if regression:
        return Change.NEW_LEAK if Change.NEW_LEAK in found else Change.WORSE
    if regression is None:
        return Change.NOT_SETTLED if found - {Change.NOT_COMPARABLE} else Change.NOT_COMPARABLE
    if Change.FIXED in found and after.judgement.verdict is not Verdict.LEAK:
        return Change.FIXED
    return Change.BETTER if found & {Change.FIXED, Change.BETTER} else Change.SAME


def _reasons(routes: Sequence[RouteChange], background: RateChange | None, flawed: str | None) -> Iterator[str]:
    """What decides, the worst first; routes on which nothing has changed are not worth a sentence."""
    if flawed is not None:
        yield f"the run after proves nothing by itself: {flawed}"
    if not routes:
        yield "neither run has a route that was judged"
    told = [(route.route, rate) for route in routes for rate in route.rates]
    told += [] if background is None else [(BACKGROUND, background)]
    for subject, rate in sorted(told, key=lambda each: _WORST_FIRST.index(each[1].change)):
        if rate.change is not Change.SAME:
            yield f"{subject}: {rate.change.value}; {rate.reason}"
