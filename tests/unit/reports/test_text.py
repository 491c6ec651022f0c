from __future__ import annotations

import pytest

from leakhunt.model.report import Report
from leakhunt.reports.text import render
from unit.reports.golden import assert_as_in_golden
from unit.reports.samples import LEAK, SAMPLES, nasty


@pytest.mark.parametrize(("name", "report"), SAMPLES.items(), ids=SAMPLES)
def test_the_text_reads_as_agreed(name: str, report: Report) -> None:
    assert_as_in_golden(render(report), f"report-{name}.txt")


def test_a_suspect_is_one_line_with_route_size_count_line_and_holder() -> None:
    first = next(line for line in render(LEAK).splitlines() if line.startswith("1. "))
    for part in (
        "POST /lessons/<int:pk>/videos/",
        "+2.10 MiB",
        "+1.00 bytes",
        "courseware/processing.py:31",
        "courseware.processing.QUEUE.queue[*].body",
    ):
        assert part in first


def test_text_from_the_target_cannot_start_a_line_of_its_own() -> None:
    text = render(nasty())
    assert "\nnew line" not in text
    assert "\\x1b[31mred" in text


def test_what_to_run_next_is_the_last_line() -> None:
    assert render(LEAK).splitlines()[-1] == f"Next: {LEAK.next_command}"
