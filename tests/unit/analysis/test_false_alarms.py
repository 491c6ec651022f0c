"""The error rates of the whole decision, on simulated runs whose levels behave as badly as real ones."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from builders import Noise, arena_steps, autoregressive, lottery, random_walk, ratchet, white
from leakhunt.analysis.blocks import Experiment, read_experiment
from leakhunt.analysis.judge import judge_route
from leakhunt.analysis.series import Ledger, RoundGrowth
from leakhunt.analysis.thresholds import DEFAULTS
from leakhunt.model.run import Phase

ROUTES = ("a", "b")
KINDS: tuple[Callable[[float], Noise], ...] = (white, autoregressive, random_walk, ratchet)
RUNS = 80


def experiment(kind: Noise, seed: int, *, leak: float = 0.0, blocks: int = 2) -> Experiment:
    """Complete blocks of six rounds on two routes, `a` leaking; anonymous memory also moves in steps."""
    random = Random(seed)
    doses = [(block, row) for block in range(blocks) for row in lottery(random, ROUTES, 6, 25 * 2**block)]
    levels = {"live": kind(random, len(doses) + 1), "anonymous": arena_steps(1e6)(random, len(doses) + 1)}
    rows = tuple(
        RoundGrowth(
            index,
            Phase.DOSE,
            block,
            1,
            {signal: level[index + 1] - level[index] + leak * row["a"] for signal, level in levels.items()},
            row,
            1.0,
        )
        for index, (block, row) in enumerate(doses)
    )
    return read_experiment(Ledger(ROUTES, rows, frozenset({"1@1"}), frozenset(), split_known=True), DEFAULTS)


def test_no_leak_in_320_clean_runs() -> None:
    """Noise of 4 KB a round, two blocks, white, AR(1), random walk and ratchet: 640 routes, no false alarm.

    A trend test calls a leak in 10 to 90 % of such series once they drift.
    """
    verdicts = [
        judge_route(run, route).state
        for kind in KINDS
        for seed in range(RUNS)
        for run in [experiment(kind(4_000), seed)]
        for route in ROUTES
    ]
    assert len(verdicts) == 2 * len(KINDS) * RUNS
    assert verdicts.count("leak") == 0


@pytest.mark.parametrize("kind", KINDS)
def test_leaks_of_a_kilobyte_are_found(kind: Callable[[float], Noise]) -> None:
    found = [judge_route(experiment(kind(2_000), seed, leak=1_000), "a").state for seed in range(20)]
    assert found.count("leak") >= 19


def test_quiet_applications_are_called_clean() -> None:
    found = [judge_route(experiment(white(1_000), seed), "b").state for seed in range(40)]
    assert found.count("clean") >= 36


def test_a_leak_at_the_budget_is_not_called_clean() -> None:
    """Equivalence at 99 %: growth of exactly the budget passes in about one run of a hundred, never in many."""
    found = [judge_route(experiment(white(4_000), seed, leak=64), "a").state for seed in range(60)]
    assert found.count("clean") <= 4
