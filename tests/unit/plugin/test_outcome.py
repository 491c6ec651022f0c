from __future__ import annotations

import re
from dataclasses import replace

import pytest

from leakhunt.model.report import Judgement, Report, RoundRow, Verdict
from leakhunt.model.run import Caveat, Phase
from leakhunt.plugin.limits import Limits
from leakhunt.plugin.message import tell
from leakhunt.plugin.outcome import judge
from unit.reports.samples import CLEAN, LEAK

ROUNDS = (
    RoundRow(3, Phase.DOSE, 0, 25, 2_500.0, 100.0),
    RoundRow(4, Phase.DOSE, 0, 53, 5_300.0, 100.0),
)


def a_report(verdict: Verdict) -> Report:
    """Of one thing that was called, with this verdict."""
    base = LEAK if verdict is Verdict.LEAK else CLEAN
    signals = ("live", "blocks") if verdict is Verdict.LEAK else ()
    route = replace(base.routes[0], verdict=verdict, peak_bytes_per_request=20e6, signals=signals)
    suspects = tuple(each for each in base.suspects if each.route == route.route)
    return replace(
        base,
        judgement=Judgement(verdict, ("why",)),
        routes=(route,),
        suspects=suspects,
        evidence=ROUNDS,
        growth=7_800,
        warm_up_growth=2_200,
        conditions={"directory": "/srv"},
    )


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (Verdict.CLEAN, "passed"),
        (Verdict.BOUNDED, "passed"),
        (Verdict.LEAK, "failed"),
        (Verdict.INCONCLUSIVE, "undecided"),
    ],
)
def test_a_verdict_becomes_a_state(verdict: Verdict, state: str) -> None:
    assert judge(a_report(verdict), Limits(), "call").state == state


@pytest.mark.parametrize(("max_growth", "state"), [(64.0, "undecided"), (1024.0, "passed")])
def test_anonymous_memory_alone_passes_no_limit_that_it_cannot_tell(max_growth: float, state: str) -> None:
    unread = replace(a_report(Verdict.CLEAN), caveats=(Caveat("live-unread", "live bytes cannot be read"),))
    assert judge(unread, Limits(max_growth=max_growth), "call").state == state


def test_what_is_not_asked_about_does_not_fail() -> None:
    outcome = judge(a_report(Verdict.LEAK), Limits(max_growth=None), "call")
    assert outcome.state == "passed"
    assert "bytes_per_call" not in outcome.figures()


def test_a_leak_of_which_all_suspects_are_known_passes() -> None:
    report = a_report(Verdict.LEAK)
    assert report.suspects
    assert judge(report, Limits(known=lambda _: True), "call").state == "passed"
    assert judge(report, Limits(known=lambda suspect: suspect is not report.suspects[0]), "call").state == "failed"


def test_a_leak_without_a_suspect_is_not_known() -> None:
    report = replace(a_report(Verdict.LEAK), suspects=())
    assert judge(report, Limits(known=lambda _: True), "call").state == "failed"


def test_a_peak_above_its_limit_fails_whatever_the_verdict() -> None:
    outcome = judge(a_report(Verdict.CLEAN), Limits(max_peak=10_000_000), "call")
    assert outcome.broken == ("max_peak",)
    assert judge(a_report(Verdict.CLEAN), Limits(max_peak=30_000_000), "call").state == "passed"


def test_what_is_kept_in_all_counts_from_the_first_call() -> None:
    assert judge(a_report(Verdict.BOUNDED), Limits(max_kept=10_000), "call").state == "passed"
    outcome = judge(a_report(Verdict.BOUNDED), Limits(max_kept=9_999), "call")
    assert outcome.broken == ("max_kept",)
    assert tell(outcome).startswith("kept: 9.77 KiB after 78 calls; allowed: 9.76 KiB")


def test_figures_are_plain_text_for_the_report_in_xml() -> None:
    figures = judge(a_report(Verdict.LEAK), Limits(), "call").figures()
    assert figures["verdict"] == "LEAK"
    assert figures["calls"] == "78"
    assert figures["kept"] == "10000"
    assert all(type(value) is str for value in figures.values())


def test_a_failure_tells_figure_line_holder_and_proof() -> None:
    lines = tell(judge(a_report(Verdict.LEAK), Limits(), "request")).splitlines()
    assert lines[0].startswith("leak: 2.10 MiB kept by each request (99 %: ")
    assert lines[0].endswith("allowed: 64 B")
    labels = [line.split()[0] for line in lines[1:] if re.match("  [a-z]", line)]
    assert labels[:2] == ["line", "holder"]
    assert "proof" in labels
    assert max(map(len, lines)) < 120


def test_what_is_undecided_tells_why_and_what_helps() -> None:
    told = tell(judge(a_report(Verdict.INCONCLUSIVE), Limits(time=2), "call"))
    assert told.startswith("undecided: 78 calls prove neither that this leaks nor that it does not\n")
    assert "time=8" in told
    assert "--leakhunt-undecided=skip" in told
    assert "request" not in told
