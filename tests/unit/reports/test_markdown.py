from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from leakhunt.model.report import Report
from leakhunt.reports.markdown import render
from leakhunt.reports.phrases import plain
from unit.reports.golden import assert_as_in_golden
from unit.reports.samples import NASTY, SAMPLES, nasty


@pytest.mark.parametrize(("name", "report"), SAMPLES.items(), ids=SAMPLES)
def test_the_markdown_reads_as_agreed(name: str, report: Report) -> None:
    assert_as_in_golden(render(report), f"report-{name}.md")


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def page(report: Report) -> _Page:
    parsed = _Page()
    parsed.feed(MarkdownIt("commonmark").enable("table").render(render(report)))
    return parsed


def test_text_from_the_target_becomes_no_element_of_the_page() -> None:
    shown = page(nasty())
    assert not {"script", "a", "em"} & shown.tags
    assert plain(NASTY) in shown.text.replace("\u200b", "")


@pytest.mark.parametrize("report", [*SAMPLES.values(), nasty()], ids=[*SAMPLES, "nasty"])
def test_every_row_of_a_table_has_as_many_cells_as_its_header(report: Report) -> None:
    cells = 0
    for line in render(report).splitlines():
        if not line.startswith("|"):
            cells = 0
            continue
        found = len(re.findall(r"(?<!\\)\|", line))
        assert cells in {0, found}
        cells = found
