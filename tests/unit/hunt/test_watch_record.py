"""What is watched, recorded as a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from leakhunt.hunt.watch_record import WatchRecorder, plan_of
from leakhunt.model.run import WATCHED, Role, Run
from leakhunt.model.view import TreeView
from leakhunt.runfile import RunWriter, read_run
from unit.reports.watch_samples import a_process, a_view


def writer(directory: Path) -> RunWriter:
    plan = plan_of(100, "gunicorn master", 2.0)
    return RunWriter(directory, name="gunicorn", started_at="2026-11-26T10:00:00+00:00", leakhunt="1", plan=plan)


def recorded(directory: Path, *views: TreeView) -> Run:
    with writer(directory) as out:
        recorder = WatchRecorder(out)
        for view in views:
            recorder.add(view)
        recorder.finish("complete")
    return read_run(directory)


MASTER, FIRST, SECOND = a_process(100, role=Role.MASTER), a_process(101), a_process(102)


def test_every_reading_is_a_point_for_each_process(tmp_path: Path) -> None:
    views = [replace(a_view(MASTER, FIRST), time=time) for time in (0.0, 2.0, 4.0)]
    run = recorded(tmp_path / "run", *views)
    assert run.plan.workload == WATCHED
    assert run.outcome == "complete"
    assert [(point.worker, point.time) for point in run.timeline] == [
        (process.key, time) for time in (0.0, 2.0, 4.0) for process in (MASTER, FIRST)
    ]
    assert {point.rss for point in run.timeline} == {MASTER.vitals.memory.rss}
    assert {point.uss for point in run.timeline} == {MASTER.vitals.memory.uss}
    assert run.rounds == ()


def test_a_life_is_recorded_with_its_birth_and_its_end(tmp_path: Path) -> None:
    before = replace(a_view(MASTER, FIRST), time=10.0)
    after = replace(a_view(MASTER, replace(SECOND, age=1.0)), time=20.0)
    workers = {worker.key: worker for worker in recorded(tmp_path / "run", before, after).workers}
    assert workers[FIRST.key].born == 10.0 - FIRST.age
    assert (workers[FIRST.key].died, workers[FIRST.key].death) == (20.0, "ended")
    assert (workers[SECOND.key].born, workers[SECOND.key].died) == (19.0, None)
    assert workers[MASTER.key].role is Role.MASTER


def test_a_process_that_turns_out_to_be_something_else_is_brought_up_to_date(tmp_path: Path) -> None:
    young = replace(FIRST, role=Role.OTHER, name="python")
    run = recorded(tmp_path / "run", a_view(MASTER, young), a_view(MASTER, FIRST))
    assert {(worker.name, worker.role) for worker in run.workers if worker.key == FIRST.key} == {
        (FIRST.name, Role.WORKER)
    }


def broken_off(directory: Path) -> None:
    with writer(directory) as out:
        WatchRecorder(out).add(a_view(MASTER))
        raise KeyboardInterrupt


def test_a_watch_that_breaks_off_keeps_what_was_read(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        broken_off(tmp_path / "run")
    run = read_run(tmp_path / "run")
    assert len(run.timeline) == 1
    assert run.outcome is None
