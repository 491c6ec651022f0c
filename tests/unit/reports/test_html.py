from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from leakhunt.model.report import Report, Verdict
from leakhunt.reports.html import render
from leakhunt.reports.palette import CSS_VARIABLES
from leakhunt.reports.phrases import GLOSSARY, plain
from unit.reports.samples import LEAK, NASTY, SAMPLES, nasty

EVERY_SAMPLE = pytest.mark.parametrize("report", [*SAMPLES.values(), nasty()], ids=[*SAMPLES, "nasty"])

VOID = {"meta", "br"}


class Page(HTMLParser):
    """Collects what a browser would see, and insists that every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@cache
def leak() -> str:
    return render(LEAK)


def page(report: Report) -> Page:
    parsed = Page()
    parsed.feed(leak() if report is LEAK else render(report))
    parsed.close()
    assert parsed.open == []
    return parsed


@EVERY_SAMPLE
def test_the_page_loads_nothing_and_runs_nothing(report: Report) -> None:
    parsed = page(report)
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base"} & set(parsed.tags)
    names = {name for name, _ in parsed.attributes}
    assert not any(name.startswith("on") for name in names)
    assert not {"src", "srcset", "action", "style"} & names
    assert all(value and value.startswith("#") for name, value in parsed.attributes if name == "href")


def test_the_policy_allows_our_style_sheet_and_nothing_else() -> None:
    html = leak()
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'" in html


def test_text_from_the_target_is_shown_as_text() -> None:
    parsed = page(nasty())
    assert parsed.text.count(plain(NASTY)) > 20
    assert "49" not in re.findall(r"课件 (\S+)", parsed.text)


def test_ids_are_unique_and_every_link_leads_somewhere() -> None:
    attributes = page(LEAK).attributes
    ids = [value for name, value in attributes if name == "id"]
    assert len(ids) == len(set(ids))
    targets = {value[1:] for name, value in attributes if name == "href" and value}
    labels = {value for name, value in attributes if name == "aria-labelledby"}
    assert targets | labels <= set(ids)


def test_every_table_has_a_caption_and_every_chart_a_label() -> None:
    parsed = page(LEAK)
    tags = parsed.tags
    labels = {value for name, value in parsed.attributes if name == "aria-labelledby"}
    captions = set(re.findall(r'<figcaption id="([^"]+)">[^<]+</figcaption>', leak()))
    assert tags.count("table") == len(captions) == 5
    assert captions <= labels
    assert leak().count('role="img"') == tags.count("svg") == 5  # two of them drawn for phones, too


def test_headings_go_down_one_level_at_a_time() -> None:
    levels = [int(tag[1]) for tag in page(LEAK).tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(following - level <= 1 for level, following in pairwise(levels))


def test_a_run_without_rounds_has_no_length() -> None:
    assert "0 ms" not in page(SAMPLES["truncated"]).text
    assert "2026-11-23T22:00:00Z, 1 min 03 s" in page(LEAK).text


def test_the_words_are_explained_in_the_page() -> None:
    assert all(word in page(SAMPLES["truncated"]).text for word in GLOSSARY)


def test_the_style_sheet_gives_every_colour_of_the_charts_for_light_and_for_dark() -> None:
    html = leak()
    for variable in CSS_VARIABLES.values():
        assert html.count(f"{variable}: #") == 2


def contrast(first: str, second: str) -> float:
    """Of WCAG 2."""

    def luminance(colour: str) -> float:
        channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    bright, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("text", ["--ink", "--muted", "--link", *(f"--{verdict.value.lower()}" for verdict in Verdict)])
@pytest.mark.parametrize("ground", ["--paper", "--raised"])
def test_text_stands_out_from_its_ground(theme: int, text: str, ground: str) -> None:
    html = leak()
    colours = {name: re.findall(rf"{name}: (#[0-9a-f]{{6}})", html)[theme] for name in (text, ground)}
    assert contrast(colours[text], colours[ground]) >= 4.5
