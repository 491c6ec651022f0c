"""Distinct and repeated inputs hide different leaks."""

from __future__ import annotations

from dataclasses import replace

from builders import App, record
from leakhunt.analysis.analyse import analyse
from leakhunt.analysis.inputs import other_rate
from leakhunt.analysis.series import read_ledger
from leakhunt.analysis.thresholds import DEFAULTS
from leakhunt.model.measurement import HeapUsage, Sample
from leakhunt.model.run import Phase, Round, Run

IMAGE, COURSE = "POST /image", "GET /course"


def with_repeated_rounds(run: Run, kept: int) -> Run:
    """The run with two more rounds of the image route alone: one request, then five that keep `kept` bytes each."""
    step = next(step for step, route in run.routes.items() if route == IMAGE)
    rounds = list(run.rounds)
    for dose in (1, 5):
        last = rounds[-1]
        sample = last.samples[0]
        assert sample.heap is not None
        assert sample.heap.pymalloc is not None
        heap = replace(sample.heap, pymalloc=sample.heap.pymalloc + kept * dose)
        served = {**sample.served, IMAGE: sample.served.get(IMAGE, 0) + dose}
        after = _after(sample, heap, served)
        rounds.append(
            Round(
                last.index + 1,
                Phase.REPEATED,
                last.ended,
                last.ended + 1,
                {step: dose},
                alone=step,
                inputs="repeated",
                samples=(after,),
                temp_files=last.temp_files,
            )
        )
    return replace(run, rounds=tuple(rounds))


def _after(sample: Sample, heap: HeapUsage, served: dict[str, int]) -> Sample:
    return replace(sample, time=sample.time + 1, heap=heap, served=served)


def the_other_way_round(run: Run) -> Run:
    """The run of a workload whose own inputs are repeated."""
    other = {"distinct": "repeated", "repeated": "distinct"}
    return replace(run, rounds=tuple(replace(done, inputs=other[done.inputs]) for done in run.rounds))


def leaky_run() -> Run:
    return record(App(routes=(IMAGE, COURSE), keeps={IMAGE: {"live": 20_000, "blocks": 3}}))


def reasons(run: Run) -> tuple[str, ...]:
    return next(route.reasons for route in analyse(run).routes if route.route == IMAGE)


def test_the_first_repeated_request_is_left_out() -> None:
    run = with_repeated_rounds(leaky_run(), 700)
    assert other_rate(read_ledger(run, DEFAULTS), IMAGE) == 700


def test_without_repeated_rounds_nothing_is_said() -> None:
    assert other_rate(read_ledger(leaky_run(), DEFAULTS), IMAGE) is None
    assert not any("inputs" in reason for reason in reasons(leaky_run()))


def test_a_leak_that_stops_with_repeated_inputs_grows_with_distinct_ones() -> None:
    assert any(
        reason.startswith("grows with distinct inputs: ") for reason in reasons(with_repeated_rounds(leaky_run(), 0))
    )


def test_a_leak_that_goes_on_does_not_need_distinct_inputs() -> None:
    assert any(
        "does not need distinct inputs" in reason for reason in reasons(with_repeated_rounds(leaky_run(), 20_000))
    )


def test_a_clean_route_that_keeps_much_of_repeated_inputs_says_so() -> None:
    clean = record(App(routes=(IMAGE, COURSE)))
    assert any('inputs = "repeated"' in reason for reason in reasons(with_repeated_rounds(clean, 10_000)))
    assert not any("repeated" in reason for reason in reasons(with_repeated_rounds(clean, 100)))


def test_a_leak_of_repeated_inputs_is_compared_with_distinct_ones() -> None:
    stops, goes_on = (the_other_way_round(with_repeated_rounds(leaky_run(), kept)) for kept in (0, 20_000))
    (reason,) = [reason for reason in reasons(stops) if "inputs" in reason]
    assert reason.startswith("grows with repeated inputs: ")
    assert reason.endswith("0 B per request with distinct ones")
    (reason,) = [reason for reason in reasons(goes_on) if "inputs" in reason]
    assert reason.startswith("does not need repeated inputs: ")


def test_a_route_that_is_clean_with_repeated_inputs_and_keeps_distinct_ones_says_how_to_test_that() -> None:
    clean = the_other_way_round(with_repeated_rounds(record(App(routes=(IMAGE, COURSE))), 10_000))
    assert any('inputs = "distinct"' in reason for reason in reasons(clean))
