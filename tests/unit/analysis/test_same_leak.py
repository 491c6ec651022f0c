"""When a leak of one run is the leak of another."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from leakhunt.analysis.gate import judge_gate
from leakhunt.analysis.same_leak import answers, leaks_of, same_leak
from leakhunt.model.gate import Budgets, Limits
from leakhunt.model.report import Report, Suspect, Verdict
from unit.reports.samples import CLEAN, LEAK

TODAY = date(2026, 11, 26)
THRESHOLDS = {"live": 64.0, "threads": 0.02, "descriptors": 0.02, "temp_files": 0.02}
PROVEN = replace(
    LEAK,
    judgement=replace(LEAK.judgement, thresholds=THRESHOLDS),
    routes=tuple(replace(route, signals=("live",)) for route in LEAK.routes),
)
GATE = judge_gate(PROVEN, Budgets(), today=TODAY)
FIRST = next(leaks_of(GATE, PROVEN))


def with_suspect(**changes: object) -> Report:
    """The run again, the leak somewhat different."""
    other = replace(FIRST.suspect, **changes)  # type: ignore[arg-type]
    return replace(PROVEN, suspects=tuple(other if each == FIRST.suspect else each for each in PROVEN.suspects))


def test_each_route_that_failed_for_growth_gives_the_weightiest_of_its_suspects() -> None:
    leaks = list(leaks_of(GATE, PROVEN))
    failed = [route.route for route in PROVEN.routes if route.verdict is Verdict.LEAK]
    assert sorted(leak.route for leak in leaks) == sorted(failed)
    for leak in leaks:
        mine = [suspect for suspect in PROVEN.suspects if suspect.route == leak.route]
        assert leak.suspect == mine[0]
        assert leak.steps == next(route.steps for route in PROVEN.routes if route.route == leak.route)


def test_a_limit_that_is_no_leak_gives_none() -> None:
    gate = judge_gate(CLEAN, Budgets(Limits(memory=1)), today=TODAY)
    assert gate.checks[0].limit == "memory"
    assert list(leaks_of(gate, CLEAN)) == []


def test_the_same_run_shows_its_own_leak() -> None:
    assert same_leak(PROVEN, FIRST) == FIRST.suspect


def test_another_fingerprint_is_another_leak() -> None:
    assert same_leak(with_suspect(fingerprint="0" * 16), FIRST) is None


def test_what_is_not_proven_is_not_shown() -> None:
    routes = tuple(replace(route, verdict=Verdict.INCONCLUSIVE) for route in PROVEN.routes)
    assert same_leak(replace(PROVEN, routes=routes), FIRST) is None


@pytest.mark.parametrize(("factor", "scale", "same"), [(0.6, 1.0, True), (4.0, 1.0, True), (0.4, 1.0, False)])
def test_the_rate_has_to_be_similar(factor: float, scale: float, same: bool) -> None:
    rate = FIRST.suspect.bytes_per_request
    assert rate is not None
    assert (same_leak(with_suspect(bytes_per_request=factor * rate), FIRST, scale) is not None) is same


@pytest.mark.parametrize(("factor", "same"), [(0.06, True), (0.04, False)])
def test_where_a_tenth_is_uploaded_a_tenth_may_be_kept(factor: float, same: bool) -> None:
    rate = FIRST.suspect.bytes_per_request
    assert rate is not None
    assert (same_leak(with_suspect(bytes_per_request=factor * rate), FIRST, 0.1) is not None) is same


def test_where_nothing_is_weighed_objects_are_counted() -> None:
    counted: Suspect = replace(FIRST.suspect, bytes_per_request=None, count_per_request=1.0)
    leak = replace(FIRST, suspect=counted)
    assert same_leak(with_suspect(bytes_per_request=None, count_per_request=0.9), leak) is not None
    assert same_leak(with_suspect(bytes_per_request=None, count_per_request=0.1), leak) is None


def test_answers_are_those_of_the_step_s_route() -> None:
    route = PROVEN.routes[0]
    told = replace(PROVEN, routes=(replace(route, statuses={"413": 2, "200": 9}), *PROVEN.routes[1:]))
    assert answers(told, route.steps[0]) == (200, 413)
    none = replace(PROVEN, routes=(replace(route, statuses={"200": 9, "no response": 1}), *PROVEN.routes[1:]))
    assert answers(none, route.steps[0]) == ()
    assert answers(PROVEN, "no such step") == ()
