"""`leakhunt check`: exit codes, files and known leaks, with the experiment left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leakhunt.cli import check as module
from leakhunt.cli.main import main
from leakhunt.cli.request import Request
from leakhunt.cli.shrink import SHRINK_TIME
from leakhunt.hunt.session import INTERRUPTED
from leakhunt.model.gate import Outcome
from leakhunt.model.report import Report
from leakhunt.model.reproduction import Reproduction
from leakhunt.model.run import Run
from leakhunt.project.known import read_known
from unit.reports.comparison_samples import run_of
from unit.reports.samples import CLEAN, INCONCLUSIVE, LEAK

SETTINGS = """
target = "shop.wsgi:application"
[budgets]
growth = "1KB/request"
[budgets."GET /"]
growth = "100B/request"
[[workload.step]]
path = "/"
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "leakhunt.toml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return tmp_path


def end_with(report: Report, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Let every run end with this report; request and settings of each."""
    asked: list[object] = []
    thresholds = {"live": 64.0, "threads": 0.02, "descriptors": 0.02, "temp_files": 0.02}
    routes = tuple(replace(each, signals=("live",)) for each in report.routes)
    judged = replace(report, judgement=replace(report.judgement, thresholds=thresholds), routes=routes)

    def profile(request: object, settings: object, _: object) -> tuple[Run, Report, Path]:
        asked.extend((request, settings))
        return run_of(judged), judged, Path("leakhunt-runs/shop")

    monkeypatch.setattr(module, "profile", profile)
    return asked


@pytest.mark.parametrize(("report", "code"), [(CLEAN, 0), (LEAK, 1), (replace(INCONCLUSIVE, outcome=CLEAN.outcome), 4)])
def test_the_outcome_is_the_exit_code(
    report: Report, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end_with(report, monkeypatch)
    assert main(("check",)) == code
    assert capsys.readouterr().out.startswith(("PASSED", "FAILED", "UNDECIDED"))


def test_a_terminal_gets_no_lines_wider_than_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end_with(LEAK, monkeypatch)
    monkeypatch.setattr(module, "has_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    assert main(("check",)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("FAILED  ")
    assert [line for line in lines if len(line) > 100 and not line.startswith("Next: ")] == []


def test_an_interrupted_run_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    end_with(replace(CLEAN, outcome=INTERRUPTED), monkeypatch)
    assert main(("check",)) == 130


def test_every_outcome_of_a_gate_has_an_exit_code() -> None:
    assert set(module.EXIT_CODES) == {Outcome.PASSED, Outcome.FAILED, Outcome.UNDECIDED}


def test_the_run_tests_the_smallest_limit_by_the_same_doses_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = end_with(CLEAN, monkeypatch)
    assert main(("check",)) == 0
    request, _ = asked
    assert isinstance(request, Request)
    assert request.budget is not None
    assert (request.budget.per_request, request.seed) == (100.0, 1)


def test_a_budget_that_is_typed_wins_over_the_one_for_all_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = end_with(CLEAN, monkeypatch)
    assert main(("check", "--budget", "80B/request")) == 0
    request, _ = asked
    assert isinstance(request, Request)
    assert request.budget is not None
    assert request.budget.per_request == 80.0


def test_files_are_written_beside_the_settings_or_where_a_flag_says(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "leakhunt.toml").write_text(f'{SETTINGS}[reports]\njunit = "out/a.xml"\nmarkdown = "out/a.md"\n')
    end_with(LEAK, monkeypatch)
    assert main(("check", "--junit", "b.xml", "--json", "c/report.json")) == 1
    written = sorted(str(path.relative_to(project)) for path in project.rglob("*") if path.is_file())
    assert written == ["b.xml", "c/report.json", "leakhunt.toml", "out/a.md"]


def test_what_fails_can_be_accepted(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    end_with(LEAK, monkeypatch)
    assert main(("check", "--accept", "--reason", "mended with 2.4", "--expires", "2999-01-31")) == 0
    known = read_known(project / "leakhunt-known.toml")
    assert {leak.fingerprint for leak in known} == {suspect.fingerprint for suspect in LEAK.suspects}
    assert main(("check",)) == 0


def test_a_leak_is_shrunk_where_that_is_asked_for_and_every_file_tells_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end_with(LEAK, monkeypatch)
    asked: list[tuple[Any, ...]] = []
    command = "leakhunt profile --request 'GET /' shop.wsgi:application"

    def shrink(*arguments: Any) -> tuple[Reproduction, ...]:
        asked.append(arguments)
        return tuple(
            Reproduction(leak.route, leak.fingerprint, ("GET /",), command, 99.0, None, 7, 61.0, complete=True)
            for leak in arguments[2]
        )

    monkeypatch.setattr(module, "shrink", shrink)
    assert main(("check", "--shrink", "--threads", "3", "--json", "a.json", "--markdown", "a.md", "--seed", "4")) == 1
    ((request, _, leaks, most, launch, _),) = asked
    assert (request.seed, request.threads) == (4, 3)
    assert (most, launch) == (SHRINK_TIME, "--threads 3")
    told = json.loads((project / "a.json").read_text())["reproductions"]
    assert [each["fingerprint"] for each in told] == [leak.fingerprint for leak in leaks]
    for text in (capsys.readouterr().out, (project / "a.md").read_text()):
        assert text.count(command) == len(leaks)


def test_where_nothing_leaks_nothing_is_shrunk(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end_with(CLEAN, monkeypatch)
    assert main(("check", "--shrink")) == 0
    assert "nothing to shrink" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--accept",),
        ("--reason", "x"),
        ("--owner", "x"),
        ("--expires", "2027-01-01"),
        ("--expires", "soon"),
        ("--shrink-time", "60"),
    ],
)
def test_options_that_mean_nothing_alone_are_refused(arguments: tuple[str, ...]) -> None:
    assert main(("check", *arguments)) == 2
