"""Slopes and intervals against hand-computed cases."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import pytest

from leakhunt.analysis.dose import Lottery, noise_allowance
from leakhunt.analysis.rate import growth_rate
from leakhunt.analysis.series import RoundGrowth
from leakhunt.analysis.student import quantile_99
from leakhunt.model.run import Phase


def lottery(doses: dict[str, Sequence[int]], growth: Sequence[float]) -> Lottery:
    rows = tuple(
        RoundGrowth(i, Phase.DOSE, 0, 1, {"live": value}, {route: doses[route][i] for route in doses}, 1.0)
        for i, value in enumerate(growth)
    )
    return Lottery(tuple(doses), rows)


def test_slope_and_interval_are_those_of_a_hand_computed_regression() -> None:
    # x = 1..5, y = 2 1 4 3 5: mean 3 and 3, Sxx = 10, Sxy = 8, slope 0.8, SSE = 10 - 6.4 = 3.6, df = 3.
    slope = lottery({"a": [1, 2, 3, 4, 5]}, [2, 1, 4, 3, 5]).slope("a", "live")
    assert slope is not None
    assert slope.interval is not None
    assert slope.per_request == pytest.approx(0.8)
    half = 5.84091 * sqrt(3.6 / 3 / 10)
    assert slope.interval == pytest.approx((0.8 - half, 0.8 + half), abs=1e-4)
    assert slope.requests == 15
    assert slope.total == 15


def test_requests_that_seem_to_give_memory_back_bound_nothing() -> None:
    # Something else grew by chance while the doses were small.
    slope = lottery({"a": [2, 17, 5, 13, 7, 11]}, [64_000, 0, 48_000, 0, 32_000, 16_000]).slope("a", "live")
    assert slope is not None
    assert slope.interval is not None
    assert slope.interval[1] < 0
    assert slope.upper > slope.total / slope.requests > 2_000


def test_what_can_be_told_from_nothing_is_the_better_of_two_bounds() -> None:
    doses: dict[str, Sequence[int]] = {"a": [2, 3, 5, 7, 11, 13]}
    jitter = lottery(doses, [100, -100, 100, -100, 100, -100]).slope("a", "live")
    assert jitter is not None
    assert jitter.interval is not None
    assert jitter.detectable == jitter.allowance / 41 < (jitter.interval[1] - jitter.interval[0]) / 2
    steady = lottery(doses, [10_000 + 5 * dose for dose in doses["a"]]).slope("a", "live")
    assert steady is not None
    assert steady.detectable == pytest.approx(0, abs=1e-6)


def test_two_routes_are_separated() -> None:
    a, b = [2, 3, 5, 7, 11, 13], [7, 2, 13, 3, 5, 11]
    growth = [10 + 300 * x + 40 * y for x, y in zip(a, b, strict=True)]
    both = lottery({"a": a, "b": b}, growth)
    for route, expected in (("a", 300), ("b", 40)):
        slope = both.slope(route, "live", test_above=0)
        assert slope is not None
        assert slope.per_request == pytest.approx(expected)
        assert slope.p_value is not None
        assert slope.p_value.own == pytest.approx(1 / 720)


def test_routes_with_the_same_doses_cannot_be_separated() -> None:
    doses = [2, 3, 5, 7, 11, 13]
    assert lottery({"a": doses, "b": doses}, doses).slope("a", "live") is None


def test_rounds_that_leave_nothing_over_separate_nothing() -> None:
    assert lottery({"a": [2, 3, 5], "b": [5, 2, 3]}, [1, 2, 3]).slope("a", "live") is None


def test_a_signal_that_was_not_read_has_no_slope() -> None:
    assert lottery({"a": [2, 3, 5, 7]}, [1, 2, 3, 4]).slope("a", "threads") is None


def test_the_rate_of_a_single_route_is_growth_over_requests() -> None:
    rate = growth_rate(lottery({"a": [2, 3, 5, 7, 11, 13]}, [210, 290, 520, 690, 1080, 1310]), "a", "live")
    assert rate is not None
    assert rate[0] == pytest.approx(4100 / 41)


def test_growth_with_time_stays_out_of_the_rate_where_it_is_proven() -> None:
    doses = [2, 3, 5, 7, 11, 13]
    rate = growth_rate(lottery({"a": doses}, [100 * d + 5000 + (-1) ** d for d in doses]), "a", "live")
    assert rate is not None
    assert rate[0] == pytest.approx(100, rel=0.01)


def test_jitter_of_a_level_does_not_add_up() -> None:
    jitter = [1000.0, -2000.0, 2000.0, -2000.0, 2000.0, -1000.0]
    drift = [1000.0, 2000.0, 2000.0, -2000.0, -2000.0, -1000.0]
    assert noise_allowance(jitter) < noise_allowance(drift)


def test_one_round_has_no_noise_to_measure() -> None:
    assert noise_allowance([-40.0]) == 40
    assert quantile_99(0) == float("inf")
