from __future__ import annotations

from math import inf, sqrt
from random import Random
from statistics import fmean, stdev

import pytest

from leakhunt.analysis.difference import below, difference, judge_change, pair
from leakhunt.analysis.student import quantile_99
from leakhunt.model.comparison import Change, Rate, RateChange

BUDGET = 64.0


def leak(value: float, half: float) -> Rate:
    return Rate(value, (value - half, value + half), leaks=True)


def clean(upper: float) -> Rate:
    return Rate(0.0, (0.0, upper), leaks=False)


def undecided(value: float, half: float) -> Rate:
    return Rate(value, (value - half, value + half), leaks=False, settled=False)


def judged(before: Rate | None, after: Rate | None, budget: float = BUDGET) -> RateChange:
    return judge_change("live", before, after, budget)


# --- The interval of the difference. --------------------------------------------------------------------------------


def test_the_half_widths_of_two_symmetric_intervals_add_up_like_the_sides_of_a_right_angle() -> None:
    found = difference(leak(100, 3), leak(160, 4))
    assert found.value == 60
    assert found.interval == pytest.approx((55, 65))


def test_each_end_is_made_of_the_two_ends_that_lead_there() -> None:
    found = difference(leak(1000, 30), Rate(10.0, (0.0, 50.0), leaks=False))
    assert found.interval == pytest.approx((-990 - sqrt(10**2 + 30**2), -990 + sqrt(40**2 + 30**2)))


def test_an_open_end_stays_open_and_a_missing_interval_missing() -> None:
    assert difference(clean(5), Rate(9.0, (-inf, inf), leaks=False)).interval == (-inf, inf)
    assert difference(clean(5), Rate(9.0, None, leaks=False)).interval is None


def estimate(random: Random, mean: float, deviation: float, size: int) -> Rate:
    """A mean with its 99 % interval by Student's t."""
    drawn = [random.gauss(mean, deviation) for _ in range(size)]
    half = quantile_99(size - 1) * stdev(drawn) / sqrt(size)
    return leak(fmean(drawn), half)


@pytest.mark.parametrize("sizes", [(4, 4), (5, 20), (12, 12)])
def test_the_interval_holds_the_true_difference_as_often_as_it_says(sizes: tuple[int, int]) -> None:
    random, trials, held = Random(5), 3000, 0
    for _ in range(trials):
        found = difference(estimate(random, 100, 9, sizes[0]), estimate(random, 140, 3, sizes[1]))
        assert found.interval is not None
        held += found.interval[0] <= 40 <= found.interval[1]
    assert held / trials > 0.985  # 99 % less three standard deviations of so many trials


# --- What became of it. ---------------------------------------------------------------------------------------------

CASES = {
    "a leak that is gone": (leak(41_000, 2_000), clean(0.3), Change.FIXED, False),
    "a leak that is smaller": (leak(41_000, 2_000), leak(5_000, 300), Change.BETTER, False),
    "a leak that is the same": (leak(41_000, 1_000), leak(41_500, 1_000), Change.SAME, False),
    "a leak that is larger": (leak(41_000, 1_000), leak(60_000, 1_000), Change.WORSE, True),
    "a leak that was not there": (clean(0.3), leak(41_000, 2_000), Change.NEW_LEAK, True),
    "a leak that blocks prove while bytes are vague": (clean(0.3), leak(500, 700), Change.NEW_LEAK, True),
    "nothing in either": (clean(5), clean(40), Change.SAME, False),
    "leaks too vague to tell apart": (leak(300, 250), leak(400, 250), Change.NOT_SETTLED, None),
    "a clean route that is undecided after": (clean(1), undecided(30, 200), Change.NOT_SETTLED, None),
    "an undecided route that is clean after": (undecided(30, 200), clean(1), Change.NOT_SETTLED, False),
    "an undecided route that leaks after": (undecided(30, 200), leak(4_000, 20), Change.WORSE, True),
    "a leak that is undecided after, and less": (leak(41_000, 2_000), undecided(30, 200), Change.BETTER, False),
}


@pytest.mark.parametrize(("before", "after", "change", "regression"), CASES.values(), ids=CASES)
def test_a_change_has_one_word(before: Rate, after: Rate, change: Change, regression: bool | None) -> None:
    found = judged(before, after)
    assert (found.change, found.regression) == (change, regression)


@pytest.mark.parametrize("upper", [64.0, 65.0, 5_000.0, inf])
def test_nothing_is_fixed_whose_upper_bound_reaches_the_budget(upper: float) -> None:
    after = Rate(10.0, (0.0, upper), leaks=False)
    assert judged(leak(41_000, 2_000), after).change is not Change.FIXED
    assert judged(leak(41_000, 2_000), after, budget=upper + 1 if upper < inf else inf).change is not Change.WORSE


def test_nothing_is_fixed_that_is_not_settled_or_has_no_interval() -> None:
    assert judged(leak(41_000, 2_000), undecided(1, 5)).change is Change.BETTER
    found = judged(leak(41_000, 2_000), Rate(1.0, None, leaks=False))
    assert (found.change, found.regression) == (Change.NOT_SETTLED, None)


@pytest.mark.parametrize(("after", "change"), [(leak(4_063, 1), Change.SAME), (leak(4_100, 1), Change.WORSE)])
def test_what_is_proven_counts_from_the_budget_on(after: Rate, change: Change) -> None:
    assert judged(leak(4_000, 1), after).change is change
    assert judged(after, leak(4_000, 1)).change is (Change.SAME if change is Change.SAME else Change.BETTER)


def test_what_is_less_than_estimates_are_good_for_counts_for_nothing_however_narrow_the_intervals() -> None:
    assert judged(leak(1_000_000, 1), leak(1_015_000, 1)).change is Change.SAME
    assert judged(leak(1_000_000, 1), leak(1_030_000, 1)).change is Change.WORSE


def test_memory_that_seemed_to_be_given_back_makes_nothing_worse() -> None:
    assert judged(undecided(-900, 100), clean(20)).change is not Change.WORSE
    assert judged(undecided(-900, 100), clean(20)).regression is False


@pytest.mark.parametrize(
    ("before", "after", "regression", "reason"),
    [
        (None, clean(1), False, "measured after only"),
        (None, leak(500, 5), None, "measured after only"),
        (leak(500, 5), None, None, "measured before only"),
        (None, None, None, "measured in neither run"),
    ],
)
def test_what_one_run_did_not_measure_is_not_compared(
    before: Rate | None, after: Rate | None, regression: bool | None, reason: str
) -> None:
    found = judged(before, after)
    assert (found.change, found.regression, found.reason) == (Change.NOT_COMPARABLE, regression, reason)


def test_threads_are_told_as_threads() -> None:
    found = judge_change("threads", Rate(0.0, (-0.001, 0.001), leaks=False), leak(1.0, 0.01), 0.02)
    assert found.change is Change.NEW_LEAK
    assert found.reason == "+0 ± 0.001 -> +1 ± 0.01 per request, a difference of +0.99 to +1.01"


def test_the_reason_of_what_is_fixed_names_the_budget() -> None:
    assert judged(leak(41_000, 2_000), clean(0.3)).reason == (
        "+40.0 KiB ± 1.95 KiB -> 0 B ± 0.30 B per request, which is below the budget of 64 B"
    )


def test_below_takes_a_verdict_and_a_bound() -> None:
    assert below(clean(63), BUDGET)
    assert not below(clean(64), BUDGET)
    assert not below(undecided(1, 2), BUDGET)
    assert not below(leak(1, 2), BUDGET)
    assert not below(Rate(1.0, None, leaks=False), BUDGET)


def test_a_pair_has_a_ratio_where_there_is_one() -> None:
    assert pair(4, 1).ratio == 0.25
    assert [pair(*each).ratio for each in ((0, 1), (None, 1), (1, None))] == [None, None, None]
