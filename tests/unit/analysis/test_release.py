from __future__ import annotations

from dataclasses import replace

import pytest

from leakhunt.analysis.blocks import read_experiment
from leakhunt.analysis.judge import judge_route
from leakhunt.analysis.release import released_share
from leakhunt.analysis.thresholds import DEFAULTS
from leakhunt.model.run import Phase
from unit.analysis.ledgers import blocks, experiment, ledger, rest, rounds

THREADS = {"live": 0.0, "threads": 1.0}
GROWN = [*rounds(THREADS), *rounds(THREADS, block=1)]
"""180 threads for 180 requests."""


@pytest.mark.parametrize(("given_back", "share"), [(0, 0.0), (-90, 0.5), (-180, 1.0), (-200, 1.0), (30, 0.0)])
def test_what_is_given_back_at_rest_is_set_against_what_had_grown(given_back: int, share: float) -> None:
    rows = [*GROWN, rest(900, {"threads": given_back}, 6.0, Phase.SETTLE)]
    assert released_share(ledger(rows), "threads") == share


def test_where_nothing_grew_nothing_is_released() -> None:
    rows = [*rounds({"live": 0.0, "threads": 0.0}), rest(900, {"threads": -3}, 6.0, Phase.SETTLE)]
    assert released_share(ledger(rows), "threads") == 0


def test_threads_that_end_some_seconds_after_the_load_are_late_and_no_leak() -> None:
    assert judge_route(blocks(THREADS, THREADS), "a").state == "leak"
    found = judge_route(experiment([*GROWN, rest(900, {"threads": -180}, 6.0, Phase.SETTLE)]), "a")
    assert found.state == "clean"
    assert found.reasons[-1] == "100% of the growth of threads was given back within seconds of rest: late, and no leak"


def test_free_memory_that_malloc_gives_back_when_asked_is_no_leak() -> None:
    kept = {"live": 0.0, "anonymous": 3000.0}
    rows = [*rounds(kept), *rounds(kept, block=1)]
    assert judge_route(experiment(rows), "a").state == "leak"
    given_back = replace(ledger(rows), trimmed=0.9 * 3000 * 180)
    assert released_share(given_back, "anonymous") == pytest.approx(0.9)
    assert released_share(given_back, "live") == 0
    found = judge_route(read_experiment(given_back, DEFAULTS), "a")
    assert found.state == "clean"
    assert "retention by the allocator, and no leak" in found.reasons[-1]


def test_what_stays_of_them_is_a_leak_all_the_same() -> None:
    found = judge_route(experiment([*GROWN, rest(900, {"threads": -90}, 6.0, Phase.SETTLE)]), "a")
    assert (found.state, found.signals) == ("leak", ("threads",))
