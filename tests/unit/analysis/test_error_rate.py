from __future__ import annotations

import pytest

from leakhunt.analysis.error_rate import BEST_OF_SIX, ERROR, MAX_BLOCKS, bound_confidence, hit_level, joint_level
from leakhunt.analysis.permutation import DRAWS
from leakhunt.analysis.thresholds import SIGNALS

ROUTES = [1, 2, 6, 20, 60]


@pytest.mark.parametrize("routes", ROUTES)
def test_all_looks_at_all_routes_together_stay_within_the_error_rate(routes: int) -> None:
    """By Bonferroni: pairs of hits (twice as likely with a dose that came twice) and pairs taken together."""
    looks = routes * (MAX_BLOCKS - 1)
    twice = looks * len(SIGNALS) * (2 * hit_level(routes)) ** 2
    assert twice + looks * joint_level(routes) <= ERROR * (1 + 1e-9)


@pytest.mark.parametrize("routes", ROUTES)
def test_the_draws_can_reach_the_level(routes: int) -> None:
    assert joint_level(routes) >= 1 / (DRAWS * -(-routes // 10))


def test_six_rounds_of_one_route_are_enough_for_a_hit() -> None:
    assert hit_level(1) == hit_level(2) == BEST_OF_SIX
    assert hit_level(6) < BEST_OF_SIX


def test_the_bounds_of_all_looks_together_stay_within_the_error_rate() -> None:
    spent = sum(bounds * (1 - bound_confidence(look, bounds)) / 2 for look in range(1, 1000) for bounds in [2 * look])
    assert spent < ERROR
    assert bound_confidence(1, 1) == pytest.approx(0.99)
