from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from matplotlib import rcParams
from matplotlib.figure import Figure
from matplotlib.text import Text

from leakhunt.model.report import Report
from leakhunt.reports.charts import growth_chart, png, routes_chart, svg
from unit.reports.samples import LEAK, SAMPLES, TRUNCATED, nasty

EVERY_SAMPLE = pytest.mark.parametrize("report", [*SAMPLES.values(), nasty()], ids=[*SAMPLES, "nasty"])


def texts(drawing: str) -> str:
    return "\n".join(element.text or "" for element in ET.fromstring(drawing).iter("{http://www.w3.org/2000/svg}text"))


@EVERY_SAMPLE
def test_a_chart_exists_exactly_where_there_is_something_to_draw(report: Report) -> None:
    assert (growth_chart(report) is not None) == bool(report.series)
    measured = any(route.bytes_per_request is not None for route in report.routes)
    assert (routes_chart(report) is not None) == measured


def test_the_growth_chart_names_verdict_phases_and_workers() -> None:
    figure = growth_chart(LEAK)
    assert figure is not None
    shown = texts(svg(figure))
    for text in ("LEAK", "warm-up", "verdict rounds", "explain", "gunicorn worker 1", "celery", "MiB"):
        assert text in shown


def test_the_routes_chart_names_every_route_and_its_bytes() -> None:
    figure = routes_chart(LEAK)
    assert figure is not None
    shown = texts(svg(figure))
    for text in ("POST /lessons/<int:pk>/images/", "+41.2 KiB", "+2.10 MiB", "GET /courses/<slug:slug>/"):
        assert text in shown


def smallest_letter(figure: Figure) -> float:
    return min(float(text.get_fontsize()) for text in figure.findobj(Text) if text.get_text())


@pytest.mark.parametrize("chart", [growth_chart, routes_chart])
def test_for_a_phone_a_chart_is_half_as_wide_and_its_letters_as_large(chart: Callable[..., Figure | None]) -> None:
    wide, narrow = chart(LEAK), chart(LEAK, narrow=True)
    assert wide is not None
    assert narrow is not None
    assert narrow.get_figwidth() == wide.get_figwidth() / 2
    assert smallest_letter(narrow) >= smallest_letter(wide)


@pytest.mark.parametrize("route", [route.route for route in LEAK.routes])
def test_a_phone_is_told_every_route_too(route: str) -> None:
    figure = routes_chart(LEAK, narrow=True)
    assert figure is not None
    assert route in texts(svg(figure))


def test_equal_reports_give_equal_drawings() -> None:
    first, second = growth_chart(LEAK), growth_chart(LEAK)
    assert first is not None
    assert second is not None
    assert svg(first) == svg(second)
    assert png(first) == png(second)


def test_a_png_is_a_png() -> None:
    figure = growth_chart(LEAK)
    assert figure is not None
    assert png(figure).startswith(b"\x89PNG\r\n\x1a\n")


def test_characters_that_the_font_does_not_have_raise_no_warning() -> None:
    figure = routes_chart(nasty())
    assert figure is not None
    assert "<script>alert(1)" in texts(svg(figure))


def test_drawing_leaves_the_settings_of_matplotlib_alone() -> None:
    before = dict(rcParams)
    assert growth_chart(LEAK) is not None
    assert dict(rcParams) == before


def test_open_intervals_and_single_points_can_be_drawn() -> None:
    endless = replace(LEAK.routes[0], bytes_per_request_interval=(float("-inf"), float("inf")))
    point = replace(LEAK.series[0], times=(0.0,), rss=(0,), uss=(None,))
    report = replace(TRUNCATED, routes=(endless,), series=(point,))
    for figure in (growth_chart(report), routes_chart(report)):
        assert figure is not None
        assert svg(figure)


def test_dozens_of_recycled_workers_leave_room_for_the_chart() -> None:
    many = tuple(replace(LEAK.series[0], name=f"worker {number}") for number in range(30))
    figure = growth_chart(replace(LEAK, series=many))
    assert figure is not None
    shown = texts(svg(figure))
    assert "worker 7" in shown
    assert "worker 8" not in shown
    assert "and 22 more" in shown
