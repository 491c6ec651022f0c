from __future__ import annotations

from collections.abc import Mapping

import pytest

from leakhunt.analysis import wording
from leakhunt.analysis.bound import Bound
from leakhunt.analysis.dose import Slope
from leakhunt.analysis.permutation import PValue
from leakhunt.model.snapshot import Container
from unit.analysis.ledgers import row

STEP = row(17, {"live": 963_584}, {"a": 3})


def slope(per_request: float, interval: tuple[float, float] | None, *, p_value: float | None = None) -> Slope:
    chance = None if p_value is None else PValue(p_value, p_value)
    return Slope(per_request, interval, chance, 1 / 720, 90, 100 * 90, 900.0)


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


def clean(
    bound: Bound | None = None, *, early: float | None = None, small: Mapping[str, Slope] | None = None
) -> tuple[str, ...]:
    return wording.clean(bound, step=None, signal="live", early=early, small=small or {})


def test_clean_gives_the_bound_and_never_a_negative_one() -> None:
    assert clean(Bound(-3, 40, 90)) == ("keeps at most 40 B per request (99 % upper bound)",)
    assert clean(Bound(-300, -280, 90))[0].startswith("keeps at most 0 B per request")


def test_what_a_store_that_fills_and_empties_may_hide_is_told() -> None:
    (line,) = clean(Bound(0, 3_000, 1_125, swing=3_375_000))
    assert line.startswith("reached no new maximum over 1125 requests; a leak of less than 2.93 KiB per request could")
    assert line.endswith("hide in what moved by 3.22 MiB meanwhile")


def test_proven_growth_below_the_budget_is_told() -> None:
    lines = clean(Bound(30, 40, 90), small={"live": slope(30, (20, 40)), "threads": slope(0.01, (0.005, 0.015))})
    assert lines[1:] == (
        "grows by 30 B of live memory per request, below the budget",
        "grows by 0.01 threads per request, below the budget",
    )


def test_early_growth_comes_first_and_a_lone_step_last() -> None:
    lines = wording.clean(Bound(0, 9, 90), step=STEP, signal="live", early=2_097_152, small={})
    assert lines[0] == "grew by 2.00 MiB at first, then stopped growing"
    assert lines[-1] == "one step of +941 KiB in round 17, seen once in all verdict rounds, is not counted"


def test_without_a_bound_there_is_nothing_to_say() -> None:
    assert clean() == ()


def test_growth_that_ended_with_the_load_is_late_and_no_leak() -> None:
    assert wording.released("threads", 0.98) == (
        "98% of the growth of threads was given back within seconds of rest: late, and no leak"
    )


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


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("leak", "proven in two blocks of idle rounds, 30 s in all"),
        ("bounded", "up to a cap"),
        ("clean", "no leak: 30 s of idle rounds rule out as much as the budget"),
        ("growing", "proven once in 30 s of idle rounds, and not yet twice"),
        ("open", "as it seems, which 30 s of idle rounds do not prove"),
    ],
)
def test_growth_with_time_says_how_far_it_is_proven(state: str, told: str) -> None:
    assert wording.idle(state, "5 KiB", 30.2) == f"grows by 5 KiB per second while nothing is requested, {told}"
