"""Limits against a report."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from leakhunt.analysis.gate import judge_gate
from leakhunt.model.budget import parse_budget
from leakhunt.model.gate import APP, Budgets, Check, Gate, KnownLeak, Limits, Outcome
from leakhunt.model.report import BackgroundReport, Growth, Report, RouteReport, Verdict
from unit.reports.samples import CLEAN, COURSE, IMAGE, INCONCLUSIVE, LEAK, VIDEO

TODAY = date(2026, 11, 26)
THRESHOLDS = {"live": 64.0, "anonymous": 1024.0, "threads": 0.02, "descriptors": 0.02, "temp_files": 0.02}


def judged(report: Report = LEAK, **limits: object) -> Gate:
    return judge_gate(with_tests(report), Budgets(Limits(**limits)), today=TODAY)  # type: ignore[arg-type]  # as written


def with_tests(report: Report) -> Report:
    """A report with thresholds, whose leaks say what grows."""
    routes = (replace(each, signals=("live",) if each.verdict is Verdict.LEAK else ()) for each in report.routes)
    return replace(report, judgement=replace(report.judgement, thresholds=THRESHOLDS), routes=tuple(routes))


def check(gate: Gate, route: str, limit: str = "growth") -> Check:
    (found,) = [each for each in gate.checks if (each.route, each.limit) == (route, limit)]
    return found


def one_route(gate_route: str, **changes: object) -> Report:
    (route,) = [each for each in with_tests(LEAK).routes if each.route == gate_route]
    changed: RouteReport = replace(route, **changes)  # type: ignore[arg-type]  # names of fields
    return replace(with_tests(LEAK), routes=(changed,))


def test_a_leak_fails_and_says_how_much_and_who() -> None:
    gate = judged()
    found = check(gate, IMAGE)
    assert (gate.outcome, found.outcome) == (Outcome.FAILED, Outcome.FAILED)
    assert found.message == "keeps 41.2 KiB ± 622 B per request, limit 64 B"
    assert [suspect.route for suspect in found.suspects] == [IMAGE]


def test_a_clean_app_passes_and_so_does_one_that_is_bounded() -> None:
    assert judged(CLEAN).outcome is Outcome.PASSED
    bounded = replace(CLEAN, routes=tuple(replace(each, verdict=Verdict.BOUNDED) for each in CLEAN.routes))
    assert judged(bounded).outcome is Outcome.PASSED


def test_what_the_run_could_not_tell_is_undecided() -> None:
    gate = judged(INCONCLUSIVE)
    assert gate.outcome is Outcome.UNDECIDED
    assert all(each.message for each in gate.of(Outcome.UNDECIDED))


def test_a_larger_limit_is_compared_with_the_interval() -> None:
    def outcome(limit: str) -> Outcome:
        report = one_route(IMAGE, bytes_per_request=40_000.0, bytes_per_request_interval=(38_000.0, 42_000.0))
        return judge_gate(report, Budgets(Limits(growth=parse_budget(limit))), today=TODAY).outcome

    assert outcome("50KB/request") is Outcome.PASSED
    assert outcome("40KB/request") is Outcome.UNDECIDED
    assert outcome("30KB/request") is Outcome.FAILED


def test_a_limit_of_its_own_counts_for_one_route_only() -> None:
    budgets = Budgets(Limits(), {IMAGE: Limits(growth=parse_budget("1MB/request"))})
    gate = judge_gate(with_tests(LEAK), budgets, today=TODAY)
    assert check(gate, IMAGE).outcome is Outcome.PASSED
    assert check(gate, VIDEO).outcome is Outcome.FAILED


def test_threads_fail_where_they_are_proven_and_memory_then_does_not() -> None:
    threads = Growth("threads", 1.0, (0.99, 1.01), 0.001)
    gate = judge_gate(one_route(IMAGE, signals=("threads",), growths=(threads,)), Budgets(), today=TODAY)
    assert check(gate, IMAGE, "threads").outcome is Outcome.FAILED
    assert check(gate, IMAGE).outcome is Outcome.PASSED
    allowed = judge_gate(
        one_route(IMAGE, signals=("threads",), growths=(threads,)), Budgets(Limits(threads=2.0)), today=TODAY
    )
    assert check(allowed, IMAGE, "threads").outcome is Outcome.PASSED


def test_what_was_not_measured_is_never_passed() -> None:
    assert check(judged(), IMAGE, "descriptors").outcome is Outcome.NOT_MEASURED


def test_peaks_and_amplification_are_limited_by_what_is_proven() -> None:
    gate = judged(peak=20_000_000, amplification=9.2)
    assert check(gate, VIDEO, "peak").outcome is Outcome.FAILED
    assert check(gate, IMAGE, "peak").outcome is Outcome.PASSED
    assert check(gate, IMAGE, "amplification").outcome is Outcome.PASSED  # 9.0 to 9.8 may be 9.2
    assert check(judged(amplification=3.0), VIDEO, "amplification").outcome is Outcome.FAILED


def test_a_limit_for_all_passes_over_routes_without_uploads_and_one_for_a_route_does_not() -> None:
    assert check(judged(amplification=3.0), COURSE, "amplification").outcome is Outcome.NOT_MEASURED
    wanted = judge_gate(with_tests(LEAK), Budgets(Limits(), {COURSE: Limits(amplification=3.0)}), today=TODAY)
    found = check(wanted, COURSE, "amplification")
    assert found.outcome is Outcome.UNDECIDED
    assert "no upload sizes to compare" in found.message


def test_memory_is_that_of_the_largest_worker() -> None:
    largest = max(worker.rss_max or 0 for worker in LEAK.workers if worker.judged)
    assert check(judged(memory=largest), APP, "memory").outcome is Outcome.PASSED
    assert check(judged(memory=largest - 1), APP, "memory").outcome is Outcome.FAILED


def test_growth_with_time_fails_the_app_and_no_route() -> None:
    with_time = BackgroundReport(Verdict.LEAK, (), 10.0, 5_000.0, (4_900.0, 5_100.0), "live")
    gate = judged(replace(CLEAN, background=with_time))
    assert [each.route for each in gate.of(Outcome.FAILED)] == [APP]
    assert "4.88 KiB per second" in check(gate, APP).message


def test_a_run_that_did_not_go_well_is_undecided_however_clean_its_routes_are() -> None:
    reasons = ("a worker was killed",)
    killed = replace(CLEAN, judgement=replace(CLEAN.judgement, verdict=Verdict.INCONCLUSIVE, reasons=reasons))
    for report in (killed, replace(killed, routes=())):
        gate = judged(report)
        assert gate.outcome is Outcome.UNDECIDED
        assert check(gate, APP).message == "cannot be called clean: a worker was killed"


def test_limits_of_a_route_that_was_not_requested_are_told_with_the_name_that_was_meant() -> None:
    budgets = Budgets(Limits(), {IMAGE.replace("images", "image"): Limits(peak=1), "GET /": Limits(peak=1)})
    gate = judge_gate(with_tests(LEAK), budgets, today=TODAY)
    unused = "has limits and was not requested, so they were not checked"
    assert gate.notes == (f"GET / {unused}", f"POST /lessons/<int:pk>/image/ {unused}; did you mean {IMAGE}?")


# --- Known leaks. ---------------------------------------------------------------------------------------------------

PRINTS = {suspect.route: suspect.fingerprint for suspect in LEAK.suspects}


def with_known(*known: KnownLeak) -> Gate:
    return judge_gate(one_route(IMAGE), Budgets(), known, today=TODAY)


def leak(fingerprint: str = PRINTS[IMAGE], expires: date | None = None) -> KnownLeak:
    return KnownLeak(fingerprint, "thumbnails", "mended with 2.4", "images", expires)


def test_a_known_leak_does_not_fail() -> None:
    gate = with_known(leak())
    assert (gate.outcome, check(gate, IMAGE).outcome) == (Outcome.PASSED, Outcome.ACCEPTED)
    assert gate.notes == ()


def test_another_leak_on_the_same_route_fails() -> None:
    assert with_known(leak("another")).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("day", "outcome", "note"),
    [
        (date(2026, 11, 25), Outcome.FAILED, "was accepted until 2026-11-25; ask images"),
        (date(2026, 11, 26), Outcome.PASSED, "is accepted until 2026-11-26 only; ask images"),
        (date(2027, 3, 1), Outcome.PASSED, None),
    ],
)
def test_the_last_day_still_counts_and_is_announced(day: date, outcome: Outcome, note: str | None) -> None:
    gate = with_known(leak(expires=day))
    assert gate.outcome is outcome
    assert [note in each for each in gate.notes if note] == ([True] if note else [])


def test_a_known_leak_that_is_gone_is_told() -> None:
    gate = judge_gate(with_tests(CLEAN), Budgets(), (leak(),), today=TODAY)
    assert gate.outcome is Outcome.PASSED
    assert "was not seen" in gate.notes[0]


def test_nothing_is_called_gone_by_a_run_that_could_not_tell() -> None:
    assert judge_gate(with_tests(INCONCLUSIVE), Budgets(), (leak("gone"),), today=TODAY).notes == ()
