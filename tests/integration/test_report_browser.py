"""The HTML report in a real browser: it draws its charts, complains about nothing, and fits narrow screens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import pytest
from playwright.sync_api import Page, sync_playwright

from leakhunt.model.report import Report
from leakhunt.reports.html import render
from unit.reports.samples import LEAK, SAMPLES, nasty

pytestmark = pytest.mark.browser

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
REPORTS = {**SAMPLES, "nasty": nasty()}
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")


@contextmanager
def opened(report: Report, chromium: Path, directory: Path, *, width: int) -> Iterator[Page]:
    """The report in a page of its own."""
    with opened_page(render(report), chromium, directory, width=width) as page:
        yield page


@contextmanager
def opened_page(html: str, chromium: Path, directory: Path, *, width: int) -> Iterator[Page]:
    """A page; afterwards the browser must have had nothing to say or to load."""
    file = directory / "report.html"
    file.write_text(html, encoding="utf-8")
    complaints: list[str] = []
    loaded: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda request: loaded.append(request.url))
        page.goto(file.as_uri())
        yield page
        browser.close()
    assert complaints == []
    assert loaded == [file.as_uri()]


def overflow(page: Page) -> int:
    excess: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return excess


def paint(page: Page, selector: str, property_: str) -> str:
    value: str = page.eval_on_selector(selector, f"element => getComputedStyle(element).{property_}")
    return value


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_the_report_fits_every_screen_and_the_browser_has_no_complaint(
    report: Report, chromium: Path, tmp_path: Path
) -> None:
    with opened(report, chromium, tmp_path, width=1400) as page:
        assert overflow(page) <= 0
        for detail in page.locator("summary").all():
            detail.click()
        for width in (1400, 700, 400):
            page.set_viewport_size({"width": width, "height": 900})
            assert overflow(page) <= 0


def test_all_charts_are_visible(chromium: Path, tmp_path: Path) -> None:
    with opened(LEAK, chromium, tmp_path, width=1400) as page:
        charts = page.locator("svg[role=img]:visible")
        assert charts.count() == 3
        for chart in charts.all():
            box = chart.bounding_box()
            assert box is not None
            assert box["width"] > 600
            assert box["height"] > 60
            assert chart.locator("text").first.is_visible()


@pytest.mark.parametrize("width", [390, 700, 1280])
def test_what_is_wider_than_the_screen_scrolls_below_a_caption_that_does_not(
    width: int, chromium: Path, tmp_path: Path
) -> None:
    with opened(LEAK, chromium, tmp_path, width=width) as page:
        for caption in page.locator("figcaption").all():
            box = caption.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
        for figure in page.locator("figure:has(.scroll)").all():
            excess = figure.locator(".scroll").evaluate("element => element.scrollWidth - element.clientWidth")
            hint = figure.locator(".hint")
            assert excess <= 0 or (hint.count() == 1 and hint.is_visible())


def test_on_a_phone_charts_are_drawn_for_it_and_nothing_of_them_is_cut(chromium: Path, tmp_path: Path) -> None:
    with opened(LEAK, chromium, tmp_path, width=390) as page:
        charts = page.locator(".chart svg:visible")
        assert charts.count() == 2
        for chart in charts.all():
            box = chart.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 390
            for text in chart.locator("text").all():
                letters = text.bounding_box()
                assert letters is not None
                assert letters["x"] >= box["x"] - 1
                assert letters["x"] + letters["width"] <= box["x"] + box["width"] + 1


def test_nobody_is_told_to_scroll_where_all_is_in_sight(chromium: Path, tmp_path: Path) -> None:
    with opened(LEAK, chromium, tmp_path, width=1280) as page:
        assert not any(hint.is_visible() for hint in page.locator(".hint").all())


def test_verdict_and_reasons_are_on_the_first_screen_even_of_a_phone(chromium: Path, tmp_path: Path) -> None:
    with opened(LEAK, chromium, tmp_path, width=400) as page:
        last = page.locator(".verdict li").last.bounding_box()
        assert last is not None
        assert last["y"] + last["height"] < 900


def test_the_dark_page_has_dark_paper_and_charts_that_follow(chromium: Path, tmp_path: Path) -> None:
    colours = {}
    with opened(LEAK, chromium, tmp_path, width=1000) as page:
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            colours[scheme] = (
                paint(page, "body", "backgroundColor"),
                paint(page, "svg path[fill*=paper]", "fill"),
                paint(page, "svg path[stroke*=curve-1]", "stroke"),
            )
    assert colours["light"][:2] == ("rgb(254, 254, 254)", "rgb(254, 254, 254)")
    assert colours["dark"][:2] == ("rgb(21, 24, 28)", "rgb(21, 24, 28)")
    assert colours["light"][2] != colours["dark"][2]


def test_the_policy_of_the_page_forbids_scripts(chromium: Path, tmp_path: Path) -> None:
    html = render(LEAK).replace("</body>", "<script>document.title = 'run'</script></body>")
    file = tmp_path / "with-script.html"
    file.write_text(html, encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page()
        page.goto(file.as_uri())
        assert page.title().startswith("LEAK")
        browser.close()
