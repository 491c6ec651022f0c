from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from leakhunt.model.report import Report
from leakhunt.reports.terminal import print_report
from unit.reports.samples import LEAK, SAMPLES, SUSPECTS, hollow, nasty


def screen(report: Report, *, width: int = 80, colour: bool = False) -> str:
    console = Console(
        file=io.StringIO(), width=width, force_terminal=colour, color_system="standard" if colour else None
    )
    print_report(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("report", SAMPLES.values(), ids=SAMPLES)
def test_the_verdict_comes_first(report: Report) -> None:
    assert report.judgement.verdict.value in screen(report).splitlines()[1]


def test_verdict_suspects_and_what_they_explain_fit_the_first_screen() -> None:
    first = "\n".join(screen(LEAK).splitlines()[:24])
    for text in (
        "LEAK",
        "1.",
        "2.",
        "3.",
        "courseware/thumbnails.py:42",
        "_THUMBNAILS",
        "Explained 459 MiB of 480 MiB",
    ):
        assert text in first


def test_a_wide_terminal_shows_a_suspect_in_one_line() -> None:
    lines = screen(LEAK, width=200).splitlines()
    (line,) = [line for line in lines if line.startswith("1.")]
    assert "courseware.processing.QUEUE.queue[*].body" in line


def test_no_line_is_wider_than_the_terminal_but_the_command_to_copy() -> None:
    for line in screen(LEAK).splitlines():
        assert len(line) <= 80 or line.startswith("Next:")
    assert f"Next: {LEAK.next_command}" in screen(LEAK)


def test_suspects_beyond_the_first_screen_are_counted() -> None:
    assert "and 4 more" in screen(replace(LEAK, suspects=SUSPECTS * 3))


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
