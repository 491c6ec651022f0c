from __future__ import annotations

import pytest

from leakhunt.analysis.background import background_share, idle_rate
from leakhunt.analysis.dose import Lottery
from leakhunt.analysis.series import RoundGrowth
from leakhunt.model.run import Phase
from unit.analysis.ledgers import ledger, rest, rounds, row


def test_what_grows_while_nothing_is_requested_grows_with_time() -> None:
    quiet = [rest(0, {"live": 3_000}, 1.0), rest(9, {"live": 9_000}, 5.0, Phase.SETTLE)]
    assert idle_rate(ledger(quiet), "live") == pytest.approx(2_000)


def test_a_rest_that_had_requests_after_all_is_none() -> None:
    busy = row(0, {"live": 50_000}, {"a": 3}, phase=Phase.BASELINE, seconds=10)
    assert idle_rate(ledger([busy]), "live") is None
    assert idle_rate(ledger([busy, rest(1, {"live": 4_000}, 2.0)]), "live") == pytest.approx(2_000)


@pytest.mark.parametrize(
    "rows", [[], [rest(0, {"live": 900}, 0.5)], [rest(0, {"anonymous": 900}, 9.0)], rounds({"live": 100})]
)
def test_a_target_that_never_rested_for_a_second_has_no_rate(rows: list[RoundGrowth]) -> None:
    assert idle_rate(ledger(rows), "live") is None


def test_growth_within_the_noise_of_a_round_is_none() -> None:
    quiet = ledger([rest(0, {"live": 3_500}, 1.0)])
    assert idle_rate(quiet, "live", noise=1_000) == pytest.approx(500)
    assert idle_rate(quiet, "live", noise=2_000) == 0


def test_memory_that_is_given_back_at_rest_is_no_negative_rate() -> None:
    assert idle_rate(ledger([rest(0, {"live": -8_000}, 2.0)]), "live") == 0


def test_the_share_of_time_is_what_it_would_add_over_the_same_rounds() -> None:
    busy = rounds({"live": 1_000}, jitter=0)
    recorded = ledger([rest(0, {"live": 30_000}, 2.0), *busy])
    assert background_share(recorded, Lottery(("a",), tuple(busy)), "live") == pytest.approx(1.0)
    slower = ledger([rest(0, {"live": 3_000}, 2.0), *busy])
    assert background_share(slower, Lottery(("a",), tuple(busy)), "live") == pytest.approx(0.1)


def test_what_stops_at_a_cap_while_nothing_is_requested_came_with_time_all_the_same() -> None:
    busy = rounds({"live": 1_000}, jitter=0)
    filling, full = rest(900, {"live": 22_500}, 1.5, Phase.SETTLE), rest(901, {"live": 0}, 4.5, Phase.SETTLE)
    recorded = ledger([*busy, filling, full])
    assert background_share(recorded, Lottery(("a",), tuple(busy)), "live") == pytest.approx(1.0)
    assert idle_rate(recorded, "live") == pytest.approx(22_500 / 6)


def test_time_explains_no_more_than_all_of_it() -> None:
    busy = rounds({"live": 10}, jitter=0)
    assert background_share(ledger([rest(0, {"live": 9e6}, 2.0), *busy]), Lottery(("a",), tuple(busy)), "live") == 1


@pytest.mark.parametrize("keeps", [{"live": -10.0}, {"live": 0.0}, {"anonymous": 10.0}])
def test_where_nothing_grew_time_explains_nothing(keeps: dict[str, float]) -> None:
    busy = rounds(keeps, jitter=0)
    assert background_share(ledger([rest(0, {"live": 9e6}, 2.0), *busy]), Lottery(("a",), tuple(busy)), "live") == 0
