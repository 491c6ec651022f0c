from __future__ import annotations

import pytest

from leakhunt.analysis.blocks import Experiment
from leakhunt.analysis.bound import quiet_slope, read_bound
from leakhunt.analysis.thresholds import DEFAULTS
from unit.analysis.ledgers import DOSES, blocks, experiment, row


def swinging(*tops: float, dose: int = 20) -> Experiment:
    """One block per top: a store that fills up to it and empties, three times."""
    rows, level = [], 0.0
    for block, top in enumerate(tops):
        for position, dose_of_round in enumerate(DOSES):
            wanted = top if position % 2 == 0 else 0.0
            rows.append(row(10 * block + position, {"live": wanted - level}, {"a": dose_of_round * dose}, block=block))
            level = wanted
    return experiment(rows)


def test_a_quiet_route_is_bounded_by_its_slope() -> None:
    bound = read_bound(blocks({"live": 10.0}, {"live": 10.0}), "a", quiet=2)
    assert bound is not None
    assert bound.swing is None
    assert 10 < bound.upper < DEFAULTS.live
    assert bound.per_request == pytest.approx(10, abs=4)


def test_more_looks_make_a_bound_wider() -> None:
    one, three = blocks({"live": 10.0}), blocks({"live": 10.0}, {"live": 10.0}, {"live": 10.0})
    first, last = (quiet_slope(run, "a", "live", quiet=1) for run in (one, three))
    assert first is not None
    assert last is not None
    assert last.upper > first.upper


def test_a_store_that_fills_and_empties_is_bounded_by_its_ceiling() -> None:
    bound = read_bound(swinging(1e6, 1e6), "a", quiet=2)
    assert bound is not None
    assert bound.swing == 1e6
    assert bound.upper == 1e6 / 1800


def test_a_new_maximum_is_no_ceiling() -> None:
    assert read_bound(swinging(1e6, 1.2e6), "a", quiet=2) is None


def test_a_leak_below_the_store_shows_as_a_new_maximum() -> None:
    """At a quarter of the budget, 64 B over 1800 requests."""
    assert read_bound(swinging(1e6, 1e6 + 28_000), "a", quiet=2) is not None
    assert read_bound(swinging(1e6, 1e6 + 29_000), "a", quiet=2) is None


def test_few_requests_and_a_single_block_show_no_ceiling() -> None:
    assert read_bound(swinging(1e6, 1e6, dose=10), "a", quiet=2) is None
    assert read_bound(swinging(1e6), "a", quiet=1) is None


def test_without_a_memory_signal_there_is_no_bound() -> None:
    assert read_bound(blocks({"threads": 0.0}), "a", quiet=1) is None
