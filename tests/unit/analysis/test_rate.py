from __future__ import annotations

from collections.abc import Sequence

import pytest

from leakhunt.analysis.dose import Lottery
from leakhunt.analysis.rate import alone_rate, better_rate, growth_rate
from leakhunt.model.run import Phase
from unit.analysis.ledgers import DOSES, ledger, row

ROUGH, EXACT = (900.0, (-100.0, 1_900.0)), (1_000.0, (990.0, 1_010.0))


def two_routes(a: Sequence[int], b: Sequence[int], growth: Sequence[float]) -> Lottery:
    rows = [row(i, {"live": value}, {"a": x, "b": y}) for i, (x, y, value) in enumerate(zip(a, b, growth, strict=True))]
    return Lottery(("a", "b"), tuple(rows))


def test_the_growth_of_a_round_is_shared_out_among_its_routes() -> None:
    a, b = DOSES, DOSES[::-1]
    growth = [300 * x + 40 * y + 5 * (-1) ** i for i, (x, y) in enumerate(zip(a, b, strict=True))]
    found = growth_rate(two_routes(a, b, growth), "b", "live")
    assert found is not None
    assert found[0] == pytest.approx(40, rel=0.05)
    assert found[1] is not None
    assert found[1][0] < 40 < found[1][1]


def test_growth_that_missed_its_round_is_still_in_the_rate() -> None:
    rows = [row(i, {"live": 100.0 * dose}, {"a": dose}) for i, dose in enumerate(DOSES)]
    late = [*rows[:2], row(2, {"live": 0.0}, {"a": 23}), row(3, {"live": 3_400.0}, {"a": 11}), *rows[4:]]
    found = growth_rate(Lottery(("a",), tuple(late)), "a", "live")
    assert found is not None
    assert found[0] == pytest.approx(100)


def test_a_round_without_requests_does_not_disturb() -> None:
    rows = [row(i, {"live": 100.0 * dose}, {"a": dose}) for i, dose in enumerate((*DOSES, 0))]
    found = growth_rate(Lottery(("a",), tuple(rows)), "a", "live")
    assert found is not None
    assert found[0] == pytest.approx(100)


def test_a_single_round_gives_a_rate_without_an_interval() -> None:
    rows = [row(i, {"live": 500.0}, {"a": 5}, phase=Phase.EXPLAIN) for i in range(2)]
    found = alone_rate(ledger(rows), "a", "live")
    assert found is not None
    assert found[0] == pytest.approx(100)
    assert found[1] is None


def test_there_is_no_rate_of_what_was_not_read_not_separated_or_not_there() -> None:
    same = two_routes(DOSES, DOSES, DOSES)
    assert growth_rate(same, "a", "live") is None
    assert growth_rate(two_routes(DOSES, DOSES[::-1], DOSES), "a", "threads") is None
    assert growth_rate(two_routes(DOSES, DOSES[::-1], DOSES), "c", "live") is None
    assert growth_rate(Lottery(("a",), ()), "a", "live") is None


def test_the_first_round_of_a_route_alone_is_left_out() -> None:
    rows = [row(i, {"live": kept}, {"a": 5}, phase=Phase.EXPLAIN) for i, kept in enumerate((99_000.0, 500.0, 510.0))]
    found = alone_rate(ledger(rows), "a", "live")
    assert found is not None
    assert found[0] == pytest.approx(101)


def test_the_interval_is_that_of_a_hand_computed_regression() -> None:
    # 500 and 520 bytes over 5 requests each: 102 per request, weighted squares left 20 + 20 = 40 over 1 degree of
    # freedom and 10 requests, Student's 99 % quantile 63.657.
    rows = [row(i, {"live": kept}, {"a": 5}, phase=Phase.EXPLAIN) for i, kept in enumerate((0.0, 500.0, 520.0))]
    found = alone_rate(ledger(rows), "a", "live")
    assert found is not None
    assert found[1] == pytest.approx((102 - 127.31, 102 + 127.31), abs=0.01)


def test_rounds_in_which_another_route_ran_too_are_not_alone() -> None:
    mixed = [row(i, {"live": 500.0}, {"a": 5, "b": other}, phase=Phase.EXPLAIN) for i, other in enumerate((0, 3, 4, 5))]
    assert alone_rate(ledger(mixed), "a", "live") is None


def test_a_route_that_never_ran_alone_has_no_such_rate() -> None:
    assert alone_rate(ledger([row(0, {"live": 500.0}, {"a": 5})]), "a", "live") is None
    assert alone_rate(ledger([]), "a", "live") is None


@pytest.mark.parametrize(
    ("verdict", "alone", "better"),
    [
        (ROUGH, EXACT, EXACT),
        ((900.0, None), EXACT, EXACT),
        (EXACT, (1_100.0, (1_099.0, 1_101.0)), EXACT),
        (EXACT, ROUGH, EXACT),
        (ROUGH, (1_000.0, None), ROUGH),
        (ROUGH, (-5.0, (-6.0, -4.0)), ROUGH),
        (ROUGH, None, ROUGH),
        (None, EXACT, None),
        (None, None, None),
    ],
)
def test_the_route_alone_is_asked_only_where_the_verdict_rounds_hardly_know(
    verdict: tuple[float, tuple[float, float] | None] | None,
    alone: tuple[float, tuple[float, float] | None] | None,
    better: tuple[float, tuple[float, float] | None] | None,
) -> None:
    assert better_rate(verdict, alone) == better
