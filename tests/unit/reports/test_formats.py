from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.model.report import Report
from leakhunt.reports.base import Format
from leakhunt.reports.formats import FORMATS
from unit.reports.samples import SAMPLES, hollow, nasty

EVERY_FORMAT = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)


def test_formats_have_names_and_extensions_of_their_own() -> None:
    assert len({form.name for form in FORMATS}) == len(FORMATS)
    assert len({form.extension for form in FORMATS}) == len(FORMATS)
    assert all(form.extension.startswith(".") for form in FORMATS)


@EVERY_FORMAT
@pytest.mark.parametrize("report", SAMPLES.values(), ids=SAMPLES)
def test_every_format_shows_verdict_reasons_suspects_and_caveats(form: Format, report: Report) -> None:
    shown = form.render(report).replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'").replace("\\_", "_")
    assert report.judgement.verdict.value in shown
    for text in (
        *report.judgement.reasons,
        *(caveat.text for caveat in report.caveats),
        *(suspect.type for suspect in report.suspects if suspect.type),
    ):
        assert text in shown.replace("\\<", "<").replace("\\>", ">").replace("\\*", "*").replace("\\", "")


@EVERY_FORMAT
def test_control_characters_from_the_target_reach_no_format(form: Format) -> None:
    shown = form.render(nasty())
    assert form.name == "json" or not any(char in shown for char in "\x07\u202e")
    assert "\x1b" not in shown


@EVERY_FORMAT
def test_rendering_twice_gives_the_same_text(form: Format) -> None:
    assert form.render(SAMPLES["leak"]) == form.render(SAMPLES["leak"])


def test_every_format_has_a_test_file_and_a_heading_in_the_documentation() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "report.md").read_text(encoding="utf-8")
    for form in FORMATS:
        module = form.render.__module__.rpartition(".")[2]
        assert (Path(__file__).parent / f"test_{module}.py").exists()
        assert f"\n### {form.name}\n" in guide


@EVERY_FORMAT
def test_a_report_in_which_all_that_may_be_missing_is_missing_is_still_a_report(form: Format) -> None:
    shown = form.render(hollow())
    assert "LEAK" in shown
    assert "None" not in shown
