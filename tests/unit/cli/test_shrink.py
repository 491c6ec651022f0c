"""`leakhunt check --shrink`: what becomes of each candidate, with the experiment left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leakhunt.analysis.same_leak import Leak
from leakhunt.cli import shrink as module
from leakhunt.cli.request import Request, read_request
from leakhunt.cli.shrink import shrink
from leakhunt.errors import TargetError
from leakhunt.hunt.session import INTERRUPTED
from leakhunt.hunt.settings import Settings
from leakhunt.model.report import Report
from leakhunt.model.reproduction import Reproduction
from leakhunt.workload.load import load_workload
from leakhunt.workload.scenario import Workload
from unit.reports.samples import LEAK

SETTINGS = """
target = "shop.wsgi:application"
[workload]
[[workload.step]]
path = "/"
[[workload.step]]
name = "upload"
path = "/upload"
form = { title = "t{n}", caption = "c{n}" }
files = [{ field = "photo", kind = "random", size = "1KB..2KB" }]
"""
OPTIONS = {
    **dict.fromkeys(("app", "chdir", "server", "workers", "threads", "python", "url", "ready", "ready_timeout")),
    **dict.fromkeys(("workload", "seed", "concurrency", "requests", "budget_time", "memory_limit", "budget", "output")),
    **dict.fromkeys(("env", "allow_host", "upload", "file", "request", "body", "header", "command"), ()),
}


@pytest.fixture
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    (tmp_path / "leakhunt.toml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    return replace(read_request(OPTIONS), seed=5)


class App:
    """Leaks as it is told to, and remembers what it was sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, leaks: Any) -> None:
        self.leaks, self.sent = leaks, list[Workload]()
        route = next(route for route in LEAK.routes if route.route == LEAK.suspects[0].route)
        self.leak = Leak(route.route, ("upload",), LEAK.suspects[0])
        self.outcome: str | None = None
        self.statuses = {"200": 9}
        monkeypatch.setattr(module, "record", self.record)
        monkeypatch.setattr("leakhunt.analysis.analyse.analyse", lambda run: run.report)

    def record(self, request: Request, *_: object, **__: object) -> tuple[Any, Path]:
        self.sent.append(request.workload)
        shown = self.leaks(request.workload)
        routes = tuple(replace(route, steps=("upload",), statuses=self.statuses) for route in LEAK.routes)
        report = replace(LEAK, routes=routes, suspects=LEAK.suspects if shown else ())
        return Recorded(report, self.outcome), Path()


class Recorded:
    def __init__(self, report: Report, outcome: str | None) -> None:
        self.report, self.outcome = report, outcome


def has_caption(workload: Workload) -> bool:
    return any("caption" in step.form for step in workload.steps)


def shrunk(request: Request, app: App, most: float = 600.0, leaks: Sequence[Leak] = ()) -> Reproduction:
    found = shrink(request, Settings(seed=5), leaks or (app.leak,), most, "--threads 2", Path())
    return found[0]


def test_the_command_replays_what_is_left(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    app = App(monkeypatch, has_caption)
    found = shrunk(request_, app)
    assert found.sent == ("POST /upload with field caption",)
    assert found.command is not None
    assert found.command.startswith("leakhunt profile --threads 2 --workload smallest-1.toml --seed 5 --concurrency 1 ")
    assert found.command.endswith(" shop.wsgi:application")
    (step,) = load_workload(Path("smallest-1.toml")).steps
    assert (step.path, step.form, step.files) == ("/upload", {"caption": "c{n}"}, ())
    assert Path("smallest-1.toml").stat().st_mode & 0o77 == 0
    assert (found.complete, found.runs) == (True, len(app.sent))
    assert found.bytes_per_request == app.leak.suspect.bytes_per_request


def test_a_workload_that_flags_can_say_needs_no_file(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    found = shrunk(request_, App(monkeypatch, lambda workload: any(step.files for step in workload.steps)))
    assert found.command is not None
    assert "--upload 'POST /upload' --file photo=random:0B" in found.command
    assert not Path("smallest-1.toml").exists()


def test_a_request_that_is_refused_may_leak_as_well_and_its_answer_is_told(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = App(monkeypatch, lambda workload: any(step.name == "upload" for step in workload.steps))
    app.statuses = {"400": 9}
    found = shrunk(request_, app)
    assert found.sent == ("POST /upload, answered 400",)
    assert load_workload(Path("smallest-1.toml")).steps[0].expect.statuses == (400,)
    assert all(step.expect.accepts(500) for workload in app.sent for step in workload.steps)


def test_a_leak_that_a_quick_run_does_not_show_is_told(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    found = shrunk(request_, App(monkeypatch, lambda _: False))
    assert (found.command, found.sent, found.runs) == (None, (), 2)
    assert found.null_reasons == {"command": "a quick run of the whole workload does not show it"}


def test_a_candidate_that_cannot_run_does_not_leak(
    request_: Request, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def leaks(workload: Workload) -> bool:
        if not workload.steps[0].files:
            raise TargetError("The target died.\nits last line")
        return True

    found = shrunk(request_, App(monkeypatch, leaks))
    assert found.sent == ("POST /upload with file photo (random, 0 B)",)
    assert "the bare request: cannot be measured: The target died. (" in capsys.readouterr().err


def test_when_time_is_up_what_was_found_stands(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    app = App(monkeypatch, lambda workload: any(step.name == "upload" for step in workload.steps))
    found = shrunk(request_, app, most=0.0)
    assert (found.complete, found.runs) == (False, 1)
    assert found.sent == ("POST /upload with field title, field caption, file photo (random, 1.95 KiB)",)


def test_without_time_for_the_whole_workload_nothing_is_said_of_it(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = shrunk(request_, App(monkeypatch, lambda workload: len(workload.steps) > 1), most=0.0)
    assert (found.complete, found.runs) == (False, 1)
    assert "no time for the whole workload" in found.null_reasons["command"]


def test_an_interrupt_ends_the_search(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    app = App(monkeypatch, has_caption)
    app.outcome = INTERRUPTED
    found = shrunk(request_, app, leaks=(app.leak, app.leak))
    assert (found.complete, found.command, len(app.sent)) == (False, None, 1)
    assert "interrupted" in found.null_reasons["command"]
