from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import pytest

from builders import App, Kept, explain, peaks, record
from leakhunt.analysis.analyse import analyse
from leakhunt.analysis.assess import judge_routes
from leakhunt.analysis.blocks import read_experiment
from leakhunt.analysis.judge import judge_route
from leakhunt.analysis.responses import count_responses
from leakhunt.analysis.routes import minimum_detectable, route_report
from leakhunt.analysis.series import read_ledger
from leakhunt.analysis.thresholds import DEFAULTS
from leakhunt.model.report import RouteReport
from leakhunt.model.run import Run
from leakhunt.units import format_size
from unit.analysis.ledgers import blocks

IMAGE, COURSE = "POST /image", "GET /course"
ROUTES = (IMAGE, COURSE)


def report(run: Run, route: str = IMAGE) -> RouteReport:
    experiment = read_experiment(read_ledger(run, DEFAULTS), DEFAULTS)
    return route_report(run, experiment, judge_routes(run, experiment)[route], count_responses(run)[route])


def keeping(**signals: float) -> Run:
    return record(App(routes=ROUTES, keeps={IMAGE: signals}))


def without_heap(run: Run) -> Run:
    """As read from outside: nothing but what the kernel shows."""
    return replace(
        run,
        rounds=tuple(
            replace(round_, samples=tuple(replace(sample, heap=None) for sample in round_.samples))
            for round_ in run.rounds
        ),
    )


def test_live_bytes_are_the_basis_where_they_are_the_growth() -> None:
    found = report(keeping(live=20_000))
    assert found.bytes_per_request_basis == "live"
    assert found.bytes_per_request == found.live_bytes_per_request == pytest.approx(20_000, rel=0.01)


def test_anonymous_memory_is_the_basis_where_live_bytes_see_a_part_of_it() -> None:
    found = report(keeping(live=5_000, anonymous=15_000))
    assert found.bytes_per_request_basis == "anonymous"
    assert found.bytes_per_request == pytest.approx(20_000, rel=0.02)
    assert found.live_bytes_per_request == pytest.approx(5_000, rel=0.02)


def test_a_little_more_than_live_bytes_is_what_allocators_waste() -> None:
    assert report(keeping(live=20_000, anonymous=4_000)).bytes_per_request_basis == "live"


def test_where_live_bytes_could_not_be_read_the_kernel_is_believed() -> None:
    found = report(without_heap(keeping(live=20_000)))
    assert found.bytes_per_request_basis == "anonymous"
    assert found.live_bytes_per_request is None
    assert found.null_reasons["live_bytes_per_request"] == "live bytes could not be read in the target"


def test_a_clean_route_is_sized_by_the_bound_that_it_is_called_clean_for() -> None:
    found = report(record(App(routes=ROUTES)), COURSE)
    (reason, *_) = found.reasons
    assert found.bytes_per_request_interval is not None
    low, high = found.bytes_per_request_interval
    assert low == 0
    assert reason == f"keeps at most {format_size(high)} per request (99 % upper bound)"
    assert found.bytes_per_request is not None
    assert low <= found.bytes_per_request <= high < 64
    assert found.minimum_detectable == 64


def test_the_growth_of_every_signal_is_told_with_its_test() -> None:
    growths = {growth.signal: growth for growth in report(keeping(live=20_000, threads=1)).growths}
    assert {"live", "blocks", "anonymous", "threads", "descriptors", "temp_files"} == set(growths)
    assert growths["threads"].per_request == pytest.approx(1)
    assert growths["threads"].p_value is not None
    assert growths["threads"].p_value < 0.001
    assert growths["live"].interval[0] < 20_000 < growths["live"].interval[1]


def test_the_peaks_of_the_steps_of_this_route_are_its_own() -> None:
    run = keeping(live=20_000)
    worker = run.workers[0].key
    sizes = [10**6, 2 * 10**6, 4 * 10**6] * 2
    both = (*peaks(IMAGE, worker, sizes, 3.0, 1_000), *peaks(COURSE, worker, sizes, 1.0, 1_000))
    assert report(replace(run, peaks=both)).amplification == pytest.approx(3, rel=0.01)
    assert report(replace(run, peaks=both), COURSE).amplification == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize(
    "make",
    [
        lambda: record(App(routes=ROUTES), blocks=1),
        lambda: record(App(routes=ROUTES), rounds=3),
        lambda: record(App(routes=ROUTES), agent=False),
        lambda: record(App(routes=ROUTES), agent=False, workers=2),
        lambda: record(App(routes=ROUTES, statuses={IMAGE: 500})),
        lambda: record(App(routes=ROUTES), only={0: (COURSE,), 1: (COURSE,)}),
        lambda: replace(record(App(routes=ROUTES), rounds=0), requests=()),
        lambda: explain(keeping(live=20_000), IMAGE, [Kept(())]),
    ],
    ids=["clean", "cut short", "no agent", "no marks", "errors", "not requested", "nothing at all", "explained"],
)
def test_whatever_was_recorded_every_none_has_a_reason_and_nothing_else_has(make: Callable[[], Run]) -> None:
    for row in analyse(make()).routes:
        unknown = {field.name for field in fields(row) if getattr(row, field.name) is None}
        assert set(row.null_reasons) == unknown


@pytest.mark.parametrize(("jitter", "at_least"), [(0.001, 64), (90_000, 1_000)])
def test_no_leak_below_the_budget_or_within_the_noise_is_promised_to_be_seen(jitter: float, at_least: float) -> None:
    experiment = blocks({"live": 0}, jitter=jitter)
    minimum = minimum_detectable(experiment, judge_route(experiment, "a"), "live")
    assert minimum is not None
    assert minimum >= at_least
    assert (minimum == 64) == (at_least == 64)


def test_without_a_slope_nothing_is_promised() -> None:
    experiment = blocks({"live": 0})
    judged = judge_route(experiment, "a")
    assert minimum_detectable(experiment, replace(judged, slopes=None, bound=None), "live") is None
    assert minimum_detectable(experiment, judged, "anonymous") is None
    assert minimum_detectable(experiment, judged, None) is None
