"""`leakhunt check` with a reference, the experiment left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from builders import App, record
from formats import valid_junit, valid_report, valid_sarif
from leakhunt.analysis.analyse import analyse
from leakhunt.cli import check as module
from leakhunt.cli.main import main
from leakhunt.cli.request import Request
from leakhunt.hunt.settings import Settings
from leakhunt.model.report import Report
from leakhunt.project.reference import FILE, read_reference
from unit.cli.test_check import end_with
from unit.cli.test_report import write
from unit.reports.samples import CLEAN, IMAGE, LEAK

SETTINGS = """
target = "shop.wsgi:application"
[[workload.step]]
name = "image"
path = "/"
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "leakhunt.toml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return tmp_path


@pytest.fixture
def after_an_update(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, once it has the leaky run as its reference."""
    end_with(LEAK, monkeypatch)
    assert main(("check", "--update-reference")) == 0
    return project


def larger(report: Report = LEAK) -> Report:
    """The same, but for a route that keeps twice as much."""
    routes = tuple(
        replace(route, bytes_per_request=84_000.0, bytes_per_request_interval=(83_000.0, 85_000.0))
        if route.route == IMAGE
        else route
        for route in report.routes
    )
    return replace(report, routes=routes)


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_a_run_becomes_the_reference_and_is_then_no_worse_than_itself(
    after_an_update: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read_reference(after_an_update / FILE).routes.keys() == {route.route for route in LEAK.routes}
    assert main(("check",)) == 0  # found beside the settings, though nobody has named it
    assert capsys.readouterr().out.startswith("PASSED  16 checks against leakhunt-reference.toml.")


def test_what_is_more_than_in_the_reference_fails(
    after_an_update: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end_with(larger(), monkeypatch)
    files = {"sarif": "a.sarif", "junit": "a.xml", "json": "a.json", "markdown": "a.md"}
    assert main(("check", *(word for name, file in files.items() for word in (f"--{name}", file)))) == 1
    line = capsys.readouterr().out.splitlines()[0]
    assert f"{IMAGE} keeps more than in the reference: +41.2 KiB ± " in line
    told = {name: (after_an_update / file).read_text() for name, file in files.items()}
    for text in told.values():
        assert "keeps more than in the reference" in text
    valid_junit(told["junit"])
    (result,) = valid_sarif(told["sarif"])["runs"][0]["results"]
    assert result["properties"]["route"] == IMAGE
    gate = valid_report(told["json"])["gate"]
    (failed,) = [each for each in gate["checks"] if each["outcome"] == "failed"]
    assert (gate["reference"], failed["route"], failed["measured"]) == (FILE, IMAGE, 84_000.0)
    assert failed["before"] == pytest.approx(42_190, rel=1e-3)


def test_an_update_takes_over_what_is_new(after_an_update: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    end_with(larger(), monkeypatch)
    assert main(("check",)) == 1
    assert main(("check", "--update-reference")) == 0
    assert main(("check",)) == 0


def test_the_check_draws_as_the_reference_was_drawn(after_an_update: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = end_with(LEAK, monkeypatch)
    assert main(("check",)) == 0
    request, settings = asked
    assert isinstance(request, Request)
    assert isinstance(settings, Settings)
    assert request.seed == LEAK.plan.seed
    assert settings.doses == read_reference(after_an_update / FILE).doses


def test_another_python_is_said_in_every_report(
    after_an_update: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    newer = replace(LEAK, conditions={**LEAK.conditions, "python": "CPython 3.12.1"})
    end_with(newer, monkeypatch)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert main(("check", "--sarif", "a.sarif", "--junit", "a.xml", "--json", "a.json", "--markdown", "a.md")) == 0
    out = capsys.readouterr().out
    sentence = "Python: 3.11 in the reference, 3.12 now"
    assert f"Caveat: {sentence}" in out
    assert f"::notice title=leakhunt::{sentence}" in out
    for name in ("a.sarif", "a.xml", "a.json", "a.md"):
        assert sentence in (after_an_update / name).read_text(), name


def test_a_run_that_did_not_end_becomes_no_reference(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end_with(replace(CLEAN, outcome="a worker was killed"), monkeypatch)
    main(("check", "--update-reference"))
    assert "was not written: the run did not go to its end" in complaint(capsys)
    assert not (project / FILE).exists()


def test_a_reference_can_be_named_in_the_settings(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "leakhunt.toml").write_text(f'reference = "then.toml"\n{SETTINGS}')
    end_with(LEAK, monkeypatch)
    assert main(("check", "--update-reference")) == 0
    assert (project / "then.toml").exists()
    assert main(("check",)) == 0


@pytest.mark.parametrize("name", ["before", "before/run.sqlite"])
def test_a_recorded_run_is_a_reference_as_it_is(
    name: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = record(App(routes=("POST /image",), keeps={"POST /image": {"live": 40_000, "blocks": 3}}))
    write(run, project / "before")
    (step,) = run.routes
    (project / "leakhunt.toml").write_text(SETTINGS.replace('"image"', f'"{step}"'))
    monkeypatch.setattr(module, "profile", lambda *_: (run, analyse(run), Path("run")))
    assert main(("check", "--reference", name)) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"PASSED  4 checks against {name}.")
    assert main(("check",)) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence", "hint"),
    [
        (("--reference", "gone.toml"), "there is no reference gone.toml", "--update-reference"),
        (("--seed", "8"), "was made with seed 7, and this check is to use seed 8", "Leave the seed out"),
        (("--reference", ".", "--update-reference"), "is a recorded run", "--reference leakhunt-reference.toml"),
    ],
)
def test_a_reference_that_does_not_fit_is_refused_before_anything_runs(
    after_an_update: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    sentence: str,
    hint: str,
) -> None:
    asked = end_with(LEAK, monkeypatch)
    assert main(("check", *arguments)) == 2
    err = complaint(capsys)
    assert sentence in err
    assert hint in err
    assert asked == []


def test_a_reference_of_another_workload_is_refused(
    after_an_update: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (after_an_update / "leakhunt.toml").write_text(SETTINGS.replace('"image"', '"checkout"'))
    assert main(("check",)) == 2
    assert "leakhunt-reference.toml: has no step of this workload" in complaint(capsys)


def test_a_reference_with_a_mistake_has_its_line(after_an_update: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = after_an_update / FILE
    file.write_text(file.read_text().replace("schema = 1", "schema = 2"))
    assert main(("check",)) == 2
    assert "leakhunt-reference.toml:3: schema: is no reference of schema 1" in complaint(capsys)


def test_a_directory_without_a_run_is_no_reference(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("check", "--reference", ".")) == 3
    assert "run" in complaint(capsys)


def test_new_types_need_something_to_be_new_against(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "leakhunt.toml").write_text(f"{SETTINGS}[budgets]\nnew-types = 0\n")
    end_with(LEAK, monkeypatch)
    assert main(("check",)) == 2
    assert "new-types compares with a reference, and there is none" in complaint(capsys)
    assert main(("check", "--update-reference")) == 0
    assert main(("check", "--json", "a.json")) == 0
    checks = json.loads((project / "a.json").read_text())["gate"]["checks"]
    assert {check["outcome"] for check in checks if check["limit"] == "new-types"} == {"passed"}
