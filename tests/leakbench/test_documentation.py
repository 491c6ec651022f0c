"""The page about accuracy says what the cases and the results say."""

from __future__ import annotations

import re

import pytest

from leakbench import documentation
from leakbench.case import CAUSES

PAGE = documentation.PAGE.read_text(encoding="utf-8")


def test_a_part_is_replaced_between_its_marks() -> None:
    page = "a\n<!-- leakbench: cases -->\nold\n<!-- /leakbench: cases -->\nb"
    new = documentation.with_part(page, "cases", "new\n")
    assert new == "a\n<!-- leakbench: cases -->\n\nnew\n\n<!-- /leakbench: cases -->\nb"
    assert documentation.with_part(new, "cases", "new") == new


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no marks for 'cases'"):
        documentation.with_part("a", "cases", "new")


def test_the_table_of_cases_is_up_to_date() -> None:
    """`PYTHONPATH=tests python -m leakbench docs` writes it."""
    assert documentation.with_part(PAGE, "cases", documentation.case_tables()) == PAGE


@pytest.mark.parametrize("part", ["results", "held-out"])
def test_the_results_have_their_place(part: str) -> None:
    documentation.with_part(PAGE, part, "")


def test_every_cause_has_its_kinds_of_leaks() -> None:
    table = PAGE.partition("## Kinds of leaks and their cause")[2].partition("\n## ")[0]
    assert set(re.findall(r"\| `([a-z-]+)` \|", table)) - {"cause"} == set(CAUSES)
