"""The permutation test: exact, and blind to noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from random import Random

import pytest

from leakhunt.analysis.linear import orthonormal, residual
from leakhunt.analysis.permutation import DRAWS, PValue, attainable, permutation_p_values

PRIMES = (23.0, 41.0, 53.0, 71.0, 83.0, 101.0)
ONES = (1.0,) * 6


def p_values(doses: Sequence[float], **growths: Sequence[float]) -> Mapping[str, PValue]:
    """Of one block of one route."""
    nuisance = orthonormal([(1.0,) * len(doses)])
    rest = {signal: residual(growth, nuisance) for signal, growth in growths.items()}
    return permutation_p_values(doses, rest, nuisance, (0,) * len(doses))


def p_value(doses: Sequence[float], growth: Sequence[float]) -> float:
    return p_values(doses, live=growth)["live"].own


def test_a_perfect_dose_line_reaches_one_order_in_720() -> None:
    assert p_value(PRIMES, tuple(100 * dose + 7 for dose in PRIMES)) == pytest.approx(1 / 720)


def test_growth_against_the_doses_is_the_least_likely_of_all() -> None:
    assert p_value(PRIMES, tuple(-dose for dose in PRIMES)) == 1.0


def test_no_growth_at_all_proves_nothing() -> None:
    assert p_value(PRIMES, ONES) == 1.0


def test_p_values_over_all_orders_are_uniform() -> None:
    """Exactness, without a sample: over the 720 orders that a lottery may hold, each p-value comes up once."""
    growth = (3.0, -1.0, 4.0, 1.0, -5.0, 9.0)
    values = sorted(p_value(order, growth) for order in list(permutations(PRIMES))[::24])
    assert all(value * 720 == pytest.approx(round(value * 720)) for value in values)
    assert sum(value <= 0.1 for value in values) <= len(values) * 0.3


def test_equal_doses_raise_the_smallest_p_value() -> None:
    assert attainable((2.0, 2.0, 3.0, 5.0, 7.0, 11.0), (0,) * 6) == pytest.approx(2 / 720)


def test_more_rounds_than_can_be_enumerated_are_drawn() -> None:
    doses = tuple(float(n) for n in (11, 13, 17, 19, 23, 29, 31, 37, 41))
    assert p_value(doses, doses) == pytest.approx(1 / DRAWS)
    assert attainable(doses, (0,) * 9) == pytest.approx(1 / DRAWS)


def test_orders_are_drawn_within_blocks_only() -> None:
    # All growth is between the blocks: no order within them changes anything.
    doses, strata = PRIMES + tuple(2 * dose for dose in PRIMES), (0,) * 6 + (1,) * 6
    growth = (0.0,) * 6 + (100.0,) * 6
    nuisance = orthonormal([ONES + (0.0,) * 6, (0.0,) * 6 + ONES])
    assert permutation_p_values(doses, {"live": residual(growth, nuisance)}, nuisance, strata)["live"].own == 1.0
    assert attainable(doses, strata) == pytest.approx(1 / DRAWS)


def test_sizes_that_go_with_the_doses_are_taken_out() -> None:
    random = Random(3)
    sizes = tuple(random.gauss(0, 1e6) for _ in PRIMES)
    growth = tuple(20_000 * dose + size for dose, size in zip(PRIMES, sizes, strict=True))
    nuisance = orthonormal([ONES])
    rest = residual(growth, nuisance)
    assert permutation_p_values(PRIMES, {"live": rest}, nuisance, (0,) * 6)["live"].own > 1 / 720
    beside = permutation_p_values(PRIMES, {"live": rest}, nuisance, (0,) * 6, sizes)["live"]
    assert beside.own == pytest.approx(1 / 720)


def test_the_same_data_give_the_same_p_value() -> None:
    random = Random(1)
    doses = tuple(float(n) for n in range(11, 20))
    growth = tuple(random.gauss(0, 1) for _ in doses)
    assert p_value(doses, growth) == p_value(doses, growth)


def test_the_joint_p_value_is_that_of_the_largest_statistic() -> None:
    """By hand: with two signals the joint p-value lies between the larger own one and the sum of both."""
    found = p_values(PRIMES, live=(3.0, -1.0, 4.0, 1.0, 5.0, 9.0), threads=(9.0, 2.0, -6.0, 5.0, 3.0, 5.0))
    assert found["live"].own < found["live"].joint <= found["live"].own + found["threads"].joint
    alone = p_values(PRIMES, live=(3.0, -1.0, 4.0, 1.0, 5.0, 9.0))["live"]
    assert alone.own == alone.joint == found["live"].own


def test_signals_that_say_the_same_cost_nothing() -> None:
    growth = (3.0, -1.0, 4.0, 1.0, 5.0, 9.0)
    double = tuple(2 * value for value in growth)
    found = p_values(PRIMES, live=growth, anonymous=double)
    assert found["live"].joint == found["live"].own == found["anonymous"].joint


def test_a_signal_that_stood_still_costs_nothing() -> None:
    growth = (3.0, -1.0, 4.0, 1.0, 5.0, 9.0)
    found = p_values(PRIMES, live=growth, threads=ONES)
    assert found["threads"].own == 1.0
    assert found["live"].joint == found["live"].own


def test_without_signals_there_is_nothing_to_test() -> None:
    assert permutation_p_values(PRIMES, {}, (), (0,) * 6) == {}


def test_more_routes_get_more_draws() -> None:
    doses = tuple(float(n) for n in (11, 13, 17, 19, 23, 29, 31, 37, 41))
    nuisance = orthonormal([(1.0,) * 9])
    found = permutation_p_values(doses, {"live": residual(doses, nuisance)}, nuisance, (0,) * 9, routes=25)
    assert found["live"].own == pytest.approx(1 / (3 * DRAWS))
