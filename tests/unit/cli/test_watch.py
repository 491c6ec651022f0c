"""`leakhunt watch`: exit codes, what goes where, and the terminal."""

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

from leakhunt.analysis.trend import WANTED
from leakhunt.cli.main import main
from leakhunt.model.run import WATCHED
from leakhunt.reports.watch import TREND
from leakhunt.runfile import read_run
from terminal import Terminal
from watched_tree import WatchedTree, watched_tree


@pytest.fixture
def server() -> Iterator[WatchedTree]:
    with watched_tree() as tree:
        tree.fork()
        time.sleep(0.6)
        yield tree


def test_once_prints_one_table_and_stops(server: WatchedTree, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", str(server.pid), "--once"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"python master (PID {server.pid})  2 processes")
    assert out.count("python worker 1") == 1
    assert TREND in out
    assert "known in" not in out
    assert err == ""


def test_once_as_json_is_one_line(server: WatchedTree, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", str(server.pid), "--once", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [process["role"] for process in found["processes"]] == ["master", "worker"]
    assert found["pid"] == server.pid


def test_without_a_terminal_readings_follow_each_other(server: WatchedTree, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", str(server.pid), "--json", "--interval", "0.2", "--duration", "1"]) == 0
    out, err = capsys.readouterr()
    readings = [json.loads(line) for line in out.splitlines()]
    assert [reading["readings"] for reading in readings] == list(range(1, len(readings) + 1))
    assert len(readings) >= 2
    assert readings[0]["watched_s"] < readings[-1]["watched_s"]
    assert readings[-1]["processes"][0]["cpu_share"] is not None
    assert err.startswith(f"Watched PID {server.pid} for 1.")


def test_a_process_that_ends_while_it_is_watched_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(2)"]) as brief:
        directory = tmp_path / "run"
        assert main(["watch", str(brief.pid), "--interval", "0.2", "--record", str(directory)]) == 0
    out, err = capsys.readouterr()
    assert out.count(TREND) > 1
    assert f"PID {brief.pid} (" in err
    assert "has ended, after it was watched for" in err
    assert f"Recorded: {directory}" in err
    run = read_run(directory)
    assert (run.outcome, run.plan.workload) == ("complete", WATCHED)
    assert len(run.timeline) > 1


@pytest.mark.parametrize("options", [("--once",), ("--json",), ()])
def test_a_pid_that_does_not_exist_is_one_sentence_and_a_hint(
    options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert main(["watch", str(gone.pid), *options]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"leakhunt: PID {gone.pid} does not exist (any more).\n  hint: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("gunicorn",),
        ("0",),
        ("-1",),
        (),
        ("1", "--interval", "0"),
        ("1", "--interval", "nan"),
        ("1", "--sort", "name"),
        ("1", "--once", "--duration", "5"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", *arguments]) == 2
    assert capsys.readouterr().out == ""


def test_a_run_directory_that_exists_is_refused(
    tmp_path: Path, server: WatchedTree, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", str(server.pid), "--once", "--record", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "leakhunt never writes over a run" in err
    assert "hint: Choose another directory with --record." in err


@pytest.mark.parametrize("recording", [False, True])
def test_when_nobody_reads_any_more_it_stops_unless_it_records(
    recording: bool, tmp_path: Path, server: WatchedTree
) -> None:
    command = [sys.executable, "-m", "leakhunt", "watch", str(server.pid), "--json", "--interval", "0.2"]
    more = ["--record", str(tmp_path / "run")] if recording else []
    with subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watching:
        assert watching.stdout is not None
        watching.stdout.readline()
        watching.stdout.close()
        if recording:
            with pytest.raises(subprocess.TimeoutExpired):
                watching.wait(3)
            watching.terminate()
            assert watching.wait(30) == 130
        else:
            assert watching.wait(30) == 0
        assert watching.stderr is not None
        assert b"Traceback" not in watching.stderr.read()


def record(pid: int, directory: Path, readings: int) -> None:
    """Watch for so many readings, then interrupt it."""
    command = [sys.executable, "-m", "leakhunt", "watch", str(pid), "--interval", "0.2", "--json"]
    with subprocess.Popen([*command, "--record", str(directory)], stdout=subprocess.PIPE) as watching:
        assert watching.stdout is not None
        for _ in range(readings):
            assert watching.stdout.readline()
        watching.terminate()
        watching.stdout.read()
    assert watching.returncode == 130


def test_a_recorded_watch_is_rendered_by_report(
    tmp_path: Path, server: WatchedTree, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "run"
    leaking = server.fork(leaking=True)
    record(server.pid, directory, 3 * WANTED)
    assert main(["report", str(directory)]) == 0
    out = capsys.readouterr().out
    assert f"(PID {leaking}): RSS rose by" in out
    assert "SUSPECTED  Memory rose while it was watched. That is no proof of a leak." in out
    page = (directory / "report.html").read_text()
    assert "SUSPECTED" in page
    assert "<svg" in page


def open_terminal(*arguments: str, columns: int = 80, lines: int = 24) -> Terminal:
    return Terminal("-m", "leakhunt", "watch", *arguments, "--interval", "0.2", columns=columns, lines=lines)


def test_keys_sort_pause_and_quit_and_the_terminal_comes_back(server: WatchedTree) -> None:
    terminal = open_terminal(str(server.pid))
    try:
        terminal.read_until("sorted by birth")
        terminal.type("s")
        terminal.read_until("sorted by rss")
        terminal.type("p")
        terminal.read_until("p go on")
        terminal.type("p")
        terminal.read_until("p pause")
        terminal.type("q")
        assert terminal.wait() == 0
        assert not terminal.taken
        assert terminal.settings() == terminal.before
        # What was seen last stays, and no keys are offered any more.
        stays = terminal.shown.rpartition("\x1b[?1049l")[2]
        assert f"python master (PID {server.pid})" in stays
        assert "q quit" not in stays
    finally:
        terminal.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back_and_keeps_the_recording(
    number: signal.Signals, server: WatchedTree, tmp_path: Path
) -> None:
    terminal = open_terminal(str(server.pid), "--record", str(tmp_path / "run"))
    try:
        terminal.read_until("sorted by birth")
        time.sleep(0.5)
        os.kill(terminal.process.pid, number)
        assert terminal.wait() == 130
        assert not terminal.taken
        assert terminal.settings() == terminal.before
    finally:
        terminal.close()
    run = read_run(tmp_path / "run")
    assert run.outcome == "interrupted"
    assert run.timeline


def test_when_the_process_ends_the_terminal_comes_back_and_a_line_says_so(server: WatchedTree) -> None:
    terminal = open_terminal(str(server.pid))
    try:
        terminal.read_until("sorted by birth")
        server.end()
        assert terminal.wait() == 0
        assert "has ended, after it was watched for" in terminal.shown.rpartition("\x1b[?1049l")[2]
        assert terminal.settings() == terminal.before
    finally:
        terminal.close()


def test_a_dumb_terminal_gets_tables_and_no_control_sequences(server: WatchedTree) -> None:
    command = ("-c", "import os; os.environ['TERM'] = 'dumb'; from leakhunt.__main__ import run; run()")
    terminal = Terminal(*command, "watch", str(server.pid), "--interval", "0.2", "--duration", "1")
    try:
        assert terminal.wait() == 0
        assert "\x1b" not in terminal.shown
        assert terminal.shown.count(f"(PID {server.pid})") >= 2
    finally:
        terminal.close()
