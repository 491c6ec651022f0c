from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from leakhunt.workload.scenario import Step
from leakhunt.workload.schedule import doses_for, shuffled

doses = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 30), max_size=6)


@settings(deadline=None)
@given(doses, st.integers(0, 99), st.integers(0, 99))
def test_a_schedule_holds_every_step_as_often_as_its_dose(dose: dict[str, int], seed: int, number: int) -> None:
    order = shuffled(dose, seed=seed, round_number=number)
    assert Counter(order) == Counter(dose)
    assert order == shuffled(dose, seed=seed, round_number=number)


def test_the_order_mixes_steps_and_depends_on_seed_and_round() -> None:
    dose = {"a": 20, "b": 20}
    orders = {shuffled(dose, seed=seed, round_number=number) for seed in (1, 2) for number in (1, 2)}
    assert len(orders) == 4
    assert all("a" in order[:20] and "b" in order[:20] for order in orders)


def step(name: str, weight: float, *, once: bool = False) -> Step:
    return Step(name, "GET", "/", weight=weight, once=once)


@settings(deadline=None)
@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=6), st.integers(0, 1000))
def test_shares_add_up_to_the_total_and_miss_their_weight_by_less_than_one(weights: list[float], total: int) -> None:
    shares = doses_for([step(str(index), weight) for index, weight in enumerate(weights)], total)
    assert sum(shares.values()) == total
    for index, weight in enumerate(weights):
        assert abs(shares[str(index)] - total * weight / sum(weights)) < 1.000001


def test_a_step_sent_once_takes_no_share() -> None:
    assert doses_for([step("a", 3), step("b", 1), step("c", 9, once=True)], 8) == {"a": 6, "b": 2}
