from __future__ import annotations

import stat
from pathlib import Path

import pytest

from leakhunt.errors import RunFileError
from leakhunt.reports.write import write_all
from unit.reports.samples import LEAK, TRUNCATED

CHARTS = {"growth.png", "growth.svg", "routes.png", "routes.svg"}
DOCUMENTS = {"report.html", "report.md", "report.json"}


def test_every_file_is_written_for_its_owner_only(tmp_path: Path) -> None:
    written = write_all(LEAK, tmp_path)
    assert {path.name for path in written} == DOCUMENTS | CHARTS == {path.name for path in tmp_path.iterdir()}
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
    assert written[0].name == "report.html"


def test_an_older_report_is_replaced_with_its_charts(tmp_path: Path) -> None:
    write_all(LEAK, tmp_path)
    write_all(TRUNCATED, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == DOCUMENTS
    assert "INCONCLUSIVE" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_a_place_that_cannot_be_written_to_is_one_sentence_and_a_hint(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match="could not be written") as caught:
        write_all(LEAK, tmp_path / "missing")
    assert caught.value.hint
