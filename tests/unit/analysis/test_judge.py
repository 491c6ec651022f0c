from __future__ import annotations

import pytest

from leakhunt.analysis import wording
from leakhunt.analysis.blocks import Experiment
from leakhunt.analysis.judge import STATE_VERDICTS, RouteJudgement, judge_route
from leakhunt.model.report import Verdict
from unit.analysis.ledgers import DOSES, blocks, experiment, rest, rounds, row


def judged(*live: float) -> RouteJudgement:
    """Route `a`, block by block with what it keeps per request in live bytes."""
    return judge_route(blocks(*({"live": kept} for kept in live)), "a")


def oscillating(dose: int, last: float = 0.0) -> Experiment:
    """Two blocks in which a store of a megabyte fills and empties, the last one `last` bytes higher."""
    swings = [1e6, -1e6] * 3 + [1e6 + last, -1e6] * 3
    return experiment(
        [row(i, {"live": swing}, {"a": DOSES[i % 6] * dose}, block=i // 6) for i, swing in enumerate(swings)]
    )


@pytest.mark.parametrize(
    ("live", "state"),
    [
        ((0,), "clean"),
        ((1_000,), "growing"),
        ((1_000, 1_000), "leak"),
        ((0, 1_000), "growing"),
        ((0, 1_000, 1_000), "leak"),
        ((1_000, 700), "leak"),
        ((1_000, 400), "growing"),
        ((400, 1_000), "leak"),
        ((1_000, 1_000, 0), "clean"),
        ((20_000, 20_000, 0), "bounded"),
        ((20_000, 20_000, -40_000, 0), "clean"),
        ((1_000, 1_000, 1_000), "leak"),
    ],
)
def test_a_leak_is_growth_that_went_on_and_growth_that_stopped_is_none(live: tuple[float, ...], state: str) -> None:
    assert judged(*live).state == state


def test_two_blocks_that_prove_nothing_alone_may_prove_a_leak_together() -> None:
    noisy = {"live": 1_000.0}
    assert judge_route(blocks(noisy, jitter=4_000), "a").state == "open"
    assert judge_route(blocks(noisy, noisy, jitter=4_000), "a").state == "leak"
    assert judge_route(blocks({"live": 0.0}, noisy, noisy, jitter=4_000), "a").state == "leak"


def test_without_a_complete_block_nothing_is_said() -> None:
    found = judge_route(experiment(rounds({"live": 9_000})[:5]), "a")
    assert (found.state, found.reasons, found.slopes) == ("open", (wording.NO_COMPLETE_BLOCK,), None)


def test_routes_with_the_same_doses_stay_open() -> None:
    rows = [row(i, {"live": 900.0 * dose}, {"a": dose, "b": dose}) for i, dose in enumerate(DOSES)]
    found = judge_route(experiment(rows), "a")
    assert found.state == "open"
    assert "do not separate a from the other 1 routes" in found.reasons[0]


def test_where_no_memory_was_read_nothing_is_clean() -> None:
    found = judge_route(blocks({"threads": 0}), "a")
    assert (found.state, found.reasons) == ("open", (wording.NO_MEMORY_SIGNAL,))


def test_the_signals_that_prove_a_leak_are_given_the_weightiest_first() -> None:
    keeps = {"threads": 1.0, "blocks": 3.0, "live": 900.0, "anonymous": 5_000.0}
    assert judge_route(blocks(keeps, keeps), "a").signals == ("live", "anonymous", "blocks", "threads")


def test_blocks_of_no_size_are_no_leak() -> None:
    keeps = {"blocks": 3.0, "live": 0.0}
    assert judge_route(blocks(keeps, keeps), "a").state == "clean"


def test_threads_that_stopped_growing_are_bounded_however_little_they_kept() -> None:
    grow, rested = {"threads": 1.0, "live": 0.0}, {"threads": 0.0, "live": 0.0}
    assert judge_route(blocks(grow, rested), "a").state == "bounded"


def test_growth_that_time_explains_is_no_leak_of_the_route() -> None:
    busy = [
        row(b * 10 + i, {"live": 900.0 * d}, {"a": d}, block=b, seconds=d) for b in (0, 1) for i, d in enumerate(DOSES)
    ]
    found = judge_route(experiment([rest(0, {"live": 9_000}, 10.0), *busy]), "a")
    assert found.state == "open"
    assert "comes with time, not with this route" in found.reasons[0]
    assert judge_route(experiment([rest(0, {"live": 90}, 10.0), *busy]), "a").state == "leak"


def test_a_store_that_fills_and_empties_is_clean_once_it_reached_no_new_maximum() -> None:
    assert judge_route(oscillating(dose=20), "a").state == "clean"
    assert judge_route(oscillating(dose=20, last=500_000), "a").state == "open"


def test_a_few_requests_are_not_enough_to_say_that_growth_has_stopped() -> None:
    found = judge_route(oscillating(dose=1), "a")
    assert found.state == "open"
    assert "cannot be ruled out after 180 requests" in found.reasons[0]


def test_a_leak_says_how_it_went_on_block_by_block() -> None:
    assert judged(1_024, 2_048).reasons[0] == "live memory: +1.00 KiB per request, then +2.00 KiB per request"
    assert "over 180 requests" in judged(1_024, 2_048).reasons[1]


def test_growth_proven_once_names_what_would_settle_it() -> None:
    found = judged(1_000)
    assert found.signals == ("live",)
    assert "one more block would settle it" in found.reasons[0]


def test_the_slopes_are_those_of_the_last_two_blocks() -> None:
    slopes = judged(0, 1_000, 3_000).slopes
    assert slopes is not None
    assert set(slopes) == {"live"}
    assert slopes["live"].per_request == pytest.approx(2_000, rel=0.01)


def test_every_state_has_a_verdict_and_only_a_leak_is_one() -> None:
    assert {state for state, verdict in STATE_VERDICTS.items() if verdict is Verdict.LEAK} == {"leak"}
    # What was only watched has words of its own.
    assert set(STATE_VERDICTS.values()) == set(Verdict) - {Verdict.SUSPECTED, Verdict.NOT_SEEN}
    assert judged(1_000, 1_000).verdict is Verdict.LEAK


def test_a_store_that_is_emptied_in_small_rounds_of_the_next_block_is_no_steeper_leak() -> None:
    """Forty connections that forget their two hundred statements each, as it happened to be drawn."""
    fills = [
        row_
        for block, doses in enumerate(((211, 101, 307, 251, 353, 151), (401, 211, 631, 449, 541, 811)))
        for row_ in rounds({"live": 88.76}, block=block, doses=doses)
    ]
    doses = (1601, 641, 1123, 401, 881, 1361)
    kept = (88_352.0, -228_224.0, -236_288.0, 112.0, 78_496.0, 120_272.0)
    emptied = [
        row(200 + i, {"live": live}, {"a": dose}, block=2)
        for i, (dose, live) in enumerate(zip(doses, kept, strict=True))
    ]
    assert judge_route(experiment(fills), "a").state == "leak"  # as far as anybody can tell
    assert judge_route(experiment([*fills, *emptied]), "a").state == "bounded"
