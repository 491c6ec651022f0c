from __future__ import annotations

from dataclasses import replace

import pytest

from leakhunt.model.comparison import Change, Pair, SuspectState
from leakhunt.reports import comparison_phrases as say
from leakhunt.reports.palette import VERDICTS
from leakhunt.reports.phrases import NOT_MEASURED
from unit.reports.comparison_samples import COMPARISONS, FIXED, WORSE


def test_every_word_has_a_headline_and_the_colour_of_a_verdict() -> None:
    assert set(say.HEADLINES) == set(say.TONES) == set(Change)
    assert set(say.STATES) == set(say.STATE_TONES) == set(SuspectState)
    known = {verdict.value.lower() for verdict in VERDICTS}
    assert {*say.TONES.values(), *say.STATE_TONES.values()} <= known


def test_every_row_of_a_summary_has_a_label() -> None:
    assert {row.name for row in FIXED.summary} == set(say._LABELS)


def test_rows_of_which_nothing_was_measured_are_left_out() -> None:
    assert [row[0] for row in say.summary(COMPARISONS["nothing"])] == ["Verdict", "Requests, verdict rounds"]


def test_the_first_row_is_the_verdict() -> None:
    assert next(say.summary(FIXED)) == ("Verdict", "LEAK", "CLEAN", "fixed")


def test_what_is_kept_changes_by_a_difference_with_its_interval_and_in_brief_by_percent() -> None:
    kept = {row[0]: row[1:] for row in say.summary(FIXED)}["Kept per request, summed"]
    assert kept == ("+2.15 MiB ± 21.7 KiB", "+6 B ± 623 B", "-2.15 MiB ± 21.7 KiB")
    brief = {row[0]: row[3] for row in say.summary(FIXED, brief=True)}
    assert brief["Kept per request, summed"] == "-100 %"


@pytest.mark.parametrize(
    ("ratio", "text"), [(3.24, "3.2 times"), (1.5, "+50 %"), (1.0, "0 %"), (0.999, "0 %"), (0.04, "-96 %"), (None, "")]
)
def test_other_figures_change_by_percent_or_as_a_multiple(ratio: float | None, text: str) -> None:
    row = replace(FIXED.summary[2], pair=Pair(1.0, 1.0, ratio))
    assert say._by(row, brief=False) == text


def test_a_pair_of_which_neither_is_known_is_one_dash() -> None:
    assert say.between(Pair(None, None), str) == NOT_MEASURED
    assert say.between(Pair(1.0, None), lambda value: "-" if value is None else f"{value:.0f}") == "1 -> -"


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "100 %"), (0.99999, "99.99 %"), (0.995, "99.50 %"), (None, NOT_MEASURED)]
)
def test_a_share_is_all_only_where_it_is(value: float | None, text: str) -> None:
    assert say.share(value) == text


def test_a_suspect_that_remains_has_both_its_sizes() -> None:
    remaining = next(each for each in WORSE.suspects if each.state is SuspectState.REMAINING)
    assert remaining.after is not None
    smaller = replace(remaining, after=replace(remaining.after, bytes_per_request=1024.0))
    assert say.kept(smaller) == "+2.10 MiB/request -> +1.00 KiB/request"
    assert say.kept(remaining) == "+2.10 MiB/request"


def test_what_was_not_recognised_by_its_fingerprint_says_by_what() -> None:
    remaining = next(each for each in WORSE.suspects if each.state is SuspectState.REMAINING)
    assert say.matched(remaining) is None
    assert say.matched(replace(remaining, matched_by="holder")) == (
        "recognised by its holder: 9b1f0c6a72d1 before, 9b1f0c6a72d1 now"
    )


def test_growth_with_time_and_threads_have_lines_of_their_own() -> None:
    memory = FIXED.routes[0].memory
    threads = replace(memory, signal="threads")
    route = replace(FIXED.routes[0], rates=(memory, threads))
    found = replace(FIXED, routes=(route,), background=memory)
    subjects = [row[0] for row in say.rates(found)]
    assert subjects == [route.route, f"{route.route}: threads", "background, per second"]
