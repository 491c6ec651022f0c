"""The error rates of the whole decision, on simulated runs whose levels behave as badly as real ones.

Six routes, six series that move together: what a worker's memory, blocks, threads and files do when nobody leaks.
`tests/benchmarks/error_rates.py` makes the same experiment with thousands of runs.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean

import pytest

from builders import Noise, autoregressive, random_walk, ratchet, white
from leakhunt.analysis.judge import judge_route
from leakhunt.analysis.student import quantile_99
from simulation import KINDS, ROUTES, simulate

RUNS = 40
NOISE = 40_000.0
"""Bytes per round: enough for chance to reach the budget, so that the test alone keeps it from being called a leak."""


def rises(level: list[float]) -> bool:
    """A trend test: whether least squares find the level rising with the rounds at 99 %."""
    n, middle = len(level), (len(level) - 1) / 2
    mean = fmean(level)
    square = sum((i - middle) ** 2 for i in range(n))
    slope = sum((i - middle) * (value - mean) for i, value in enumerate(level)) / square
    rest = sum((value - mean - slope * (i - middle)) ** 2 for i, value in enumerate(level))
    return rest > 0 and slope / (rest / (n - 2) / square) ** 0.5 > quantile_99(n - 2)


@pytest.mark.parametrize("kind", KINDS)
def test_no_run_is_called_a_leak_in_which_nothing_leaks(kind: str) -> None:
    """Two blocks of nine rounds: 240 routes and 1440 series of each kind. The bar of one look is 0.11 % of the runs."""
    alarms = [
        any(judge_route(run.experiment, route).state == "leak" for route in ROUTES)
        for seed in range(RUNS)
        for run in [simulate(KINDS[kind](NOISE), seed)]
    ]
    assert sum(alarms) <= 1  # two or more of 40 would come once in a thousand times


@pytest.mark.parametrize("kind", ["autoregressive", "random walk", "ratchet", "arena steps"])
def test_a_trend_test_fails_on_the_same_runs(kind: str) -> None:
    alarms = [any(rises(level) for level in simulate(KINDS[kind](NOISE), seed).levels.values()) for seed in range(RUNS)]
    assert sum(alarms) >= RUNS / 4


@pytest.mark.parametrize("kind", [white, autoregressive, random_walk, ratchet])
def test_leaks_of_a_kilobyte_are_found(kind: Callable[[float], Noise]) -> None:
    """Power: 1 KB per request on one of six routes, at noise of 4 KB a round, in two blocks."""
    states = [judge_route(simulate(kind(4_000), seed, leak=1_000).experiment, "a").state for seed in range(20)]
    assert states.count("leak") >= 19


def test_a_leak_of_one_route_is_not_put_down_to_another() -> None:
    """The guarantee holds for each route, whatever the others keep."""
    found = [simulate(random_walk(4_000), seed, leak=20_000).experiment for seed in range(20)]
    assert not [route for run in found for route in ROUTES[1:] if judge_route(run, route).state == "leak"]


def test_quiet_applications_are_called_clean() -> None:
    states = [judge_route(simulate(white(1_000), seed).experiment, "b").state for seed in range(40)]
    assert states.count("clean") >= 36


@pytest.mark.parametrize("kind", [white, autoregressive, random_walk, ratchet])
def test_a_leak_of_the_budget_is_not_called_clean(kind: Callable[[float], Noise]) -> None:
    """Equivalence at 99 %: what is called clean keeps no more than the bound that the report prints."""
    judged = [judge_route(simulate(kind(4_000), seed, leak=64.5).experiment, "a") for seed in range(60)]
    wrong = [each for each in judged if each.bound is not None and each.bound.upper < 64.5]
    assert len(wrong) <= 2
