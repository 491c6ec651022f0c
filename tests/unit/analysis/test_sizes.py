from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from builders import App, record
from leakhunt.analysis.sizes import excess_bytes
from leakhunt.model.measurement import RequestRecord
from leakhunt.model.run import Phase, Round, Run

IMAGE, VIDEO = "POST /image", "POST /video"


def uploads(*rounds: Sequence[tuple[str, int]], phase: Phase = Phase.DOSE) -> Run:
    """A run of these rounds, each a list of (step, body bytes)."""
    return replace(
        record(App(), rounds=0),
        routes={"image": IMAGE, "large image": IMAGE, "video": VIDEO},
        rounds=tuple(Round(i, phase, i, i + 1) for i in range(len(rounds))),
        requests=tuple(
            RequestRecord(i, step, 200, True, size, 0.0, 0.1) for i, sent in enumerate(rounds) for step, size in sent
        ),
    )


def test_a_round_has_what_it_sent_beyond_the_average_of_so_many_requests() -> None:
    found = excess_bytes(uploads([("image", 100_000), ("image", 300_000)], [("image", 500_000)]))
    assert found == {0: {IMAGE: -200_000}, 1: {IMAGE: 200_000}}


def test_the_rounds_of_a_whole_run_even_out() -> None:
    run = record(App(routes=(IMAGE, VIDEO), spread=0.4, upload=1e6), blocks=1)
    found = excess_bytes(run)
    assert len(found) == 6
    for route in (IMAGE, VIDEO):
        assert sum(row[route] for row in found.values()) == pytest.approx(0, abs=1)
        assert any(abs(row[route]) > 10_000 for row in found.values())


def test_uploads_that_hardly_differ_have_no_excess() -> None:
    run = uploads([("image", 1_000_000), ("video", 5_000)], [("image", 1_019_000), ("video", 900_000)])
    assert {tuple(row) for row in excess_bytes(run).values()} == {(VIDEO,)}


def test_the_steps_of_a_route_share_one_average() -> None:
    found = excess_bytes(uploads([("image", 100_000)], [("large image", 300_000)]))
    assert found == {0: {IMAGE: -100_000}, 1: {IMAGE: 100_000}}


def test_a_round_without_a_request_of_the_route_has_no_excess_of_it() -> None:
    found = excess_bytes(uploads([("image", 100_000)], [("image", 300_000)], [("video", 10)]))
    assert found[2] == {IMAGE: 0}


@pytest.mark.parametrize("phase", [Phase.WARM_UP, Phase.PEAK, Phase.EXPLAIN])
def test_only_the_verdict_rounds_are_looked_at(phase: Phase) -> None:
    assert excess_bytes(uploads([("image", 100_000)], [("image", 300_000)], phase=phase)) == {}


def test_a_run_without_requests_has_no_excess() -> None:
    assert excess_bytes(uploads([], [])) == {}
