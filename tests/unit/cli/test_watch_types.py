"""`leakhunt watch --types` and the snapshot key: what is said, what is written, and that it all is undone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leakhunt.cli.main import main
from leakhunt.runfile import RUNS, read_run
from terminal import Terminal
from watched_tree import WatchedTree, watched_tree


@pytest.fixture
def server() -> Iterator[WatchedTree]:
    with watched_tree() as tree:
        yield tree


@pytest.fixture
def workers(server: WatchedTree) -> tuple[int, ...]:
    found = server.fork(), server.fork(leaking=True)
    time.sleep(1)
    return found


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def are_left_alone(pids: tuple[int, ...]) -> None:
    """Check that no agent is in any of them any more, or soon will be."""
    deadline = time.monotonic() + 15
    while any(threads(pid) != 1 for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def open_terminal(directory: Path, *arguments: str, columns: int = 80, lines: int = 24) -> Terminal:
    command = f"import os; os.chdir({str(directory)!r}); from leakhunt.__main__ import run; run()"
    return Terminal("-c", command, "watch", *arguments, "--interval", "0.2", columns=columns, lines=lines)


def test_once_says_that_it_attaches_looks_once_and_leaves(
    server: WatchedTree, workers: tuple[int, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", str(server.pid), "--once", "--json", "--types"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err.startswith(f"Attaching to PID {workers[0]}, {workers[1]} of python master (PID {server.pid}): ")
    assert err.count("\n") == 1
    assert (found["attached"]["processes"], found["attached"]["looks"]) == (2, 1)
    assert "bytearray" in {each["type"] for each in found["types"]}
    assert {each["attached"] for each in found["processes"] if each["role"] == "worker"} == {True}
    assert [each["attached"] for each in found["processes"] if each["role"] == "master"] == [False]
    are_left_alone(workers)


def test_without_asking_for_it_nothing_is_attached_to(
    server: WatchedTree, workers: tuple[int, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", str(server.pid), "--once", "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (found["attached"], found["types"], found["requests_per_second"], err) == (None, None, None, "")
    assert {threads(pid) for pid in workers} == {1}


def test_what_cannot_be_attached_to_is_an_error_only_where_that_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeping:
        try:
            record = tmp_path / "run"
            assert main(["watch", str(sleeping.pid), "--once"]) == 0
            assert main(["watch", str(sleeping.pid), "--once", "--types", "--record", str(record)]) == 3
            assert "is not a CPython process" in capsys.readouterr().err
            assert not record.exists()
        finally:
            sleeping.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_the_workers_are_left_alone(
    number: signal.Signals, server: WatchedTree, workers: tuple[int, ...]
) -> None:
    # Whatever is started in the background of a shell without job control ignores SIGINT, and so would our child.
    heeds = ["env", "--default-signal=INT", sys.executable, "-m", "leakhunt"]
    command = [*heeds, "watch", str(server.pid), "--json", "--types", "--interval", "0.2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watching:
        try:
            assert watching.stdout is not None
            watching.stdout.readline()
            assert {threads(pid) for pid in workers} == {2}
            watching.send_signal(number)
            _, complaints = watching.communicate(timeout=60)
            assert b"Traceback" not in complaints
        finally:
            watching.kill()
    are_left_alone(workers)


def test_the_key_attaches_and_writes_a_snapshot_of_each_worker_where_the_screen_says(
    server: WatchedTree, workers: tuple[int, ...], tmp_path: Path
) -> None:
    terminal = open_terminal(tmp_path, str(server.pid), columns=140, lines=50)
    try:
        terminal.read_until("t attach, snapshot")
        assert {threads(pid) for pid in workers} == {1}
        terminal.type("t")
        terminal.read_until(f"Attaching to PID {workers[0]}, {workers[1]} of python master")
        terminal.read_until(f"Snapshot 1 of 2 workers is in {RUNS}/")
        terminal.type("t")
        terminal.read_until("Snapshot 2 of 2 workers is in")
        terminal.read_until("types that have grown since the first look")
        terminal.type("q")
        assert terminal.wait() == 0
        assert "Recorded: " in terminal.shown
        assert terminal.settings() == terminal.before
    finally:
        terminal.close()
    are_left_alone(workers)
    (directory,) = (tmp_path / RUNS).iterdir()
    run = read_run(directory)
    assert run.outcome == "complete"
    assert {worker.pid for worker in run.workers if worker.key in {each.worker for each in run.snapshots}} == {*workers}
    assert [each.round for each in run.snapshots] == [0, 0, 1, 1]
    assert all(each.paths for each in run.snapshots)
    assert main(["report", str(directory)]) == 0


def test_a_snapshot_goes_into_the_run_that_is_recorded(
    server: WatchedTree, workers: tuple[int, ...], tmp_path: Path
) -> None:
    terminal = open_terminal(tmp_path, str(server.pid), "--types", "--record", str(tmp_path / "run"))
    try:
        terminal.read_until("t snapshot")
        terminal.type("t")
        terminal.read_until("Snapshot 1 of 2 workers")
        os.kill(terminal.process.pid, signal.SIGTERM)
        assert terminal.wait() == 130
    finally:
        terminal.close()
    are_left_alone(workers)
    run = read_run(tmp_path / "run")
    assert len(run.snapshots) == 2
    assert len(run.timeline) > 3
    assert not (tmp_path / RUNS).exists()
