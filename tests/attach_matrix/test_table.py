"""A cell passes only if nothing at all went wrong, and the page says what was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from attach_matrix.cells import TIMES, Row
from attach_matrix.table import PAGE, page, store, stored, tables

GOOD = Row(
    *("waitress", "3.11", True, TIMES, 300, 297, 0),
    others=1_000,
    failed=0,
    same_process=True,
    stopped=(0.002,) * (TIMES - 1) + (0.009,),
    duration=(0.2,) * (TIMES - 1) + (1.5,),
)
ABSENT = Row("uWSGI", "3.15", False, problem="no wheel: No matching distribution found for pyuwsgi")


@pytest.mark.parametrize(
    "change",
    [
        {"attached": TIMES - 1},
        {"marked": 296},
        {"sent": 0, "marked": 0},
        {"late": 1},
        {"failed": 1},
        {"same_process": False},
        {"problem": "AgentError: it would rather not"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_one_thing_that_goes_wrong_fails_a_cell(change: dict[str, object]) -> None:
    assert GOOD.passed
    bad = replace(GOOD, **change)  # type: ignore[arg-type]  # names of fields
    assert not bad.passed
    assert bad.installable
    assert "**failed**" in tables([bad])


def test_what_cannot_be_installed_is_neither_passed_nor_failed() -> None:
    assert not ABSENT.passed
    assert not ABSENT.installable
    text = tables([GOOD, ABSENT])
    assert "1 of the 1 cells that were measured passed" in text
    assert "1 have no wheel" in text
    assert "| no wheel |" in text
    assert "**failed**" not in text


def test_times_are_medians_and_maxima() -> None:
    assert "| waitress | busy | 2.0 (9.0) | 200.0 (1500.0) |" in tables([GOOD])


def test_rows_come_back_as_they_were_stored(tmp_path: Path) -> None:
    store([ABSENT, GOOD], tmp_path / "rows.json")
    assert set(stored(tmp_path / "rows.json")) == {GOOD, ABSENT}


def test_the_page_shows_the_results_that_are_committed() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text, stored())
