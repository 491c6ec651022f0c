from __future__ import annotations

from dataclasses import replace

from leakhunt.model.report import EvidenceRow, RouteEvidence, Verdict
from leakhunt.model.run import Cost
from leakhunt.reports import phrases
from unit.reports.samples import CLEAN, INCONCLUSIVE, LEAK, SUSPECTS


def test_invisible_characters_become_visible() -> None:
    assert phrases.plain("a\x1b[31m\n\u202eb\u200b\tc") == "a\\x1b[31m\\n\\u202eb\\u200b c"
    assert phrases.plain("课件 é ü") == "课件 é ü"


def test_an_interval_is_shown_by_its_wider_half() -> None:
    assert phrases.per_request(2048.0, (1024.0, 2560.0)) == "+2.00 KiB ± 1.00 KiB"
    assert phrases.per_request(-12.0) == "-12 B"
    assert phrases.per_request(None) == "\N{EN DASH}"


def test_an_interval_is_two_ends_unless_both_look_the_same() -> None:
    assert phrases.span((40_000.0, 42_000.0)) == "+39.1 KiB to +41.0 KiB"
    assert phrases.span((513_024.0 - 112, 513_024.0 + 112)) == "+501 KiB ± 112 B"
    assert phrases.span(None) == "\N{EN DASH}"


def test_what_is_explained_is_said_only_where_there_are_suspects() -> None:
    assert phrases.explained(LEAK) == "Explained 459 MiB of 480 MiB of growth (96%)."
    assert phrases.explained(CLEAN) is None
    assert phrases.explained(INCONCLUSIVE) is None
    assert "the rest is native" in (phrases.explained(replace(LEAK, explained=LEAK.growth and LEAK.growth // 2)) or "")


def test_a_suspect_without_a_line_names_its_library() -> None:
    native = replace(SUSPECTS[1], site=None)
    assert phrases.place(native) == "pillow copy"
    assert phrases.place(replace(native, library=None)) == "line unknown"


def test_a_suspect_without_a_type_is_named_by_its_cause() -> None:
    assert phrases.grown(replace(SUSPECTS[0], type=None, count_per_request=None, cause="threads")) == "threads"


def test_a_cost_that_was_not_measured_is_not_nothing() -> None:
    assert phrases.cost(None) == "What leakhunt itself cost was not measured."
    assert "CPU not measured" in phrases.cost(Cost(cpu_fraction=None, memory=0, longest_pause=None))
    assert "memory 0 B per worker" in phrases.cost(Cost(cpu_fraction=None, memory=0, longest_pause=None))


def test_what_is_counted_rather_than_weighed_shows_its_count() -> None:
    threads = replace(SUSPECTS[0], bytes_per_request=None, count_per_request=1.0, type=None, cause="threads")
    assert phrases.kept(threads) == "+1.00/request"
    assert phrases.kept(SUSPECTS[1]) == "+41.2 KiB ± 489 B/request"


def test_what_grows_with_time_is_told_per_second() -> None:
    timer = replace(SUSPECTS[0], bytes_per_request=None, count_per_request=None, bytes_per_second=2048.0)
    assert phrases.kept(timer) == "+2.00 KiB/s"
    assert phrases.kept_in_words(timer) == "+2.00 KiB per second"
    assert phrases.grown(replace(timer, count_per_second=3.0)).startswith("+3.00 ")
    assert phrases.number_in_words(replace(timer, count_per_second=3.0)) == ", +3.00 per second"
    assert phrases.number_in_words(timer) == ""


def test_figures_have_words_for_their_unit() -> None:
    assert phrases.kept_in_words(SUSPECTS[1]) == "+41.2 KiB per request"


def test_the_headline_blames_requests_only_if_a_route_leaks() -> None:
    assert phrases.headline(LEAK).startswith("What requests leave behind adds up")
    clean = tuple(replace(route, verdict=Verdict.CLEAN) for route in LEAK.routes)
    assert phrases.headline(replace(LEAK, routes=clean)).startswith("Memory grows with time")


def test_reasons_become_one_sentence() -> None:
    assert phrases.because(replace(SUSPECTS[0], reasons=("It grew.", "it never shrank"))) == "It grew; it never shrank."


def test_a_size_can_be_told_without_its_interval() -> None:
    assert phrases.kept_briefly(SUSPECTS[1]) == "+41.2 KiB/request"


def test_of_a_leak_the_reasons_that_suspects_tell_are_left_out() -> None:
    reasons = (f"{SUSPECTS[0].route}: live memory grows", "GET /other: threads grow", "the run did not go to its end")
    judged = replace(LEAK, judgement=replace(LEAK.judgement, reasons=reasons))
    assert phrases.beside_suspects(judged) == reasons[1:]
    bounded = replace(judged, judgement=replace(judged.judgement, verdict=Verdict.BOUNDED))
    assert phrases.beside_suspects(bounded) == reasons


def test_evidence_is_blocks_and_then_rounds_in_bytes_or_in_numbers() -> None:
    lines = list(phrases.evidence(LEAK.route_evidence[1]))
    assert lines[0] == ("block 1", "163", "+6.56 MiB", "+41.2 KiB")
    assert [line[0] for line in lines[1:3]] == ["block 2", "round 6"]
    threads = RouteEvidence("GET /", "threads", (EvidenceRow(1, 20, 20.0, 1.0),), ())
    assert list(phrases.evidence(threads)) == [("block 1", "20", "+20.00", "+1.00")]


def test_a_number_that_is_not_known_is_no_zero() -> None:
    assert (phrases.number(0), phrases.number(None)) == ("0", phrases.NOT_MEASURED)
