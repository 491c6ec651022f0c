from __future__ import annotations

from dataclasses import replace

import pytest

from builders import App, record, white
from leakhunt.analysis.blocks import Experiment, read_experiment
from leakhunt.analysis.series import read_ledger
from leakhunt.analysis.thresholds import DEFAULTS
from leakhunt.analysis.verdict import run_judgement
from leakhunt.model.report import BackgroundReport, Judgement, RouteReport, Verdict
from leakhunt.model.run import Role, Run, Worker

RUN = record(App(routes=("a", "b")), blocks=1)
CLEAN, LEAK, BOUNDED, INCONCLUSIVE = Verdict.CLEAN, Verdict.LEAK, Verdict.BOUNDED, Verdict.INCONCLUSIVE


def experiment(run: Run) -> Experiment:
    return read_experiment(read_ledger(run, DEFAULTS), DEFAULTS)


def route(name: str, verdict: Verdict, *, minimum: float | None = 64.0) -> RouteReport:
    return RouteReport(
        name, (name,), 90, 0, {"200": 90}, verdict, (f"the reason of {name}", "another"),
        None, None, None, None, (), None, None, None, minimum, None,
    )  # fmt: skip


def background(verdict: Verdict) -> BackgroundReport:
    return BackgroundReport(verdict, ("it grows",), 30.0, 5_000.0, None, "live")


def judged(*verdicts: Verdict, run: Run = RUN, background: BackgroundReport | None = None) -> Judgement:
    routes = [route(f"r{i}", verdict) for i, verdict in enumerate(verdicts)]
    return run_judgement(run, experiment(run), routes, background)


def with_worker(death: str | None, role: Role = Role.WORKER) -> Run:
    return replace(RUN, workers=(*RUN.workers, Worker("9@9", 9, 1, role, "worker 9", 0.0, 5.0, death)))


@pytest.mark.parametrize(
    ("routes", "verdict"),
    [
        ((CLEAN, CLEAN), CLEAN),
        ((CLEAN, BOUNDED), BOUNDED),
        ((BOUNDED, INCONCLUSIVE, CLEAN), INCONCLUSIVE),
        ((INCONCLUSIVE, LEAK, BOUNDED), LEAK),
    ],
)
def test_the_weightiest_verdict_of_a_route_is_that_of_the_run(routes: tuple[Verdict, ...], verdict: Verdict) -> None:
    assert judged(*routes).verdict is verdict


def test_the_first_reason_of_each_route_with_that_verdict_is_given() -> None:
    assert judged(LEAK, CLEAN, LEAK, INCONCLUSIVE).reasons == ("r0: the reason of r0", "r2: the reason of r2")


def test_a_clean_run_says_over_how_many_requests() -> None:
    requests = sum(sum(round_.doses.values()) for round_ in RUN.rounds if round_.block is not None)
    assert judged(CLEAN, CLEAN).reasons == (
        f"none of 2 routes keeps memory, over {requests} requests in the verdict rounds",
    )


def test_a_run_without_routes_proves_nothing() -> None:
    found = judged()
    assert (found.verdict, found.reasons) == (INCONCLUSIVE, ("no route was requested",))
    assert found.minimum_detectable is None


@pytest.mark.parametrize("outcome", ["interrupted", "the target ended: killed by SIGKILL", None])
def test_a_run_that_did_not_go_to_its_end_proves_a_leak_or_nothing(outcome: str | None) -> None:
    cut = replace(RUN, outcome=outcome)
    assert [judged(verdict, run=cut).verdict for verdict in (CLEAN, BOUNDED, LEAK)] == [
        INCONCLUSIVE,
        INCONCLUSIVE,
        LEAK,
    ]
    for verdict in Verdict:
        assert any("did not go to its end" in reason for reason in judged(verdict, run=cut).reasons)


@pytest.mark.parametrize("death", ["killed by SIGKILL", "exit code 3", "exit code 137"])
def test_a_worker_that_crashed_may_be_what_was_looked_for(death: str) -> None:
    found = judged(CLEAN, run=with_worker(death))
    assert found.verdict is INCONCLUSIVE
    assert found.reasons[-1] == f"workers that died while they were measured: 1, the last one {death}"


@pytest.mark.parametrize(
    "run",
    [
        with_worker("recycled"),
        with_worker("exit code 0"),
        with_worker(None),
        with_worker("exit code 3", Role.COMPANION),
        with_worker("killed by SIGTERM", Role.MASTER),
    ],
    ids=["recycled", "ended well", "alive", "companion", "master"],
)
def test_no_other_death_is_a_flaw_of_the_run(run: Run) -> None:
    assert judged(CLEAN, run=run).verdict is CLEAN


def test_without_a_complete_block_no_route_is_clean() -> None:
    short = replace(record(App(routes=("a", "b")), rounds=4), outcome="complete")
    assert judged(CLEAN, run=short).verdict is INCONCLUSIVE


def test_the_smallest_leak_that_any_route_would_have_shown_is_the_largest_of_their_limits() -> None:
    limits = [route("a", CLEAN, minimum=64), route("b", CLEAN, minimum=900)]
    assert run_judgement(RUN, experiment(RUN), limits).minimum_detectable == 900


def test_how_small_a_leak_may_be_is_asked_of_the_routes_that_do_not_leak() -> None:
    found = [route("a", LEAK, minimum=9_000), route("b", CLEAN, minimum=64)]
    assert run_judgement(RUN, experiment(RUN), found).minimum_detectable == 64
    assert run_judgement(RUN, experiment(RUN), found[:1]).minimum_detectable == 9_000


def test_one_route_without_a_limit_leaves_the_run_without_one() -> None:
    limits = [route("a", CLEAN, minimum=64), route("b", INCONCLUSIVE, minimum=None)]
    assert run_judgement(RUN, experiment(RUN), limits).minimum_detectable is None


def test_growth_at_rest_is_mentioned_and_changes_no_verdict() -> None:
    restless = record(App(routes=("a", "b"), per_second=50_000), blocks=1)
    found = judged(CLEAN, run=restless)
    assert found.verdict is CLEAN
    assert "per second while nothing is requested, which is no leak of a route" in found.reasons[-1]


@pytest.mark.parametrize(
    ("route", "with_time", "verdict"),
    [
        (CLEAN, LEAK, LEAK),
        (INCONCLUSIVE, LEAK, LEAK),
        (CLEAN, BOUNDED, BOUNDED),
        (LEAK, BOUNDED, LEAK),
        (CLEAN, INCONCLUSIVE, CLEAN),
        (BOUNDED, CLEAN, BOUNDED),
    ],
)
def test_what_is_proven_to_grow_with_time_counts_like_a_route(
    route: Verdict, with_time: Verdict, verdict: Verdict
) -> None:
    found = judged(route, background=background(with_time))
    assert found.verdict is verdict
    # What is proven comes first.
    position = 0 if with_time in {LEAK, BOUNDED} else -1
    assert found.reasons[position] == "background: it grows"


def test_a_run_cut_short_is_not_bounded_by_what_grows_with_time() -> None:
    stopped = replace(RUN, outcome="The load was stopped")
    assert judged(CLEAN, run=stopped, background=background(BOUNDED)).verdict is INCONCLUSIVE
    assert judged(CLEAN, run=stopped, background=background(LEAK)).verdict is LEAK


def test_growth_at_rest_that_is_too_slow_to_be_told_is_not_mentioned() -> None:
    hardly = record(App(routes=("a", "b"), per_second=900, noise=white(1)), blocks=1)
    assert not any("nothing is requested" in reason for reason in judged(CLEAN, run=hardly).reasons)


def test_the_budgets_are_part_of_the_judgement() -> None:
    assert judged(CLEAN).thresholds == DEFAULTS.as_mapping()


def test_growth_below_the_budget_is_told_of_a_clean_run_by_route() -> None:
    small = "grows by 31 B of live memory per request, below the budget"
    grows = replace(route("a", CLEAN), reasons=("keeps at most 40 B per request (99 % upper bound)", small))
    reasons = run_judgement(RUN, experiment(RUN), [grows, route("b", CLEAN)]).reasons
    assert reasons[0].startswith("none of 2 routes keeps as much as the budget, over ")
    assert reasons[1] == f"a: {small}"
