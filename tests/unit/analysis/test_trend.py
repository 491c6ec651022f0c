"""The trend of a watched process: right where it rises, and silent where it only looks as if it did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from random import Random
from statistics import fmean

import pytest

from builders import Noise, arena_steps, autoregressive, random_walk, white
from leakhunt.analysis.trend import WANTED, trend
from leakhunt.model.view import Trend

MIB = 2.0**20
TRIALS = 600


def of(levels: Sequence[float], interval: float = 2.0) -> Trend:
    found = trend([interval * number for number in range(len(levels))], levels)
    assert found is not None
    return found


def share_missed(noise: Noise, true: float, count: int, trials: int = TRIALS) -> float:
    """How often the interval misses the true growth per second; readings are one second apart."""
    random = Random(20)
    trends = [of(noise(random, count), 1.0) for _ in range(trials)]
    return fmean(not found.low <= true <= found.high for found in trends)


def straight_line_misses(noise: Noise, true: float, count: int, trials: int = TRIALS) -> float:
    """The same for least squares and its usual interval at 99 %."""
    random = Random(20)
    missed = 0
    middle = (count - 1) / 2
    for _ in range(trials):
        levels = noise(random, count)
        spread = sum((x - middle) ** 2 for x in range(count))
        mean = fmean(levels)
        slope = sum((x - middle) * (y - mean) for x, y in enumerate(levels)) / spread
        rest = sum((y - mean - slope * (x - middle)) ** 2 for x, y in enumerate(levels)) / (count - 2)
        missed += abs(slope - true) > 2.6 * (rest / spread) ** 0.5
    return missed / trials


def test_too_few_readings_give_no_trend() -> None:
    assert trend([float(n) for n in range(WANTED - 1)], [0.0] * (WANTED - 1)) is None
    assert trend([1.0] * WANTED, [0.0] * WANTED) is None


def test_steady_growth_is_found_per_second() -> None:
    found = of([50 * MIB + MIB * number for number in range(60)], interval=2.0)
    assert found.per_second == pytest.approx(MIB / 2)
    assert found.low <= MIB / 2 <= found.high
    assert found.rises
    assert found.seconds == pytest.approx(2.0 * 57)


def test_readings_that_came_late_do_not_blur_steady_growth() -> None:
    random = Random(4)
    times = list(accumulate(random.choice((0.5, 1.0, 5.0)) for _ in range(60)))
    found = trend(times, [MIB * time for time in times])
    assert found is not None
    assert found.per_second == pytest.approx(MIB, rel=0.05)
    assert found.rises
    assert found.high - found.low < 0.3 * MIB


def test_growth_that_falls_is_negative_and_does_not_rise() -> None:
    found = of([100 * MIB - MIB * number for number in range(60)])
    assert found.high < 0
    assert not found.rises


def test_a_level_that_does_not_move_is_known_to_a_page_only() -> None:
    found = of([50 * MIB] * 60)
    assert found.per_second == 0
    assert (found.high - found.low) / 2 * found.seconds == pytest.approx(4096)


def test_a_lone_step_is_no_trend_however_high() -> None:
    assert not of([50 * MIB] * 40 + [900 * MIB] * 20).rises


def test_a_moment_of_much_memory_moves_nothing() -> None:
    spiked = [50 * MIB + 500 * MIB * (number % 6 == 0) for number in range(61)]
    assert of(spiked).per_second == 0
    assert of(spiked).high == of([50 * MIB] * 61).high


def drifting(per_second: float, noise: Noise) -> Noise:
    return lambda random, n: [per_second * number + level for number, level in enumerate(noise(random, n))]


def sawtooth(random: Random, n: int) -> Sequence[float]:
    """Filled and emptied again every 37 readings, from anywhere in between."""
    shift = random.randrange(37)
    return [MIB * ((number + shift) % 37) for number in range(n)]


@pytest.mark.parametrize("count", [WANTED, 120, 600])
@pytest.mark.parametrize(
    ("noise", "true"),
    [
        (white(MIB), 0.0),
        (autoregressive(MIB, 0.7), 0.0),
        (autoregressive(MIB, 0.95), 0.0),
        (random_walk(MIB), 0.0),
        (drifting(MIB, random_walk(MIB)), MIB),
        (arena_steps(MIB, 0.15), 0.15 * MIB),
    ],
    ids=["white", "ar-0.7", "ar-0.95", "random-walk", "drift", "arenas"],
)
def test_the_interval_holds_the_truth_for_levels_that_remember(noise: Noise, true: float, count: int) -> None:
    # 1 % is meant; ten pieces make it 2 % for what drifts, and 600 trials scatter around that.
    assert share_missed(noise, true, count) <= 0.035


@pytest.mark.parametrize("count", [120, 600])
def test_filling_and_emptying_is_no_trend(count: int) -> None:
    assert share_missed(sawtooth, 0.0, count) <= 0.01


@pytest.mark.parametrize("noise", [autoregressive(MIB, 0.95), random_walk(MIB)], ids=["ar-0.95", "random-walk"])
def test_the_usual_straight_line_would_lie(noise: Callable[[Random, int], Sequence[float]]) -> None:
    """Why the trend is not a line fitted to the readings."""
    assert straight_line_misses(noise, 0.0, 120) > 0.5


def test_a_leak_under_drifting_noise_is_seen() -> None:
    random = Random(3)
    noise = list(accumulate(random.gauss(0, MIB) for _ in range(600)))
    assert of([MIB * number + level for number, level in enumerate(noise)], 1.0).rises
