from __future__ import annotations

from leakhunt.reports.columns import columns


def test_columns_are_as_wide_as_their_widest_cell_and_aligned_as_asked() -> None:
    assert columns(("name", "n", "text"), [("a", "100", "x"), ("longer", "1", "y")], align="lrl") == [
        "name      n  text",
        "a       100  x",
        "longer    1  y",
    ]


def test_without_rows_there_is_no_header() -> None:
    assert columns(("name",), [], align="l") == []


def test_a_cell_cannot_break_its_line() -> None:
    assert columns(("name",), [("a\nb",)], align="l")[1:] == ["a\\nb"]
