from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from leakhunt.model.report import Judgement, Report, Verdict
from leakhunt.model.run import Caveat
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


@pytest.mark.parametrize("text", ["0.1.0.dev0", "8.17", "2026-11-23T22:00:00Z", "+1.5", "-x", "3.5 MiB"])
def test_figures_and_versions_are_written_as_they_are(text: str) -> None:
    shown = render(replace(SAMPLES["leak"], conditions={}, leakhunt=text, started_at=text))
    assert f"\nleakhunt {text}, {text}, seed 7." in shown
    assert f"\n- {text}\n" in render(replace(SAMPLES["leak"], judgement=Judgement(Verdict.LEAK, (text,))))


@pytest.mark.parametrize("text", ["1. one", "12) one", "- one", "+ one", "===", "---", "-", "# one", "> one", "3."])
def test_text_that_would_begin_a_list_or_a_heading_does_not(text: str) -> None:
    judgement = Judgement(Verdict.LEAK, ("A reason.",))
    shown = page(replace(SAMPLES["truncated"], judgement=judgement, caveats=(Caveat("x", text),)))
    assert text in shown.text
    name = page(replace(SAMPLES["truncated"], judgement=Judgement(Verdict.LEAK, ()), conditions={text: ""}))
    assert not {"ol", "ul", "blockquote", "h3", "hr"} & name.tags


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
