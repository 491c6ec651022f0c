from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE, CompletedProcess
from typing import IO

import pytest

from builders import App, record
from conftest import ROOT
from leakhunt.cli import report as module
from leakhunt.cli.main import main
from leakhunt.errors import RunFileError
from leakhunt.hunt.recorder import Recorder
from leakhunt.model.run import Run
from leakhunt.reports.formats import FORMATS
from leakhunt.runfile import RunWriter


def write(run: Run, directory: Path, *, outcome: str | None = "complete") -> None:
    """Record a run that has been made up."""
    head = {"name": run.name, "started_at": run.started_at, "leakhunt": run.leakhunt}
    recorder = Recorder(RunWriter(directory, plan=run.plan, **head), plan=run.plan, **head)
    recorder.conditions(run.conditions)
    recorder.routes(run.routes)
    recorder.workers(run.workers)
    for done in run.rounds:
        recorder.round(done, tuple(request for request in run.requests if request.round == done.index), ())
    if outcome is not None:
        recorder.finish(outcome, None)


LEAKY = App(routes=("POST /image",), keeps={"POST /image": {"live": 40_000, "blocks": 3}})


@pytest.fixture(scope="module")
def leak(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a run that leaks."""
    directory = tmp_path_factory.mktemp("runs") / "leak"
    write(record(LEAKY), directory)
    return directory


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a run that ended before its verdict rounds: judged in no time."""
    directory = tmp_path_factory.mktemp("runs") / "short"
    write(record(LEAKY, rounds=0), directory)
    return directory


def test_without_a_format_the_summary_is_shown(leak: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(leak)]) == 0
    out = capsys.readouterr().out
    assert "LEAK" in out
    assert "POST /image" in out
    assert out.endswith(f"Report: {leak / 'report.html'}\n")


def test_the_run_may_be_named_by_its_file(short: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(short)]) == 0
    by_directory = capsys.readouterr().out
    assert main(["report", str(short / "run.sqlite")]) == 0
    assert capsys.readouterr().out == by_directory


def recorded(directory: Path, *, outcome: str | None) -> Path:
    """A run of its own whose reports nobody has written."""
    write(record(LEAKY), directory, outcome=outcome)
    return directory


@pytest.mark.parametrize("outcome", [None, "complete"])
def test_a_run_without_reports_gets_them(outcome: str | None, tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", outcome=outcome)
    assert main(["report", str(run)]) == 0
    written = {path.name for path in run.iterdir() if not path.name.startswith("run.sqlite")}
    assert written == {"report.html", "report.json", "report.md", "routes.png", "routes.svg"}


def test_reports_that_were_written_are_left_alone(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", outcome="complete")
    (run / "report.html").write_text("<p>What was found that day.</p>")
    assert main(["report", str(run)]) == 0
    assert (run / "report.html").read_text() == "<p>What was found that day.</p>"
    assert not (run / "report.md").exists()


def test_reports_of_a_run_that_may_still_grow_are_written_again(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", outcome=None)
    (run / "report.html").write_text("<p>As it was a while ago.</p>")
    assert main(["report", str(run)]) == 0
    assert "POST /image" in (run / "report.html").read_text()


def test_a_run_named_by_its_file_gets_no_company(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = recorded(tmp_path / "run", outcome="complete")
    assert main(["report", str(run / "run.sqlite")]) == 0
    assert not (run / "report.html").exists()
    assert "Report:" not in capsys.readouterr().out


def test_a_run_that_cannot_be_written_to_is_shown_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise RunFileError("The report could not be written.")

    run = recorded(tmp_path / "run", outcome="complete")
    monkeypatch.setattr(module, "write_all", refuse)
    assert main(["report", str(run)]) == 0
    out = capsys.readouterr().out
    assert "LEAK" in out
    assert "Report:" not in out


def test_a_leak_is_no_failure_of_the_report(leak: Path) -> None:
    assert main(["report", str(leak), "--format", "json"]) == 0


@pytest.mark.parametrize("name", [form.name for form in FORMATS])
def test_every_format_goes_to_standard_output(short: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(short), "--format", name]) == 0
    captured = capsys.readouterr()
    assert "POST /image" in captured.out
    assert captured.err == ""


def test_json_is_json(leak: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["report", str(leak), "--format", "json"])
    assert json.loads(capsys.readouterr().out)["judgement"]["verdict"] == "LEAK"


def test_a_report_goes_to_a_file(short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(short), "--format", "md", "--output", str(tmp_path / "leak.md")]) == 0
    assert capsys.readouterr().out == ""
    main(["report", str(short), "--format", "md"])
    assert (tmp_path / "leak.md").read_text() == capsys.readouterr().out


def test_a_file_gets_html_unless_told_otherwise(short: Path, tmp_path: Path) -> None:
    assert main(["report", str(short), "--output", str(tmp_path / "leak.html")]) == 0
    assert (tmp_path / "leak.html").read_text().lower().startswith("<!doctype html>")


def test_an_unknown_format_is_a_usage_error(short: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(short), "--format", "pdf"]) == 2
    assert "'pdf' is not one of 'html', 'json', 'md', 'text'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nowhere", "nowhere/run.sqlite", "."])
def test_a_missing_run_is_one_sentence(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / name)]) == 3
    message, hint = capsys.readouterr().err.splitlines()
    assert message == f"leakhunt: There is no recorded run at {tmp_path / name}."
    assert hint.startswith("  hint: ")


def test_something_else_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.sqlite").write_text("Dear diary, " * 100)
    assert main(["report", str(tmp_path)]) == 3
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["no/such/directory/leak.html", "."])
def test_an_output_that_cannot_be_written_is_one_sentence(
    short: Path, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(short), "--output", str(tmp_path / name)]) == 3
    message, hint = capsys.readouterr().err.splitlines()
    assert message.startswith(f"leakhunt: The report could not be written to {tmp_path / name}: ")
    assert hint == "  hint: Choose another place with --output."


@pytest.mark.parametrize("name", ["text", "md", "json"])
def test_formats_without_charts_do_without_matplotlib(short: Path, name: str) -> None:
    code = (
        "import sys; from leakhunt.cli.main import main;"
        f"main(['report', {str(short)!r}, '--format', {name!r}]); print('\\n', 'matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"


# --- Where the output goes. -----------------------------------------------------------------------------------------


def run_command(*args: str, stdout: int | IO[bytes] = PIPE, encoding: str = "utf-8") -> CompletedProcess[bytes]:
    """`leakhunt` in a process of its own."""
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run(
        [sys.executable, "-m", "leakhunt", *args], stdout=stdout, stderr=PIPE, env=env, cwd=ROOT, check=False
    )


def test_an_encoding_that_lacks_characters_gets_escapes(short: Path) -> None:
    done = run_command("report", str(short), "--format", "text", encoding="ascii")
    assert done.returncode == 0, done.stderr.decode()
    assert b"POST /image" in done.stdout
    assert rb"\u2013" in done.stdout or rb"\xb1" in done.stdout


def test_a_full_disk_is_one_sentence(short: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = run_command("report", str(short), stdout=full)
    assert done.returncode == 3
    assert done.stderr.decode().splitlines() == [
        "leakhunt: There is no space left to write to.",
        "  hint: Free some space, or send the output somewhere else.",
    ]


def test_a_reader_that_leaves_early_is_no_error(short: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        done = run_command("report", str(short), "--format", "html", stdout=pipe)
    assert (done.returncode, done.stderr) == (0, b"")
