from __future__ import annotations

import pytest

from builders import App, Kept, explain, record
from leakhunt.analysis.evidence import evidence_rows, total_growth
from leakhunt.analysis.series import read_ledger
from leakhunt.analysis.thresholds import DEFAULTS
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
