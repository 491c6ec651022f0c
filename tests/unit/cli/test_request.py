from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from fakes import FakeApp, FakeClock, FakeTarget
from leakhunt.cli.lines import command as lines
from leakhunt.cli.main import main
from leakhunt.cli.profile import command as profile
from leakhunt.cli.request import Request, connect, make_target, read_request
from leakhunt.errors import UsageError
from leakhunt.targets.attached import AttachSpec
from leakhunt.targets.base import Address
from leakhunt.targets.launch import LaunchedTarget

ROOT = Path(__file__).parents[3]
GET = ("--request", "GET /")

SETTINGS = """
[tool.leakhunt]
target = "shop.wsgi:application"
seed = 5
concurrency = 3
requests = 400
chdir = "site"
server = "waitress"
workers = 2
threads = 4
python = "venv/bin/python"
url = "http://127.0.0.1:8765"
ready = "/health"
ready-timeout = 90
headers = { Host = "shop.example", X-Team = "a" }
budget-time = 30
memory-limit = "2GB"
output = "runs/now"
env = { SHOP_MODE = "test", SHOP_DEBUG = "0" }

[tool.leakhunt.workload]
step = [{ path = "/from-settings/" }]
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of its own to stand in."""
    (tmp_path / "site").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def settings(project: Path) -> None:
    """The project has written down what it wants."""
    (project / "pyproject.toml").write_text(SETTINGS)


def request_of(*args: str) -> Request:
    """What `leakhunt profile` makes of these arguments."""
    return read_request(profile.make_context("profile", list(args)).params)


def error_of(*args: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        request_of(*args)
    return caught.value


# --- One target. ----------------------------------------------------------------------------------------------------


def test_an_app_is_served_with_one_worker_and_one_thread_in_this_directory(project: Path) -> None:
    request = request_of("shop.wsgi:application", *GET)
    assert (request.app, request.command) == ("shop.wsgi:application", ())
    assert (request.server, request.workers, request.threads) == ("gunicorn", 1, 1)
    assert (request.chdir, request.ready, request.concurrency) == (project, "/", 1)
    assert request.target_name == "shop.wsgi:application"


def test_what_follows_the_dashes_is_the_users_own_command() -> None:
    request = request_of(*GET, "--", "gunicorn", "-w", "3", "--bind", "unix:/tmp/a b.sock", "shop.wsgi")
    assert request.app is None
    assert request.command == ("gunicorn", "-w", "3", "--bind", "unix:/tmp/a b.sock", "shop.wsgi")
    assert request.target_name == "gunicorn -w 3 --bind 'unix:/tmp/a b.sock' shop.wsgi"


def test_no_target_is_refused_with_both_ways_to_name_one() -> None:
    error = error_of(*GET)
    assert error.message == "there is no target"
    assert error.hint == (
        "Write leakhunt profile MODULE:CALLABLE, or leakhunt profile -- COMMAND that serves your app."
    )


def test_two_targets_are_refused() -> None:
    error = error_of("shop.wsgi:application", *GET, "--", "gunicorn", "shop.wsgi")
    assert error.message == "there are two targets, shop.wsgi:application and the command after `--`"


def test_a_process_that_runs_already_is_a_target_of_its_own() -> None:
    request = request_of("--pid", "4711", *GET, "--url", "http://127.0.0.1:8000", "--tree", "--app", "shop.wsgi:app")
    assert request.attach == AttachSpec(4711, whole_tree=True, app="shop.wsgi:app", url="http://127.0.0.1:8000")
    assert (request.app, request.command, request.target_name) == (None, (), "PID 4711")


def test_the_target_of_the_settings_gives_way_to_a_process(settings: None) -> None:
    request = request_of("--pid", "4711")
    assert (request.app, request.env, request.concurrency) == (None, {}, 3)
    assert request.attach == AttachSpec(4711, url="http://127.0.0.1:8765")


def test_a_process_and_another_target_are_refused() -> None:
    assert error_of("shop:app", "--pid", "4711", *GET).message == "there are two targets, --pid 4711 and shop:app"
    error = error_of("--pid", "4711", *GET, "--", "gunicorn", "shop")
    assert error.message == "there are two targets, --pid 4711 and the command after `--`"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--server", "waitress"), "--server"),
        (("--workers", "2", "--threads", "2"), "--workers and --threads"),
        (("--python", "/usr/bin/python3"), "--python"),
        (("--env", "A=1"), "--env"),
        (("--chdir", "site"), "--chdir"),
        (("--ready", "/health"), "--ready"),
        (("--ready-timeout", "9"), "--ready-timeout"),
    ],
)
def test_options_that_start_a_target_are_refused_for_a_process(options: tuple[str, ...], named: str) -> None:
    has = "have" if " and " in named else "has"
    error = error_of("--pid", "4711", *GET, *options)
    assert error.message == f"{named} {has} no effect on a process that runs already"


@pytest.mark.parametrize("option", [("--tree",), ("--allow-gc",), ("--app", "shop:app")])
def test_options_that_attach_are_refused_without_a_process(option: tuple[str, ...]) -> None:
    error = error_of("shop.wsgi:application", *GET, *option)
    assert error.message == f"{option[0]} has no effect on a target that leakhunt starts"


def test_a_process_without_a_workload_is_refused_with_what_is_possible() -> None:
    error = error_of("--pid", "4711")
    assert error.message == "--pid needs a workload here: this is measured by requests that leakhunt sends itself"
    assert error.hint == 'Say what to send with --workload FILE, --upload PATH or --request "METHOD PATH".'


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--server", "waitress"), "--server"),
        (("--workers", "2"), "--workers"),
        (("--threads", "2"), "--threads"),
        (("--python", "/usr/bin/python3"), "--python"),
        (("--workers", "2", "--server", "wsgiref"), "--server and --workers"),
    ],
)
def test_options_that_would_edit_the_users_command_are_refused(options: tuple[str, ...], named: str) -> None:
    error = error_of(*options, *GET, "--", "gunicorn", "shop.wsgi")
    verb = "have" if " and " in named else "has"
    assert error.message == f"{named} {verb} no effect on a command of your own"
    assert error.hint == "leakhunt never edits your command: put the setting into the command itself."


def test_an_address_is_refused_for_an_app_that_gets_a_port_of_its_own() -> None:
    error = error_of("shop:app", "--url", "http://127.0.0.1:8765", *GET)
    assert error.message == "--url has no effect on shop:app, which leakhunt serves on a free port of its own choice"
    assert error.hint == "Leave --url out, or put the command that serves your app there after `--`."


@pytest.mark.parametrize("text", ["DEBUG", "=1", ""])
def test_a_malformed_variable_is_refused_without_repeating_it(text: str) -> None:
    error = error_of("shop.wsgi:application", *GET, "--env", text)
    assert (error.message, error.hint) == ("an --env is not of the form NAME=VALUE", "write --env DJANGO_DEBUG=0")


def test_variables_may_hold_equals_signs_and_nothing() -> None:
    request = request_of("shop.wsgi:application", *GET, "--env", "DSN=a=b", "--env", "EMPTY=")
    assert request.env == {"DSN": "a=b", "EMPTY": ""}


def test_a_missing_directory_is_refused(project: Path) -> None:
    assert error_of("shop.wsgi:application", *GET, "--chdir", "nowhere").message == (
        "--chdir nowhere: there is no such directory"
    )


# --- One workload. --------------------------------------------------------------------------------------------------


def test_a_workload_file_and_flags_exclude_each_other(project: Path) -> None:
    (project / "uploads.toml").write_text('step = [{ path = "/" }]\n')
    error = error_of("shop.wsgi:application", "--workload", "uploads.toml", *GET)
    assert error.message == "--workload and --upload or --request exclude each other"


def test_without_a_workload_the_three_ways_are_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "--", "gunicorn", "shop.wsgi"]) == 2
    message, hint = capsys.readouterr().err.splitlines()
    assert message == "leakhunt: there is nothing to replay"
    for way in ("--workload FILE.toml", "--upload PATH --file FIELD=KIND:SIZE", "[tool.leakhunt] in pyproject.toml"):
        assert way in hint


def test_for_an_app_with_uploads_a_line_to_paste_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "education"
    settings = shutil.ignore_patterns("pyproject.toml", "var")
    shutil.copytree(ROOT / "examples" / "courseware", site, ignore=settings)
    assert main(["profile", "courseware.wsgi:application", "--chdir", str(site)]) == 2
    _, hint, line = (each.strip() for each in capsys.readouterr().err.splitlines())
    assert "a sign-in at /accounts/login/ and a check of CSRF tokens, for which a workload file is needed" in hint
    assert line == (
        f"leakhunt profile courseware.wsgi:application --chdir {site} --upload /lessons/1/images/ --file file=image:1MB"
        " --upload /lessons/1/documents/ --file file=document:1MB --upload /lessons/1/videos/ --file file=video:20MB"
    )
    steps = request_of(*line.split()[2:]).workload.steps
    assert [step.path for step in steps] == ["/lessons/1/images/", "/lessons/1/documents/", "/lessons/1/videos/"]


def test_routes_are_looked_up_in_the_environment_of_the_settings(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "leakhunt.toml").write_text('target = "shop:app"\nenv = { SHOP_SECRET = "x" }\n')
    (project / "shop.py").write_text('import os\nos.environ["SHOP_SECRET"]\napp = None\n')
    assert main(["profile"]) == 2
    assert "KeyError" not in capsys.readouterr().err


def test_an_app_that_cannot_be_imported_is_said_beside_the_three_ways(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "no_such_shop:application"]) == 2
    err = capsys.readouterr().err
    assert "no upload route could be looked up" in err
    assert "no_such_shop" in err


def test_lines_suggests_lines() -> None:
    with pytest.raises(UsageError) as caught:
        read_request(lines.make_context("lines", ["--request", "GET /"]).params, start=("leakhunt", "lines"))
    assert caught.value.hint is not None
    assert "leakhunt lines MODULE:CALLABLE" in caught.value.hint


# --- Settings of the project. ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("settings")
def test_settings_fill_what_the_command_line_leaves_open(project: Path) -> None:
    request = request_of()
    assert request.app == "shop.wsgi:application"
    assert (request.seed, request.concurrency, request.requests) == (5, 3, 400)
    assert (request.server, request.workers, request.threads) == ("waitress", 2, 4)
    assert request.chdir == project / "site"
    assert (request.ready, request.ready_timeout) == ("/health", 90)
    assert (request.budget_time, request.memory_limit) == (30, 2 * 10**9)
    assert request.python is not None
    assert Path(request.python).resolve() == project / "venv" / "bin" / "python"
    assert request.headers == {"Host": "shop.example", "X-Team": "a"}
    assert request.env == {"SHOP_MODE": "test", "SHOP_DEBUG": "0"}
    assert [step.path for step in request.workload.steps] == ["/from-settings/"]


@pytest.mark.usefixtures("settings")
def test_settings_say_where_runs_are_named_and_not_what_a_run_is_called(project: Path) -> None:
    request = request_of()
    assert request.output is None
    assert request.runs.resolve() == project / "runs" / "now"


@pytest.mark.usefixtures("settings")
def test_the_address_in_the_settings_is_for_commands_of_the_users_own() -> None:
    assert request_of().url is None
    assert request_of("--", "gunicorn", "shop.wsgi").url == "http://127.0.0.1:8765"
    other = request_of("--url", "unix:/run/shop.sock", "--", "gunicorn", "shop.wsgi")
    assert other.url == "unix:/run/shop.sock"


def test_without_flags_and_settings_the_defaults_hold() -> None:
    request = request_of("shop:app", *GET)
    assert (request.ready_timeout, request.budget_time, request.memory_limit) == (60, 120, None)
    assert (request.runs, request.output) == (Path("leakhunt-runs"), None)


@pytest.mark.usefixtures("settings")
def test_flags_win_over_settings(project: Path) -> None:
    flags = "--seed 0 --concurrency 1 --requests 90 --server gunicorn --workers 1 --threads 1 --output here"
    flags += " --python python3 --ready /up --ready-timeout 5 --budget-time 9 --memory-limit 1GB"
    request = request_of(
        "other:app", *flags.split(), "--chdir", ".", "--env", "SHOP_MODE=live", "--header", "host: b", *GET
    )
    assert request.app == "other:app"
    assert (request.python, request.ready, request.ready_timeout) == ("python3", "/up", 5)
    assert (request.budget_time, request.memory_limit) == (9, 10**9)
    assert request.headers == {"X-Team": "a", "host": "b"}
    assert (request.seed, request.concurrency, request.requests) == (0, 1, 90)
    assert (request.server, request.workers, request.threads) == ("gunicorn", 1, 1)
    assert request.chdir == project
    assert request.output == Path("here")
    assert request.env == {"SHOP_MODE": "live", "SHOP_DEBUG": "0"}
    assert [step.path for step in request.workload.steps] == ["/"]


@pytest.mark.usefixtures("settings")
def test_a_command_wins_over_the_target_of_the_settings() -> None:
    request = request_of("--", "gunicorn", "shop.wsgi")
    assert request.app is None
    assert request.command == ("gunicorn", "shop.wsgi")


def test_settings_of_the_targets_directory_serve_where_this_one_has_none(project: Path) -> None:
    (project / "site" / "leakhunt.toml").write_text(
        'target = "shop:app"\noutput = "runs/now"\nworkload.step = [{ path = "/there/" }]\n'
    )
    request = request_of("--chdir", "site")
    assert request.app == "shop:app"
    assert request.chdir == project / "site"
    assert request.runs.resolve() == project / "site" / "runs" / "now"


def test_without_a_seed_one_is_drawn() -> None:
    seeds = {request_of("shop:app", *GET).seed for _ in range(4)}
    assert len(seeds) > 1


# --- From a request to a target and a client. -----------------------------------------------------------------------


def test_the_target_runs_what_was_asked_for(project: Path) -> None:
    request = request_of("--env", "A=1", "--ready", "/up", *GET, "--", "sh", "serve.sh")
    target = make_target(request, FakeClock())
    assert isinstance(target, LaunchedTarget)
    spec = target._spec
    assert (spec.command, spec.cwd, spec.env) == (("sh", "serve.sh"), project, {"A": "1"})
    assert (spec.ready_path, spec.python, spec.app) == ("/up", sys.executable, None)
    target.stop()


def test_the_target_is_found_ready_with_headers_as_requests_have_them() -> None:
    target = make_target(request_of("--header", "X: v{n}", *GET, "--", "sh", "serve.sh"), FakeClock())
    assert isinstance(target, LaunchedTarget)
    assert target._spec.headers == {"X": "v1"}
    target.stop()


def test_companions_and_setup_of_the_workload_belong_to_the_target(project: Path) -> None:
    (project / "uploads.toml").write_text(
        'setup = [["{python}", "migrate.py"]]\nenv = { DATA = "{launch_dir}" }\nstep = [{ path = "/" }]\n'
        '[[companion]]\nname = "celery"\ncommand = ["celery"]\nready = { log = "ready" }\n'
    )
    target = make_target(request_of("shop:app", "--workload", "uploads.toml"), FakeClock())
    assert isinstance(target, LaunchedTarget)
    spec = target._spec
    assert spec.setup == (("{python}", "migrate.py"),)
    assert spec.workload_env == {"DATA": "{launch_dir}"}
    assert [(companion.name, companion.command) for companion in spec.companions] == [("celery", ("celery",))]
    assert "shop:app" in " ".join(spec.command)
    target.stop()


@pytest.mark.usefixtures("project")
def test_a_program_beside_our_own_interpreter_is_found_without_activating_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    target = make_target(request_of(*GET, "--", "gunicorn", "shop.wsgi"), FakeClock())
    assert isinstance(target, LaunchedTarget)
    assert target._spec.command == (str(Path(sys.executable).parent / "gunicorn"), "shop.wsgi")
    target.stop()


def test_only_loopback_is_loaded_unless_a_host_is_allowed(tmp_path: Path) -> None:
    target = FakeTarget(FakeApp(), (), tmp_path)
    target.address = Address("http", "192.0.2.7", 80)
    with pytest.raises(UsageError, match=r"192\.0\.2\.7"):
        connect(request_of("shop:app", *GET), target, FakeClock())
    connect(request_of("shop:app", *GET, "--allow-host", "192.0.2.7"), target, FakeClock())


def test_secrets_in_a_command_are_no_part_of_the_targets_name() -> None:
    request = request_of(*GET, "--", "env", "DB_PASSWORD=s3cret", "gunicorn", "a:b")
    assert request.command[1] == "DB_PASSWORD=s3cret"
    assert "s3cret" not in request.target_name
    assert request.target_name.endswith("gunicorn a:b")
