"""Whatever is wrong with what the user gives: one sentence, a hint, the right exit code, and nothing left behind."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.command_line import EXAMPLES, QUICK, CommandLine, Done, command_line
from leakhunt.model.run import Plan
from leakhunt.runfile import RunWriter, read_run

SITE = """
import os, signal

served = 0

def application(environ, start_response):
    global served
    served += 1
    path = environ["PATH_INFO"]
    if path == "/dying" and served > int(os.environ["DIES_AFTER"]):
        if os.environ["DIES_BY"] == "exit":
            os._exit(1)
        if os.environ["DIES_BY"] == "kill -9 of its master":
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    status = {"/": "200 OK", "/dying": "200 OK", "/private": "302 Found"}.get(path, "404 Not Found")
    start_response(status, [("Content-Length", "2"), ("Location", "/accounts/login/")])
    return [b"ok"]

text = "not callable"
"""

APP = "pages:application"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    directory = tmp_path / "site"
    directory.mkdir()
    (directory / "pages.py").write_text(SITE)
    (directory / "broken.py").write_text("import json\n\nsettings = json.loads('{')\n")
    (directory / "needy.py").write_text("import django_is_not_here\n")
    return directory


@pytest.fixture
def leakhunt(tmp_path: Path, site: Path) -> Iterator[CommandLine]:
    with command_line(tmp_path) as runner:
        yield runner
    assert {path.name for path in site.iterdir()} <= {"pages.py", "broken.py", "needy.py", "__pycache__"}


def refused(leakhunt: CommandLine, site: Path, *arguments: str) -> Done:
    """Of a command line that comes to nothing before any process is started."""
    done = leakhunt.profile_here("--chdir", str(site), "--request", "GET /", *arguments)
    assert not done.run.exists()
    return done


def profile(leakhunt: CommandLine, site: Path, *arguments: str, request: str = "GET /") -> Done:
    return leakhunt.profile("--chdir", str(site), *QUICK, "--request", request, *arguments)


def own_command(leakhunt: CommandLine, site: Path, *command: str, options: tuple[str, ...] = ()) -> Done:
    return profile(leakhunt, site, *options, "--", sys.executable, *command)


# --- The app. -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["gunicorn", "waitress", "wsgiref"])
@pytest.mark.parametrize(
    ("app", "sentence"),
    [
        ("nosuch.wsgi:application", "there is no module nosuch in "),
        ("pages:nosuch", "the module pages has no nosuch"),
        ("pages:text", "pages:text is not callable"),
        ("broken:application", "broken raises on import: "),
        ("needy:application", "django_is_not_here"),
    ],
)
def test_an_app_that_cannot_be_served(leakhunt: CommandLine, site: Path, server: str, app: str, sentence: str) -> None:
    done = profile(leakhunt, site, "--server", server, app)
    done.fails(3, sentence)
    assert "  | " in done.err
    assert not (done.run / "report.html").exists()


@pytest.mark.parametrize("app", ["courseware", "courseware.wsgi", "courseware/wsgi.py:application", ":application"])
def test_an_app_that_is_not_of_the_form_module_callable(leakhunt: CommandLine, site: Path, app: str) -> None:
    refused(leakhunt, site, app).fails(2, f"'{app}' is not of the form MODULE:CALLABLE", "courseware.wsgi:application")


def test_no_target_two_targets_and_options_of_the_other_kind(leakhunt: CommandLine, site: Path) -> None:
    refused(leakhunt, site).fails(2, "there is no target", "MODULE:CALLABLE")
    refused(leakhunt, site, APP, "--", "gunicorn", APP).fails(2, "there are two targets")
    refused(leakhunt, site, "--workers", "2", "--", "gunicorn", APP).fails(2, "--workers", "never edits your command")
    refused(leakhunt, site / "nosuch", APP).fails(2, "there is no such directory")


def test_nothing_to_replay_names_the_three_ways(leakhunt: CommandLine, site: Path) -> None:
    done = leakhunt.profile("--chdir", str(site), APP)
    done.fails(2, "")
    for way in ("--workload", "--upload", "[tool.leakhunt]"):
        assert way in done.err
    assert not done.run.exists()


# --- The interpreter. -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bare_python() -> Iterator[str]:
    """A virtual environment with nothing in it."""
    directory = tempfile.mkdtemp(prefix="lh-venv-")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory], check=True)
    yield directory
    shutil.rmtree(directory)


def test_an_interpreter_without_the_modules_of_the_app(leakhunt: CommandLine, bare_python: str) -> None:
    courseware = ("courseware.wsgi:application", "--chdir", str(EXAMPLES / "courseware"))
    done = leakhunt.profile(*courseware, *QUICK, "--request", "GET /", "--python", bare_python)
    done.fails(3, "courseware.wsgi raises on import: ModuleNotFoundError: No module named 'celery'")
    assert "has celery with --python" in (done.hint or "")


def test_an_interpreter_that_does_not_exist_or_does_not_work(leakhunt: CommandLine, site: Path) -> None:
    done = refused(leakhunt, site, APP, "--python", "/nosuch/python")
    done.fails(2, "there is no interpreter /nosuch/python", "virtual environment")
    refused(leakhunt, site, APP, "--python", str(site)).fails(2, "directory without bin/python")
    refused(leakhunt, site, APP, "--python", "/bin/false").fails(3, "/bin/false does not work as a Python 3")


# --- Addresses. -----------------------------------------------------------------------------------------------------


def test_a_port_in_use(leakhunt: CommandLine, site: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for command in (("-m", "gunicorn", "--bind", address, APP), ("-m", "waitress", f"--listen={address}", APP)):
            shutil.rmtree(leakhunt.output / "run", ignore_errors=True)
            done = own_command(leakhunt, site, *command)
            done.fails(3, "port of the target is already in use", "another port")


def test_several_ports_need_a_url(leakhunt: CommandLine, site: Path) -> None:
    done = own_command(leakhunt, site, "-m", "gunicorn", "-b", "127.0.0.1:0", "-b", "127.0.0.1:0", APP)
    done.fails(3, "several ports", "--url http://127.0.0.1:")


def test_only_this_machine_is_loaded(leakhunt: CommandLine, site: Path) -> None:
    options = ("--url", "http://192.0.2.1:8000")
    done = own_command(leakhunt, site, "-m", "gunicorn", APP, options=options)
    done.fails(2, "192.0.2.1 is not this machine", "--allow-host 192.0.2.1")


def test_a_command_that_is_not_found(leakhunt: CommandLine, site: Path) -> None:
    done = profile(leakhunt, site, "--", "nosuchserver", APP)
    done.fails(3, "there is no program nosuchserver")


def test_a_command_that_ends(leakhunt: CommandLine, site: Path) -> None:
    done = own_command(leakhunt, site, "-c", "raise SystemExit('no database')")
    done.fails(3, "ended with exit code 1 before it answered")
    assert "  | no database" in done.err


def test_a_command_that_never_listens(leakhunt: CommandLine, site: Path) -> None:
    done = own_command(leakhunt, site, "-c", "import time; time.sleep(60)", options=("--ready-timeout", "1"))
    done.fails(3, "gave no answer to GET / within 1 s", "--ready-timeout")


# --- Numbers and names. ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("--budget-time", ("nan", "inf", "1e308", "0", "soon")),
        ("--ready-timeout", ("nan", "inf", "1e308")),
        ("--seed", ("1" * 20, "1" * 5000, "-1")),
        ("--requests", ("1" * 20, "0")),
        ("--workers", ("1" * 20,)),
        ("--threads", ("1" * 20,)),
        ("--concurrency", ("1" * 20,)),
        ("--memory-limit", ("99999999999TB", "9" * 400, "0", "1KB", "nan")),
        ("--output", ("",)),
        ("--chdir", ("",)),
        ("--workload", ("",)),
    ],
)
def test_a_value_out_of_all_proportion(leakhunt: CommandLine, site: Path, option: str, values: tuple[str, ...]) -> None:
    for value in values:
        done = leakhunt.here("profile", APP, "--chdir", str(site), "--request", "GET /", option, value)
        assert done.code == 2, (value, done.err)
        assert f"Invalid value for '{option}': " in done.err
        done.has_no_traceback()


def test_a_memory_limit_that_no_target_gets_by_with_says_what_it_takes(leakhunt: CommandLine, site: Path) -> None:
    assert "give at least 10.0 MiB" in refused(leakhunt, site, APP, "--memory-limit", "1KB").err


@pytest.mark.parametrize("host", ["", " ", "http://staging.example.org"])
def test_an_allowed_host_is_a_name(leakhunt: CommandLine, site: Path, host: str) -> None:
    refused(leakhunt, site, APP, "--allow-host", host).fails(2, "is no name of a host", "staging.example.org")


@pytest.mark.parametrize("path", ["", "health", "/is it", "/a\r\nX: y"])
def test_a_path_to_be_ready_at_is_a_path(leakhunt: CommandLine, site: Path, path: str) -> None:
    refused(leakhunt, site, APP, "--ready", path).fails(2, "--ready ", "/health")


def test_a_header_that_says_how_long_the_body_is(leakhunt: CommandLine, site: Path) -> None:
    refused(leakhunt, site, APP, "--header", "Content-Length: 3").fails(2, "follows from the body", "truncated")


# --- The workload. --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[[step]]\npath = "/"\nmethod = "PSOT"\n', ":3: step[0].method: "),
        ('[[step]]\npath = "/"\nwieght = 3\n', ":3: step[0].wieght: "),
        ('[[step]]\npath = "/"\n\n[[step]]\nname = "b"\n', ":4: step[1]: `path`"),
        (
            '[[step]]\npath = "/"\nfiles = [{ field = "f", kind = "image", size = "huge" }]\n',
            ":3: step[0].files[0].size: ",
        ),
        ('[[step]]\npath = "/\n', ":2"),
        ('[[step]]\npath = "/"\nthink = nan\n', ":3: step[0].think: "),
        ('[[step]]\npath = "/"\nretries = 100000000000000000000\n', ":3: step[0].retries: "),
        ('[[step]]\npath = "/x y"\n', ":2: step[0].path: "),
        ("", ""),
        ("\x00\xff", ""),
    ],
)
def test_a_workload_file_with_a_mistake(leakhunt: CommandLine, site: Path, text: str, place: str) -> None:
    file = leakhunt.output / "shop.toml"
    file.write_text(text, encoding="latin-1")
    done = leakhunt.profile_here(APP, "--chdir", str(site), "--workload", str(file))
    done.fails(2, f"{file}{place}")
    assert not done.run.exists()


COMPANION = '[[step]]\nmethod = "GET"\npath = "/"\n\n[[companion]]\nname = "broker"\ncommand = '


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        ('setup = [["false", "--password", "s3cret", "x"]]\n', 3, "the set-up command `false --password *** x` ended"),
        (f"{COMPANION}['false']", 3, "the companion broker ended with exit code 1"),
        (
            f"{COMPANION}['true']\nready = {{ url = 'https://example.org/s3cret' }}",
            2,
            "`ready.url` of the companion broker is no plain HTTP on this machine",
        ),
    ],
    ids=["set-up", "companion", "url"],
)
def test_what_a_workload_starts_beside_the_target_and_does_not_run(
    leakhunt: CommandLine, site: Path, text: str, code: int, sentence: str
) -> None:
    file = leakhunt.output / "bad.toml"
    file.write_text(text if "[[step]]" in text else text + COMPANION.partition("[[companion]]")[0])
    done = leakhunt.profile_here(APP, "--chdir", str(site), "--workload", str(file))
    done.fails(code, sentence)
    assert "s3cret" not in done.err


def test_a_workload_file_that_is_missing(leakhunt: CommandLine, site: Path) -> None:
    done = leakhunt.profile_here(APP, "--chdir", str(site), "--workload", "nosuch.toml")
    done.fails(2, "nosuch.toml")


def test_a_workload_to_a_route_that_does_not_exist(leakhunt: CommandLine, site: Path) -> None:
    done = profile(leakhunt, site, APP, request="POST /nosuch")
    done.fails(3, "No step of the workload gets the response it should: POST /nosuch: 404 x", "redirects")


def test_a_redirect_to_the_login_page_is_no_success(leakhunt: CommandLine, site: Path) -> None:
    done = profile(leakhunt, site, APP, request="GET /private")
    done.fails(3, "GET /private: 302 x", "login")


def test_one_bad_step_among_good_ones_is_inconclusive_with_its_statuses(leakhunt: CommandLine, site: Path) -> None:
    done = profile(leakhunt, site, APP, "--request", "GET /nosuch")
    routes = {route["route"]: route for route in done.report["routes"]}
    bad = routes["GET /nosuch"]
    assert bad["verdict"] == "INCONCLUSIVE"
    assert bad["statuses"] == {"404": bad["requests"]}
    assert "404" in " ".join(bad["reasons"])
    assert routes["GET /"]["verdict"] == "CLEAN"
    assert done.report["judgement"]["verdict"] == "INCONCLUSIVE"
    assert done.code == 4


# --- Targets that die. ----------------------------------------------------------------------------------------------


def dies(leakhunt: CommandLine, site: Path, by: str, *arguments: str, after: int = 60) -> Done:
    return profile(
        leakhunt,
        site,
        *("--env", f"DIES_BY={by}", "--env", f"DIES_AFTER={after}"),
        *arguments,
        request="GET /dying",
    )


def check_reported(done: Done, code: int) -> str:
    """The report is made from what was recorded, and says how it ended."""
    done.has_no_traceback()
    assert done.code == code, done.err
    report = done.report
    assert report["judgement"]["verdict"] == "INCONCLUSIVE"
    assert report["routes"][0]["requests"] > 0
    assert (done.run / "report.html").exists()
    outcome = report["outcome"]
    assert isinstance(outcome, str)
    assert outcome in done.err
    assert any("did not go to its end" in reason for reason in report["judgement"]["reasons"])
    return outcome


@pytest.mark.parametrize("server", ["waitress", "wsgiref"])
@pytest.mark.parametrize(("by", "words"), [("exit", "ended with exit code 1"), ("kill -9", "was killed by SIGKILL")])
def test_a_target_that_dies_mid_run(leakhunt: CommandLine, site: Path, server: str, by: str, words: str) -> None:
    outcome = check_reported(dies(leakhunt, site, by, "--server", server, APP), 4)
    assert outcome == f"The target stopped during the run: the target {words}"


def test_a_death_is_not_held_against_the_route(leakhunt: CommandLine, site: Path) -> None:
    done = dies(leakhunt, site, "kill -9", "--budget-time", "10", "--server", "wsgiref", APP, after=300)
    check_reported(done, 4)
    (route,) = done.report["routes"]
    assert (route["unexpected"], route["statuses"]["200"]) == (0, 299)  # and one that found out whether it was ready
    assert not [reason for reason in route["reasons"] if "unexpected" in reason]


def test_workers_that_keep_dying(leakhunt: CommandLine, site: Path) -> None:
    """As when the kernel's out-of-memory killer takes one after the other."""
    done = dies(leakhunt, site, "kill -9", APP)
    done.has_no_traceback()
    assert done.code == 4
    assert "SIGKILL" in " ".join(str(worker["death"]) for worker in done.report["workers"])
    assert done.report["judgement"]["verdict"] == "INCONCLUSIVE"


def test_a_master_that_is_killed(leakhunt: CommandLine, site: Path) -> None:
    outcome = check_reported(dies(leakhunt, site, "kill -9 of its master", APP), 4)
    assert "the target was killed by SIGKILL" in outcome


def test_a_target_without_memory_is_stopped_with_a_report(leakhunt: CommandLine, site: Path) -> None:
    done = profile(leakhunt, site, "--memory-limit", "20MB", APP)
    assert "The load was stopped" in check_reported(done, 4)


# --- The run directory. ---------------------------------------------------------------------------------------------


def test_a_run_directory_that_exists_is_left_alone(leakhunt: CommandLine, site: Path) -> None:
    existing = leakhunt.output / "run"
    existing.mkdir()
    (existing / "precious").touch()
    profile(leakhunt, site, APP).fails(2, f"{existing}", "--output")
    assert [path.name for path in existing.iterdir()] == ["precious"]


def limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))


def test_a_disk_without_room_for_the_whole_run(leakhunt: CommandLine, site: Path) -> None:
    """A limit on the size of any file stands in for a full disk; what was recorded before can be read."""
    done = leakhunt.profile(
        APP, "--chdir", str(site), *QUICK, "--budget-time", "8", "--request", "GET /", preexec=limit_files
    )
    done.fails(3, f"could not be written to {done.run}", "Free some space")
    assert read_run(done.run).rounds


def test_no_permission_to_write(leakhunt: CommandLine, site: Path) -> None:
    closed = leakhunt.output / "closed"
    closed.mkdir(mode=0o555)
    wrapper: tuple[str, ...] = ()
    if os.geteuid() == 0:
        wrapper = ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override")
    done = leakhunt(
        *("profile", "--output", str(closed / "run"), "--chdir", str(site), *QUICK, "--request", "GET /", APP),
        wrapper=wrapper,
    )
    done.fails(3, "Permission denied", "--output")


# --- Recorded runs. -------------------------------------------------------------------------------------------------


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    directory = tmp_path / "recorded"
    plan = Plan(target="shop", workload="shop.toml", server="gunicorn", seed=7, concurrency=1)
    with RunWriter(directory, name="shop", started_at="now", leakhunt="0.1.0", plan=plan) as writer:
        writer.conditions({f"fact {number}": "known" * 99 for number in range(99)})
    return directory


def test_a_recorded_run_of_a_newer_version(leakhunt: CommandLine, recorded: Path) -> None:
    with sqlite3.connect(recorded / "run.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    leakhunt.here("report", str(recorded)).fails(3, "newer leakhunt", "Upgrade")


@pytest.mark.parametrize("form", ["html", "md", "json", "text"])
def test_a_recorded_run_that_is_cut_off(leakhunt: CommandLine, recorded: Path, form: str) -> None:
    file = recorded / "run.sqlite"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    done = leakhunt.here("report", str(recorded), "--format", form)
    done.fails(3, "cannot be read")
    assert done.out == ""


def test_a_recorded_run_that_is_missing(leakhunt: CommandLine) -> None:
    done = leakhunt.here("report", str(leakhunt.output / "nosuch"))
    done.fails(3, "There is no recorded run")
    assert done.hint


def test_a_report_that_cannot_be_written(leakhunt: CommandLine, recorded: Path) -> None:
    done = leakhunt.here(
        "report", str(recorded), "--format", "md", "--output", str(leakhunt.output / "nosuch" / "x.md")
    )
    done.fails(3, "x.md")
