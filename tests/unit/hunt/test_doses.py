from __future__ import annotations

import random
from math import isqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leakhunt.hunt.doses import (
    FIRST_BASE,
    affordable_base,
    base_for_total,
    base_of,
    draw_block,
    prime_doses,
    rounds_per_block,
)


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, isqrt(number) + 1))


@settings(deadline=None)  # a busy machine is no slow function
@given(base=st.integers(1, 3000), rounds=st.integers(6, 20))
def test_doses_are_distinct_primes_from_the_base_to_about_four_times_it(base: int, rounds: int) -> None:
    doses = prime_doses(base, rounds)
    assert len(set(doses)) == rounds
    assert all(map(_is_prime, doses))
    assert min(doses) >= base
    assert list(doses) == sorted(doses)


@settings(deadline=None)
@given(base=st.integers(1, 3000), rounds=st.integers(6, 20), lottery=st.randoms(use_true_random=False))
def test_doses_in_any_order_tell_a_base_that_makes_them(base: int, rounds: int, lottery: random.Random) -> None:
    doses = list(prime_doses(base, rounds))
    lottery.shuffle(doses)
    assert prime_doses(base_of(doses), rounds) == tuple(sorted(doses))


@pytest.mark.parametrize("doses", [(7,), (9, 27, 28), (4, 4, 4, 4)])
def test_doses_that_no_base_makes_tell_the_smallest(doses: tuple[int, ...]) -> None:
    assert base_of(doses) == doses[0]


def test_huge_requests_get_the_smallest_primes_and_cheap_ones_larger_ones() -> None:
    assert prime_doses(1, 6) == (2, 3, 5, 7, 11, 13)
    assert prime_doses(FIRST_BASE, 6) == (29, 41, 59, 71, 89, 101)


def test_every_step_has_its_own_lottery_over_all_its_doses() -> None:
    block = draw_block({"video": 2, "image": 2, "page": 25}, 8, random.Random(7))
    assert len(block) == 8
    for step, base in (("video", 2), ("image", 2), ("page", 25)):
        assert sorted(doses[step] for doses in block) == list(prime_doses(base, 8))
    assert [doses["video"] for doses in block] != [doses["image"] for doses in block]


def test_the_same_seed_draws_the_same_block() -> None:
    bases = {"a": 3, "b": 5}
    assert draw_block(bases, 6, random.Random(1)) == draw_block(dict(reversed(bases.items())), 6, random.Random(1))


def test_a_block_has_enough_rounds_to_tell_its_routes_apart() -> None:
    assert rounds_per_block(1) == 6
    assert all(rounds_per_block(routes) >= routes + 3 for routes in range(1, 30))


@pytest.mark.parametrize(("cost", "expected"), [(0.0, 25), (0.0001, 25), (10.0, 1)])
def test_the_base_follows_the_cost_of_a_request_between_one_and_the_ceiling(cost: float, expected: int) -> None:
    assert affordable_base(cost, share=5.0, rounds=6, ceiling=25) == expected


def test_an_affordable_block_takes_about_its_share() -> None:
    base = affordable_base(0.01, share=10.0, rounds=6, ceiling=1000)
    assert 0.01 * sum(prime_doses(base, 6)) == pytest.approx(10.0, rel=0.1)


@settings(deadline=None)
@given(total=st.integers(41, 20_000))
def test_the_base_for_a_total_sends_at_most_that_many_requests(total: int) -> None:
    assert total * 0.6 < sum(prime_doses(base_for_total(total, 6), 6)) <= total


def test_a_total_too_small_for_any_block_gets_the_smallest() -> None:
    assert base_for_total(3, 6) == 1
