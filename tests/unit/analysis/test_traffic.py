"""Growth set against requests that nobody has chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import autoregressive, random_walk, ratchet, white
from leakhunt.analysis.traffic import LEAST_REQUESTS, read_traffic
from leakhunt.model.run import Run
from unit.analysis.natural_runs import Visit, burst, steady, waves

LEAK = {"GET /leak": {"anonymous": 20_000, "malloc": 20_000, "blocks": 3}}
DEMAND = {"GET /leak": steady(5), "GET /page": steady(20), "GET /search": waves(8)}


def test_growth_per_request_is_estimated_for_every_signal() -> None:
    traffic = read_traffic(Visit(DEMAND, LEAK, noise=white(500)).run(1))
    groups = {group.name: group.associations for group in traffic.groups}
    assert traffic.signals == ("anonymous", "malloc", "blocks", "threads", "descriptors")
    assert groups["GET /leak"]["malloc"].per_request == pytest.approx(20_000, rel=0.1)
    assert groups["GET /leak"]["blocks"].per_request == pytest.approx(3, rel=0.1)
    assert groups["GET /leak"]["anonymous"].low > 0
    assert groups["GET /page"]["anonymous"].low < 0


@pytest.mark.parametrize("kind", [white, autoregressive, random_walk, ratchet])
def test_the_true_rate_lies_in_the_interval_however_memory_moves(kind: type) -> None:
    """99 % intervals: of 40 runs one may miss by chance, three would come once in 130 times."""
    runs = [Visit(DEMAND, LEAK, noise=kind(60_000)).run(seed) for seed in range(40)]
    found = [
        group.associations["anonymous"] for run in runs for group in read_traffic(run).groups if "leak" in group.name
    ]
    assert sum(not each.interval[0] <= 20_000 <= each.interval[1] for each in found) <= 2


def test_routes_whose_requests_come_together_are_told_as_one() -> None:
    traffic = read_traffic(Visit(DEMAND, LEAK, follows={"GET /pixel": "GET /leak"}).run(1))
    together = next(group for group in traffic.groups if len(group.routes) > 1)
    assert together.name == "GET /leak and GET /pixel"
    assert together.associations["malloc"].per_request == pytest.approx(10_000, rel=0.1)


def test_routes_whose_requests_always_sum_to_the_same_are_told_as_one() -> None:
    run = Visit({"GET /a": lambda _, number: number % 7, "GET /b": lambda _, number: 9 - number % 7}).run(1)
    assert [group.routes for group in read_traffic(run).groups] == [("GET /a", "GET /b")]


@pytest.mark.parametrize("demand", [burst(20, 500), lambda *_: 10])
def test_requests_that_came_all_at_once_or_evenly_allow_no_estimate(demand: object) -> None:
    run = Visit({**DEMAND, "GET /odd": demand}).run(1)  # type: ignore[dict-item]
    odd = next(group for group in read_traffic(run).groups if group.name == "GET /odd")
    assert odd.associations == {}
    assert odd.doubt is not None
    assert "nothing can be set against them" in odd.doubt


def test_routes_with_few_requests_are_set_aside_and_their_growth_is_not_put_down_to_others() -> None:
    rare = {f"GET /{number}": burst(5 + number, 3) for number in range(5)}
    traffic = read_traffic(Visit({**DEMAND, **rare}, {"GET /2": {"anonymous": 2**20}}).run(1))
    assert set(traffic.rare) == set(rare)
    assert all(traffic.requests[route] < LEAST_REQUESTS for route in traffic.rare)
    assert not [group for group in traffic.groups if group.associations["anonymous"].low > 0]


def test_growth_with_time_is_not_put_down_to_requests() -> None:
    traffic = read_traffic(Visit(DEMAND, per_second=200_000).run(1))
    assert not [group for group in traffic.groups if group.associations["anonymous"].low > 0]


def test_workers_that_are_young_are_left_out_while_others_are_not() -> None:
    run = Visit(DEMAND, LEAK).run(1)
    recycled = replace(run, workers=(*run.workers[:2], replace(run.workers[2], died=50.0, death="recycled")))
    rows = read_traffic(recycled).rows
    assert rows
    assert len(rows) < len(read_traffic(run).rows)
    assert not any(row.young for row in rows)


def test_a_reading_without_an_answer_of_the_agent_is_no_fall_in_requests() -> None:
    run = Visit(DEMAND).run(1)
    mute = replace(run.rounds[30].samples[0], heap=None, served={})
    rounds = (*run.rounds[:30], replace(run.rounds[30], samples=(mute, run.rounds[30].samples[1])), *run.rounds[31:])
    rows = read_traffic(replace(run, rounds=rounds)).rows
    assert len(rows) == len(read_traffic(run).rows) - 2
    assert min(min(row.doses.values()) for row in rows) >= 0


def test_without_an_agent_memory_alone_is_known() -> None:
    run = Visit(DEMAND, LEAK).run(1)
    traffic = read_traffic(_without_agents(run))
    assert traffic.signals == ("anonymous", "threads", "descriptors")
    assert traffic.groups == ()


def _without_agents(run: Run) -> Run:
    rounds = tuple(
        replace(done, samples=tuple(replace(sample, heap=None, served={}) for sample in done.samples))
        for done in run.rounds
    )
    return replace(run, rounds=rounds, routes={})
