from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from builders import App, Kept, explain, peaks, record
from leakhunt.hunt.recorder import Recorder
from leakhunt.model.run import Cost, Run
from leakhunt.model.snapshot import Container
from leakhunt.runfile import RunWriter, read_run
from unit.hunt.bench import HEAD

STEP = "POST /image"


@pytest.fixture
def whole() -> Run:
    """A run with something of everything."""
    run = record(App(keeps={STEP: {"live": 20_000}}), blocks=1, workers=2)
    run = explain(run, STEP, [Kept((("views", "module"), ("._KEPT", "list"), ("[*]", "bytes")), size=20_000)])
    key = run.workers[0].key
    return replace(
        run,
        peaks=peaks(STEP, key, (1000, 2000), 3.0),
        containers=(Container(key, run.rounds[-1].index, "views._KEPT", "list", length=300),),
    )


def play(run: Run, recorder: Recorder) -> None:
    """Tell the recorder all that a run holds, as an experiment would."""
    recorder.conditions(run.conditions)
    recorder.routes(run.routes)
    recorder.workers(run.workers)
    for done in run.rounds:
        requests = tuple(record for record in run.requests if record.round == done.index)
        dots = tuple(point for point in run.timeline if done.started < point.time <= done.ended)
        recorder.round(done, requests, dots)
    for peak in run.peaks:
        recorder.peak(peak)
    for snapshot in run.snapshots:
        recorder.snapshot(snapshot)
    for container in run.containers:
        recorder.container(container)


def start(directory: Path) -> Recorder:
    return Recorder(RunWriter(directory, **HEAD), **HEAD)


def test_what_is_kept_equals_what_is_written(tmp_path: Path, whole: Run) -> None:
    recorder = start(tmp_path / "run")
    play(whole, recorder)
    recorder.caveat("worker-died", "Worker 2 died.")
    recorder.finish("complete", Cost(0.01, None, 0.004))
    kept = recorder.run()
    assert read_run(tmp_path / "run") == kept
    assert (kept.rounds, kept.requests, kept.snapshots, kept.containers, kept.peaks) == (
        whole.rounds,
        whole.requests,
        whole.snapshots,
        whole.containers,
        whole.peaks,
    )
    assert kept.timeline
    assert kept.outcome == "complete"


def test_every_round_can_be_read_as_soon_as_it_is_recorded(tmp_path: Path, whole: Run) -> None:
    recorder = start(tmp_path / "run")
    for done in whole.rounds[:3]:
        recorder.round(done, (), ())
        assert read_run(tmp_path / "run") == recorder.run()
    recorder.finish("interrupted", None)


def test_a_caveat_is_recorded_once(tmp_path: Path) -> None:
    recorder = start(tmp_path / "run")
    for text in ("Worker 1 died.", "Worker 2 died.", "Worker 1 died."):
        recorder.caveat("worker-died", text)
    recorder.finish("complete", None)
    assert [caveat.text for caveat in read_run(tmp_path / "run").caveats] == ["Worker 1 died.", "Worker 2 died."]


def test_a_life_and_a_route_are_brought_up_to_date(tmp_path: Path, whole: Run) -> None:
    recorder = start(tmp_path / "run")
    ended = replace(whole.workers[0], died=9.0, death="recycled")
    recorder.workers(whole.workers)
    recorder.workers([ended])
    recorder.routes({"image": "POST /lessons/{n}/images/"})
    recorder.routes({"image": "POST /lessons/<int:pk>/images/"})
    recorder.finish("complete", None)
    run = read_run(tmp_path / "run")
    assert run == recorder.run()
    assert run.workers == (ended, whole.workers[1])
    assert run.routes == {"image": "POST /lessons/<int:pk>/images/"}


def test_a_run_that_is_going_on_has_no_outcome_yet(tmp_path: Path) -> None:
    recorder = start(tmp_path / "run")
    assert recorder.run().outcome is None
    recorder.finish("complete", None)
    assert recorder.run().outcome == "complete"
