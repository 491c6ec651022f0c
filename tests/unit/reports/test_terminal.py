from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from leakhunt.model.report import Report, Verdict
from leakhunt.reports.terminal import print_report
from unit.reports.samples import CLEAN, INCONCLUSIVE, LEAK, SAMPLES, SUSPECTS, WORKERS, hollow, nasty


def screen(report: Report, *, width: int = 80, colour: bool = False) -> str:
    console = Console(
        file=io.StringIO(), width=width, force_terminal=colour, color_system="standard" if colour else None
    )
    print_report(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def last_lines(report: Report, width: int) -> list[str]:
    """What a terminal of 24 lines still shows: a long line takes several, and below are the report and the prompt."""
    rows = [line[at : at + width] for line in screen(report, width=width).splitlines() for at in _starts(line, width)]
    return rows[-22:]


def _starts(line: str, width: int) -> range:
    return range(0, max(len(line), 1), width)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("report", SAMPLES.values(), ids=SAMPLES)
def test_the_verdict_stays_on_the_screen(report: Report, width: int) -> None:
    assert any(line.startswith(report.judgement.verdict.value) for line in last_lines(report, width))


@pytest.mark.parametrize("width", [80, 120])
def test_the_whole_answer_stays_on_the_screen(width: int) -> None:
    recycled = tuple(replace(WORKERS[1], pid=5000 + number) for number in range(40))
    shown = last_lines(replace(LEAK, workers=(*WORKERS, *recycled)), width)
    last = "\n".join(shown)
    for text in (
        *("LEAK", "1. POST /lessons/<int:pk>/videos/", "+2.10 MiB", "+1.00 bytes", "processing.py:31 enqueue"),
        *("2. POST /lessons/<int:pk>/images/", "thumbnails.py:42 make_thumbnail", "_THUMBNAILS['*'].image"),
        *("3. POST /lessons/<int:pk>/documents/", "documents.py:19 store_chunks", "holder unknown"),
        *("Explained 459 MiB of 480 MiB", "Transient, given back", "Next: "),
    ):
        assert text in last


def test_tables_costs_and_caveats_come_before_the_verdict() -> None:
    lines = screen(LEAK).splitlines()
    verdict = lines.index("LEAK  What requests leave behind adds up, and nothing stops it.")
    before = "\n".join(lines[:verdict])
    for text in ("kept/request", "gunicorn worker 1", "Paid once", "leakhunt itself cost", "Caveat: "):
        assert text in before


def test_a_wide_terminal_shows_a_suspect_in_one_line() -> None:
    lines = screen(LEAK, width=200).splitlines()
    (line,) = [line for line in lines if line.startswith("1.")]
    for part in (
        *("+2.10 MiB ± 8.53 KiB/request", "+1.00 bytes", "courseware/processing.py:31 enqueue"),
        "courseware.processing.QUEUE.queue[*].body",
    ):
        assert part in line


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_a_suspect_never_takes_more_than_two_lines(width: int) -> None:
    site = SUSPECTS[1].site
    assert site is not None
    long = replace(
        SUSPECTS[1],
        type="courseware.uploads.thumbnails.previews.Thumbnail",
        site=replace(site, file="/srv/sites/courseware/current/courseware/uploads/thumbnails/leaky.py"),
        path="courseware.uploads.thumbnails.previews._THUMBNAILS['*'].image",
    )
    lines = screen(replace(LEAK, suspects=(long, *SUSPECTS)), width=width).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("1. "))
    assert lines[first + 2].startswith("2. ")
    assert "leaky.py:42 make_thumbnail" in lines[first + 1]
    assert lines[first + 1].endswith("HUMBNAILS['*'].image")
    assert "+41.2 KiB" in lines[first]


def test_no_line_is_wider_than_the_terminal_but_the_command_to_copy() -> None:
    for line in screen(LEAK).splitlines():
        assert len(line) <= 80 or line.startswith("Next:")
    assert f"Next: {LEAK.next_command}" in screen(LEAK)


def test_suspects_beyond_the_first_screen_are_counted() -> None:
    assert "and 4 more" in screen(replace(LEAK, suspects=SUSPECTS * 3))


def test_of_a_leak_only_what_the_suspects_do_not_tell_is_told_again() -> None:
    repeated = f"{SUSPECTS[0].route}: live memory: +2.10 MiB per request"
    judgement = replace(LEAK.judgement, reasons=(repeated, "workers that died while they were measured: 1"))
    shown = screen(replace(LEAK, judgement=judgement), width=200)
    assert "workers that died" in shown
    assert "live memory" not in shown


@pytest.mark.parametrize("report", [CLEAN, SAMPLES["bounded"], INCONCLUSIVE], ids=["clean", "bounded", "inconclusive"])
def test_the_reasons_of_every_other_verdict_are_shown(report: Report) -> None:
    assert report.judgement.verdict is not Verdict.LEAK
    assert report.judgement.reasons[0] in screen(report, width=200)


def test_ended_workers_are_counted_and_live_ones_shown() -> None:
    shown = screen(LEAK)
    assert "gunicorn worker 1 (4711)" in shown
    assert "gunicorn worker 2 (4712)" not in shown
    assert "and 1 processes that ended" in shown


def test_text_from_the_target_is_neither_markup_nor_control_sequence() -> None:
    shown = screen(nasty(), width=400)
    assert "[bold]rich[/bold]" in shown
    assert "\\x1b[31mred" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_colours_are_ours_alone() -> None:
    assert "\x1b[31mred" not in screen(nasty(), colour=True)


def test_nothing_that_is_missing_is_shown_as_none() -> None:
    assert "None" not in screen(hollow())
