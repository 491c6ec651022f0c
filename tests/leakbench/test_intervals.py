"""Intervals, against values worked out by hand."""

from __future__ import annotations

import math

import pytest

from leakbench.intervals import Share, by_case, upper_bound, wilson


def test_wilsons_interval_of_half_of_ten() -> None:
    # z^2 = 3.8415: centre (0.5 + 0.19207) / 1.38415 = 0.5, half width 1.95996 * sqrt(0.025 + 0.0096037) / 1.38415.
    assert wilson(Share(5, 10)) == pytest.approx((0.23659, 0.76341), abs=1e-5)


def test_wilsons_interval_of_none_and_of_all() -> None:
    # The far end is z^2 / (n + z^2) and its complement.
    assert wilson(Share(0, 298)) == pytest.approx((0.0, 3.841459 / 301.841459), abs=1e-7)
    assert wilson(Share(20, 20)) == pytest.approx((20 / 23.841459, 1.0), abs=1e-7)


def test_nothing_is_known_of_no_runs() -> None:
    assert wilson(Share(0, 0)) == (0.0, 1.0)
    assert math.isnan(Share(0, 0).rate)


def test_the_exact_bound_of_no_hits_leaves_one_chance_in_twenty() -> None:
    assert upper_bound(Share(0, 298)) == pytest.approx(1 - 0.05 ** (1 / 298), abs=1e-9)
    assert upper_bound(Share(0, 298)) < 0.0101


def test_the_exact_bound_of_one_hit_in_two() -> None:
    # P(at most 1 of 2) = 1 - p^2 = 0.05.
    assert upper_bound(Share(1, 2)) == pytest.approx(math.sqrt(0.95), abs=1e-9)
    assert upper_bound(Share(2, 2)) == 1.0


def test_a_case_counts_once_however_often_it_was_run() -> None:
    cases = by_case([Share(5, 5), Share(0, 1), Share(1, 2), Share(0, 0)])
    assert (cases.hits, cases.of) == (1.5, 3)
    low, high = wilson(cases)
    assert high - low > wilson(Share(6, 8))[1] - wilson(Share(6, 8))[0]
