from __future__ import annotations

from typing import Any

import pytest

from builders import App, Cache, Kept, explain, record, white
from leakhunt.analysis.assess import judge_routes
from leakhunt.analysis.blocks import read_experiment
from leakhunt.analysis.dose import Lottery
from leakhunt.analysis.evidence import evidence_rows, others_shares, route_evidence, total_growth
from leakhunt.analysis.series import read_ledger
from leakhunt.analysis.thresholds import DEFAULTS
from leakhunt.model.report import RouteEvidence
from leakhunt.model.run import Phase
from unit.analysis.ledgers import ledger, rest, rounds, row


def test_every_round_is_a_line_of_requests_in_and_bytes_kept() -> None:
    (line,) = evidence_rows(ledger([row(4, {"live": 2_600}, {"a": 10, "b": 3}, block=1)]), "live")
    assert (line.index, line.phase, line.block, line.requests) == (4, Phase.DOSE, 1, 13)
    assert line.growth == 2_600
    assert line.per_request == pytest.approx(200)


def test_rounds_in_which_allocations_were_traced_are_no_evidence() -> None:
    app = App(routes=("a",))
    run = explain(record(app, blocks=1), "a", [Kept(())])
    phases = {line.phase for line in evidence_rows(read_ledger(run, DEFAULTS), "live")}
    assert phases == {Phase.WARM_UP, Phase.BASELINE, Phase.DOSE, Phase.SETTLE}


def test_a_round_without_requests_has_growth_but_no_rate() -> None:
    (line,) = evidence_rows(ledger([rest(0, {"live": 500}, 1.0)]), "live")
    assert (line.growth, line.requests, line.per_request) == (500, 0, None)


@pytest.mark.parametrize("signal", ["live", None])
def test_what_was_not_measured_is_no_zero(signal: str | None) -> None:
    (line,) = evidence_rows(ledger([row(0, {"anonymous": 500}, {"a": 3})]), signal)
    assert (line.growth, line.per_request, line.requests) == (None, None, 3)


def test_the_growth_of_rounds_adds_up() -> None:
    assert total_growth(rounds({"live": 100}, jitter=0), "live") == 9_000
    assert total_growth([rest(0, {"live": 500.4}, 1), rest(1, {"live": -700}, 1)], "live") == -200


def test_rounds_that_were_not_read_add_nothing_and_alone_have_no_sum() -> None:
    assert total_growth([rest(0, {"live": 500}, 1), rest(1, {}, 1)], "live") == 500
    assert total_growth([rest(1, {}, 1)], "live") is None
    assert total_growth([], "live") is None
    assert total_growth(rounds({"live": 100}), None) is None


# --- Route by route. ------------------------------------------------------------------------------------------------

IMAGE, VIDEO, PAGE = "POST /image", "POST /video", "GET /page"
EXACT = App(
    routes=(IMAGE, VIDEO, PAGE),
    keeps={IMAGE: {"live": 300_000, "blocks": 3}, VIDEO: {"live": 70_000, "blocks": 3, "threads": 1}},
    noise=white(30),
)


def evidence_on(route: str, app: App = EXACT, *, basis: str | None = "live", **options: Any) -> RouteEvidence | None:
    run = record(app, **options)
    experiment = read_experiment(read_ledger(run, DEFAULTS), DEFAULTS)
    return route_evidence(experiment, judge_routes(run, experiment)[route], basis)


def found_on(route: str, app: App = EXACT, **options: Any) -> RouteEvidence:
    found = evidence_on(route, app, **options)
    assert found is not None
    return found


@pytest.mark.parametrize(("route", "size"), [(IMAGE, 300_000), (VIDEO, 70_000)])
def test_more_requests_keep_more_and_each_the_same_whatever_others_keep_beside_them(route: str, size: int) -> None:
    found = found_on(route)
    assert (found.route, found.signal) == (route, "live")
    for line in (*found.blocks, *found.rounds):
        assert line.per_request == pytest.approx(size, rel=0.01)
        assert line.kept == pytest.approx(line.requests * line.per_request)


def test_rounds_are_those_of_the_last_block_the_fewest_requests_first() -> None:
    found = found_on(IMAGE, blocks=3)
    assert [line.number for line in found.blocks] == [1, 2, 3]
    requests = [line.requests for line in found.rounds]
    assert requests == sorted(requests)
    assert len(set(requests)) == len(requests) >= 6
    assert sum(requests) == found.blocks[-1].requests


def test_blocks_from_which_a_route_was_left_out_are_no_evidence_on_it() -> None:
    found = found_on(IMAGE, blocks=3, only={2: (VIDEO, PAGE)})
    assert [line.number for line in found.blocks] == [1, 2]
    assert sum(line.requests for line in found.rounds) == found.blocks[-1].requests


def test_of_a_route_that_is_alone_the_evidence_is_what_was_measured() -> None:
    app = App(routes=(IMAGE,), keeps={IMAGE: {"live": 5_000}})
    run = record(app)
    rows = read_ledger(run, DEFAULTS).blocks()[-1]
    found = found_on(IMAGE, app)
    assert [line.kept for line in found.rounds] == [
        row.growth["live"] for row in sorted(rows, key=lambda row: row.requests)
    ]


def test_growth_that_stops_is_seen_to_stop() -> None:
    app = App(routes=(IMAGE, PAGE), caches={IMAGE: Cache(entries=120, size=20_000)})
    found = found_on(IMAGE, app, blocks=4)
    assert found.blocks[0].kept == pytest.approx((120 - 15) * 20_000, rel=0.1)
    assert abs(found.blocks[-1].per_request) < 100


def test_a_leak_of_threads_is_shown_in_threads() -> None:
    app = App(routes=(IMAGE, PAGE), keeps={IMAGE: {"threads": 1}})
    found = found_on(IMAGE, app)
    assert found.signal == "threads"
    assert all(line.kept == pytest.approx(line.requests) for line in found.rounds)


def test_uploads_of_different_sizes_keep_noise_out_of_the_other_routes() -> None:
    app = App(
        routes=(IMAGE, PAGE),
        keeps={IMAGE: {"live": 300_000, "blocks": 3}, PAGE: {"live": 2_000}},
        spread=0.3,
        upload=1_000_000,
        noise=white(30),
    )
    found = found_on(PAGE, app, blocks=3)
    assert found.blocks[-1].per_request == pytest.approx(2_000, rel=0.3)


def test_where_nothing_was_measured_or_told_apart_there_is_no_evidence() -> None:
    assert evidence_on(IMAGE, basis=None) is None
    assert evidence_on(IMAGE, rounds=2) is None
    assert evidence_on(IMAGE, basis="temp-files") is None
    same = [row(index, {"live": 100 * dose}, {"a": dose, "b": dose}) for index, dose in enumerate((3, 5, 7, 11))]
    assert others_shares(Lottery(("a", "b"), tuple(same)), "a", "live") is None
