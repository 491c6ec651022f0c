from __future__ import annotations

import stat
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

import pytest

from fakes import FakeApp, FakeClock, FakeReplayer, FakeTarget
from leakhunt.cli import profile as module
from leakhunt.cli.main import main
from leakhunt.cli.profile import EXIT_CODES, command
from leakhunt.cli.request import read_request
from leakhunt.hunt import experiment, quiet
from leakhunt.hunt.session import INTERRUPTED
from leakhunt.hunt.settings import Settings
from leakhunt.model.report import Report, Verdict
from leakhunt.model.run import Plan
from leakhunt.runfile import read_run
from unit.hunt.bench import idle_processes
from unit.reports.samples import CLEAN, LEAK

WORKLOAD = """
concurrency = 2

[[step]]
name = "image"
path = "/image/{n}/"

[[step]]
name = "page"
path = "/page/{n}/"
"""
APP = ("profile", "shop.wsgi:application", "--request", "GET /")


# --- Exit codes. ----------------------------------------------------------------------------------------------------


def end_with(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every profile end with this report."""
    monkeypatch.setattr(module, "profile", lambda *_: (None, report, Path("leakhunt-runs/shop")))


@pytest.mark.parametrize(
    ("verdict", "code"),
    [(Verdict.CLEAN, 0), (Verdict.BOUNDED, 0), (Verdict.LEAK, 1), (Verdict.INCONCLUSIVE, 4)],
)
def test_the_verdict_is_the_exit_code(
    verdict: Verdict, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end_with(replace(LEAK, judgement=replace(LEAK.judgement, verdict=verdict)), monkeypatch)
    assert main(APP) == code
    assert verdict.value in capsys.readouterr().out


def test_every_verdict_has_an_exit_code() -> None:
    assert set(EXIT_CODES) == set(Verdict)


def test_an_interrupted_run_is_shown_and_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("leakhunt-runs/shop").mkdir(parents=True)
    Path("leakhunt-runs/shop/report.html").touch()
    end_with(replace(CLEAN, outcome=INTERRUPTED), monkeypatch)
    assert main(APP) == 130
    assert "Report: leakhunt-runs/shop/report.html" in capsys.readouterr().out


# --- Options. -------------------------------------------------------------------------------------------------------


def settings_of(monkeypatch: pytest.MonkeyPatch, *options: str) -> Settings:
    """What the experiment is told."""
    heard: list[Settings] = []

    def profile(_: object, settings: Settings, __: object) -> tuple[None, Report, Path]:
        heard.append(settings)
        return None, CLEAN, Path()

    monkeypatch.setattr(module, "profile", profile)
    assert main([*APP, *options]) == 0
    return heard[0]


def test_all_parts_of_the_experiment_run_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_of(monkeypatch, "--seed", "3", "--budget-time", "20") == Settings(seed=3, budget=20.0)


def test_the_experiment_can_be_cut_down(monkeypatch: pytest.MonkeyPatch) -> None:
    options = "--seed 3 --budget-time 20 --memory-limit 2GiB --requests 500 --no-peaks --no-explain --show-values"
    assert settings_of(monkeypatch, *options.split()) == Settings(
        seed=3,
        budget=20.0,
        memory_limit=2 * 2**30,
        max_requests=500,
        peaks=False,
        explain=False,
        show_values=True,
    )


@pytest.mark.parametrize(
    "option", ["--memory-limit=lots", "--budget-time=0", "--requests=0", "--workers=0", "--seed=-1", "--server=apache"]
)
def test_values_that_make_no_sense_are_usage_errors(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*APP, option]) == 2
    assert option.partition("=")[0] in capsys.readouterr().err


# --- The plan. ------------------------------------------------------------------------------------------------------


def plan_of(*args: str) -> Plan:
    context = command.make_context("profile", list(args))
    request = read_request(context.params)
    return module._plan(
        request,
        Settings(seed=request.seed, budget=40.0, memory_limit=2**30),
        module.typed(context, without=module._OWN),
    )


def test_the_plan_says_what_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan = plan_of("shop:app", "--request", "GET /", "--seed", "3", "--workers", "2", "--requests", "500")
    assert plan == Plan(
        target="shop:app",
        workload="command line",
        server="gunicorn",
        seed=3,
        concurrency=1,
        workers=2,
        threads=1,
        max_requests=500,
        memory_limit=2**30,
        options={"time budget": "40 s", "flags": "--workers 2 --request 'GET /' --seed 3"},
    )


def test_the_plan_says_where_inputs_are_repeated(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text('inputs = "repeated"\nstep = [{ path = "/" }]\n')
    assert plan_of("shop:app", "--workload", str(tmp_path / "shop.toml")).options["inputs"] == "repeated"


def test_the_plan_keeps_apart_what_only_this_command_understands() -> None:
    options = plan_of("shop:app", "--request", "GET /", "--no-peaks", "--budget-time", "9", "--output", "run").options
    assert options["flags"] == "--request 'GET /'"
    assert options["experiment flags"] == "--no-peaks"


def test_of_the_users_own_command_the_plan_knows_the_command_only(tmp_path: Path) -> None:
    plan = plan_of("--request", "GET /", "--chdir", str(tmp_path), "--", "gunicorn", "-w", "3", "shop.wsgi")
    assert (plan.target, plan.server, plan.workers, plan.threads) == (
        "gunicorn -w 3 shop.wsgi",
        "own command",
        None,
        None,
    )
    assert plan.options["chdir"] == str(tmp_path)


def test_the_plan_names_variables_and_headers_but_holds_no_value() -> None:
    plan = plan_of(
        *("--request", "GET /search?token=open-sesame"),
        *("--env", "SECRET_KEY=open-sesame", "--env", "DEBUG=open-sesame"),
        *("--header", "Authorization: open-sesame", "--url", "http://me:open-sesame@127.0.0.1:8000"),
        *("--", "gunicorn", "shop:app"),
    )
    assert plan.options["env"] == "DEBUG, SECRET_KEY"
    assert "open-sesame" not in repr(plan)


# --- A whole run. ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """A run that has ended."""

    code: int
    directory: Path
    target: FakeTarget
    out: str
    err: str


@pytest.fixture(scope="module")
def leak(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """`leakhunt profile` of a fake app with a leak."""
    base = tmp_path_factory.mktemp("profile")
    (base / "launch").mkdir()
    (base / "uploads.toml").write_text(WORKLOAD)
    clock = FakeClock()
    with pytest.MonkeyPatch.context() as patch, idle_processes(1) as pids:
        target = FakeTarget(FakeApp(keeps={"image": 40_000}), pids, base / "launch")
        patch.chdir(base)
        patch.setattr(module, "make_target", lambda *_: target)
        patch.setattr(module, "connect", lambda *_: FakeReplayer(target, clock, ("image", "page")))
        patch.setattr(quiet, "_POLL", 0.001)
        patch.setattr(experiment, "_SETTLE", 0.0)
        code, out, err = captured("profile", "shop.wsgi:application", "--workload", "uploads.toml", "--seed", "7")
    (directory,) = (base / "leakhunt-runs").iterdir()
    return Done(code, directory, target, out, err)


def captured(*args: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command line."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(args)
    return code, out.getvalue(), err.getvalue()


def test_a_leak_is_found_named_and_told_apart(leak: Done) -> None:
    assert leak.code == 1
    assert "LEAK" in leak.out
    assert "POST /image/<int:pk>/" in leak.out
    assert leak.out.endswith(f"Report: {leak.directory.relative_to(leak.directory.parents[1])}/report.html\n")


def test_progress_goes_to_standard_error_only(leak: Done) -> None:
    assert "verdict rounds, block 1" in leak.err
    assert "verdict rounds" not in leak.out


def test_the_run_directory_is_private_and_holds_run_and_reports(leak: Done) -> None:
    assert leak.directory.name.endswith("-shop.wsgi")
    assert stat.S_IMODE(leak.directory.stat().st_mode) == 0o700
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in leak.directory.iterdir()}
    assert {"run.sqlite", "report.html", "report.md", "report.json"} <= set(files)
    assert set(files.values()) == {0o600}


def test_the_run_can_be_read_and_is_complete(leak: Done) -> None:
    run = read_run(leak.directory)
    assert run.outcome == "complete"
    assert run.plan.workload == "uploads.toml"
    assert run.conditions["server"] == "fake 1.0"
    assert "system" in run.conditions


def test_the_target_is_stopped_before_the_report_is_made(leak: Done) -> None:
    assert leak.target.log[-1] == "stop"


def test_a_run_directory_that_exists_is_never_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = FakeTarget(FakeApp(), (), tmp_path)
    monkeypatch.setattr(module, "make_target", lambda *_: target)
    assert main([*APP, "--output", str(tmp_path)]) == 2
    message, _ = capsys.readouterr().err.splitlines()
    assert message == f"leakhunt: {tmp_path} exists already, and leakhunt never writes over a run."
    assert "start" not in target.log
