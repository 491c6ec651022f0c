from __future__ import annotations

import re
from dataclasses import replace

import pytest

from leakhunt.model.comparison import Comparison
from leakhunt.reports.charts import growth_charts
from leakhunt.reports.compare_html import render
from unit.reports.comparison_samples import COMPARISONS, FIXED, nasty_comparison
from unit.reports.samples import CLEAN, LEAK


def test_the_page_has_the_tables_and_both_charts_in_one_drawing() -> None:
    html = render(FIXED)
    assert html.count("<svg") == 2  # for a page, and for a phone
    assert html.count("<table") == 5
    for text in ("Before and after", "Kept per request", "Peaks and answers", "Memory levels", "less comparable"):
        assert text in html


def test_both_growth_charts_share_their_axes() -> None:
    figure = growth_charts(LEAK, CLEAN)
    assert figure is not None
    left, right = figure.axes
    assert left.get_ylim() == right.get_ylim()
    assert left.get_xlim() == right.get_xlim()
    assert left.get_ylim()[1] * 2**20 > max(max(series.rss) for series in LEAK.series)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["LEAK", "CLEAN"]


def test_one_side_without_a_sample_leaves_its_panel_empty_and_none_has_no_chart() -> None:
    bare = replace(CLEAN, series=())
    figure = growth_charts(LEAK, bare)
    assert figure is not None
    assert [len(axes.lines) > 0 for axes in figure.axes] == [True, False]
    assert growth_charts(bare, bare) is None


def test_nothing_of_the_targets_is_markup() -> None:
    html = render(nasty_comparison())
    assert "<script" not in html
    assert 'href="http' not in html


@pytest.mark.parametrize("comparison", COMPARISONS.values(), ids=COMPARISONS)
def test_ids_are_unique_and_links_lead_to_them(comparison: Comparison) -> None:
    html = render(comparison)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r'(?:href|labelledby)="#?([^"]+)"', html)) <= set(ids)


def test_the_page_loads_nothing_and_has_no_style_of_its_own() -> None:
    html = render(FIXED)
    assert not re.search(r"""\s(src|style|on\w+)=["']""", html)
    assert "default-src 'none'" in html
