from __future__ import annotations

from dataclasses import replace

import pytest

from builders import App, record
from leakhunt.analysis.service import Answers, read_answers, throughput
from leakhunt.model.measurement import RequestRecord
from leakhunt.model.run import Phase, Run

ROUTE = "POST /image"


def run(durations: list[float], *, phase: Phase = Phase.DOSE, status: int = 200) -> Run:
    """A run that answered so in one round."""
    made = record(App(routes=(ROUTE,)))
    index = next(each.index for each in made.rounds if each.phase is phase)
    answers = (RequestRecord(index, ROUTE, status, status == 200, 0, 0.0, duration) for duration in durations)
    return replace(made, requests=tuple(answers))


def test_median_slowest_twentieth_and_mean() -> None:
    found = read_answers(run([float(n) for n in range(1, 101)]))[ROUTE]
    assert found == Answers(100, 50.5, 95.0, 50.5)


@pytest.mark.parametrize("durations", [[0.5], [0.5, 0.5]])
def test_few_answers_have_a_slowest_one_too(durations: list[float]) -> None:
    assert read_answers(run(durations))[ROUTE].slow == 0.5


def test_only_the_verdict_rounds_count_since_others_are_traced_or_warm_up() -> None:
    assert read_answers(run([9.0], phase=Phase.WARM_UP))[ROUTE] == Answers(0, None, None, None)


def test_what_was_not_answered_as_expected_is_no_response_time() -> None:
    assert read_answers(run([0.001], status=500))[ROUTE].median is None


def test_throughput_is_that_of_equal_shares() -> None:
    answers = {"a": Answers(1000, 0.1, 0.1, 0.1), "b": Answers(1, 0.3, 0.3, 0.3)}
    assert throughput(answers, ["a", "b"], 1) == pytest.approx(5)
    assert throughput(answers, ["a", "b"], 4) == pytest.approx(20)


def test_there_is_no_throughput_without_answers() -> None:
    answers = {"a": Answers(10, 0.1, 0.1, 0.1), "b": Answers(0, None, None, None)}
    assert throughput(answers, ["a", "b"], 1) is None
    assert throughput(answers, ["c"], 1) is None
    assert throughput(answers, [], 1) is None
