from __future__ import annotations

import pytest

from leakhunt.analysis import wording
from leakhunt.analysis.dose import Slope
from leakhunt.model.snapshot import Container
from unit.analysis.ledgers import row

STEP = row(17, {"live": 963_584}, {"a": 3})


def slope(per_request: float, interval: tuple[float, float] | None, *, p_value: float | None = None) -> Slope:
    return Slope(per_request, interval, p_value, 1 / 720, 90, 100 * 90, 900.0)


@pytest.mark.parametrize(
    ("signal", "value", "text"),
    [
        ("live", 20_480, "20.0 KiB of live memory"),
        ("anonymous", 512, "512 B of anonymous memory"),
        ("blocks", 3.0, "3 allocated blocks"),
        ("threads", 0.05, "0.05 threads"),
        ("descriptors", 1.0, "1 file descriptors"),
        ("temp_files", 1234.0, "1.23e+03 temporary files"),
    ],
)
def test_bytes_have_units_and_everything_else_is_counted(signal: str, value: float, text: str) -> None:
    assert wording.amount(signal, value) == text


def test_a_leak_is_told_signal_by_signal_and_block_by_block() -> None:
    lines = wording.leak({"live": (1_024.0, 2_048.0), "threads": (1.0, 1.0)}, 180)
    assert lines[0] == "live memory: +1.00 KiB per request, then +2.00 KiB per request"
    assert lines[1] == "threads: +1 per request, the same in 2 blocks running"
    assert "unbounded over 180 requests" in lines[-1]


def test_a_leak_that_only_blocks_prove_says_so() -> None:
    lines = wording.leak({"blocks": (2.0, 2.0)}, 180)
    assert "its bytes alone are within the noise" in lines[1]
    assert not any("noise" in line for line in wording.leak({"live": (1.0, 1.0), "blocks": (2.0, 2.0)}, 180))


def test_clean_gives_the_bound_and_never_a_negative_one() -> None:
    assert wording.clean(slope(-3, (-20, 40)), step=None, signal="live", early=None) == (
        "keeps at most 40 B per request (99 % upper bound)",
    )
    below = Slope(-300.0, (-320.0, -280.0), None, 1 / 720, 90, -9_000.0, 10.0)
    assert wording.clean(below, step=None, signal="live", early=None)[0].startswith("keeps at most 0 B per request")


def test_proven_growth_below_the_budget_is_told() -> None:
    lines = wording.clean(slope(30, (20, 40)), step=None, signal="live", early=None)
    assert lines[1] == "grows by 30 B per request, below the budget"


def test_early_growth_comes_first_and_a_lone_step_last() -> None:
    lines = wording.clean(slope(0, (-9, 9)), step=STEP, signal="live", early=2_097_152)
    assert lines[0] == "grew by 2.00 MiB at first, then stopped growing"
    assert lines[-1] == "one step of +941 KiB in round 17, seen once in all verdict rounds, is not counted"


def test_without_a_slope_there_is_nothing_to_bound() -> None:
    assert wording.clean(None, step=None, signal=None, early=None) == ()


@pytest.mark.parametrize(("upper", "times"), [(65.0, 2), (700.0, 11), (6_400.0, 100)])
def test_what_is_not_settled_says_how_many_requests_would_settle_it(upper: float, times: int) -> None:
    unsure = Slope(0.0, (-upper, upper), None, 1 / 720, 90, 1e9, 0.0)
    text = wording.not_settled("live", unsure, 64)
    assert "after 90 requests (budget 64 B)" in text
    assert f"about {times} times as many requests" in text


def test_a_second_signal_gives_its_chance() -> None:
    text = wording.suspicious("anonymous", slope(2_048, (0, 4_096), p_value=0.0021))
    assert text == "anonymous memory may grow, by 2.00 KiB of anonymous memory per request (p = 0.0021)"


def test_growth_with_time_gives_its_share() -> None:
    assert wording.background("live", 0.834).startswith("83% of the growth of live memory")


@pytest.mark.parametrize(
    ("limit", "source", "text"),
    [
        (500, "deque.maxlen", "v._S holds at most 500 entries (deque.maxlen), about 4.88 KiB when full"),
        (500, None, "v._S holds at most 500 entries, about 4.88 KiB when full"),
        (0, "maxsize", "v._S holds at most 0 entries (maxsize)"),
    ],
)
def test_a_cap_is_named_with_where_it_was_read_and_what_it_comes_to(limit: int, source: str | None, text: str) -> None:
    held = Container("1@1", 9, "v._S", "dict", cap=limit, cap_source=source)
    assert wording.cap(held, 10.0) == text


def test_it_is_said_how_full_a_container_is() -> None:
    held = Container("1@1", 9, "v._S", "dict", length=450, cap=5000)
    assert wording.cap(held, 10.0).endswith("; it is 9% full: 450 of 5000 entries")


def test_unexpected_responses_are_counted_by_status() -> None:
    text = wording.unexpected({"302": 9, "no response": 1, "200": 10}, 0.5)
    assert text.startswith("50% of the responses were unexpected (9 x 302, 1 x no response, 10 x 200)")


def test_routes_that_cannot_be_told_apart_are_counted_without_the_route_itself() -> None:
    assert "do not separate POST /image from the other 3 routes" in wording.not_separable("POST /image", 4)
