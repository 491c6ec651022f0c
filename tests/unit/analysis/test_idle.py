from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from leakhunt.analysis.blocks import read_experiment
from leakhunt.analysis.idle import Idle, grows_at_rest, judge_idle, per_second, without
from leakhunt.analysis.judge import judge_route
from leakhunt.analysis.series import RoundGrowth
from leakhunt.analysis.suspects import per_second as suspect_per_second
from leakhunt.analysis.thresholds import DEFAULTS
from leakhunt.model.run import Phase
from unit.analysis.ledgers import DOSES, ledger, rest, rounds, row
from unit.reports.samples import SUSPECTS

SECONDS = tuple(dose / 5 for dose in DOSES)


def idle(keeps: Mapping[str, float], block: int, seconds: Sequence[float] = SECONDS) -> list[RoundGrowth]:
    """A block of idle rounds in which so much of each signal grows per second; live bytes jitter."""
    return [
        RoundGrowth(
            1000 + 100 * block + position,
            Phase.IDLE,
            block,
            1,
            {name: kept * each + (50 * (-1) ** position if name == "live" else 0) for name, kept in keeps.items()},
            {"a": 0},
            each,
        )
        for position, each in enumerate(seconds)
    ]


def judged(*blocks: Mapping[str, float]) -> Idle:
    rows = [each for number, keeps in enumerate(blocks) for each in idle(keeps, number)]
    found = judge_idle(ledger([*rounds({"live": 0}), *rows]), DEFAULTS)
    assert found is not None
    return found


def test_a_timer_that_keeps_memory_is_proven_by_two_blocks_of_idle_rounds() -> None:
    found = judged({"live": 5_000}, {"live": 5_000})
    assert found.judgement.state == "leak"
    assert found.rates["live"] == pytest.approx(5_000, rel=0.02)


def test_one_block_proves_it_once() -> None:
    assert judged({"live": 5_000}).judgement.state == "growing"
    assert judged({"live": 5_000}).rates == {}


def test_growth_that_stops_is_not_taken_off() -> None:
    found = judged({"live": 5_000}, {"live": 0}, {"live": 0})
    assert found.judgement.state in {"clean", "bounded"}
    assert found.rates == {}


def test_growth_below_the_budget_of_a_second_is_no_leak() -> None:
    assert per_second(DEFAULTS).live == 1280
    assert judged({"live": 800}, {"live": 800}).judgement.state == "clean"


def test_threads_that_a_timer_starts_are_proven_too() -> None:
    found = judged({"live": 0, "threads": 1.0}, {"live": 0, "threads": 1.0})
    assert found.judgement.signals == ("threads",)
    assert found.rates["threads"] == pytest.approx(1.0)


def test_what_is_within_the_noise_of_idle_rounds_is_not_taken_off() -> None:
    rows = [*idle({"live": 5_000}, 0), *idle({"live": 5_000}, 1)]
    # One descriptor came, and nobody knows why.
    rows = [
        replace(each, growth={**each.growth, "descriptors": float(number == 5)}) for number, each in enumerate(rows)
    ]
    found = judge_idle(ledger([*rounds({"live": 0}), *rows]), DEFAULTS)
    assert found is not None
    assert set(found.rates) == {"live"}


def test_there_is_nothing_to_judge_without_a_whole_block() -> None:
    assert judge_idle(ledger(rounds({"live": 0})), DEFAULTS) is None
    assert judge_idle(ledger(idle({"live": 5_000}, 0)[:5]), DEFAULTS) is None


def test_what_grows_with_time_is_taken_off_every_round() -> None:
    before = ledger([row(0, {"live": 900.0, "blocks": 3.0}, {"a": 4}, seconds=2.0)])
    assert without(before, {"live": 100.0}).rounds[0].growth == {"live": 700.0, "blocks": 3.0}
    assert without(before, {}) is before


def test_a_timer_that_is_faster_under_load_is_not_put_down_to_a_route() -> None:
    busy = [each for block in (0, 1) for each in rounds({"live": 0}, block=block)]
    for faster, state in ((1.0, "clean"), (1.3, "open"), (4.0, "leak")):
        # Twenty requests per second.
        rows = [replace(each, seconds=each.requests / 20) for each in busy]
        rows = [replace(each, growth={"live": each.growth["live"] + faster * 50_000 * each.seconds}) for each in rows]
        less = without(ledger(rows), {"live": 50_000.0})
        assert judge_route(read_experiment(less, DEFAULTS), "a").state == state


@pytest.mark.parametrize(("grown", "looks"), [(20_000.0, True), (600.0, False), (-20_000.0, False)])
def test_a_closer_look_is_taken_only_where_memory_seemed_to_grow_at_rest(grown: float, looks: bool) -> None:
    settled = rest(99, {"live": grown}, 6.0, Phase.SETTLE)
    assert grows_at_rest(ledger([*rounds({"live": 0}), settled]), DEFAULTS) is looks


def test_a_suspect_of_the_idle_rounds_has_figures_per_second_and_no_others() -> None:
    found = suspect_per_second(SUSPECTS[0])
    assert (found.bytes_per_second, found.count_per_second) == (
        SUSPECTS[0].bytes_per_request,
        SUSPECTS[0].count_per_request,
    )
    assert found.bytes_per_request is None
    assert found.null_reasons["bytes_per_request"] == "it grows with time and not with requests"
