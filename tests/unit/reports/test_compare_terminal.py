from __future__ import annotations

import io

import pytest
from rich.console import Console

from leakhunt.model.comparison import Comparison
from leakhunt.reports import comparison_phrases as say
from leakhunt.reports.compare_terminal import print_comparison
from unit.reports.comparison_samples import COMPARISONS, FIXED, WORSE, nasty_comparison


def screen(comparison: Comparison, *, width: int = 80, colour: bool = False) -> str:
    file = io.StringIO()
    system = "standard" if colour else None
    print_comparison(comparison, Console(file=file, width=width, force_terminal=colour, color_system=system))  # type: ignore[arg-type]
    return file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("comparison", COMPARISONS.values(), ids=COMPARISONS)
def test_no_line_is_wider_than_the_terminal(comparison: Comparison, width: int) -> None:
    assert all(len(line) <= width for line in screen(comparison, width=width).splitlines())


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("comparison", COMPARISONS.values(), ids=COMPARISONS)
def test_the_word_stays_on_the_screen(comparison: Comparison, width: int) -> None:
    last = screen(comparison, width=width).splitlines()[-22:]
    assert any(line.startswith(say.word(comparison.change)) for line in last)


@pytest.mark.parametrize("width", [80, 140])
def test_the_summary_of_the_incident_fits_without_a_wrapped_line(width: int) -> None:
    lines = [line.rstrip() for line in screen(WORSE, width=width).splitlines()]
    for measure, before, after, _ in say.summary(WORSE):
        assert any(line.startswith(measure) and before in line and after in line for line in lines), measure


def test_a_wide_terminal_has_the_differences_with_their_intervals() -> None:
    assert "+1.05 MiB ± 47.3 KiB" in screen(WORSE, width=140)
    assert "+1.05 MiB ± 47.3 KiB" not in screen(WORSE, width=80)


def test_a_fix_is_green_and_a_new_leak_red() -> None:
    assert "\x1b[1;32mFIXED" in screen(FIXED, colour=True)
    assert "\x1b[1;31mNEW LEAK" in screen(WORSE, colour=True)


def test_text_of_the_targets_cannot_act() -> None:
    shown = screen(nasty_comparison(), width=140)
    assert "\x1b" not in shown
    assert "[bold]rich[/bold]" in shown.replace("\n", "")
