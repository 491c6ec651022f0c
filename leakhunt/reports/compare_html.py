"""A comparison as one file that needs no other, works offline and runs no script."""

from __future__ import annotations

from typing import Final

from leakhunt.model.comparison import Comparison
from leakhunt.reports import comparison_phrases, phrases
from leakhunt.reports.drawing import draw_comparison
from leakhunt.reports.page import charts, render_page

_TITLES: Final = {"growth": "Growth of the memory of each process over time, before and after"}


def render(comparison: Comparison) -> str:
    """The page of two runs."""
    sides = comparison.before, comparison.after
    return render_page(
        "compare.html.j2",
        comparison=comparison,
        say=comparison_phrases,
        words=phrases,
        wide=charts(draw_comparison(*sides), _TITLES, "wide"),
        narrow=charts(draw_comparison(*sides, narrow=True), _TITLES, "narrow"),
    )
