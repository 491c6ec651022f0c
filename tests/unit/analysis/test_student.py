"""Student's t against published tables."""

from __future__ import annotations

import pytest

from leakhunt.analysis.student import quantile_99, two_sided


@pytest.mark.parametrize(
    ("df", "expected"),
    [(1, 63.6567), (2, 9.9248), (3, 5.8409), (4, 4.6041), (5, 4.0321), (10, 3.1693), (29, 2.7564), (120, 2.6174)],
)
def test_quantiles_are_those_of_the_printed_table(df: int, expected: float) -> None:
    assert quantile_99(df) == pytest.approx(expected, abs=1e-4)


def test_without_degrees_of_freedom_nothing_is_known() -> None:
    assert quantile_99(0) == float("inf")


def test_many_degrees_of_freedom_are_the_normal_distribution() -> None:
    assert quantile_99(400) == pytest.approx(quantile_99(401), abs=0.02)


def test_half_of_the_values_lie_within_the_quartile() -> None:
    assert two_sided(1.0, 1) == pytest.approx(0.5)
