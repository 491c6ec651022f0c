"""SUSPECTED and NOT_SEEN, of an app under its own traffic."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import Noise, autoregressive, random_walk, ratchet, white
from leakhunt.analysis.natural_verdict import PROOF, judge_traffic, natural_judgement, read_whole
from leakhunt.analysis.thresholds import DEFAULTS, Thresholds
from leakhunt.analysis.traffic import read_traffic
from leakhunt.model.report import Judgement, Verdict
from leakhunt.model.run import Caveat, Run
from unit.analysis.natural_runs import READINGS, Visit, steady, waves

DEMAND = {"GET /leak": steady(5), "GET /page": steady(20), "GET /search": waves(8)}
LEAK = {"GET /leak": {"anonymous": 20_000, "malloc": 20_000, "blocks": 3}}


def judge(run: Run, thresholds: Thresholds = DEFAULTS) -> Judgement:
    traffic = read_traffic(run)
    return natural_judgement(
        run, traffic, judge_traffic(traffic, thresholds), read_whole(traffic, thresholds), thresholds
    )


def verdicts(run: Run) -> dict[str, Verdict]:
    return {each.group.name: each.verdict for each in judge_traffic(read_traffic(run), DEFAULTS)}


def test_the_route_whose_requests_memory_follows_is_suspected_and_no_other() -> None:
    run = Visit(DEMAND, LEAK).run(1)
    assert verdicts(run) == {
        "GET /leak": Verdict.SUSPECTED,
        "GET /page": Verdict.NOT_SEEN,
        "GET /search": Verdict.NOT_SEEN,
    }
    judgement = judge(run)
    assert judgement.verdict is Verdict.SUSPECTED
    assert judgement.reasons[0].startswith("GET /leak: anonymous memory rose by ")
    assert "all workers together: anonymous memory rose by " in judgement.reasons[1]
    assert judgement.reasons[-1] == PROOF


def test_small_objects_are_suspected_by_their_number_alone() -> None:
    run = Visit(DEMAND, {"GET /leak": {"blocks": 4}}, noise=white(300)).run(1)
    (opinion, *_) = judge_traffic(read_traffic(run), DEFAULTS)
    assert (opinion.group.name, opinion.signals) == ("GET /leak", ("blocks",))


def test_what_grows_where_malloc_has_room_left_is_told_by_what_is_in_use() -> None:
    run = Visit(DEMAND, {"GET /leak": {"malloc": 5_000}}).run(1)
    (opinion, *_) = judge_traffic(read_traffic(run), DEFAULTS)
    assert (opinion.verdict, opinion.basis) == (Verdict.SUSPECTED, "malloc")


def test_threads_that_stay_are_suspected() -> None:
    run = Visit(DEMAND, {"GET /leak": {"threads": 1}}).run(1)
    assert judge(run).reasons[0].startswith("GET /leak: threads rose by 1 per request")


def test_growth_below_the_budget_is_not_suspected() -> None:
    run = Visit(DEMAND, LEAK).run(1)
    lenient = replace(DEFAULTS, live=10**6, anonymous=10**6, blocks=10**4)
    assert not [each for each in judge_traffic(read_traffic(run), lenient) if each.verdict is Verdict.SUSPECTED]


def test_a_cache_that_fills_is_not_suspected_and_said_to_have_risen_at_first() -> None:
    run = Visit(DEMAND, LEAK, until=READINGS // 2).run(1)
    judgement = judge(run)
    assert judgement.verdict is Verdict.NOT_SEEN
    assert "at first and by" in judgement.reasons[0]
    assert judgement.minimum_detectable is not None


@pytest.mark.parametrize("noise", [white(100_000), autoregressive(100_000), random_walk(100_000), ratchet(100_000)])
def test_no_route_is_suspected_where_none_leaks(noise: Noise) -> None:
    """120 routes of each kind: the bar is one suspicion in a hundred runs."""
    found = [verdicts(Visit(DEMAND, noise=noise).run(seed)) for seed in range(40)]
    assert sum(Verdict.SUSPECTED in each.values() for each in found) <= 1


def test_growth_with_time_is_suspected_of_no_route() -> None:
    run = Visit(DEMAND, per_second=100_000).run(1)
    judgement = judge(run)
    assert judgement.verdict is Verdict.SUSPECTED
    assert judgement.reasons[0].endswith("; with which requests that comes, or whether with time, was not to be told")
    assert Verdict.SUSPECTED not in verdicts(run).values()


def test_nothing_seen_says_how_much_may_have_gone_unseen() -> None:
    judgement = judge(Visit(DEMAND).run(1))
    assert judgement.verdict is Verdict.NOT_SEEN
    assert "nothing was seen to go on rising with the" in judgement.reasons[0]
    assert "per minute, all workers together, is not ruled out" in judgement.reasons[1]


@pytest.mark.parametrize(
    ("visit", "sentence"),
    [
        (Visit(DEMAND, readings=12), "there were 12 readings, and it takes 20: look on for longer"),
        (Visit({"GET /page": lambda *_: 0}), "no request was counted, and an app that rests shows no leak"),
        (
            Visit({"GET /page": lambda *_: 5}),
            "none of 600 requests tell anything: look on for longer, or at a busier time",
        ),
    ],
)
def test_where_nothing_can_be_said_the_run_is_inconclusive_and_says_why(visit: Visit, sentence: str) -> None:
    judgement = judge(visit.run(1))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.reasons[0] == sentence


def test_without_an_agent_memory_as_a_whole_is_judged() -> None:
    run = Visit({"GET /page": lambda *_: 0}).run(1)
    without = replace(run, caveats=(Caveat("no-agent", "Routes cannot be told from each other."),))
    assert judge(without).verdict is Verdict.NOT_SEEN


def test_a_worker_that_was_killed_leaves_nothing_seen_open() -> None:
    run = Visit(DEMAND).run(1)
    killed = replace(run, workers=(*run.workers[:2], replace(run.workers[2], died=130.0, death="killed by SIGKILL")))
    assert judge(killed).verdict is Verdict.INCONCLUSIVE
