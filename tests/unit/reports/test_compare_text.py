from __future__ import annotations

import pytest

from leakhunt.model.comparison import Comparison
from leakhunt.reports.compare_text import render
from unit.reports.comparison_samples import COMPARISONS
from unit.reports.golden import assert_as_in_golden


@pytest.mark.parametrize(("name", "comparison"), COMPARISONS.items(), ids=COMPARISONS)
def test_a_comparison_reads_as_agreed(name: str, comparison: Comparison) -> None:
    assert_as_in_golden(render(comparison), f"compare-{name}.txt")
