"""The report on an app under its own traffic."""

from __future__ import annotations

from leakhunt.analysis.analyse import analyse
from leakhunt.model.report import Verdict
from leakhunt.model.run import ALL_TRAFFIC, Phase
from unit.analysis.natural_runs import READINGS, Visit, burst, looked_at, steady, waves

DEMAND = {"GET /leak": steady(5), "GET /items/<int:number>": steady(20), "POST /search": waves(8)}
LEAK = {"GET /leak": {"anonymous": 20_000, "malloc": 20_000, "blocks": 1}}


def test_a_suspected_route_comes_with_its_figures_and_the_way_to_prove_it() -> None:
    report = analyse(Visit(DEMAND, LEAK).run(1))
    first = report.routes[0]
    assert (first.route, first.verdict, first.steps) == ("GET /leak", Verdict.SUSPECTED, ("GET /leak",))
    assert first.bytes_per_request_interval is not None
    assert first.bytes_per_request_interval[0] < 20_000 < first.bytes_per_request_interval[1]
    assert {growth.signal for growth in first.growths} >= {"anonymous", "malloc", "blocks"}
    assert all(growth.p_value is None for growth in first.growths)
    assert report.next_command == "leakhunt profile --pid 1 --request 'GET /leak'"
    assert report.caveats[-1].code == "only-observed"


def test_what_was_not_seen_can_be_put_to_the_proof_as_well() -> None:
    report = analyse(Visit(DEMAND).run(1))
    assert report.judgement.verdict is Verdict.NOT_SEEN
    assert report.suspects == ()
    assert report.next_command is not None
    assert "--request 'GET /items/{n}'" in report.next_command
    assert "--request 'POST /search' --body @FILE" in report.next_command


def test_tasks_of_a_queue_cannot_be_requested() -> None:
    demand = {"TASK shop.keep": steady(5), "TASK shop.forget": steady(20)}
    report = analyse(Visit(demand, {"TASK shop.keep": LEAK["GET /leak"]}).run(1))
    assert report.judgement.verdict is Verdict.SUSPECTED
    assert report.next_command is None


def test_what_was_too_short_is_to_be_repeated_for_longer() -> None:
    report = analyse(Visit(DEMAND, readings=10).run(1))
    assert report.next_command == "leakhunt profile --pid 1 --duration 240"
    assert report.routes == ()


def test_routes_with_few_requests_share_a_row() -> None:
    rare = {f"GET /{number}": burst(5 + number, 3) for number in range(5)}
    last = analyse(Visit({**DEMAND, **rare}).run(1)).routes[-1]
    assert (last.route, last.verdict, last.requests) == ("5 other routes", Verdict.INCONCLUSIVE, 30)
    assert set(last.steps) == set(rare)


def test_every_interval_is_a_round_of_the_report() -> None:
    report = analyse(Visit(DEMAND, LEAK).run(1))
    assert {row.phase for row in report.evidence} == {Phase.NATURAL}
    assert len(report.evidence) == READINGS
    assert sum(row.requests for row in report.evidence) == sum(route.requests for route in report.routes)
    assert report.growth == sum(row.growth or 0 for row in report.evidence)
    assert [worker.judged for worker in report.workers] == [False, True, True]


def test_growth_that_is_of_no_route_is_put_down_to_all_traffic() -> None:
    run = looked_at(Visit(DEMAND, per_second=100_000).run(1), "site_app.LOG", "dict", 5_000, [(10, 2_410), (10, 2_410)])
    (suspect,) = analyse(run).suspects
    assert suspect.route == ALL_TRAFFIC
    assert suspect.path is not None
    assert suspect.path.startswith("site_app.LOG")
