"""Limits against the difference of a run and its reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from leakhunt.analysis.gate import judge_gate
from leakhunt.analysis.reference import reference_of
from leakhunt.model.budget import parse_budget
from leakhunt.model.gate import APP, Budgets, Check, Gate, KnownLeak, Limits, Outcome
from leakhunt.model.reference import Compared
from leakhunt.model.report import BackgroundReport, Growth, Interval, Report, RouteReport, Verdict
from unit.reports.comparison_samples import run_of
from unit.reports.samples import CLEAN, COURSE, IMAGE, LEAK, VIDEO

TODAY = date(2026, 11, 26)
THRESHOLDS = {"live": 64.0, "blocks": 0.5, "anonymous": 1024.0, "threads": 0.02, "descriptors": 0.02}


def report_of(*routes: RouteReport, report: Report = LEAK) -> Report:
    return replace(report, routes=routes, judgement=replace(report.judgement, thresholds=THRESHOLDS))


def route(
    kept: float,
    half: float,
    *,
    verdict: Verdict = Verdict.LEAK,
    growths: Mapping[str, tuple[float, Interval]] | None = None,
    **changes: object,
) -> RouteReport:
    """The route for images, which keeps so much and a half of an interval more or less."""
    (found,) = [each for each in LEAK.routes if each.route == IMAGE]
    return replace(
        found,
        verdict=verdict,
        signals=("live",) if verdict is Verdict.LEAK else (),
        bytes_per_request=kept,
        bytes_per_request_interval=(kept - half, kept + half),
        growths=tuple(Growth(name, rate, ends, None) for name, (rate, ends) in (growths or {}).items()),
        **changes,  # type: ignore[arg-type]  # names of fields
    )


def gate(before: RouteReport, after: RouteReport, limits: Limits | None = None, *known: KnownLeak) -> Gate:
    now = report_of(after)
    return judge_gate(now, Budgets(limits or Limits()), known, today=TODAY, compared=compared(report_of(before), now))


def compared(before: Report, after: Report) -> Compared:
    return Compared(*(reference_of(run_of(report), report, "then.toml") for report in (before, after)))


def check(found: Gate, limit: str = "growth", name: str = IMAGE) -> Check:
    (only,) = [each for each in found.checks if (each.route, each.limit) == (name, limit)]
    return only


CLEAN_ROUTE = route(0.0, 20.0, verdict=Verdict.CLEAN)
CASES = {
    "a leak as large as it was": (route(41_000, 900), route(41_200, 900), Outcome.PASSED),
    "a leak that was larger": (route(41_000, 900), route(5_000, 90), Outcome.PASSED),
    "a leak that was smaller": (route(41_000, 900), route(60_000, 900), Outcome.FAILED),
    "a leak that was not there": (CLEAN_ROUTE, route(41_000, 900), Outcome.FAILED),
    "a leak that is gone": (route(41_000, 900), CLEAN_ROUTE, Outcome.PASSED),
    "nothing in either": (CLEAN_ROUTE, CLEAN_ROUTE, Outcome.PASSED),
    "too vague to tell": (route(300, 250), route(400, 250), Outcome.UNDECIDED),
    "more, and not settled": (CLEAN_ROUTE, route(5_000, 90, verdict=Verdict.INCONCLUSIVE), Outcome.UNDECIDED),
    "more, and bounded": (CLEAN_ROUTE, route(5_000, 90, verdict=Verdict.BOUNDED), Outcome.PASSED),
}


@pytest.mark.parametrize(("before", "after", "outcome"), CASES.values(), ids=CASES)
def test_what_fails_is_what_has_grown(before: RouteReport, after: RouteReport, outcome: Outcome) -> None:
    found = check(gate(before, after))
    assert found.outcome is outcome
    assert found.before is not None
    assert found.before.value == before.bytes_per_request
    assert bool(found.suspects) is (outcome is not Outcome.PASSED)


def test_the_message_has_both_figures_and_the_difference() -> None:
    message = check(gate(route(41_000, 900), route(60_000, 900))).message
    assert message.startswith("keeps more than in the reference: +40.0 KiB ± 900 B -> +58.6 KiB ± 900 B per request")
    assert "a difference of +17.3 KiB to +19.8 KiB" in message


def test_a_limit_says_how_much_more_is_accepted() -> None:
    def outcome(limit: str) -> Outcome:
        limits = Limits(growth=parse_budget(limit))
        return check(gate(route(41_000, 900), route(60_000, 900), limits)).outcome

    assert outcome("18KB/request") is Outcome.FAILED
    assert outcome("22KB/request") is Outcome.PASSED


BLOCKS = {"two more": (4.0, Outcome.FAILED), "as many": (2.0, Outcome.PASSED), "fewer": (1.0, Outcome.PASSED)}


@pytest.mark.parametrize(("after", "outcome"), BLOCKS.values(), ids=BLOCKS)
def test_where_bytes_are_too_vague_blocks_tell(after: float, outcome: Outcome) -> None:
    def blocks(number: float) -> dict[str, tuple[float, Interval]]:
        return {"blocks": (number, (number, number))}

    found = check(gate(route(140, 130, growths=blocks(2.0)), route(150, 130, growths=blocks(after))))
    assert found.outcome is outcome
    assert "in blocks of memory, +2 ± 0 -> " in found.message


def test_threads_that_were_left_behind_before_may_be_again_but_no_more_of_them() -> None:
    def threads(number: float) -> RouteReport:
        ends = (number - 0.01, number + 0.01)
        return replace(route(0, 5, growths={"threads": (number, ends)}), signals=("threads",))

    assert check(gate(threads(1.0), threads(1.0)), "threads").outcome is Outcome.PASSED
    assert check(gate(threads(1.0), threads(2.0)), "threads").outcome is Outcome.FAILED
    assert check(gate(CLEAN_ROUTE, threads(1.0)), "threads").outcome is Outcome.FAILED  # its limit alone is left


def test_a_peak_is_still_limited_as_a_whole() -> None:
    high = route(0, 20, verdict=Verdict.CLEAN, peak_bytes_per_request=30e6)
    assert check(gate(high, high, Limits(peak=20_000_000)), "peak").outcome is Outcome.FAILED


def test_a_leak_that_is_known_may_grow() -> None:
    print_ = next(suspect.fingerprint for suspect in LEAK.suspects if suspect.route == IMAGE)
    found = gate(route(41_000, 900), route(60_000, 900), None, KnownLeak(print_, "thumbnails", "mended soon"))
    assert check(found).outcome is Outcome.ACCEPTED


# --- New types. -----------------------------------------------------------------------------------------------------


def types(before: Report, after: Report, limits: Limits | None = None) -> Check:
    budgets = Budgets(limits or Limits(new_types=0.0))
    return check(judge_gate(after, budgets, today=TODAY, compared=compared(before, after)), "new-types")


def test_a_type_that_was_not_kept_before_is_new_even_where_no_more_is_kept() -> None:
    same = report_of(route(41_000, 900))
    assert types(same, same).outcome is Outcome.PASSED
    others = tuple(replace(each, type="shop.Thumbnail") if each.route == IMAGE else each for each in LEAK.suspects)
    found = types(same, replace(same, suspects=others))
    assert found.outcome is Outcome.FAILED
    assert found.message.endswith(
        "keeps objects of 1 type that it did not keep in the reference, limit 0: shop.Thumbnail"
    )
    assert [suspect.type for suspect in found.suspects] == ["shop.Thumbnail"]
    assert types(same, replace(same, suspects=others), Limits(new_types=1.0)).outcome is Outcome.PASSED


def test_nothing_is_new_on_a_route_that_leaks_nothing() -> None:
    assert types(report_of(CLEAN_ROUTE), report_of(CLEAN_ROUTE)).outcome is Outcome.PASSED


def test_types_of_a_route_that_the_reference_does_not_have_are_not_told() -> None:
    after = report_of(route(41_000, 900))
    assert types(report_of(), after).outcome is Outcome.NOT_MEASURED
    wanted = Budgets(Limits(), {IMAGE: Limits(new_types=0.0)})
    found = check(judge_gate(after, wanted, today=TODAY, compared=compared(report_of(), after)), "new-types")
    assert found.outcome is Outcome.UNDECIDED
    assert "the reference does not have this route" in found.message


# --- Routes and time. -----------------------------------------------------------------------------------------------


def test_a_route_that_only_one_of_both_has_is_told_and_judged_by_its_limits() -> None:
    now = report_of(route(41_000, 900))
    before = report_of(replace(CLEAN_ROUTE, route=COURSE), replace(CLEAN_ROUTE, route=VIDEO))
    found = judge_gate(now, Budgets(), today=TODAY, compared=compared(before, now))
    assert check(found).outcome is Outcome.FAILED
    assert check(found).before is None
    assert [note.partition(" is ")[0] for note in found.notes] == [COURSE, VIDEO, IMAGE]


@pytest.mark.parametrize(("before", "outcome"), [(5_000.0, Outcome.PASSED), (900.0, Outcome.FAILED)])
def test_growth_with_time_is_compared_too(before: float, outcome: Outcome) -> None:
    def growing(rate: float) -> Report:
        background = BackgroundReport(Verdict.LEAK, (), 10.0, rate, (rate - 20, rate + 20), "live")
        return replace(report_of(report=CLEAN), background=background)

    now = growing(5_000.0)
    found = judge_gate(now, Budgets(), today=TODAY, compared=compared(growing(before), now))
    assert check(found, name=APP).outcome is outcome
    assert "against the reference" in check(found, name=APP).message


def test_the_gate_says_what_it_was_compared_with_and_what_makes_them_unlike() -> None:
    now, before = report_of(CLEAN_ROUTE), report_of(CLEAN_ROUTE)
    other = replace(now, conditions={**now.conditions, "python": "CPython 3.13.1"})
    found = judge_gate(other, Budgets(), today=TODAY, compared=compared(before, other))
    assert found.reference == "then.toml"
    assert [caveat.code for caveat in found.caveats] == ["other-python"]
