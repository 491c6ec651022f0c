from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import App, record
from leakhunt.analysis.chart import chart_series, phase_spans, thin
from leakhunt.model.measurement import TimelinePoint
from leakhunt.model.run import Phase, Role, Round, Worker


def points(*levels: int, worker: str = "1@1") -> tuple[TimelinePoint, ...]:
    return tuple(TimelinePoint(worker, float(time), rss) for time, rss in enumerate(levels))


def worker(key: str, born: float) -> Worker:
    return Worker(key, 1, 0, Role.WORKER, f"worker {key}", born)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=200), st.integers(3, 50))
def test_a_thinned_curve_keeps_both_ends_the_summit_and_the_order(levels: list[int], most: int) -> None:
    curve = points(*levels)
    kept = thin(curve, most)
    assert len(kept) == min(len(curve), most)
    assert (kept[0], kept[-1]) == (curve[0], curve[-1])
    assert max(point.rss for point in kept) == max(levels)
    assert list(kept) == sorted(set(kept), key=lambda point: point.time)


def test_every_life_has_a_curve_in_the_order_of_birth() -> None:
    lives = (worker("2@2", 5.0), worker("1@1", 0.0))
    run = replace(record(App(), rounds=0), workers=lives, timeline=(*points(9, 8, worker="2@2"), *points(5)))
    assert [(curve.worker, curve.name, curve.rss) for curve in chart_series(run)] == [
        ("1@1", "worker 1@1", (5,)),
        ("2@2", "worker 2@2", (9, 8)),
    ]


def test_a_life_that_was_never_read_has_no_curve() -> None:
    run = replace(record(App(), rounds=0), workers=(worker("1@1", 0.0), worker("2@2", 1.0)), timeline=points(5))
    assert [curve.worker for curve in chart_series(run)] == ["1@1"]


def test_what_was_not_measured_leaves_a_gap_and_no_zero() -> None:
    curve = (TimelinePoint("1@1", 0.0, 10, 7), TimelinePoint("1@1", 0.5, 12))
    (series,) = chart_series(replace(record(App(), rounds=0), workers=(worker("1@1", 0.0),), timeline=curve))
    assert (series.times, series.uss) == ((0.0, 0.5), (7, None))


@pytest.mark.parametrize("inputs", ["distinct", "repeated"])
def test_the_rounds_that_compare_inputs_are_called_by_what_they_were_sent_with(inputs: str) -> None:
    played = (Round(0, Phase.REPEATED, 0.0, 0.5, inputs=inputs),)
    assert [span.label for span in phase_spans(replace(record(App(), rounds=0), rounds=played))] == [f"{inputs} inputs"]


def test_rounds_of_one_phase_are_one_stretch_and_a_phase_that_comes_back_is_another() -> None:
    phases = [Phase.WARM_UP, Phase.WARM_UP, Phase.EXPLAIN, Phase.WARM_UP]
    played = tuple(Round(i, phase, float(i), i + 0.5) for i, phase in enumerate(phases))
    spans = phase_spans(replace(record(App(), rounds=0), rounds=played))
    assert [(span.label, span.started, span.ended) for span in spans] == [
        ("warm-up", 0.0, 1.5),
        ("explain", 2.0, 2.5),
        ("warm-up", 3.0, 3.5),
    ]


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_has_a_label(phase: Phase) -> None:
    (span,) = phase_spans(replace(record(App(), rounds=0), rounds=(Round(0, phase, 0.0, 1.0),)))
    assert span.phase is phase
    assert span.label


def test_a_run_without_rounds_has_no_stretches() -> None:
    assert phase_spans(replace(record(App(), rounds=0), rounds=())) == ()
