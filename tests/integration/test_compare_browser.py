"""The page of a comparison in a real browser: both charts are drawn on the same axes, and it fits narrow screens."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.test_report_browser import opened_page, overflow
from leakhunt.model.comparison import Comparison
from leakhunt.reports.compare_html import render
from unit.reports.comparison_samples import COMPARISONS, FIXED, nasty_comparison

pytestmark = pytest.mark.browser

EVERY = {**COMPARISONS, "nasty": nasty_comparison()}


@pytest.mark.parametrize("comparison", EVERY.values(), ids=EVERY)
def test_the_page_fits_every_screen_and_the_browser_has_no_complaint(
    comparison: Comparison, chromium: Path, tmp_path: Path
) -> None:
    with opened_page(render(comparison), chromium, tmp_path, width=1400) as page:
        for detail in page.locator("summary").all():
            detail.click()
        for width in (1400, 700, 400):
            page.set_viewport_size({"width": width, "height": 900})
            assert overflow(page) <= 0


@pytest.mark.parametrize("width", [390, 1280])
def test_the_chart_is_drawn_for_the_screen_and_nothing_of_it_is_cut(width: int, chromium: Path, tmp_path: Path) -> None:
    with opened_page(render(FIXED), chromium, tmp_path, width=width) as page:
        (chart,) = page.locator(".chart svg:visible").all()
        box = chart.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        words = [text.text_content() for text in chart.locator("text").all()]
        assert {"LEAK", "CLEAN"} <= set(words)
        for text in chart.locator("text").all():
            letters = text.bounding_box()
            assert letters is not None
            assert letters["x"] >= box["x"] - 1
            assert letters["x"] + letters["width"] <= box["x"] + box["width"] + 1


def test_the_word_and_its_reasons_are_on_the_first_screen_even_of_a_phone(chromium: Path, tmp_path: Path) -> None:
    with opened_page(render(FIXED), chromium, tmp_path, width=400) as page:
        last = page.locator(".verdict li").last.bounding_box()
        assert last is not None
        assert last["y"] + last["height"] < 900
