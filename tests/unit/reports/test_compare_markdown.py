from __future__ import annotations

import pytest

from leakhunt.model.comparison import Comparison
from leakhunt.reports.compare_markdown import render
from unit.reports.comparison_samples import COMPARISONS, nasty_comparison
from unit.reports.golden import assert_as_in_golden


@pytest.mark.parametrize(("name", "comparison"), COMPARISONS.items(), ids=COMPARISONS)
def test_a_comparison_reads_as_agreed(name: str, comparison: Comparison) -> None:
    assert_as_in_golden(render(comparison), f"compare-{name}.md")


def test_text_of_the_targets_is_neither_markup_nor_the_end_of_a_cell() -> None:
    shown = render(nasty_comparison())
    assert "<script>" not in shown
    assert "[link](http" not in shown
    tables = [line for line in shown.splitlines() if line.startswith("| <code>")]
    assert tables
    assert {line.count(" | ") for line in tables} == {2, 3, 4}
