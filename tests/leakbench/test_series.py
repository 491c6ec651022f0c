"""What of a run is kept for the tests that look at a process from outside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from builders import App, record, white
from leakbench.case import CASES, load_case
from leakbench.lines import append_line
from leakbench.series import Recorded, Series, read_series, recorded, series_of
from leakbench.trial import Trial
from leakhunt.model.run import Phase, Role
from leakhunt.runfile import FILE_NAME

QUIET = App(routes=("GET /",), keeps={"GET /": {"live": 1000}}, noise=white(0), anonymous_noise=white(0), warm_up=0)


@pytest.fixture
def trial() -> Trial:
    case = load_case(CASES / "msgpack-unpacker")
    return Trial(case, case.side("leaky"), 1)


def test_levels_follow_the_requests_from_the_baseline_on() -> None:
    run = record(QUIET, blocks=1, seed=7)
    series = series_of(run)
    assert len(series.requests) == 1 + sum(each.phase is Phase.DOSE for each in run.rounds)
    assert series.requests[0] == 0
    assert series.requests[-1] == sum(sum(each.doses.values()) for each in run.rounds if each.phase is Phase.DOSE)
    for levels in (series.rss, series.anonymous):
        assert [level - levels[0] for level in levels] == [1000 * sent for sent in series.requests]


def test_workers_are_added_up_and_nobody_else() -> None:
    run = record(QUIET, blocks=1, seed=7, workers=2)
    one, other = run.workers
    both, alone = series_of(run), series_of(replace(run, workers=(one, replace(other, role=Role.MASTER))))
    last = next(each for each in reversed(run.rounds) if each.phase is Phase.DOSE)
    assert both.rss[-1] == sum(sample.memory.rss for sample in last.samples)
    assert alone.rss[-1] == next(sample.memory.rss for sample in last.samples if sample.worker == one.key)


def test_a_series_with_a_gap_is_none() -> None:
    run = record(QUIET, blocks=1, seed=7)
    *others, last = (each for each in run.rounds if each.phase is Phase.DOSE)
    (sample,) = last.samples
    gap = replace(last, samples=(replace(sample, memory=replace(sample.memory, anonymous=None)),))
    series = series_of(replace(run, rounds=(*others, gap)))
    assert series.anonymous == ()
    assert len(series.rss) == len(series.requests) == 1 + len(others)


@pytest.mark.parametrize("content", [None, b"", b"SQLite format 3\0 and then nothing of it"])
def test_a_run_that_cannot_be_read_has_none(content: bytes | None, trial: Trial, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / FILE_NAME).write_bytes(content)
    assert recorded(trial, tmp_path) == Recorded(*trial.key, trial=trial.digest, series=None)


def test_series_are_read_back_and_the_last_of_a_trial_counts(trial: Trial, tmp_path: Path) -> None:
    file = tmp_path / "series.jsonl"
    none = Recorded(*trial.key, trial=trial.digest, series=None)
    some = replace(none, series=Series((0, 7, 20), (100, 101, 103), ()))
    for each in (none, replace(none, seed=2), some):
        append_line(file, each)
    assert read_series(file) == {some.key: some, ("msgpack-unpacker", "leaky", 2): replace(none, seed=2)}
