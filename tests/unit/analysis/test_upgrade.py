from __future__ import annotations

from dataclasses import replace

import pytest

from leakhunt.analysis.blocks import Experiment
from leakhunt.analysis.join import Lead
from leakhunt.analysis.judge import RouteJudgement, judge_route
from leakhunt.analysis.paths import GrowingPath, Hop
from leakhunt.analysis.series import RoundGrowth
from leakhunt.analysis.thresholds import DEFAULTS
from leakhunt.analysis.upgrade import confirm_by_counts, name_cap, revoke_if_stopped, settle_by_cap, upgrade
from leakhunt.model.run import Phase
from leakhunt.model.snapshot import Container
from unit.analysis.ledgers import blocks, experiment, rest, rounds, row

NOISY = blocks({"live": 0}, jitter=900_000)
OPEN = judge_route(NOISY, "a")
BUDGET = 64.0
CAPPED = "shop.views._SEEN holds at most 500 entries (maxsize)"
LEAK = RouteJudgement("a", "leak", ("it grew",), ("live",))


def lead(size: float = 20_000, *, multiple: int | None = 1, rounds: int = 3, name: str = "_SEEN") -> Lead:
    hops = (Hop("shop.views", "module", 0.0), Hop(f".{name}", "dict", 0.0), Hop("['*']", "bytes", 1.0))
    path = GrowingPath("a", "image", hops, 2, 1.0, 1.0, size, multiple, rounds)
    return Lead(path, None, size, 1.0)


def hazard_from(size: int, found: Experiment = NOISY) -> Experiment:
    return replace(found, thresholds=replace(DEFAULTS, hazard=size))


def capped(name: str = "shop.views._SEEN", cap: int | None = 500) -> Container:
    return Container("1@1", 9, name, "dict", 40, 9_000, cap, "maxsize")


def test_noise_leaves_the_route_open_to_begin_with() -> None:
    assert OPEN.state == "open"


def test_an_exact_multiple_of_every_dose_settles_what_noise_leaves_open() -> None:
    found = confirm_by_counts(NOISY, OPEN, [lead(multiple=2)])
    assert (found.state, found.signals) == ("leak", ("live",))
    assert found.reasons[0].startswith("shop.views._SEEN['*'] gained exactly 2 bytes with every request")
    assert "19.5 KiB per request" in found.reasons[0]
    assert found.reasons[1:] == OPEN.reasons


def test_growth_proven_once_keeps_its_signals() -> None:
    growing = RouteJudgement("a", "growing", (), ("anonymous",))
    assert confirm_by_counts(NOISY, growing, [lead()]).signals == ("anonymous",)


@pytest.mark.parametrize(
    "leads",
    [
        [],
        [lead(multiple=None)],
        [lead(rounds=2)],
        [lead(size=63)],
        [Lead(None, None, 20_000, 1.0)],
    ],
    ids=["nothing found", "no multiple", "too few rounds", "below the budget", "no path"],
)
def test_less_than_that_settles_nothing(leads: list[Lead]) -> None:
    assert confirm_by_counts(NOISY, OPEN, leads) is OPEN


def test_several_exact_leads_reach_the_budget_together_and_the_largest_is_named() -> None:
    found = confirm_by_counts(NOISY, OPEN, [lead(30, name="_A"), lead(40, name="_B")])
    assert found.state == "leak"
    assert found.reasons[0].startswith("shop.views._B")


@pytest.mark.parametrize("state", ["clean", "leak", "bounded", "unjudgeable"])
def test_what_is_decided_stays_decided(state: str) -> None:
    judgement = RouteJudgement("a", state, ())
    assert confirm_by_counts(NOISY, judgement, [lead()]) is judgement


def test_bytes_that_certainly_do_not_grow_are_stronger_than_counts() -> None:
    quiet = judge_route(blocks({"live": 0}), "a")
    still_open = RouteJudgement("a", "open", (), slopes=quiet.slopes)
    assert confirm_by_counts(NOISY, still_open, [lead()]) is still_open


def test_without_a_complete_block_counts_settle_nothing() -> None:
    judgement = RouteJudgement("a", "open", ())
    assert confirm_by_counts(experiment([]), judgement, [lead()]) is judgement


def test_growth_that_is_held_by_a_container_with_a_cap_is_bounded_and_the_cap_is_named() -> None:
    found = name_cap(LEAK, [lead()], [capped()], BUDGET)
    assert (found.state, found.signals) == ("bounded", ("live",))
    assert found.reasons == (
        f"{CAPPED}, about 9.54 MiB when full; it is 8% full: 40 of 500 entries",
        "it grew",
    )


def test_containers_with_a_cap_that_become_more_are_bounded_by_nothing() -> None:
    assert name_cap(LEAK, [lead()], [capped("shop.views._SEEN['*']")], BUDGET) is LEAK


def test_entries_that_grow_by_themselves_are_not_bounded_by_their_number() -> None:
    hops = (
        Hop("shop.views", "module", 0.0),
        Hop("._SEEN", "dict", 0.0),
        Hop("['*']", "list", 0.0),
        Hop("[*]", "bytes", 1.0),
    )
    path = GrowingPath("a", "image", hops, 3, 1.0, 1.0, 20_000, 1, 3)
    assert name_cap(LEAK, [Lead(path, None, 20_000, 1.0)], [capped()], BUDGET) is LEAK


def test_a_path_that_has_no_cap_in_one_worker_has_none() -> None:
    assert name_cap(LEAK, [lead()], [capped(), capped(cap=None)], BUDGET) is LEAK


def test_growth_of_threads_is_not_bounded_by_a_cache() -> None:
    judgement = RouteJudgement("a", "leak", (), ("live", "threads"))
    assert name_cap(judgement, [lead()], [capped()], BUDGET) is judgement


def test_a_cap_on_less_than_half_of_the_proven_growth_bounds_nothing() -> None:
    steep = judge_route(blocks({"live": 50_000}, {"live": 50_000}), "a")
    assert steep.state == "leak"
    assert name_cap(steep, [lead(20_000)], [capped()], BUDGET) is steep
    assert name_cap(steep, [lead(45_000)], [capped()], BUDGET).state == "bounded"


@pytest.mark.parametrize(
    "containers", [[], [capped(cap=None)], [capped("shop.views._OTHER")]], ids=["none", "no cap", "another"]
)
def test_without_a_cap_on_the_holder_nothing_changes(containers: list[Container]) -> None:
    assert name_cap(LEAK, [lead()], containers, BUDGET) is LEAK


def test_what_no_cap_bounds_must_be_no_leak_by_itself() -> None:
    caches = [capped("shop.views._CACHE")]
    assert name_cap(LEAK, [lead(60_000, name="_CACHE"), lead(20_000)], caches, BUDGET) is LEAK
    assert name_cap(LEAK, [lead(90_000, name="_CACHE"), lead(20_000)], caches, BUDGET).state == "bounded"
    assert name_cap(LEAK, [lead(100, name="_CACHE"), lead(60)], caches, BUDGET).state == "bounded"


@pytest.mark.parametrize("state", ["clean", "open", "unjudgeable"])
def test_a_cap_says_nothing_about_a_route_whose_growth_is_not_proven(state: str) -> None:
    judgement = RouteJudgement("a", state, ())
    assert name_cap(judgement, [lead()], [capped()], BUDGET) is judgement


def test_what_counts_have_settled_may_still_turn_out_to_have_a_cap() -> None:
    assert upgrade(NOISY, OPEN, [lead()], []).state == "leak"
    assert upgrade(NOISY, OPEN, [lead()], [capped()]).state == "bounded"


# --- Stores that are full. ------------------------------------------------------------------------------------------


def test_an_undecided_route_whose_memory_a_capped_store_holds_is_bounded() -> None:
    path = lead().path
    assert path is not None
    found = settle_by_cap(hazard_from(10_000), OPEN, [path], [capped()])
    assert found.state == "bounded"
    assert found.reasons[0].startswith(CAPPED)
    assert found.reasons[1:] == OPEN.reasons


def test_a_capped_store_of_some_bytes_is_no_hazard() -> None:
    path = lead().path
    assert path is not None
    assert settle_by_cap(hazard_from(2**20), OPEN, [path], [capped()]).state == "open"


def test_a_store_without_a_cap_settles_nothing() -> None:
    path = lead().path
    assert path is not None
    assert settle_by_cap(hazard_from(10_000), OPEN, [path], [capped(cap=None)]) == OPEN


def test_a_capped_store_that_holds_little_of_it_settles_nothing_and_is_named_all_the_same() -> None:
    small, large = lead(5_000).path, lead(15_000, name="_LOG").path
    assert small is not None
    assert large is not None
    found = settle_by_cap(hazard_from(1_000), OPEN, [large, small], [capped()])
    assert found.state == "open"
    assert found.reasons[0].startswith(CAPPED)


def test_a_capped_store_settles_nothing_that_it_does_not_explain() -> None:
    path = lead().path
    assert path is not None
    native = hazard_from(10_000, blocks({"live": 30_000}, jitter=900_000))
    undecided = judge_route(native, "a")
    assert undecided.state == "open"
    # 2.6 MiB have grown, and 20 kB of it hang on the store.
    assert settle_by_cap(native, undecided, [path], [capped()]).state == "open"


def test_no_store_settles_threads_that_may_grow() -> None:
    path = lead().path
    assert path is not None
    threads = replace(OPEN, slopes={"threads": replace(next(iter((OPEN.slopes or {}).values())), per_request=0.5)})
    assert settle_by_cap(hazard_from(10_000), threads, [path], [capped()]).state == "open"


def test_no_store_settles_a_run_without_a_whole_block() -> None:
    path = lead().path
    assert path is not None
    cut_short = hazard_from(10_000, experiment(rounds({"live": 0})[:3]))
    assert settle_by_cap(cut_short, judge_route(cut_short, "a"), [path], [capped()]).state == "open"


# --- Growth that has stopped by the time the route runs alone. ------------------------------------------------------


def stopping(
    kept: float, *, keeps: float = 20_000, jitter: float = 20.0, doses: tuple[int, ...] = (2, 5, 7, 11)
) -> str:
    """The state of a route that kept so much per request, and then `kept` when it ran alone."""
    alone = [row(900 + i, {"live": kept * dose}, {"a": dose}, phase=Phase.EXPLAIN) for i, dose in enumerate(doses)]
    proven = [*rounds({"live": keeps}, jitter=jitter), *rounds({"live": keeps}, block=1, jitter=jitter)]
    found = experiment([*proven, *alone])
    return revoke_if_stopped(found, judge_route(found, "a")).state


def test_a_store_that_is_full_when_the_route_runs_alone_was_no_leak() -> None:
    assert stopping(20_000) == "leak"
    assert stopping(0) == "bounded"
    assert stopping(0, keeps=1_000) == "clean"


def test_a_leak_that_keeps_a_part_of_it_goes_on() -> None:
    assert stopping(5_000) == "leak"


def test_requests_too_few_to_stand_out_of_the_noise_revoke_nothing() -> None:
    assert stopping(0, jitter=30_000, doses=(2, 2, 2, 3)) == "leak"
    assert stopping(0, doses=(2, 5, 7)) == "leak"


def test_the_reason_says_what_was_kept_and_what_came_after() -> None:
    alone = [row(900 + i, {"live": 0}, {"a": dose}, phase=Phase.EXPLAIN) for i, dose in enumerate((2, 5, 7, 11))]
    found = experiment([*rounds({"live": 20_000}), *rounds({"live": 20_000}, block=1), *alone])
    told = revoke_if_stopped(found, judge_route(found, "a"))
    assert told.reasons == (
        "grew by 3.43 MiB in the verdict rounds and then stopped: 23 more requests of this route alone kept 0 B",
        "keeps at most 0 B per request (99 % upper bound)",
    )


def test_growth_that_stopped_is_clean_only_where_the_rounds_alone_leave_no_room_for_a_leak() -> None:
    def told(kept: tuple[float, ...]) -> RouteJudgement:
        doses = (2, 5, 7, 11)
        alone = [
            row(900 + i, {"live": bytes_}, {"a": dose}, phase=Phase.EXPLAIN)
            for i, (dose, bytes_) in enumerate(zip(doses, kept, strict=True))
        ]
        found = experiment([*rounds({"live": 1_000}), *rounds({"live": 1_000}, block=1), *alone])
        return revoke_if_stopped(found, judge_route(found, "a"))

    quiet, noisy = told((0, 40, -40, 20)), told((0, 900, -900, 400))
    assert (quiet.state, noisy.state) == ("clean", "bounded")
    assert quiet.bound is not None
    assert noisy.bound is not None
    assert quiet.bound.upper < 64 < noisy.bound.upper


def test_growth_that_went_on_at_rest_and_then_stopped_was_times_whatever_the_noise() -> None:
    proven = [*rounds({"live": 1_000}, jitter=5_000), *rounds({"live": 1_000}, block=1, jitter=5_000)]
    rests = [rest(800, {"live": 40_000}, 1.5, Phase.SETTLE), rest(801, {"live": 0}, 4.5, Phase.SETTLE)]
    alone = [row(900 + i, {"live": 0}, {"a": dose}, phase=Phase.EXPLAIN) for i, dose in enumerate((2, 5, 7, 11))]
    found = experiment([*proven, *rests, *alone])
    judged = judge_route(found, "a")
    assert (judged.state, judged.signals) == ("open", ("live",))
    assert revoke_if_stopped(found, judged).state == "clean"
    going_on = experiment([*proven, *rests, *(replace(each, growth={"live": 9_000}) for each in alone)])
    assert revoke_if_stopped(going_on, judge_route(going_on, "a")).state == "open"


PROVEN = [*rounds({"live": 20_000}), *rounds({"live": 20_000}, block=1)]


def test_one_step_of_a_route_that_goes_on_is_enough_however_few_of_its_requests_there_are() -> None:
    def alone(step: str, kept: float, doses: tuple[int, ...]) -> list[RoundGrowth]:
        rows = [row(900 + i, {"live": kept * dose}, {"a": dose}, phase=Phase.EXPLAIN) for i, dose in enumerate(doses)]
        return [replace(each, alone=step) for each in rows]

    fast = alone("small", 0, (2, 101, 151, 199))
    slow = alone("large", 40_000, (2, 2, 3, 5))
    found = experiment([*PROVEN, *fast, *slow])
    judgement = judge_route(found, "a")
    assert revoke_if_stopped(found, judgement).state == "leak"
    assert revoke_if_stopped(experiment([*PROVEN, *fast]), judgement).state == "bounded"


def test_what_goes_on_and_is_a_leak_by_itself_is_not_taken_back() -> None:
    assert stopping(1_500) == "leak"
    assert stopping(50) == "bounded"


def test_threads_that_go_on_are_a_leak_though_memory_has_stopped() -> None:
    both = {"live": 20_000.0, "threads": 1.0}
    alone = [
        row(900 + i, {"live": 0, "threads": dose}, {"a": dose}, phase=Phase.EXPLAIN)
        for i, dose in enumerate((2, 5, 7, 11))
    ]
    found = experiment([*rounds(both), *rounds(both, block=1), *alone])
    judgement = judge_route(found, "a")
    assert judgement.signals == ("live", "threads")
    told = revoke_if_stopped(found, judgement)
    assert (told.state, told.signals) == ("leak", ("threads",))
    assert "then stopped" in told.reasons[-1]


def noisy_leak(doses: tuple[int, ...], kept: float = 0.0) -> str:
    """The state of a leak proven in noise that hides what single requests keep, and that keeps so much alone."""
    alone = [row(900 + i, {"live": kept * dose}, {"a": dose}, phase=Phase.EXPLAIN) for i, dose in enumerate(doses)]
    noise = [*rounds({"live": 1_000}, jitter=300_000), *rounds({"live": 1_000}, block=1, jitter=300_000)]
    found = experiment([*noise, *alone])
    judged = judge_route(found, "a")
    slope = replace((judged.slopes or {})["live"], per_request=1_000.0)
    return revoke_if_stopped(found, replace(judged, state="leak", signals=("live",), slopes={"live": slope})).state


def test_a_thousand_requests_alone_that_keep_nothing_take_back_what_noise_has_proven() -> None:
    assert noisy_leak((2, 401, 397, 389)) != "leak"
    assert noisy_leak((2, 401, 397, 389), kept=80) == "leak"
    assert noisy_leak((2, 53, 47, 43)) == "leak"  # a leak on one request in a hundred may have missed them all
