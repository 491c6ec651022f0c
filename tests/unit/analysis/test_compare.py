"""Two whole runs, made by the simulated app, judged and compared."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from builders import App, record
from leakhunt.analysis.compare import Judged, compare
from leakhunt.model.comparison import Change, Comparison, SuspectState
from leakhunt.model.report import BackgroundReport, Report, Verdict
from unit.reports.comparison_samples import COMPARISONS, compared, proven, run_of
from unit.reports.samples import CLEAN, COURSE, IMAGE, LEAK, VIDEO

IMAGES, COURSES = "POST /image", "GET /course"
ROUTES = (COURSES, IMAGES)


@cache
def judged(kept: int, *, seed: int = 0, threads: float = 0.0, blocks: int = 2) -> Judged:
    """An app of two routes, one of which keeps so many bytes per request."""
    keeps = {IMAGES: {"live": float(kept), "blocks": min(kept, 2.0), "threads": threads}}
    app = App(routes=ROUTES, keeps=keeps if kept or threads else {})
    return Judged.by_its_budget(record(app, seed=seed, blocks=blocks))


def of(found: Comparison, route: str) -> Change:
    return next(each.change for each in found.routes if each.route == route)


def test_a_leak_that_was_mended_is_fixed() -> None:
    found = compare(judged(40_000), judged(0, seed=1))
    assert (found.change, found.regression) == (Change.FIXED, False)
    assert (of(found, IMAGES), of(found, COURSES)) == (Change.FIXED, Change.SAME)
    (memory,) = found.routes[0].rates
    assert memory.before is not None
    assert memory.before.value == pytest.approx(40_000, rel=0.02)
    assert memory.difference is not None
    assert memory.difference.interval is not None
    assert memory.difference.interval[0] < -40_000 < memory.difference.interval[1]


def test_a_leak_that_was_added_is_new_and_the_run_is_worse() -> None:
    found = compare(judged(0, seed=1), judged(40_000))
    assert (found.change, found.regression) == (Change.NEW_LEAK, True)
    assert found.routes[0].route == IMAGES
    assert found.reasons[0].startswith(f"{IMAGES}: new leak; ")


def test_a_leak_that_became_smaller_is_better() -> None:
    found = compare(judged(40_000), judged(9_000, seed=1))
    assert (found.change, found.regression) == (Change.BETTER, False)


def test_a_leak_that_became_larger_is_worse() -> None:
    found = compare(judged(9_000, seed=1), judged(40_000))
    assert (found.change, found.regression) == (Change.WORSE, True)


@pytest.mark.parametrize("kept", [0, 40_000])
@pytest.mark.parametrize("seeds", [(1, 2), (3, 4)])
def test_two_runs_of_the_same_app_are_the_same_leak_or_no_leak(kept: int, seeds: tuple[int, int]) -> None:
    found = compare(judged(kept, seed=seeds[0]), judged(kept, seed=seeds[1]))
    assert (found.change, found.regression) == (Change.SAME, False)
    assert found.reasons == ()


def test_a_run_that_is_too_short_to_judge_clears_nothing() -> None:
    found = compare(judged(40_000), judged(0, seed=1, blocks=0))
    assert found.regression is None
    assert found.change is not Change.FIXED


def test_a_run_that_was_stopped_clears_nothing_although_its_routes_seem_settled() -> None:
    after = replace(judged(0, seed=1).run, outcome="interrupted")
    found = compare(judged(40_000), Judged.by_its_budget(after))
    assert of(found, IMAGES) is Change.FIXED
    assert (found.change, found.regression) == (Change.NOT_SETTLED, None)
    assert found.reasons[0] == ("the run after proves nothing by itself: the run did not go to its end: interrupted")


def test_a_leak_of_memory_that_became_one_of_threads_is_not_fixed() -> None:
    found = compare(judged(40_000), judged(0, seed=1, threads=1.0))
    change = next(each for each in found.routes if each.route == IMAGES)
    assert [(rate.signal, rate.change) for rate in change.rates] == [
        ("live", Change.FIXED),
        ("threads", Change.NEW_LEAK),
    ]
    assert (change.change, found.change, found.regression) == (Change.NEW_LEAK, Change.NEW_LEAK, True)


def test_a_route_that_leaks_threads_still_is_better_and_not_fixed() -> None:
    found = compare(judged(40_000, threads=1.0), judged(0, seed=1, threads=1.0))
    assert (of(found, IMAGES), found.change) == (Change.BETTER, Change.BETTER)


# --- What reports say beside their rates. ---------------------------------------------------------------------------


def changed(report: Report, index: int, **changes: object) -> Report:
    routes = list(report.routes)
    routes[index] = replace(routes[index], **changes)  # type: ignore[arg-type]
    return replace(report, routes=tuple(routes))


def test_requests_that_failed_afterwards_are_no_fix() -> None:
    found = compared(LEAK, changed(CLEAN, 0, unexpected=100))
    assert of(found, VIDEO) is Change.NOT_COMPARABLE
    assert (found.change, found.regression) == (Change.NOT_SETTLED, None)
    assert any("47% of the responses after were unexpected" in reason for reason in found.reasons)


def test_a_route_that_is_answered_by_a_refusal_was_not_fixed_however_expected() -> None:
    found = compared(LEAK, changed(CLEAN, 0, statuses={"403": 212}))
    assert of(found, VIDEO) is Change.NOT_COMPARABLE
    assert any("it was answered by 201 before and by 403 after" in reason for reason in found.reasons)


def test_another_success_is_one_too() -> None:
    assert of(compared(LEAK, changed(CLEAN, 0, statuses={"202": 212})), VIDEO) is Change.FIXED


def test_a_route_that_one_run_did_not_request_is_not_compared() -> None:
    fewer = replace(LEAK, routes=LEAK.routes[1:])
    gone, added = compared(LEAK, fewer), compared(fewer, LEAK)
    assert of(gone, VIDEO) is of(added, VIDEO) is Change.NOT_COMPARABLE
    assert gone.regression is added.regression is None
    clean = compared(replace(CLEAN, routes=CLEAN.routes[1:]), CLEAN)
    assert of(clean, VIDEO) is Change.NOT_COMPARABLE


def test_a_clean_route_that_was_added_makes_nothing_worse() -> None:
    found = compared(replace(CLEAN, routes=CLEAN.routes[1:]), CLEAN)
    assert next(each.regression for each in found.routes if each.route == VIDEO) is False
    assert found.regression is False


def test_where_the_verdicts_rest_on_different_signals_anonymous_memory_is_compared() -> None:
    native = changed(LEAK, 0, bytes_per_request_basis="anonymous")
    found = compared(native, CLEAN)
    video = next(each for each in found.routes if each.route == VIDEO)
    assert (video.memory.signal, video.change) == ("anonymous", Change.NOT_COMPARABLE)


def test_a_store_that_fills_up_is_no_leak() -> None:
    found = COMPARISONS["same"]
    assert (of(found, COURSE), found.regression) == (Change.SAME, False)


def growing(verdict: Verdict, rate: float = 50_000.0) -> BackgroundReport:
    return BackgroundReport(verdict, ("it grows",), 30.0, rate, (rate * 0.9, rate * 1.1), "live")


@pytest.mark.parametrize(
    ("before", "after", "change", "regression"),
    [
        (None, None, None, False),
        (None, Verdict.LEAK, Change.NEW_LEAK, True),
        (Verdict.LEAK, None, Change.BETTER, False),
        (Verdict.LEAK, Verdict.LEAK, Change.SAME, False),
        (None, Verdict.INCONCLUSIVE, Change.SAME, False),
    ],
)
def test_growth_with_time_is_compared_per_second(
    before: Verdict | None, after: Verdict | None, change: Change | None, regression: bool | None
) -> None:
    sides = [replace(CLEAN, background=None if verdict is None else growing(verdict)) for verdict in (before, after)]
    found = compared(*sides)
    assert (found.background and found.background.change) == change
    assert found.regression is regression


# --- The tables. ----------------------------------------------------------------------------------------------------


def rows(found: Comparison) -> dict[str, tuple[float | None, float | None]]:
    return {row.name: (row.pair.before, row.pair.after) for row in found.summary}


def test_the_summary_has_a_row_for_each_side_of_the_incident() -> None:
    found = COMPARISONS["fixed"]
    assert list(rows(found)) == [
        *("kept", "rss-start", "rss-end", "rss-most", "peak", "amplification", "response", "throughput", "expected"),
    ]
    assert rows(found)["kept"] == pytest.approx((2_253_520.0, 6.0))
    assert rows(found)["rss-most"] == (430_964_736, 63_000_000)
    assert rows(found)["peak"] == (63_000_000, 63_000_000)
    assert rows(found)["amplification"] == (9.41, 0.04)
    assert rows(found)["response"] == pytest.approx((4 * 0.043, 4 * 0.043 * 0.8))
    assert rows(found)["throughput"] == pytest.approx((2 / 0.0522, 2 / 0.0522 / 0.8))
    assert rows(found)["expected"] == (1.0, 1.0)


def test_what_is_kept_has_intervals_and_their_difference() -> None:
    kept = COMPARISONS["fixed"].summary[0]
    assert kept.difference is not None
    assert kept.difference.interval is not None
    assert kept.difference.interval[1] < 0
    assert all(interval is not None for interval in kept.intervals)


def test_a_figure_that_is_not_known_of_every_route_has_no_sum() -> None:
    found = compared(LEAK, changed(LEAK, 1, statuses={"500": 212}))
    assert rows(found)["kept"] == (None, None)
    assert of(found, IMAGE) is Change.NOT_COMPARABLE


def test_memory_is_told_by_role_workers_first() -> None:
    found = COMPARISONS["fixed"].memory
    assert [row.role for row in found] == ["worker", "companion"]
    assert (found[0].processes.before, found[0].processes.after) == (2, 1)
    assert (found[0].end.before, found[0].end.after) == (412_090_368, 61_000_000)


def test_the_new_suspect_of_a_new_leak_is_new() -> None:
    found = COMPARISONS["worse"]
    assert [each.latest.route for each in found.suspects if each.state is SuspectState.NEW] == [COURSE]
    assert sum(each.state is SuspectState.REMAINING for each in found.suspects) == 3


def test_runs_without_a_route_tell_nothing() -> None:
    found = COMPARISONS["nothing"]
    assert (found.change, found.regression) == (Change.NOT_COMPARABLE, None)
    assert found.reasons[-1] == "neither run has a route that was judged"


def test_comparing_is_pure() -> None:
    sides = Judged(run_of(LEAK), proven(LEAK)), Judged(run_of(CLEAN), proven(CLEAN))
    assert compare(*sides) == compare(*sides)
